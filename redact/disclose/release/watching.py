"""Which frames of a release's rendered copies were watched, by whom, and of which content."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from redact.disclose.release import releases
from redact.errors import BadRecord
from redact.records import accounts
from redact.records.accounts import Right
from redact.records.database import Database
from redact.records.release_state import release_subject
from redact.schema.tables import Release, Watched


def record_watched(
    db: Database, actor: str, release_reference: str, position: int, *, spans: Sequence[tuple[int, int]], content: str
) -> None:
    """Note which frames of an output somebody has watched, under the digest that was on show.

    ``spans``: first and last frame of the clip (not of the slate), from 0. Raises BadRecord, RecordMissing, NotAllowed.
    """
    with db.writing(actor) as work:
        person = accounts.authorise_actor(work, Right.SEE)
        release = releases.find(work.session, release_reference)
        if not 0 <= position < len(release.clips):
            raise BadRecord(f"Release {releases.reference(release)} has {len(release.clips)} outputs.")
        clip = release.clips[position]
        frames = clip.last_frame - clip.first_frame + 1
        for first, last in spans:
            if not 0 <= first <= last < frames:
                raise BadRecord(f"Output {position + 1} has frames 0 to {frames - 1}.")
            work.session.add(
                Watched(
                    release_id=release.id,
                    person_id=person.id,
                    position=position,
                    first_frame=first,
                    last_frame=last,
                    content=content,
                    at=work.at,
                )
            )
        told = {"output": position, "spans": [list(span) for span in spans], "content": content}
        work.event("release.watched", release_subject(release), told)


def watched(session: Session, release: Release, content: str) -> list[Watched]:
    """What was watched of this content, by anybody, in order of time."""
    query = select(Watched).where(Watched.release_id == release.id, Watched.content == content)
    return list(session.scalars(query.order_by(Watched.id)))


def unwatched(session: Session, release: Release, content: str) -> list[list[tuple[int, int]]]:
    """For each output: spans of frames nobody has watched yet, in order."""
    rows = watched(session, release, content)
    left = []
    for position, clip in enumerate(release.clips):
        spans = sorted((w.first_frame, w.last_frame) for w in rows if w.position == position)
        left.append(_gaps(spans, clip.last_frame - clip.first_frame + 1))
    return left


def watched_by(session: Session, release: Release, content: str) -> list[dict[int, int]]:
    """For each output: how many of its frames each person has watched, by their keys in the records."""
    rows = watched(session, release, content)
    shares: list[dict[int, int]] = []
    for position, clip in enumerate(release.clips):
        frames = clip.last_frame - clip.first_frame + 1
        theirs: dict[int, list[tuple[int, int]]] = {}
        for row in rows:
            if row.position == position:
                theirs.setdefault(row.person_id, []).append((row.first_frame, row.last_frame))
        left = {who: sum(b - a + 1 for a, b in _gaps(sorted(spans), frames)) for who, spans in theirs.items()}
        shares.append({who: frames - gaps for who, gaps in left.items()})
    return shares


def _gaps(spans: Sequence[tuple[int, int]], frames: int) -> list[tuple[int, int]]:
    gaps, expected = [], 0
    for first, last in spans:
        if first > expected:
            gaps.append((expected, first - 1))
        expected = max(expected, last + 1)
    return [*gaps, (expected, frames - 1)] if expected < frames else gaps
