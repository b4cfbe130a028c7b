"""For administrators: people, policies and codes, models, what is due to be disposed of, and the state of things."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime

import gradio as gr

from redact.cases import people, retention
from redact.cases.people import Right, Role
from redact.cases.retention_clock import Due
from redact.cases.schema import Person
from redact.cases.store_check import StoreReport, verify_store
from redact.detect import registry
from redact.disclose.codes import list_codes, load_codes
from redact.disclose.policy import list_policies, load_policy
from redact.errors import BadRecord, RedactError
from ui.base import QUIET, SLOW, Context, HealthLine, answered, html, login, seeing, top
from ui.words import chip, failed, moment, size, state, table, text

_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"
"""Those that nobody takes for another."""
_GROUPS, _GROUP = 4, 4
"""79 bits."""
ROLES = [(role.value.capitalize(), role.value) for role in Role]


class AdminPage:
    """Handlers are plain methods, the request last. What they show and do is for administrators only."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def show(self, request: gr.Request) -> tuple[object, ...]:
        """Top line, people, whom there is to choose from, policies, codes, models, and retention."""
        line = top(self._context, request, "admin")
        try:
            with seeing(self._context, request, Right.ADMINISTER) as (session, _):
                everybody = people.everybody(session)
                due = retention.status(session, datetime.now(UTC))
            active = [(f"{p.full_name} ({p.name})", p.name) for p in everybody if p.disabled_at is None]
            return line, _people(everybody), gr.update(choices=active), _policies(), _codes(), _models(), _due(due)
        except RedactError as error:
            return line, failed(error), gr.skip(), "", "", "", ""

    def add(self, name: str, full_name: str, roles: list[str], request: gr.Request) -> str:
        """A new account, with a password that is shown this once."""

        def work() -> str:
            password = _made()
            person = people.add(
                self._context.db,
                login(request),
                (name or "").strip(),
                password,
                full_name=(full_name or "").strip(),
                roles=[Role(role) for role in roles or ()],
                must_change=True,
            )
            return f"{text(person.full_name)} can sign in as {text(person.name)}. {_once(password)}"

        return answered(work)

    def reset(self, name: str, request: gr.Request) -> str:
        """Another password for somebody, shown this once."""

        def work() -> str:
            actor = login(request)
            if _chosen(name) == actor:
                raise BadRecord("This is your own account.", "Use “Change password” at the top.")
            password = _made()
            people.set_password(self._context.db, actor, name, password)
            return f"{text(name)} has another password. {_once(password)}"

        return answered(work)

    def disable(self, name: str, reason: str, request: gr.Request) -> str:
        """End what somebody may do."""

        def work() -> str:
            people.disable(self._context.db, login(request), _chosen(name), reason or "")
            return f"{text(name)} is disabled."

        return answered(work)

    def check_store(self, request: gr.Request) -> str:
        """Read every file of the store."""
        try:
            with seeing(self._context, request, Right.ADMINISTER):
                pass
            report = verify_store(self._context.db, self._context.store)
        except RedactError as error:
            return failed(error)
        return _store(report)

    def check_health(self, request: gr.Request) -> str:
        """Look at the machine."""
        try:
            with seeing(self._context, request, Right.ADMINISTER):
                pass
        except RedactError as error:
            return failed(error)
        return _health(list(self._context.health()))

    def build(self, blocks: gr.Blocks) -> None:
        """Put the page into ``blocks``."""
        line = html()
        html("<h1>Admin</h1>")
        with gr.Tab("People"):
            listed = html()
            with gr.Accordion("Add a person", open=False):
                with gr.Row():
                    name = gr.Textbox(label="Login", info="2 to 64 small letters, digits, dots, dashes, @")
                    full_name = gr.Textbox(label="Full name")
                roles = gr.CheckboxGroup(ROLES, label="Roles")
                add, added = gr.Button("Add", variant="primary"), html()
            with gr.Accordion("Reset a password, or disable an account", open=False):
                person = gr.Dropdown([], label="Person", interactive=True)
                reason = gr.Textbox(label="Reason for disabling", info="It goes into the audit trail")
                with gr.Row():
                    reset = gr.Button("Give another password")
                    disable = gr.Button("Disable for good", variant="stop")
                said = html()
        with gr.Tab("Policies and codes"):
            policies = html()
            html("<h2>Reason codes</h2>")
            codes = html()
        with gr.Tab("Models"):
            models = html()
        with gr.Tab("Retention"):
            due = html()
        with gr.Tab("Storage and health"):
            check, found = gr.Button("Read every file of the store and compare"), html()
            look, health = gr.Button("Look at this machine"), html()
        outputs = [line, listed, person, policies, codes, models, due]
        blocks.load(self.show, None, outputs, **QUIET)
        for event in (
            add.click(self.add, [name, full_name, roles], added, **QUIET),
            reset.click(self.reset, person, said, **QUIET),
            disable.click(self.disable, [person, reason], said, **QUIET),
        ):
            event.then(self.show, None, outputs, **QUIET)
        check.click(self.check_store, None, found, **SLOW)
        look.click(self.check_health, None, health, **SLOW)


def _made() -> str:
    groups = ("".join(secrets.choice(_LETTERS) for _ in range(_GROUP)) for _ in range(_GROUPS))
    return "-".join(groups)


def _once(password: str) -> str:
    return (
        f'The one-time password is <span class="secret">{text(password)}</span>. It is shown this once, and has to be'
        " changed at the first sign-in."
    )


def _chosen(name: str | None) -> str:
    if not name:
        raise BadRecord("Nobody was chosen.", "Choose a person first.")
    return name


def _people(everybody: list[Person]) -> str:
    rows = [
        (text(p.full_name), text(p.name), text(", ".join(p.roles)), _account(p), moment(p.disabled_at or p.created_at))
        for p in everybody
    ]
    heads = ("Name", "Login", "Roles", "Account", "Since")
    return table(heads, rows, caption="People", empty="There is nobody yet. Add the first person below.")


def _account(person: Person) -> str:
    if person.disabled_at is not None:
        return chip("✕", "Disabled", "bad")
    return chip("!", "Has to choose a password", "warn") if person.must_change else chip("✓", "Active", "well")


def _policies() -> str:
    rows = []
    for name in list_policies():
        try:
            one = load_policy(name)
        except RedactError as error:
            rows.append((text(name), failed(error), "", "", ""))
            continue
        rules = ("four eyes" if one.four_eyes else "", "all of it watched" if one.watch_all else "")
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
    return table(heads, rows, caption="Policies", empty="There is no policy.")


def _codes() -> str:
    rows = []
    for name in list_codes():
        try:
            known = load_codes(name)
        except RedactError as error:
            rows.append((text(name), "", failed(error), "", ""))
            continue
        rows += [
            (text(name), text(c.id), text(c.title), text(c.statute), text(", ".join(c.kinds).replace("-", " ")))
            for c in known.by_id.values()
        ]
    return table(("List", "Code", "Title", "Law", "For"), rows, caption="Reason codes", empty="There is no list.")


_WEIGHTS = {
    "ok": ("✓", "As registered", "well"),
    "missing": ("✕", "Missing", "bad"),
    "altered": ("✕", "Not what was registered", "bad"),
}


def _models() -> str:
    rows = []
    for model in registry.everything().models:
        found = str(model.state())
        rows.append(
            (
                text(model.name),
                text(", ".join(model.classes)),
                text(model.licence),
                chip(*_WEIGHTS.get(found, ("✕", found, "bad"))),
                text(f"{model.sha256[:16]}…"),
            )
        )
    heads = ("Model", "Finds", "Licence", "Weights", "SHA-256")
    return table(heads, rows, caption="Models", empty="There is no model: run make models on the server.")


def _due(found: list[Due]) -> str:
    rows = [
        (
            text(", ".join(one.exhibits) or one.original_name),
            text(one.retention_class),
            size(one.size),
            moment(one.runs_out) if one.runs_out else "does not run",
            chip("⚠", "Due", "warn") if one.due else chip("✓", "Kept", "well"),
            "<br>".join(text(keeper.why) for keeper in one.kept_by),
        )
        for one in found
    ]
    heads = ("Footage", "Class", "Size", "Clock runs out", "State", "Kept by")
    note = (
        '<p class="quiet">What is due is disposed of on the server, by an administrator, with the command'
        " <code>redact retention run --dispose</code>: there is no way back from it.</p>"
    )
    return note + table(heads, rows, caption="Retention", empty="There is no footage in the store yet.")


def _store(report: StoreReport) -> str:
    if report.sound:
        return f'<p class="said well" role="status">✓ {report.checked} files: all are what was put there.</p>'
    rows = [
        (chip("✕", word, "bad"), text(finding.place), text(finding.what))
        for word, group in (("Damaged", report.damaged), ("Missing", report.missing), ("Unknown", report.orphans))
        for finding in group
    ]
    return table(("", "Where", "What"), rows, caption=f"{report.checked} files were read", empty="Nothing is wrong.")


def _health(lines: list[HealthLine]) -> str:
    rows = [(text(one.what), state(str(one.state)), text(one.found), text(one.remedy)) for one in lines]
    return table(("What", "State", "Found", "What to do"), rows, caption="Health", empty="There is nothing to look at.")
