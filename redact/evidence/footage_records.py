"""Finding footage in the records."""

from __future__ import annotations

import re
from enum import StrEnum

from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from redact.errors import BadRecord, RecordMissing, WrongState
from redact.schema.tables import Case, Exhibit, Footage

SHORTEST_NAME = 6
"""Digits of a hash that somebody has to give."""
_HASH = re.compile(rf"[0-9a-f]{{{SHORTEST_NAME},64}}")
_WITH_RELATED = (selectinload(Footage.exhibits).selectinload(Exhibit.case), selectinload(Footage.marks))


class FootageState(StrEnum):
    """Footage that was disposed of keeps its record. ``disposing`` lies between the decision and the end of its last
    file (see :mod:`redact.retention.disposal`): nothing can hold it any more."""

    HELD = "held"
    DISPOSING = "disposing"
    DISPOSED = "disposed"


def subject(sha256: str) -> str:
    """How events name footage."""
    return f"footage:{sha256[:12]}"


def find(session: Session, name: str, case: str | None = None) -> Footage:
    """Footage by the first digits of its SHA-256 or, with the reference of a case, by its exhibit reference there; with
    its exhibits, their cases, and its marks. Raises RecordMissing, and BadRecord if several have such a hash."""
    query = select(Footage).options(*_WITH_RELATED)
    if case is not None:
        by_exhibit = query.join(Exhibit).join(Case).where(Case.reference == case, Exhibit.reference == name)
        found = list(session.scalars(by_exhibit))
    elif _HASH.fullmatch(name.lower()):
        found = list(session.scalars(query.where(Footage.sha256.startswith(name.lower())).limit(2)))
    else:
        found = []
    if len(found) > 1:
        raise BadRecord(f'The hashes of several files start with "{name}".', "Give more of it.")
    if not found:
        where = f' in case "{case}"' if case is not None else ""
        raise RecordMissing(
            f'There is no footage "{name[:70]}"{where}.',
            f"Give {SHORTEST_NAME} or more digits of its SHA-256, or its exhibit reference and --case.",
        )
    return found[0]


def list_footage(session: Session, case: str | None = None) -> list[Footage]:
    """All footage, or that of one case, in the order it was added."""
    query = select(Footage).options(*_WITH_RELATED).order_by(Footage.id)
    if case is not None:
        query = query.join(Exhibit).join(Case).where(Case.reference == case)
    return list(session.scalars(query))


def require_held(footage: Footage) -> None:
    """Raise WrongState for footage whose files are gone."""
    if footage.state != FootageState.HELD:
        raise WrongState(f"The footage {footage.original_name} has been disposed of.", "See `redact footage show`.")
