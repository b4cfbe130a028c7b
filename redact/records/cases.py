"""Cases (requests and proceedings): opening, changing and closing them, and their members."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from redact.errors import BadRecord, RecordExists, RecordMissing, WrongState
from redact.records import accounts
from redact.records.accounts import Right
from redact.records.database import Database, UnitOfWork
from redact.records.deadlines import CaseKind, Nation, deadline
from redact.records.validation import checked
from redact.schema.tables import Case, CaseMember, Exhibit

OPEN, CLOSED = "open", "closed"
DETAILS: dict[CaseKind, tuple[str, ...]] = {
    CaseKind.COURT: ("urn", "court", "defendant", "offence", "officer_in_case", "disclosure_officer", "court_orders"),
    CaseKind.FOI: ("requester", "request", "refused_sections", "fee_notice"),
    CaseKind.SUBJECT_ACCESS: ("requester", "identity_check", "regime", "request"),
    CaseKind.COMPLAINT: ("complainant", "complaint", "investigator"),
    CaseKind.INTERNAL: ("purpose",),
}
"""Details specific to each kind of case."""
MEMBER_ROLES = ("officer in the case", "disclosure officer", "reviewer", "approver", "requester contact")
MAX_WORKING_MINUTES = 100_000
"""Minutes recorded at a time: more is a typing error."""
_REFERENCE = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9 ._/-]{0,62}[A-Za-z0-9])?")


def subject(case: Case) -> str:
    """The subject of a case's events."""
    return f"case:{case.reference}"


def find(session: Session, reference: str) -> Case:
    """The case with this reference, with its members and exhibits loaded. Raises RecordMissing."""
    query = select(Case).where(Case.reference == reference.strip())
    case = session.scalars(query.options(*_WITH_RELATED)).first()
    if case is None:
        raise RecordMissing(f'There is no case "{reference}".', "See `redact case list`.")
    return case


_WITH_RELATED = (
    selectinload(Case.members).selectinload(CaseMember.person),
    selectinload(Case.exhibits).selectinload(Exhibit.footage),
)


def list_cases(session: Session, *, closed: bool = False) -> list[Case]:
    """Cases, the most urgent first. ``closed``: include closed ones."""
    query = select(Case).options(*_WITH_RELATED).order_by(Case.due_on.is_(None), Case.due_on, Case.reference)
    return list(session.scalars(query if closed else query.where(Case.state != CLOSED)))


def open_case(
    db: Database,
    actor: str,
    reference: str,
    *,
    kind: CaseKind,
    title: str,
    received: date,
    nation: Nation = Nation.ENGLAND_WALES,
    due: date | None = None,
    details: Mapping[str, str] | None = None,
) -> Case:
    """Open a case and set its due date. Raises BadRecord, RecordExists, NotAllowed."""
    trusted_details = checked_details(kind, details or {})
    if not _REFERENCE.fullmatch(reference):
        raise BadRecord(
            f'"{reference[:70]}" is not a valid case reference.',
            "Use up to 64 letters, digits, spaces and . _ / - with a letter or digit at each end.",
        )
    set_deadline = deadline(kind, received, nation, fixed=due)
    with db.writing(actor) as work:
        accounts.authorise_actor(work, Right.CASES)
        if received > work.at.date() + timedelta(1):  # UTC may be a day behind local time
            raise BadRecord(
                f"The date of receipt, {received}, is in the future.", "Check it: the due date is counted from it."
            )
        if work.session.scalars(select(Case).where(Case.reference == reference)).first() is not None:
            raise RecordExists(f'There is already a case "{reference}".', "Use another reference.")
        case = Case(
            kind=kind.value,
            reference=reference,
            title=checked(title, "title"),
            nation=nation.value,
            received_on=received,
            due_on=set_deadline.due,
            due_rule=set_deadline.rule,
            state=OPEN,
            details=trusted_details,
            opened_at=work.at,
        )
        work.session.add(case)
        work.event(
            "case.opened",
            subject(case),
            {
                "kind": kind.value,
                "title": case.title,
                "received_on": received.isoformat(),
                "due_on": set_deadline.due.isoformat() if set_deadline.due else None,
                "due_rule": set_deadline.rule,
                "details": trusted_details,
            },
        )
        work.session.flush()
        return find(work.session, reference)


def change(
    db: Database,
    actor: str,
    reference: str,
    *,
    reason: str,
    title: str | None = None,
    due: date | None = None,
    details: Mapping[str, str] | None = None,
) -> None:
    """Change a case's title, due date or details. Raises BadRecord, RecordMissing, NotAllowed, and WrongState if the
    case is closed."""
    with db.writing(actor) as work:
        accounts.authorise_actor(work, Right.CASES)
        case = _find_open(work, reference)
        content: dict[str, object] = {"reason": checked(reason, "reason")}
        if title is None and due is None and not details:
            raise BadRecord("There is nothing to change.", "Give a title, a due date or a detail.")
        if title is not None:
            content["title"] = case.title = checked(title, "title")
        if due is not None:
            set_deadline = deadline(CaseKind(case.kind), case.received_on, Nation(case.nation), fixed=due)
            case.due_on, case.due_rule = set_deadline.due, set_deadline.rule
            content["due_on"] = due.isoformat()
        if details:
            new = checked_details(CaseKind(case.kind), details)
            case.details = {**case.details, **new}
            content["details"] = new
        work.event("case.changed", subject(case), content)


def add_working_time(db: Database, actor: str, reference: str, *, locating: int = 0, redacting: int = 0) -> None:
    """Add working time. The two kinds are kept separate: only locating counts towards the FOIA s.12 cost limit."""
    if locating < 0 or redacting < 0 or not 0 < locating + redacting <= MAX_WORKING_MINUTES:
        raise BadRecord(f"Working time must be from 1 to {MAX_WORKING_MINUTES} minutes.")
    with db.writing(actor) as work:
        accounts.authorise_actor(work, Right.EDIT)
        case = _find_open(work, reference)
        case.minutes_locating += locating
        case.minutes_redacting += redacting
        work.event("case.time-noted", subject(case), {"locating": locating, "redacting": redacting})


def add_member(db: Database, actor: str, reference: str, name: str, role: str) -> None:
    """Give a person a role in a case. Raises BadRecord, RecordMissing, RecordExists, NotAllowed."""
    if role not in MEMBER_ROLES:
        raise BadRecord(f'"{role}" is not a role in a case.', f"The roles are {', '.join(MEMBER_ROLES)}.")
    with db.writing(actor) as work:
        accounts.authorise_actor(work, Right.CASES)
        case, person = _find_open(work, reference), accounts.find(work.session, name)
        if person.disabled_at is not None:
            raise BadRecord(f"{person.name} is disabled.", "Choose a user with an active account.")
        if any(m.person_id == person.id and m.role == role for m in case.members):
            raise RecordExists(f"{person.name} is already {role} in case {case.reference}.")
        case.members.append(CaseMember(person_id=person.id, role=role))
        work.event("case.member-added", subject(case), {"person": person.name, "role": role})


def set_closed(db: Database, actor: str, reference: str, *, closed: bool, reason: str) -> None:
    """Close or reopen a case. Raises BadRecord, RecordMissing, NotAllowed, WrongState."""
    with db.writing(actor) as work:
        accounts.authorise_actor(work, Right.CASES)
        case = find(work.session, reference)
        if (case.state == CLOSED) is closed:
            raise WrongState(f"Case {case.reference} is already {case.state}.")
        case.state, case.closed_at = (CLOSED, work.at) if closed else (OPEN, None)
        work.event(f"case.{'closed' if closed else 'reopened'}", subject(case), {"reason": checked(reason, "reason")})


def checked_details(kind: CaseKind, untrusted: Mapping[str, str]) -> dict[str, str]:
    """The details, cleaned. Raises BadRecord for details that this kind of case does not have."""
    for key in untrusted:
        if key not in DETAILS[kind]:
            raise BadRecord(
                f'Cases of kind "{kind}" have no detail "{key}".', f"Their details are {', '.join(DETAILS[kind])}."
            )
    return {key: checked(value, key) for key, value in untrusted.items()}


def _find_open(work: UnitOfWork, reference: str) -> Case:
    case = find(work.session, reference)
    if case.state == CLOSED:
        raise WrongState(f"Case {case.reference} is closed.", "Reopen it first.")
    return case
