"""Due dates of cases.

FOI: the twentieth working day after the date of receipt (FOIA 2000 s.10, FOISA 2002 s.10). FOIA 2000 excludes bank
holidays in any part of the United Kingdom; excluding only those of one nation gives the same day or an earlier one,
which is safe.
Subject access: one calendar month from the date of receipt, i.e. the same date of the next month, or its last day if it
has no such date; if that is a weekend or bank holiday, the next working day (ICO, "Right of access", time limits).
"""

from __future__ import annotations

import calendar
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

import holidays

from redact.errors import BadRecord

FOI_WORKING_DAYS = 20


class CaseKind(StrEnum):
    """The kind of request, or the purpose of the footage."""

    COURT = "court"
    FOI = "foi"
    SUBJECT_ACCESS = "subject-access"
    COMPLAINT = "complaint"
    INTERNAL = "internal"


class Nation(StrEnum):
    """The nation whose bank holidays apply."""

    ENGLAND_WALES = "england-and-wales"
    SCOTLAND = "scotland"
    NORTHERN_IRELAND = "northern-ireland"


_SUBDIVISION = {Nation.ENGLAND_WALES: "ENG", Nation.SCOTLAND: "SCT", Nation.NORTHERN_IRELAND: "NIR"}


@dataclass(frozen=True, slots=True)
class Deadline:
    """A due date, or None if nothing sets one; ``rule`` says what set it."""

    due: date | None
    rule: str


def deadline(kind: CaseKind, received: date, nation: Nation, *, fixed: date | None = None) -> Deadline:
    """The deadline of a case. ``fixed`` is the date in a court order, or an agreed date.

    Raises BadRecord for a date before receipt.
    """
    if fixed is not None:
        if fixed < received:
            raise BadRecord(f"The due date {fixed} is before the date of receipt, {received}.", "Check both dates.")
        return Deadline(fixed, "date given" if kind is not CaseKind.COURT else "date in the court order")
    if kind is CaseKind.FOI:
        return Deadline(
            working_days_after(received, FOI_WORKING_DAYS, nation),
            f"{FOI_WORKING_DAYS} working days, {nation}",
        )
    if kind is CaseKind.SUBJECT_ACCESS:
        due = month_after(received)
        while not is_working_day(due, nation):
            due += timedelta(1)
        return Deadline(due, f"one calendar month, {nation}")
    return Deadline(None, "no date set")


def is_working_day(day: date, nation: Nation) -> bool:
    """Whether ``day`` is neither a weekend nor a bank holiday."""
    return day.weekday() < 5 and day not in holidays.country_holidays("GB", subdiv=_SUBDIVISION[nation], years=day.year)


def working_days_after(start: date, days: int, nation: Nation) -> date:
    """The ``days``-th working day after ``start``, not counting ``start``."""
    day = start
    while days:
        day += timedelta(1)
        days -= is_working_day(day, nation)
    return day


def month_after(start: date) -> date:
    """The same date of the next month, or that month's last day."""
    year, month = (start.year + start.month // 12), start.month % 12 + 1
    return date(year, month, min(start.day, calendar.monthrange(year, month)[1]))


def describe_due(due: date | None, today: date) -> str:
    """The time left or overdue, for lists."""
    if due is None:
        return "no due date"
    days = (due - today).days
    if days < 0:
        return f"overdue by {_days(-days)}"
    return "due today" if days == 0 else f"due in {_days(days)}"


def _days(count: int) -> str:
    return f"{count} day" if count == 1 else f"{count} days"
