"""The admin page: people, policies and reason codes, models, retention, storage and health."""

from __future__ import annotations

import os
import shutil
from datetime import UTC, datetime
from typing import Any

import gradio as gr
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from redact import environment
from redact.detect import registry
from redact.disclose.documents.certificate_files import FOLDER, write_certificates
from redact.disclose.policy.policies import list_policies, load_policy
from redact.disclose.policy.reason_codes import list_codes, load_codes
from redact.errors import BadRecord, RedactError
from redact.evidence.footage_records import FootageState
from redact.evidence.store_verification import StoreReport, verify_store
from redact.home import home
from redact.records import accounts
from redact.records.accounts import Right, Role
from redact.records.job_states import JobState
from redact.retention import disposal
from redact.retention.clock import RetentionStatus
from redact.schema.tables import Footage, Job, Person
from redact_ui.formatting import chip, facts, failure, listing, moment, size, state, success, table, text
from redact_ui.page import QUIET, SLOW, Context, HealthLine, authorised, html, login, run_action, section, top_bar

LOW_SPACE = 20 * 10**9
"""Free disk space in bytes below which a warning is shown: room for some hours of footage."""
ROLES = [(role.value.capitalize(), role.value) for role in Role]


class AdminPage:
    """The admin page, for administrators only. Handlers are plain methods that take the request last."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def show(self, request: gr.Request) -> tuple[object, ...]:
        """Top bar, people, choices of the three person lists, policies, codes, models, retention, and storage."""
        line = top_bar(self._context, request, "admin")
        try:
            with authorised(self._context, request, Right.ADMINISTER) as (session, _):
                everybody = accounts.all_people(session)
                due = disposal.status(session, datetime.now(UTC))
                stored = _stored(session)
            active = [(f"{p.full_name} ({p.name})", p.name) for p in everybody if p.disabled_at is None]
            chosen = gr.update(choices=active)
            return line, _people(everybody), *[chosen] * 3, _policies(), _codes(), _models(), _due(due), stored
        except RedactError as error:
            return line, failure(error), *[gr.skip()] * 3, "", "", "", "", ""

    def add(self, name: str, full_name: str, roles: list[str], request: gr.Request) -> str:
        """Add a person, with a one-time password that is shown once."""

        def work() -> str:
            password = accounts.generate_password()
            person = accounts.add(
                self._context.db,
                login(request),
                (name or "").strip(),
                password,
                full_name=(full_name or "").strip(),
                roles=[Role(role) for role in roles or ()],
                must_change=True,
            )
            return f"{text(person.full_name)} can sign in as {text(person.name)}. {_once(password)}"

        return run_action(work)

    def reset(self, name: str, request: gr.Request) -> str:
        """Reset a password to a one-time password that is shown once."""

        def work() -> str:
            actor = login(request)
            if _chosen(name) == actor:
                raise BadRecord("This is your own account.", "Use “Change password” at the top.")
            password = accounts.generate_password()
            accounts.set_password(self._context.db, actor, name, password)
            return f"The password of {text(name)} has been reset. {_once(password)}"

        return run_action(work)

    def roles_of(self, name: str, request: gr.Request) -> object:
        """The current roles of a person, for the form."""
        try:
            with authorised(self._context, request, Right.ADMINISTER) as (session, _):
                return gr.update(value=accounts.find(session, _chosen(name)).roles)
        except RedactError:
            return gr.skip()  # the change itself reports the error

    def set_roles(self, name: str, roles: list[str], reason: str, request: gr.Request) -> str:
        """Change the roles of a person."""

        def work() -> str:
            wanted = [Role(role) for role in roles or ()]
            accounts.set_roles(self._context.db, login(request), _chosen(name), wanted, reason or "")
            return f"{text(name)} is now {text(', '.join(sorted(role.value for role in wanted)))}."

        return run_action(work)

    def dispose(self, confirmed: bool, organisation: str, request: gr.Request) -> str:
        """Permanently dispose of due footage, and write the certificates."""
        try:
            if not confirmed:
                raise BadRecord("Nothing was disposed of.", "Tick the box to confirm that this cannot be undone.")
            ran = disposal.run(self._context.db, login(request), self._context.store, dry_run=False)
            write_certificates(self._context.db, (organisation or "").strip())
        except RedactError as error:
            return failure(error)
        certificates = [f"{text(one['certificate'])}: {text(one['original_name'])}" for one in ran.certificates]
        count = len(certificates)
        message = (
            f"{count} file{'' if count == 1 else 's'} disposed of. The certificates are in the folder"
            f" “{FOLDER}” on the server.{listing(certificates)}"
            if certificates
            else "No footage is due, so nothing was disposed of."
        )
        refused = "".join(f"<p>{text(due.original_name)}</p>{failure(error)}" for due, error in ran.failed)
        return (success(message) if certificates or not refused else "") + refused

    def disable(self, name: str, reason: str, request: gr.Request) -> str:
        """Disable an account."""

        def work() -> str:
            accounts.disable(self._context.db, login(request), _chosen(name), reason or "")
            return f"{text(name)} is disabled."

        return run_action(work)

    def check_store(self, request: gr.Request) -> str:
        """Verify every stored file."""
        try:
            with authorised(self._context, request, Right.ADMINISTER):
                pass
            report = verify_store(self._context.db, self._context.store)
        except RedactError as error:
            return failure(error)
        return _store(report)

    def check_health(self, request: gr.Request) -> str:
        """Run the health checks."""
        try:
            with authorised(self._context, request, Right.ADMINISTER):
                pass
        except RedactError as error:
            return failure(error)
        return _health(list(self._context.health()))

    def build(self, blocks: gr.Blocks) -> None:
        """Put the page into ``blocks``."""
        line = html()
        html("<h1>Admin</h1>")
        with gr.Tab("People"):
            people_table, chosen, events = self._people_tab()
        with gr.Tab("Policies and codes"):
            html('<p class="lead">These files come with the workbench, or are kept on the server.</p>')
            with section("Policies"):
                policies = html()
            with section("Reason codes"):
                codes = html()
        with gr.Tab("Models"), section("Models"):
            html('<p class="lead">They detect faces and plates. Each file is checked against its registered hash.</p>')
            models = html()
        with gr.Tab("Retention"):
            with section("Retention of footage"):
                due = html()
            events.append(self._retention_form())
        with gr.Tab("Storage and health"):
            with section("Storage"):
                stored = html()
                store_button, store_result = gr.Button("Verify stored files"), html()
            with section("Health checks"):
                health_button, health = gr.Button("Run health checks"), html()
        outputs = [line, people_table, *chosen, policies, codes, models, due, stored]
        blocks.load(self.show, None, outputs, **QUIET)
        for event in events:
            event.then(self.show, None, outputs, **QUIET)
        store_button.click(self.check_store, None, store_result, **SLOW)
        health_button.click(self.check_health, None, health, **SLOW)

    def _people_tab(self) -> tuple[gr.HTML, list[gr.Dropdown], list[Any]]:
        with section("People"):
            people_table = html()
        with gr.Accordion("Add a person", open=False):
            with gr.Row():
                name = gr.Textbox(label="User name", info="2 to 64 lower-case letters, digits, dots, hyphens or @")
                full_name = gr.Textbox(label="Full name")
            roles = gr.CheckboxGroup(ROLES, label="Roles")
            add, added = gr.Button("Add person", variant="primary"), html()
        with gr.Accordion("Change a person's roles", open=False):
            with gr.Row():
                person = gr.Dropdown([], label="Person", interactive=True)
                reason_box = gr.Textbox(label="Reason", placeholder="Recorded in the audit trail")
            other = gr.CheckboxGroup(ROLES, label="New roles")
            change, changed = gr.Button("Change roles"), html()
        with gr.Accordion("Reset a password", open=False):
            with gr.Row():
                reset_person = gr.Dropdown([], label="Person", interactive=True)
                reset = gr.Button("Reset password")
            reset_message = html()
        with gr.Accordion("Disable an account", open=False):
            html(
                '<p class="lead">This cannot be undone. What the person did stays in the records under their name.</p>'
            )
            with gr.Row():
                disable_person = gr.Dropdown([], label="Person", interactive=True)
                reason = gr.Textbox(label="Reason for disabling", placeholder="Recorded in the audit trail")
                disable = gr.Button("Disable account", variant="stop")
            message = html()
        person.input(self.roles_of, person, other, **QUIET)
        events: list[Any] = [
            add.click(self.add, [name, full_name, roles], added, **QUIET),
            change.click(self.set_roles, [person, other, reason_box], changed, **QUIET),
            reset.click(self.reset, reset_person, reset_message, **QUIET),
            disable.click(self.disable, [disable_person, reason], message, **QUIET),
        ]
        return people_table, [person, reset_person, disable_person], events

    def _retention_form(self) -> Any:
        with section("Dispose of due footage"):
            html(
                '<p class="lead">The files are permanently deleted. Their records, hashes and audit trail are kept, and'
                " each file gets a disposal certificate. Footage that is on hold, in an open case or in a current "
                "release is not touched.</p>"
            )
            confirmed = gr.Checkbox(label="I understand that this cannot be undone")
            with gr.Row():
                organisation = gr.Textbox(
                    os.environ.get(environment.ORGANISATION, ""), label="Organisation named on the certificates"
                )
                dispose = gr.Button("Dispose of due footage", variant="stop")
            message = html()
        return dispose.click(self.dispose, [confirmed, organisation], message, **SLOW)


def _once(password: str) -> str:
    return (
        f'The one-time password is <span class="secret">{text(password)}</span>. It is shown only once and must be'
        " changed at the first sign-in."
    )


def _chosen(name: str | None) -> str:
    if not name:
        raise BadRecord("No person was selected.", "Select a person first.")
    return name


def _people(everybody: list[Person]) -> str:
    rows = [
        (
            text(p.full_name),
            text(p.name),
            text(", ".join(p.roles).capitalize()),
            _account(p),
            moment(p.disabled_at or p.created_at),
        )
        for p in everybody
    ]
    heads = ("Name", "User name", "Roles", "Account", "Since")
    return table(heads, rows, caption="People", empty="There are no people yet. Add the first person below.")


def _account(person: Person) -> str:
    if person.disabled_at is not None:
        return chip("✕", "Disabled", "bad")
    return chip("!", "Must change password", "warn") if person.must_change else chip("✓", "Active", "well")


def _policies() -> str:
    rows = []
    for name in list_policies():
        try:
            one = load_policy(name)
        except RedactError as error:
            rows.append((text(name), failure(error), "", "", ""))
            continue
        rules = ("four-eyes rule" if one.four_eyes else "", "full viewing" if one.watch_all else "")
        rows.append(
            (
                text(name),
                text(one.title),
                text(one.kind.value.replace("-", " ")),
                text(one.version),
                text(", ".join(filter(None, rules)) or "none"),
            )
        )
    heads = ("Policy", "Title", "For", "Version", "Before approval")
    return table(heads, rows, caption="Policies", empty="There are no policies.")


def _codes() -> str:
    rows = []
    for name in list_codes():
        try:
            known = load_codes(name)
        except RedactError as error:
            rows.append(("", failure(error), "", "", text(name)))
            continue
        rows += [
            (
                f"<span class='whole'>{text(c.id)}</span>",
                text(c.title),
                text(c.statute),
                text(", ".join(c.kinds).replace("-", " ")),
                f"<span class='whole'>{text(name)}</span>",
            )
            for c in known.by_id.values()
        ]
    return table(
        ("Code", "Title", "Law", "For", "List"),
        rows,
        caption="Reason codes",
        empty="There are no lists of reason codes.",
    )


_WEIGHTS = {
    "ok": ("✓", "As registered", "well"),
    "missing": ("✕", "Missing", "bad"),
    "altered": ("✕", "Differs from registration", "bad"),
}


def _models() -> str:
    rows = []
    for model in registry.all_models().models:
        weights = str(model.state())
        rows.append(
            (
                text(model.name),
                text(", ".join(model.classes)),
                text(model.licence),
                chip(*_WEIGHTS.get(weights, ("✕", weights, "bad"))),
                text(f"{model.sha256[:16]}…"),
            )
        )
    heads = ("Model", "Detects", "Licence", "Weights", "SHA-256")
    return table(heads, rows, caption="Models", empty="There are no models. Run make models on the server.")


def _due(footage: list[RetentionStatus]) -> str:
    rows = [
        (
            text(", ".join(exhibit.replace(":", ", ") for exhibit in one.exhibits) or one.original_name),
            text(one.retention_class),
            f"<span class='whole'>{size(one.size)}</span>",
            moment(one.runs_out) if one.runs_out else "not running",
            chip("⚠", "Due", "warn") if one.due else chip("✓", "Kept", "well"),
            "<br>".join(text(reason.why) for reason in one.kept_by),
        )
        for one in footage
    ]
    heads = ("Footage", "Retention class", "Size", "Retention ends", "State", "Kept because")
    count = sum(one.due for one in footage)
    words = f"{count} file{' is' if count == 1 else 's are'} due for disposal." if count else "No footage is due."
    return f'<p class="lead">{words}</p>' * bool(rows) + table(
        heads, rows, caption="Retention", empty="There is no footage in the store yet."
    )


def _stored(session: Session) -> str:
    """Amount of footage, free disk space, database and jobs."""
    query = select(func.count(), func.coalesce(func.sum(Footage.size), 0)).where(Footage.state == FootageState.STORED)
    count, bytes_ = session.execute(query).one()
    jobs: dict[str, int] = {}
    for name, number in session.execute(select(Job.state, func.count()).group_by(Job.state)):
        jobs[name] = number
    disk = shutil.disk_usage(home())
    room = size(disk.free) if disk.free > LOW_SPACE else chip("⚠", f"{size(disk.free)}: free some space", "bad")
    return facts(
        {
            "Footage in the store": f"{count} file{'' if count == 1 else 's'}, {size(bytes_)}",
            "Free disk space": f"{room} <span class='quiet'>of {size(disk.total)}</span>",
            "Records": "PostgreSQL" if session.get_bind().dialect.name == "postgresql" else "SQLite, on this machine",
            "Jobs": f"{jobs.get(JobState.RUNNING, 0)} running, {jobs.get(JobState.QUEUED, 0)} waiting",
        }
    )


def _store(report: StoreReport) -> str:
    if report.sound:
        return f'<p class="said well" role="status">✓ {report.checked} files checked. All are unchanged.</p>'
    rows = [
        (chip("✕", word, "bad"), text(finding.place), text(finding.what))
        for word, group in (("Damaged", report.damaged), ("Missing", report.missing), ("Unknown", report.orphans))
        for finding in group
    ]
    return table(
        ("", "Where", "What"), rows, caption=f"{report.checked} files checked", empty="No problems were found."
    )


def _health(lines: list[HealthLine]) -> str:
    rows = [(text(one.what), state(str(one.state)), text(one.found), text(one.remedy)) for one in lines]
    return table(
        ("Check", "State", "Result", "What to do"), rows, caption="Health checks", empty="There are no checks."
    )
