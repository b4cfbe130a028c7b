"""When an answer is due.

FOI: the twentieth working day after the day of receipt (FOIA 2000 s.10, FOISA 2002 s.10). The Act for England, Wales
and Northern Ireland leaves out bank holidays of any part of the United Kingdom; counting those of one nation only gives
the same day or an earlier one, so nobody is late by it.
Subject access: one calendar month from the day of receipt, to the same date of the next month, or its last day where it
has no such date; on a weekend or bank holiday the next working day (ICO, "Right of access", time limits).
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
    """What somebody asked for, or what the footage is for."""

    COURT = "court"
    FOI = "foi"
    SUBJECT_ACCESS = "subject-access"
    COMPLAINT = "complaint"
    INTERNAL = "internal"


class Nation(StrEnum):
    """Whose bank holidays count."""

    ENGLAND_WALES = "england-and-wales"
    SCOTLAND = "scotland"
    NORTHERN_IRELAND = "northern-ireland"


_SUBDIVISION = {Nation.ENGLAND_WALES: "ENG", Nation.SCOTLAND: "SCT", Nation.NORTHERN_IRELAND: "NIR"}


@dataclass(frozen=True, slots=True)
class Deadline:
    """``due`` is None where nothing sets a date; ``rule`` says what did."""

    due: date | None
    rule: str


def deadline(kind: CaseKind, received: date, nation: Nation, *, fixed: date | None = None) -> Deadline:
    """The clock of a case. ``fixed`` is the date a court's order gives, or one that was agreed on.

    Raises BadRecord for a date before receipt.
    """
    if fixed is not None:
        if fixed < received:
            raise BadRecord(f"The due date {fixed} is before the day of receipt, {received}.", "Check both dates.")
        return Deadline(fixed, "date given" if kind is not CaseKind.COURT else "date of the court's order")
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
    """Neither weekend nor bank holiday."""
    return day.weekday() < 5 and day not in holidays.country_holidays("GB", subdiv=_SUBDIVISION[nation], years=day.year)


def working_days_after(start: date, days: int, nation: Nation) -> date:
    """The ``days``-th working day after ``start``, which does not count itself."""
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
    """How a clock stands, for lists."""
    if due is None:
        return "no due date"
    days = (due - today).days
    if days < 0:
        return f"overdue by {_days(-days)}"
    return "due today" if days == 0 else f"due in {_days(days)}"


def _days(count: int) -> str:
    return f"{count} day" if count == 1 else f"{count} days"
