from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from redact.errors import BadRecord, NotAllowed, RecordExists, RecordMissing, WrongState
from redact.records import accounts, cases
from redact.records.database import Database
from redact.records.deadlines import CaseKind, Nation
from redact.schema.tables import Case, Event

pytestmark = pytest.mark.usefixtures("staff")
RECEIVED = date(2026, 5, 1)


def new(db: Database, reference: str = "FOI-1", kind: CaseKind = CaseKind.FOI, **more: Any) -> Case:
    values: dict[str, Any] = {"title": "Arrest in High Street", "received": RECEIVED, **more}
    return cases.open_case(db, values.pop("actor", "officer"), reference, kind=kind, **values)


def get(db: Database, reference: str = "FOI-1") -> Case:
    with db.reading() as session:
        return cases.find(session, reference)


def trail(db: Database, kind: str) -> list[dict[str, Any]]:
    with db.reading() as session:
        return [json.loads(e.body) for e in session.scalars(select(Event).where(Event.kind == kind))]


@pytest.mark.parametrize("kind", list(CaseKind))
def test_case_of_each_kind_gets_its_due_date(db: Database, kind: CaseKind) -> None:
    details = dict.fromkeys(cases.DETAILS[kind], "as given")
    case = new(db, kind=kind, nation=Nation.SCOTLAND, details=details)
    due = {CaseKind.FOI: date(2026, 6, 2), CaseKind.SUBJECT_ACCESS: date(2026, 6, 1)}.get(kind)
    assert (case.kind, case.due_on, case.state, case.details) == (kind, due, "open", details)
    (event,) = trail(db, "case.opened")
    assert event["due_on"] == (due.isoformat() if due else None)
    with pytest.raises(BadRecord, match='have no detail "height"'):
        new(db, "X", kind, details={"height": "1.80"})


@pytest.mark.parametrize("reference", ["A", "FOI-2026/017", "R v Smith 17.3_a", "9", "x" * 64])
def test_valid_references_are_accepted(db: Database, reference: str) -> None:
    new(db, reference)
    assert get(db, f" {reference} ").reference == reference
    with pytest.raises(RecordExists):
        new(db, reference)


@pytest.mark.parametrize("reference", ["", " A", "A ", "A\n", "-A", "A/", "x" * 65, "A:B", "A#1", "Ä", "A\x00B"])
def test_invalid_references_are_refused(db: Database, reference: str) -> None:
    with pytest.raises(BadRecord, match="reference"):
        new(db, reference)


def test_case_title_and_dates_are_checked(db: Database) -> None:
    for title in ("", "  ", "x" * 4001, "a\x07"):
        with pytest.raises(BadRecord, match="title"):
            new(db, title=title)
    with pytest.raises(BadRecord, match="before the date of receipt"):
        new(db, due=RECEIVED - timedelta(1))
    with pytest.raises(BadRecord, match="in the future"):  # a wrong year would move the due date by a year
        new(db, received=datetime.now(UTC).date() + timedelta(2))


@pytest.mark.parametrize("who", ["anna", "approver", "auditor", "admin", "nobody"])
def test_cases_are_managed_by_officers_only(db: Database, who: str) -> None:
    with pytest.raises((NotAllowed, RecordMissing)):
        new(db, actor=who)
    new(db)
    with pytest.raises((NotAllowed, RecordMissing)):
        cases.change(db, who, "FOI-1", reason="r", title="t")
    with pytest.raises((NotAllowed, RecordMissing)):
        cases.set_closed(db, who, "FOI-1", closed=True, reason="r")
    assert get(db).state == "open"


def test_case_change_is_recorded_with_reason(db: Database) -> None:
    new(db, "CC-1", CaseKind.COURT, details={"urn": "1", "court": "Leeds"})
    cases.change(db, "officer", "CC-1", reason="order", title="R v Smith", due=date(2026, 7, 1), details={"urn": "2"})
    case = get(db, "CC-1")
    assert (case.title, case.due_on, case.details) == ("R v Smith", date(2026, 7, 1), {"urn": "2", "court": "Leeds"})
    assert case.due_rule == "date in the court order"
    assert trail(db, "case.changed") == [
        {"reason": "order", "title": "R v Smith", "due_on": "2026-07-01", "details": {"urn": "2"}}
    ]
    wrongs: list[dict[str, Any]] = [
        {"reason": "nothing changes"},
        {"reason": " ", "title": "t"},
        {"reason": "r", "due": RECEIVED - timedelta(1)},
    ]
    for wrong in wrongs:
        with pytest.raises(BadRecord):
            cases.change(db, "officer", "CC-1", **wrong)
    assert get(db, "CC-1").title == "R v Smith"


def test_closed_case_is_read_only_until_reopened(db: Database) -> None:
    new(db)
    cases.set_closed(db, "officer", "FOI-1", closed=True, reason="answered")
    closed = get(db)
    assert closed.state == "closed"
    assert closed.closed_at is not None
    refused: list[Callable[[], None]] = [
        lambda: cases.change(db, "officer", "FOI-1", reason="r", title="t"),
        lambda: cases.add_working_time(db, "officer", "FOI-1", locating=1),
        lambda: cases.add_member(db, "officer", "FOI-1", "anna", "reviewer"),
        lambda: cases.set_closed(db, "officer", "FOI-1", closed=True, reason="r"),
    ]
    for act in refused:
        with pytest.raises(WrongState):
            act()
    cases.set_closed(db, "officer", "FOI-1", closed=False, reason="review")
    assert (get(db).state, get(db).closed_at) == ("open", None)
    with pytest.raises(WrongState):
        cases.set_closed(db, "officer", "FOI-1", closed=False, reason="r")
    assert trail(db, "case.closed") == [{"reason": "answered"}]
    assert trail(db, "case.reopened") == [{"reason": "review"}]


def test_working_time_is_recorded_by_kind(db: Database) -> None:
    new(db)
    cases.add_working_time(db, "officer", "FOI-1", locating=30)
    cases.add_working_time(db, "anna", "FOI-1", locating=5, redacting=60)
    assert (get(db).minutes_locating, get(db).minutes_redacting) == (35, 60)
    for wrong in ({}, {"locating": -1}, {"locating": 5, "redacting": -1}, {"redacting": 100_001}):
        with pytest.raises(BadRecord, match="minutes"):
            cases.add_working_time(db, "officer", "FOI-1", **wrong)
    with pytest.raises(NotAllowed):
        cases.add_working_time(db, "auditor", "FOI-1", locating=1)


def test_case_members_are_checked(db: Database) -> None:
    new(db)
    cases.add_member(db, "officer", "FOI-1", "anna", "reviewer")
    cases.add_member(db, "officer", "FOI-1", "anna", "disclosure officer")
    assert {(m.person.name, m.role) for m in get(db).members} == {("anna", "reviewer"), ("anna", "disclosure officer")}
    with pytest.raises(RecordExists):
        cases.add_member(db, "officer", "FOI-1", "anna", "reviewer")
    with pytest.raises(BadRecord, match="not a role"):
        cases.add_member(db, "officer", "FOI-1", "anna", "king")
    with pytest.raises(RecordMissing):
        cases.add_member(db, "officer", "FOI-1", "nobody", "reviewer")
    accounts.disable(db, "admin", "ben", "left")
    with pytest.raises(BadRecord, match="disabled"):
        cases.add_member(db, "officer", "FOI-1", "ben", "reviewer")


def test_cases_are_listed_by_urgency(db: Database) -> None:
    new(db, "B", CaseKind.COURT)
    new(db, "A", CaseKind.INTERNAL)
    new(db, "late", received=date(2026, 4, 1))
    new(db, "later")
    new(db, "done", received=date(2026, 1, 5))
    cases.set_closed(db, "officer", "done", closed=True, reason="r")
    with db.reading() as session:
        assert [c.reference for c in cases.list_cases(session)] == ["late", "later", "A", "B"]
        assert [c.reference for c in cases.list_cases(session, closed=True)] == ["done", "late", "later", "A", "B"]
