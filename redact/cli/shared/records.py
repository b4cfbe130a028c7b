"""Shared by the commands on records: read access, printing of times, and parsing of dates and options."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, TypeVar

from redact.cli.shared.acting_user import acting
from redact.cli.shared.output import inert
from redact.errors import BadUsage

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from redact.records.database import Database

_Member = TypeVar("_Member", bound=StrEnum)
SEE, AUDIT = "SEE", "AUDIT"
"""Names of rights. The rights themselves are imported only when needed."""


@contextmanager
def reading(login: str, right: str) -> Iterator[tuple[Database, str, Session]]:
    """A snapshot of the records, for a person who has the named right. Yields database, login and session.

    Raises as :func:`redact.cli.shared.acting_user.acting`, and NotAllowed.
    """
    with acting(login) as (db, actor), db.reading() as session:
        from redact.records import accounts

        accounts.require(accounts.find(session, actor), accounts.Right[right])
        yield db, actor, session


def local(moment: datetime | None) -> str:
    """A time in this computer's time zone."""
    return f"{moment.astimezone():%Y-%m-%d %H:%M:%S %Z}" if moment else "-"


def parse_day(untrusted: str | None, option: str) -> date | None:
    """A date such as 2026-05-01. Raises BadUsage."""
    if untrusted is None:
        return None
    try:
        return date.fromisoformat(untrusted)
    except ValueError:
        raise BadUsage(f"{option} {inert(untrusted)!r} is not a date.", "Write it like 2026-05-01.") from None


def parse_member(untrusted: str, kind: type[_Member], option: str) -> _Member:
    """A member of ``kind``. Raises BadUsage."""
    try:
        return kind(untrusted)
    except ValueError:
        raise BadUsage(
            f"{option} {inert(untrusted)!r} is not a valid value.", f"Choose from {', '.join(kind)}."
        ) from None


def parse_pairs(untrusted: list[str] | None, option: str) -> dict[str, str]:
    """``KEY=TEXT`` options as a mapping. Raises BadUsage."""
    pairs: dict[str, str] = {}
    for text in untrusted or ():
        key, equals, value = text.partition("=")
        if not equals or key in pairs:
            raise BadUsage(f"{option} {inert(text)!r} cannot be read.", f"Write {option} KEY=TEXT, each key once.")
        pairs[key] = value
    return pairs
