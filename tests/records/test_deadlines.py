"""Expected dates were worked out by hand from calendars; the comments count the working days."""

from __future__ import annotations

from datetime import date

import pytest

from redact.errors import BadRecord
from redact.records.deadlines import CaseKind, Nation, deadline, describe_due

ENG, SCT, NIR = Nation.ENGLAND_WALES, Nation.SCOTLAND, Nation.NORTHERN_IRELAND

FOI: list[tuple[date, Nation, date]] = [
    # A plain month: 2-5 June is 4 days, 8-12 is 9, 15-19 is 14, 22-26 is 19, 29 is 20.
    (date(2026, 6, 1), NIR, date(2026, 6, 29)),
    # Christmas: 2-5 December 4, 8-12 9, 15-19 14, 22-24 17, 25 and 26 are holidays, 29-31 20.
    (date(2025, 12, 1), ENG, date(2025, 12, 31)),
    # Boxing Day on a Saturday, kept on Monday 28: 2-4 3, 7-11 8, 14-18 13, 21-24 17, 29-31 20.
    (date(2026, 12, 1), ENG, date(2026, 12, 31)),
    # New Year: 16-19 December 4, 22-24 7, 29-31 10, 2 January 11, 5-9 16, 12-15 20.
    (date(2025, 12, 15), ENG, date(2026, 1, 15)),
    # The same in Scotland, where 2 January is a holiday.
    (date(2025, 12, 15), SCT, date(2026, 1, 16)),
    # Easter: 17-20 March 4, 23-27 9, 30 to 2 April 13, Good Friday 3 and Easter Monday 6, 7-10 17, 13-15 20.
    (date(2026, 3, 16), ENG, date(2026, 4, 15)),
    # In Scotland Easter Monday is a working day.
    (date(2026, 3, 16), SCT, date(2026, 4, 14)),
    # St Patrick's Day, 17 March, in Northern Ireland only: 3-6 4, 9-13 9, 16 10, 18-20 13, 23-27 18, 30 and 31 20.
    (date(2026, 3, 2), NIR, date(2026, 3, 31)),
    (date(2026, 3, 2), ENG, date(2026, 3, 30)),
    # Received on a Saturday: Monday 9 March is the first day, Thursday 2 April the 19th, Tuesday 7 the 20th.
    (date(2026, 3, 7), ENG, date(2026, 4, 7)),
    # Received on Christmas Day: 29-31 3, 2 January 4, 5-9 9, 12-16 14, 19-23 19, 26 20.
    (date(2025, 12, 25), ENG, date(2026, 1, 26)),
]

SUBJECT_ACCESS: list[tuple[date, Nation, date]] = [
    (date(2026, 3, 31), ENG, date(2026, 4, 30)),  # April has no 31st; it is a Thursday
    (date(2025, 1, 30), ENG, date(2025, 2, 28)),  # nor February a 30th
    (date(2025, 1, 31), ENG, date(2025, 2, 28)),
    (date(2024, 1, 31), ENG, date(2024, 2, 29)),  # a leap year
    (date(2026, 1, 30), ENG, date(2026, 3, 2)),  # the end of February is a Saturday: Monday
    (date(2026, 9, 3), ENG, date(2026, 10, 5)),  # a Saturday
    (date(2026, 2, 28), ENG, date(2026, 3, 30)),  # the 28th, not the last of March, is a Saturday
    (date(2025, 11, 25), ENG, date(2025, 12, 29)),  # Christmas Day, Boxing Day, a weekend
    (date(2025, 12, 2), ENG, date(2026, 1, 2)),
    (date(2025, 12, 2), SCT, date(2026, 1, 5)),  # 2 January in Scotland, then a weekend
    (date(2026, 3, 3), ENG, date(2026, 4, 7)),  # Good Friday to Easter Monday
    (date(2026, 3, 3), SCT, date(2026, 4, 6)),
    (date(2025, 12, 31), ENG, date(2026, 2, 2)),  # over the year; the 31st is a Saturday
    (date(2026, 8, 31), ENG, date(2026, 9, 30)),  # received on a bank holiday, which does not matter
]


@pytest.mark.parametrize(("received", "nation", "due"), FOI)
def test_foi_deadline_is_twenty_working_days(received: date, nation: Nation, due: date) -> None:
    result = deadline(CaseKind.FOI, received, nation)
    assert (result.due, result.rule) == (due, f"20 working days, {nation}")


@pytest.mark.parametrize(("received", "nation", "due"), SUBJECT_ACCESS)
def test_subject_access_deadline_is_one_calendar_month(received: date, nation: Nation, due: date) -> None:
    result = deadline(CaseKind.SUBJECT_ACCESS, received, nation)
    assert (result.due, result.rule) == (due, f"one calendar month, {nation}")


def test_fixed_date_sets_deadline_of_every_kind() -> None:
    received, order = date(2026, 5, 1), date(2026, 5, 2)  # a Saturday: a court may mean that
    for kind in CaseKind:
        assert deadline(kind, received, ENG, fixed=order).due == order
        assert deadline(kind, received, ENG, fixed=received).due == received
        with pytest.raises(BadRecord, match="before the date of receipt"):
            deadline(kind, received, ENG, fixed=date(2026, 4, 30))
    assert deadline(CaseKind.COURT, received, ENG, fixed=order).rule == "date in the court order"


@pytest.mark.parametrize("kind", [CaseKind.COURT, CaseKind.COMPLAINT, CaseKind.INTERNAL])
def test_other_kinds_have_no_due_date(kind: CaseKind) -> None:
    assert deadline(kind, date(2026, 5, 1), ENG).due is None


@pytest.mark.parametrize(
    ("due", "expected"),
    [
        (None, "no due date"),
        (date(2026, 5, 8), "overdue by 2 days"),
        (date(2026, 5, 9), "overdue by 1 day"),
        (date(2026, 5, 10), "due today"),
        (date(2026, 5, 11), "due in 1 day"),
        (date(2026, 6, 10), "due in 31 days"),
    ],
)
def test_due_date_description(due: date | None, expected: str) -> None:
    assert describe_due(due, date(2026, 5, 10)) == expected
