"""Footage with files in the store, and reasons to keep it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import select

from redact.audit import chain
from redact.evidence.store import Store
from redact.records import cases
from redact.records.database import Database
from redact.records.deadlines import CaseKind
from redact.retention import disposal
from redact.retention.clock import MarkKind, RetentionStatus
from redact.retention.disposal import place
from redact.schema.tables import Clip, Exhibit, Footage, MachineTracks, Release

NOW = datetime(2026, 6, 30, 12, tzinfo=UTC)
OLD = NOW - timedelta(32)
"""Due for one day, under the built-in 31 days."""


def add(db: Database, text: str, recorded: datetime | None = OLD, **more: Any) -> str:
    """Footage with its files in the store, in no case."""
    data = text.encode()
    sha256 = hashlib.sha256(data).hexdigest()
    tracks = hashlib.sha256(sha256.encode()).hexdigest()
    store = Store()
    for path in (
        store.master_path(sha256),
        store.folder / "derived" / sha256 / "strip.jpg",
        store.tracks_path(tracks),
    ):
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)
    values = {"original_name": f"{text}.mp4", "added_at": NOW, "media": {}, "camera": {}, "recorded_start": recorded}
    with db.writing("officer") as work:
        footage = Footage(
            **{"retention_class": "standard", "state": "held", "size": 1, **values, **more}, sha256=sha256
        )
        work.session.add(footage)
        work.session.flush()
        work.session.add(MachineTracks(footage_id=footage.id, file_sha256=tracks, provenance={}, made_at=NOW, tracks=0))
        work.event("footage.added", f"footage:{sha256[:12]}", {})
    return sha256


def files(sha256: str) -> list[Path]:
    store = Store()
    tracks = store.tracks_path(hashlib.sha256(sha256.encode()).hexdigest())
    found = (store.master_path(sha256), store.folder / "derived" / sha256, tracks)
    return [path for path in found if path.exists()]


def status_of(db: Database, sha256: str, now: datetime = NOW) -> RetentionStatus:
    with db.reading() as session:
        return next(one for one in disposal.status(session, now) if one.sha256 == sha256)


def dispose(db: Database, who: str = "admin", now: datetime = NOW) -> disposal.DisposalRun:
    return disposal.run(db, who, Store(), dry_run=False, now=now)


def state(db: Database, sha256: str) -> str:
    with db.reading() as session:
        return session.scalars(select(Footage).where(Footage.sha256 == sha256)).one().state


def sound(db: Database) -> bool:
    with db.reading() as session:
        return chain.verify(session, [db.key.public]).sound


def hold(kind: MarkKind) -> Callable[[Database, str], Callable[[], object]]:
    def placed(db: Database, sha256: str) -> Callable[[], object]:
        number = place(db, "approver", sha256, kind, "Civil claim 17/26")
        return lambda: disposal.lift(db, "officer", sha256, "Claim settled", number=number)

    return placed


def in_a_case(db: Database, sha256: str) -> None:
    cases.open_case(db, "officer", "FOI-1", kind=CaseKind.FOI, title="t", received=date(2026, 5, 1))
    with db.writing("officer") as work:
        case = cases.find(work.session, "FOI-1")
        footage = work.session.scalars(select(Footage).where(Footage.sha256 == sha256)).one()
        work.session.add(Exhibit(case_id=case.id, footage_id=footage.id, reference="A/1"))
        work.event("exhibit.added", cases.subject(case), {})


def close(db: Database, at: datetime) -> None:
    cases.set_closed(db, "officer", "FOI-1", closed=True, reason="answered")
    closed_at(db, at)


def closed_at(db: Database, at: datetime) -> None:
    with db.writing("officer") as work:
        cases.find(work.session, "FOI-1").closed_at = at
        work.event("note.made", "x", {})


def open_case(db: Database, sha256: str) -> Callable[[], object]:
    in_a_case(db, sha256)
    return lambda: close(db, NOW - timedelta(120))


def recently_closed(db: Database, sha256: str) -> Callable[[], object]:
    in_a_case(db, sha256)
    close(db, NOW - timedelta(120, seconds=-1))
    return lambda: closed_at(db, NOW - timedelta(120))


def release(state: str, details: dict[str, Any]) -> Callable[[Database, str], Callable[[], object]]:
    """A release in a case closed long ago; withdrawing it frees the footage."""

    def made(db: Database, sha256: str) -> Callable[[], object]:
        in_a_case(db, sha256)
        close(db, NOW - timedelta(400))
        with db.writing("officer") as work:
            footage = work.session.scalars(select(Footage).where(Footage.sha256 == sha256)).one()
            tracks = work.session.scalars(select(MachineTracks).where(MachineTracks.footage_id == footage.id)).one()
            one = Release(
                case_id=cases.find(work.session, "FOI-1").id,
                number=1,
                state=state,
                details=details,
                created_at=NOW,
                created_by=1,
                **dict.fromkeys(("policy_name", "policy", "policy_sha256", "codes", "codes_sha256"), ""),
                approved_content="",
            )
            one.clips = [Clip(position=0, footage_id=footage.id, tracks_id=tracks.id, first_frame=0, last_frame=1)]
            work.session.add(one)
            work.event("release.created", "release:FOI-1#1", {})

        def withdraw() -> None:
            with db.writing("approver") as work:
                work.session.scalars(select(Release)).one().state = "withdrawn"
                work.event("release.withdrawn", "release:FOI-1#1", {})

        return withdraw

    return made


def kept_until(text: str) -> dict[str, Any]:
    return {"retention": {"rule": "two years", "destroy_on": text}}


# Reasons to keep footage whose clock has run out. Each function creates the reason and returns one that removes it.
KEEP_REASONS: dict[str, Callable[[Database, str], Callable[[], object]]] = {
    "evidence": hold(MarkKind.EVIDENCE),
    "complaint": hold(MarkKind.COMPLAINT),
    "legal hold": hold(MarkKind.LEGAL_HOLD),
    "open case": open_case,
    "recently closed case": recently_closed,
    "draft release": release("draft", {}),
    "draft release with a date": release("draft", kept_until("2026-01-01")),
    "approved release": release("approved", {}),
    "exported, no date": release("exported", {}),
    "exported, future date": release("exported", kept_until("2026-07-02")),
    "exported, invalid date": release("exported", kept_until("when it suits")),
    "exported, empty date": release("exported", {"retention": {"rule": "two years", "destroy_on": None}}),
}
