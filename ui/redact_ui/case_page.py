"""The case page: facts, footage, jobs, releases and history of one case."""

# ruff: noqa: PLR0917 - Gradio passes the field values as positional arguments

from __future__ import annotations

from typing import Any

import gradio as gr

from redact.disclose.policy.policies import list_policies, load_policy
from redact.disclose.release import releases
from redact.disclose.release.releases import ClipRequest
from redact.errors import BadRecord, RecordMissing, RedactError
from redact.evidence import footage_details, footage_records, machine_tracks
from redact.evidence.footage_records import FootageState
from redact.jobs import queue
from redact.records import accounts, cases
from redact.records.accounts import Right
from redact.records.cases import MEMBER_ROLES
from redact.records.job_states import JobKind
from redact.retention import disposal
from redact.retention.clock import MarkKind
from redact.retention.rules import load_rules
from redact_ui.case_html import case_facts, exhibit_names, footage_html, history_table, release_table, subjects_of
from redact_ui.formatting import (
    link,
    text,
)  # fmt: skip
from redact_ui.jobs_html import job_lines, jobs_about, signature
from redact_ui.page import (
    QUIET,
    Context,
    authorised,
    html,
    login,
    module,
    query,
    release_link,
    run_action,
    section,
    top_bar,
    unavailable,
)  # fmt: skip
from redact_ui.work_list_page import LABELS, parse_day, parse_moment

PRESETS = [("Quick", "fast"), ("Balanced", "balanced"), ("Thorough", "thorough")]
_POLLED = 8
"""Number of outputs of a poll."""
MARKS = [("Evidence", "evidence"), ("Complaint", "complaint"), ("Legal hold", "legal-hold")]


class CasePage:
    """The case page. Handlers are plain methods that take the case reference first and the request last."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def show(self, reference: str, request: gr.Request) -> tuple[object, ...]:
        """Reference, top bar, facts, footage, releases, history, choices of the forms, and which forms are visible."""
        line = top_bar(self._context, request, "case")
        try:
            with authorised(self._context, request) as (session, person):
                if not reference:
                    raise RecordMissing("No case was selected.", "Select one on the work list.")
                case = cases.find(session, reference)
                held = [e.reference for e in case.exhibits if e.footage.state == FootageState.STORED]
                detected = [e.reference for e in case.exhibits if machine_tracks.newest(session, e.footage) is not None]
                logins = [(p.full_name, p.name) for p in accounts.all_people(session) if p.disabled_at is None]
                classes = [(f"{rule.name}: {rule.days} days", rule.name) for rule in load_rules().classes.values()]
                return (
                    case.reference,
                    line,
                    case_facts(case),
                    footage_html(session, case),
                    release_table(session, case),
                    history_table(session, case),
                    *(gr.update(choices=held, value=held[0] if held else None) for _ in range(3)),
                    gr.update(choices=detected, value=detected),
                    gr.update(choices=logins),
                    gr.update(choices=[("No change", ""), *classes]),
                    gr.update(visible=accounts.may(person, Right.INTAKE)),
                    gr.update(visible=accounts.may(person, Right.EDIT)),
                    gr.update(visible=accounts.may(person, Right.RELEASE)),
                    gr.update(visible=accounts.may(person, Right.CASES)),
                    gr.update(visible=accounts.may(person, Right.INTAKE)),
                    gr.update(visible=accounts.may(person, Right.HOLD)),
                )
        except RedactError as error:
            hidden = [gr.update(visible=False)] * 6
            return (reference, line, unavailable(error), "", "", "", *[gr.skip()] * 6, *hidden)

    def poll(self, reference: str, known_state: str, request: gr.Request) -> tuple[object, ...]:
        """The jobs; also footage and history, if any job has changed since ``known_state``."""
        try:
            with authorised(self._context, request) as (session, person):
                case = cases.find(session, reference)
                jobs = jobs_about(session, subjects_of(session, case))
                now = signature(jobs)
                lines = job_lines(
                    jobs,
                    "No jobs are running. Add footage, then detect faces and plates.",
                    person,
                    exhibit_names(case),
                )
                if now == known_state:
                    return (lines, now, *[gr.skip()] * (_POLLED - 2))
                held = [e.reference for e in case.exhibits if e.footage.state == FootageState.STORED]
                detected = [e.reference for e in case.exhibits if machine_tracks.newest(session, e.footage) is not None]
                return (
                    lines,
                    now,
                    footage_html(session, case),
                    history_table(session, case),
                    *(gr.update(choices=held) for _ in range(3)),
                    gr.update(choices=detected),
                )
        except RedactError:
            # The page itself shows the error; repeating it every two seconds would not help.
            return tuple([gr.skip()] * _POLLED)

    def detect(self, reference: str, exhibit: str, preset: str, request: gr.Request) -> str:
        """Start detection of faces and plates."""
        return run_action(lambda: self._detect(reference, exhibit, preset, login(request)))

    def _detect(self, reference: str, exhibit: str, preset: str, actor: str) -> str:
        with self._context.db.reading() as session:
            footage = footage_records.find(session, _chosen(exhibit, "footage"), reference)
        footage_records.require_stored(footage)
        queue.enqueue(
            self._context.db,
            actor,
            JobKind.DETECT,
            footage_records.subject(footage.sha256),
            {"footage": footage.sha256, "preset": preset},
            unique_key=f"detect:{footage.sha256}",
        )
        return f"Detection has started for {text(exhibit)}. You can leave this page."

    def new_release(self, reference: str, policy: str, exhibits: list[str], request: gr.Request) -> str:
        """Create a release."""

        def work() -> str:
            clips = [ClipRequest(exhibit) for exhibit in exhibits or ()]
            if not clips:
                raise BadRecord("No footage was selected.", "Select footage on which detection has been run.")
            made = releases.create(
                self._context.db, login(request), reference, policy_name=_chosen(policy, "policy"), clips=clips
            )
            name = releases.reference(made)
            return f"Release {link(release_link(name), name)} is a draft. Open it to decide what to hide."

        return run_action(work)

    def change(
        self, reference: str, title: str, due: str, key: str, value: str, reason: str, request: gr.Request
    ) -> str:
        """Change the details of the case."""

        def work() -> str:
            details = {key: value} if key else None
            cases.change(
                self._context.db, login(request), reference, reason=reason or "",
                title=title.strip() or None, due=parse_day(due, "due date"), details=details,
            )  # fmt: skip
            return "The case has been changed."

        return run_action(work)

    def add_member(self, reference: str, name: str, role: str, request: gr.Request) -> str:
        """Add a member to the case."""

        def work() -> str:
            cases.add_member(self._context.db, login(request), reference, _chosen(name, "person"), role)
            return f"{text(name)} has been added to this case as {text(role)}."

        return run_action(work)

    def note_time(self, reference: str, locating: float, redacting: float, request: gr.Request) -> str:
        """Record working time."""

        def work() -> str:
            cases.add_working_time(
                self._context.db, login(request), reference,
                locating=int(locating or 0), redacting=int(redacting or 0),
            )  # fmt: skip
            return "The working time has been recorded."

        return run_action(work)

    def close(self, reference: str, reason: str, request: gr.Request) -> str:
        """Close the case."""
        return self._closed(reference, reason, request, closed=True)

    def reopen(self, reference: str, reason: str, request: gr.Request) -> str:
        """Reopen the case."""
        return self._closed(reference, reason, request, closed=False)

    def _closed(self, reference: str, reason: str, request: gr.Request, *, closed: bool) -> str:
        def work() -> str:
            cases.set_closed(self._context.db, login(request), reference, closed=closed, reason=reason or "")
            return "The case is closed." if closed else "The case has been reopened."

        return run_action(work)

    def note(
        self, reference: str, exhibit: str, wearer: str, start: str, kept_as: str, reason: str, request: gr.Request
    ) -> str:
        """Change the details of footage; empty fields stay unchanged."""

        def work() -> str:
            footage_details.change_footage(
                self._context.db, login(request), _chosen(exhibit, "footage"), case=reference, reason=reason or "",
                wearer=(wearer or "").strip() or None, recorded_start=parse_moment(start),
                retention_class=kept_as or None,
            )  # fmt: skip
            return f"The details of {text(exhibit)} have been changed."

        return run_action(work)

    def hold(self, reference: str, exhibit: str, kind: str, reason: str, request: gr.Request) -> str:
        """Place a hold on footage, so that it is not disposed of."""

        def work() -> str:
            disposal.place(
                self._context.db, login(request), _chosen(exhibit, "footage"), MarkKind(kind), reason or "",
                case=reference,
            )  # fmt: skip
            return f"{text(exhibit)} is on hold. It will not be disposed of until the hold is lifted."

        return run_action(work)

    def lift(self, reference: str, exhibit: str, kind: str, reason: str, request: gr.Request) -> str:
        """Lift a hold."""

        def work() -> str:
            disposal.lift(
                self._context.db, login(request), _chosen(exhibit, "footage"), reason or "",
                case=reference, kind=MarkKind(kind),
            )  # fmt: skip
            return f"The hold on {text(exhibit)} has been lifted."

        return run_action(work)

    def build(self, blocks: gr.Blocks) -> None:
        """Put the page into ``blocks``."""
        ref, known_state = gr.State(""), gr.State("")
        address = gr.Textbox(visible=False)
        line, facts = html(), html()
        with section("Footage"):
            footage = html()
            with gr.Column(visible=False) as intake:
                module("pages/upload.js", "upload-place")
            with gr.Row(visible=False) as detecting:
                exhibit = gr.Dropdown([], label="Footage", interactive=True)
                preset = gr.Dropdown(PRESETS, value="balanced", label="Thoroughness", interactive=True)
                detect = gr.Button("Detect faces and plates", variant="primary")
            message = html()
        with section("Jobs"):
            running = html()
            module("pages/job_buttons.js", "jobs-acts")
        with section("Releases"):
            releases_table = html()
            with gr.Row(visible=False) as releasing:
                policy = gr.Dropdown(_policies(), label="Policy", interactive=True)
                clips = gr.CheckboxGroup([], label="Footage to include")
                create = gr.Button("Create release", variant="primary")
            release_message = html()
        with gr.Accordion("Change this case", open=False, visible=False) as changing:
            person, actions = self._forms(ref)
        with gr.Accordion("Change footage details", open=False, visible=False) as changing_footage:
            which, kept_as, note = self._note_form(ref)
        with gr.Accordion("Place or lift a hold", open=False, visible=False) as holding:
            kept, holds = self._hold_form(ref)
        with gr.Accordion("History", open=False):
            history = html()
        outputs = [
            ref, line, facts, footage, releases_table, history, exhibit, which, kept, clips, person, kept_as,
            intake, detecting, releasing, changing, changing_footage, holding,
        ]  # fmt: skip
        polled = [running, known_state, footage, history, exhibit, which, kept, clips]
        blocks.load(self.show, address, outputs, js=query("case"), **QUIET).then(
            self.poll, [ref, known_state], polled, **QUIET
        )
        gr.Timer(2).tick(self.poll, [ref, known_state], polled, **QUIET)
        detect.click(self.detect, [ref, exhibit, preset], message, **QUIET).then(
            self.poll, [ref, known_state], polled, **QUIET
        )
        changes: list[Any] = [
            create.click(self.new_release, [ref, policy, clips], release_message, **QUIET),
            note,
            *holds,
            *actions,
        ]
        for event in changes:
            event.then(self.show, ref, outputs, **QUIET)

    def _note_form(self, ref: gr.State) -> tuple[gr.Dropdown, gr.Dropdown, Any]:
        html(
            '<p class="lead">Releases of this footage that are in review or approved become drafts again, because'
            " their logs include these details.</p>"
        )
        with gr.Row():
            which = gr.Dropdown([], label="Footage", interactive=True, min_width=160)
            wearer = gr.Textbox(label="Worn by", placeholder="No change", min_width=160)
            start = gr.Textbox(label="Recording start", placeholder="2026-05-01 14:30:05", min_width=160)
            kept_as = gr.Dropdown(
                [("No change", "")], value="", label="Retention class", interactive=True, min_width=160
            )
        with gr.Row():
            reason = gr.Textbox(label="Reason", placeholder="Recorded in the audit trail")
            button = gr.Button("Change details")
        message = html()
        return which, kept_as, button.click(self.note, [ref, which, wearer, start, kept_as, reason], message, **QUIET)

    def _hold_form(self, ref: gr.State) -> tuple[gr.Dropdown, list[Any]]:
        with gr.Row():
            kept = gr.Dropdown([], label="Footage", interactive=True, min_width=160)
            mark = gr.Dropdown(MARKS, value="evidence", label="Kind of hold", interactive=True, min_width=160)
            why = gr.Textbox(label="Reason", placeholder="Recorded in the audit trail")
            place, lift = gr.Button("Place hold"), gr.Button("Lift hold")
        message = html()
        return kept, [
            place.click(self.hold, [ref, kept, mark, why], message, **QUIET),
            lift.click(self.lift, [ref, kept, mark, why], message, **QUIET),
        ]

    def _forms(self, ref: gr.State) -> tuple[gr.Dropdown, list[Any]]:
        html("<h3>Details and state</h3>")
        with gr.Row():
            title = gr.Textbox(label="New title", placeholder="No change")
            due = gr.Textbox(label="New due date", placeholder="2026-05-01")
            key = gr.Dropdown([("–", ""), *((name, k) for k, name in LABELS.items())], value="", label="Other detail",
                              interactive=True)  # fmt: skip
            value = gr.Textbox(label="New value")
        with gr.Row():
            reason = gr.Textbox(label="Reason", placeholder="Required for any of these. Recorded in the audit trail")
            change, close, reopen = gr.Button("Change case"), gr.Button("Close case"), gr.Button("Reopen case")
        html("<h3>Members</h3>")
        with gr.Row():
            person = gr.Dropdown([], label="Person", interactive=True)
            role = gr.Dropdown(list(MEMBER_ROLES), value="reviewer", label="Role in the case", interactive=True)
            add = gr.Button("Add member")
        html("<h3>Working time</h3>")
        with gr.Row():
            locating = gr.Number(label="Minutes spent locating and retrieving", value=0, precision=0, minimum=0)
            redacting = gr.Number(label="Minutes spent redacting", value=0, precision=0, minimum=0)
            note = gr.Button("Record working time")
        message = html()
        return person, [
            change.click(self.change, [ref, title, due, key, value, reason], message, **QUIET),
            close.click(self.close, [ref, reason], message, **QUIET),
            reopen.click(self.reopen, [ref, reason], message, **QUIET),
            add.click(self.add_member, [ref, person, role], message, **QUIET),
            note.click(self.note_time, [ref, locating, redacting], message, **QUIET),
        ]


def _chosen(value: str | None, what: str) -> str:
    if not value:
        raise BadRecord(f"No {what} was selected.", "Select one first.")
    return value


def _policies() -> list[tuple[str, str]]:
    names = []
    for name in list_policies():
        try:
            names.append((f"{load_policy(name).title} ({name})", name))
        except RedactError:
            continue  # the admin page shows the error
    return names
