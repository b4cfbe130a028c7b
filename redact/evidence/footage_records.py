"""Footage records: finding and listing them, and their states."""

from __future__ import annotations

import re
from enum import StrEnum

from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from redact.errors import BadRecord, RecordMissing, WrongState
from redact.schema.tables import Case, Exhibit, Footage

SHORTEST_NAME = 6
"""Minimum number of hash digits that identify footage."""
_HASH = re.compile(rf"[0-9a-f]{{{SHORTEST_NAME},64}}")
_WITH_RELATED = (selectinload(Footage.exhibits).selectinload(Exhibit.case), selectinload(Footage.marks))


class FootageState(StrEnum):
    """The state of footage. Its record remains after disposal. ``disposing`` means that disposal has begun and not all
    files are removed yet (see :mod:`redact.retention.disposal`): no hold can be placed any more."""

    STORED = "held"
    DISPOSING = "disposing"
    DISPOSED = "disposed"


def subject(sha256: str) -> str:
    """The subject of events about footage."""
    return f"footage:{sha256[:12]}"


def find(session: Session, name: str, case: str | None = None) -> Footage:
    """The footage with this exhibit reference in ``case`` or, without ``case``, whose SHA-256 starts with ``name``; its
    exhibits, their cases and its marks are loaded. Raises RecordMissing, and BadRecord if the hash is ambiguous."""
    query = select(Footage).options(*_WITH_RELATED)
    if case is not None:
        by_exhibit = query.join(Exhibit).join(Case).where(Case.reference == case, Exhibit.reference == name)
        found = list(session.scalars(by_exhibit))
    elif _HASH.fullmatch(name.lower()):
        found = list(session.scalars(query.where(Footage.sha256.startswith(name.lower())).limit(2)))
    else:
        found = []
    if len(found) > 1:
        raise BadRecord(f'Several files have a SHA-256 that starts with "{name}".', "Give more digits.")
    if not found:
        where = f' in case "{case}"' if case is not None else ""
        raise RecordMissing(
            f'There is no footage "{name[:70]}"{where}.',
            f"Give at least {SHORTEST_NAME} digits of its SHA-256, or its exhibit reference with --case.",
        )
    return found[0]


def list_footage(session: Session, case: str | None = None) -> list[Footage]:
    """All footage, or that of one case, in the order in which it was added."""
    query = select(Footage).options(*_WITH_RELATED).order_by(Footage.id)
    if case is not None:
        query = query.join(Exhibit).join(Case).where(Case.reference == case)
    return list(session.scalars(query))


def require_stored(footage: Footage) -> None:
    """Raise WrongState if the footage has been, or is being, disposed of."""
    if footage.state != FootageState.STORED:
        raise WrongState(f"The footage {footage.original_name} has been disposed of.", "See `redact footage show`.")
