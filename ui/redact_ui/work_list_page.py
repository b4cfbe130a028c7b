"""The work list page: cases by due date, tasks for the signed-in user, and the form for a new case."""

# ruff: noqa: PLR0917 - Gradio passes the field values as positional arguments

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import gradio as gr
from sqlalchemy import select
from sqlalchemy.orm import Session

from redact.disclose.release import approval, releases
from redact.errors import BadRecord, RedactError
from redact.records import accounts, cases
from redact.records.accounts import Right
from redact.records.cases import CLOSED, DETAILS
from redact.records.deadlines import CaseKind, Nation
from redact.records.job_states import JobState
from redact.records.release_state import ReleaseState
from redact.schema.tables import Case, Job, Person, Release
from redact_ui.formatting import (
    JOBS,
    KINDS,
    STATES,
    chip,
    clock,
    day,
    empty_state,
    failure,
    link,
    listing,
    pressing,
    state,
    table,
    text,
)  # fmt: skip
from redact_ui.page import (
    QUIET,
    Context,
    authorised,
    case_link,
    html,
    login,
    release_link,
    run_action,
    section,
    top_bar,
)

RECENT = timedelta(days=3)
"""How long a failed job is listed as a task."""
NATIONS = {
    "england-and-wales": "England and Wales",
    "scotland": "Scotland",
    "northern-ireland": "Northern Ireland",
}
LABELS = {
    "urn": "Unique reference number (URN)",
    "court": "Court",
    "defendant": "Defendant",
    "offence": "Offence",
    "officer_in_case": "Officer in the case",
    "disclosure_officer": "Disclosure officer",
    "court_orders": "Court orders",
    "requester": "Requester",
    "request": "Request",
    "refused_sections": "Sections refused",
    "fee_notice": "Fee notice",
    "identity_check": "How identity was checked",
    "regime": "Legal regime (uk-gdpr or dpa-part-3)",
    "complainant": "Complainant",
    "complaint": "Complaint",
    "investigator": "Investigator",
    "purpose": "Purpose",
}
ANY = "all"
NOBODY = "-"
"""Filter value for cases without members; not a valid login."""
STAGES = {
    "empty": ("○", "No footage yet", "plain"),
    "footage": ("○", "No release yet", "plain"),
    **{name: STATES[name] for name in ("draft", "in-review", "approved", "exported", "closed")},
}
"""Progress of a case, by its newest release that has not been withdrawn."""


class WorkListPage:
    """The first page. Handlers are plain methods that take the field values, then the request."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def show(
        self,
        kind: str,
        mine: bool,
        overdue: bool,
        closed: bool,
        find: str,
        assignee: str,
        stage: str,
        request: gr.Request,
    ) -> tuple[object, ...]:
        """Top bar, tasks of the signed-in user, the table of cases, and the people to filter by."""
        line = top_bar(self._context, request, "")
        try:
            with authorised(self._context, request) as (session, person):
                today, terms = date.today(), (find or "").casefold().split()
                found = [
                    (case, at)
                    for case, at in _stages(session, closed=closed)
                    if kind in (ANY, case.kind)
                    and stage in (ANY, at)
                    and (not mine or _member(case, person.name))
                    and (not assignee or (_member(case, assignee) if assignee != NOBODY else not case.members))
                    and (not overdue or _overdue(case, today))
                    and all(word in f"{case.reference} {case.title}".casefold() for word in terms)
                ]
                filtered = bool(mine or overdue or terms or assignee) or not kind == stage == ANY
                people_ = [(p.full_name, p.name) for p in accounts.all_people(session) if p.disabled_at is None]
                return (
                    line,
                    _needs(session, person, today),
                    _table(found, today, filtered=filtered),
                    gr.update(choices=[("Anyone", ""), ("No one yet", NOBODY), *people_], value=assignee or ""),
                    gr.update(visible=accounts.may(person, Right.CASES)),
                )
        except RedactError as error:
            return line, "", failure(error), gr.skip(), gr.update(visible=False)

    def open_case(self, request: gr.Request, *values: str) -> str:
        """Open a case from reference, kind, title, date received, nation, due date, and the details of all kinds in
        order, of which only those of its own kind are used. Returns a link to it, or the error."""
        return run_action(lambda: self._opened(login(request), *values))

    def _opened(
        self,
        actor: str,
        reference: str,
        kind: str,
        title: str,
        received: str,
        nation: str,
        due: str,
        *detail_values: str,
    ) -> str:
        case_kind = CaseKind(kind)
        values = dict(zip(_fields(), detail_values, strict=True))
        details = {
            key: values[case_kind, key].strip() for key in DETAILS[case_kind] if (values[case_kind, key] or "").strip()
        }
        case = cases.open_case(
            self._context.db,
            actor,
            reference.strip(),
            kind=case_kind,
            title=title,
            received=parse_day(received, "date received") or date.today(),
            nation=Nation(nation),
            due=parse_day(due, "due date"),
            details=details,
        )
        return f"Case {link(case_link(case.reference), case.reference)} is open. Add its footage there."

    def build(self, blocks: gr.Blocks) -> None:
        """Put the page into ``blocks``."""
        line = html()
        html("<h1>Work list</h1>")
        with section("Your tasks"):
            needs_html = html()
        with section("Cases"):
            with gr.Row():
                find = gr.Textbox(label="Find a case", placeholder="Reference or words in the title", min_width=160)
                kind = gr.Dropdown([("All kinds", ANY), *((name, key) for key, name in KINDS.items())], value=ANY,
                                   label="Kind of case", interactive=True, min_width=160)  # fmt: skip
                stages = [("All states", ANY), *((terms, key) for key, (_, terms, _) in STAGES.items())]
                stage = gr.Dropdown(stages, value=ANY, label="State", interactive=True, min_width=160)
                assignee = gr.Dropdown([("Anyone", "")], value="", label="Assigned to", interactive=True, min_width=160)
            with gr.Row(elem_classes="ticks"):
                mine = gr.Checkbox(label="Only my cases")
                overdue = gr.Checkbox(label="Only overdue cases")
                closed = gr.Checkbox(label="Include closed cases")
            cases_table = html()
        filters: list[Any] = [kind, mine, overdue, closed, find, assignee, stage]
        opening = gr.Accordion("New case", open=False, visible=False)
        outputs = [line, needs_html, cases_table, assignee, opening]
        for part in (kind, mine, overdue, closed, assignee, stage):
            part.input(self.show, filters, outputs, **QUIET)
        find.change(self.show, filters, outputs, trigger_mode="always_last", **QUIET)
        blocks.load(self.show, filters, outputs, **QUIET)
        with opening:
            self._form(filters, outputs)

    def _form(self, filters: list[Any], outputs: list[Any]) -> None:
        with gr.Row():
            reference = gr.Textbox(label="Reference", placeholder="Letters, digits, spaces and . _ / -", max_length=64)
            kind = gr.Dropdown([(name, key) for key, name in KINDS.items()], value="foi", label="Kind of case",
                               interactive=True)  # fmt: skip
            nation = gr.Dropdown([(name, key) for key, name in NATIONS.items()], value="england-and-wales",
                                 label="Bank holidays of", interactive=True)  # fmt: skip
        title = gr.Textbox(label="Title", placeholder="A few words on what the case is about")
        with gr.Row():
            received = gr.Textbox(label="Date received", placeholder="2026-05-01. Leave empty for today")
            due = gr.Textbox(label="Due date, if one was set", placeholder="2026-05-01. Leave empty to calculate it")
        groups, fields = [], []
        for case_kind in CaseKind:
            with gr.Row(visible=case_kind is CaseKind.FOI) as group:
                fields += [gr.Textbox(label=LABELS[key], min_width=400) for key in DETAILS[case_kind]]
            groups.append(group)
        kind.change(
            lambda name: [gr.update(visible=case_kind.value == name) for case_kind in CaseKind],
            kind, groups, **QUIET,
        )  # fmt: skip
        button, message = gr.Button("Open case", variant="primary"), html()
        button.click(
            self.open_case, [reference, kind, title, received, nation, due, *fields], message,
            **QUIET,
        ).then(self.show, filters, outputs, **QUIET)  # fmt: skip


def _fields() -> list[tuple[CaseKind, str]]:
    return [(case_kind, key) for case_kind in CaseKind for key in DETAILS[case_kind]]


def parse_day(untrusted: str, what: str) -> date | None:
    """Parse a date such as 2026-05-01; None if empty. Raises BadRecord."""
    if not (untrusted or "").strip():
        return None
    try:
        return date.fromisoformat(untrusted.strip())
    except ValueError as error:
        raise BadRecord(f"The {what} is not a valid date.", "Enter it as 2026-05-01.") from error


def parse_moment(untrusted: str) -> datetime | None:
    """Parse a local time such as 2026-05-01 14:30; None if empty. Raises BadRecord."""
    if not (untrusted or "").strip():
        return None
    try:
        return datetime.fromisoformat(untrusted.strip()).astimezone()
    except (ValueError, OverflowError, OSError) as error:
        raise BadRecord("The time is not valid.", "Enter it as 2026-05-01 14:30:05.") from error


def _overdue(case: Case, today: date) -> bool:
    return case.state != CLOSED and case.due_on is not None and case.due_on < today


def _stages(session: Session, *, closed: bool) -> list[tuple[Case, str]]:
    """Cases, most urgent first, each with its stage from :data:`STAGES`."""
    # In order of creation, so the newest release counts.
    newest = {r.case_id: r.state for r in releases.listed(session) if r.state != ReleaseState.WITHDRAWN}
    found = []
    for case in cases.list_cases(session, closed=closed):
        at = newest.get(case.id) or ("footage" if case.exhibits else "empty")
        found.append((case, "closed" if case.state == CLOSED else at))
    return found


def _member(case: Case, name: str) -> bool:
    return any(member.person.name == name for member in case.members)


def _table(found: list[tuple[Case, str]], today: date, *, filtered: bool) -> str:
    rows = [
        (
            f"{link(case_link(case.reference), case.reference)}<br>{text(case.title)}",
            text(KINDS.get(case.kind, case.kind)),
            clock(case, today) + (f"<br><span class='quiet'>{day(case.due_on)}</span>" if case.due_on else ""),
            chip(*STAGES[at]),
            "<br>".join(f"{text(m.person.full_name)} <span class='quiet'>{text(m.role)}</span>" for m in case.members)
            or "<span class='quiet'>no one yet</span>",
            text(len(case.exhibits)),
        )
        for case, at in found
    ]
    empty = (
        "No cases match these filters. Remove one of them."
        if filtered
        else "There are no cases yet. Open the first one under “New case” below, then add its footage."
    )
    heads = ("Case", "Kind", "Due", "State", "Assigned to", "Footage")
    return table(heads, rows, caption="Cases, most urgent first", empty=empty)


def _needs(session: Session, person: Person, today: date) -> str:
    items = [*_late(session, person, today), *_releases(session, person, today), *_failed_jobs(session, person)]
    return (
        listing(items)
        if items
        else empty_state("You have no tasks. Cases, releases and jobs that need you will be listed here.")
    )


def _releases(session: Session, person: Person, today: date) -> Iterator[str]:
    for release in releases.listed(session):
        name, status = releases.reference(release), release.state
        address, due = release_link(name), clock(release.case, today) if release.case.due_on else ""
        member = any(m.person_id == person.id for m in release.case.members)
        own = member or release.created_by == person.id
        if status == ReleaseState.DRAFT and own and accounts.may(person, Right.RELEASE):
            yield f"{state(status)} {link(address, name)} is a draft. Decide what to hide, then submit it. {due}"
        elif status == ReleaseState.IN_REVIEW and _may_approve(session, release, person):
            yield f"{state(status)} {link(address, name)} is waiting for approval. Watch its preview. {due}"
        elif status == ReleaseState.APPROVED and accounts.may(person, Right.EXPORT):
            yield f"{state(status)} {link(address, name)} is approved. Its pack can be exported. {due}"


def _may_approve(session: Session, release: Release, person: Person) -> bool:
    if not accounts.may(person, Right.APPROVE):
        return False
    policy, _ = releases.rules_of(release)
    return not (policy.four_eyes and person.name in approval.contributors(session, release))


def _failed_jobs(session: Session, person: Person) -> Iterator[str]:
    since = datetime.now(UTC) - RECENT
    query = select(Job).where(Job.owner_id == person.id, Job.created_at > since).order_by(Job.created_at.desc())
    seen = set()
    for job in session.scalars(query):
        work = (job.kind, job.subject, str(job.arguments))
        if job.state == JobState.FAILED and work not in seen:
            name = JOBS.get(job.kind, job.kind)
            yield f"{state(job.state)} {text(name)}: {text(job.error_text)} {_where(session, job)}"
        seen.add(work)  # a later attempt at the same work supersedes a failure


def _where(session: Session, job: Job) -> str:
    kind, _, name = job.subject.partition(":")
    if kind == "case":
        return link(case_link(name), f"Go to {name}")
    if kind == "release":
        return link(release_link(name), f"Go to {name}")
    for case in cases.list_cases(session):
        for exhibit in case.exhibits:
            if exhibit.footage.sha256.startswith(name):
                return link(case_link(case.reference), f"Go to {case.reference}, {exhibit.reference}")
    return ""


def _late(session: Session, person: Person, today: date) -> Iterator[str]:
    """Cases overdue or due soon: the person's own, and cases without members if they may assign them."""
    for case in cases.list_cases(session):
        if not pressing(case, today):
            continue
        about = f"{link(case_link(case.reference), case.reference)} <span>{text(case.title)}</span>"
        if _member(case, person.name):
            yield f"{clock(case, today)} {about}"
        elif not case.members and accounts.may(person, Right.CASES):
            yield f"{clock(case, today)} {about} <span class='quiet'>No one is assigned. Add its members.</span>"
