"""Records of who watched which frames of a release's rendered copies, and of which content."""

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
    """Record which frames of an output a person has watched, under the content digest they were shown.

    ``spans``: first and last frame of the clip, from 0, without the slate. Raises BadRecord, RecordMissing, NotAllowed.
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
        body = {"output": position, "spans": [list(span) for span in spans], "content": content}
        work.event("release.watched", release_subject(release), body)


def watched(session: Session, release: Release, content: str) -> list[Watched]:
    """All records of watching this content, oldest first."""
    query = select(Watched).where(Watched.release_id == release.id, Watched.content == content)
    return list(session.scalars(query.order_by(Watched.id)))


def unwatched(session: Session, release: Release, content: str) -> list[list[tuple[int, int]]]:
    """For each output: the spans of frames not watched yet, in order."""
    rows = watched(session, release, content)
    by_output = []
    for position, clip in enumerate(release.clips):
        spans = sorted((w.first_frame, w.last_frame) for w in rows if w.position == position)
        by_output.append(_gaps(spans, clip.last_frame - clip.first_frame + 1))
    return by_output


def watched_by(session: Session, release: Release, content: str) -> list[dict[int, int]]:
    """For each output: the number of frames each person has watched, by the person's id in the records."""
    rows = watched(session, release, content)
    shares: list[dict[int, int]] = []
    for position, clip in enumerate(release.clips):
        frames = clip.last_frame - clip.first_frame + 1
        by_person: dict[int, list[tuple[int, int]]] = {}
        for row in rows:
            if row.position == position:
                by_person.setdefault(row.person_id, []).append((row.first_frame, row.last_frame))
        missed = {who: sum(b - a + 1 for a, b in _gaps(sorted(spans), frames)) for who, spans in by_person.items()}
        shares.append({who: frames - gaps for who, gaps in missed.items()})
    return shares


def _gaps(spans: Sequence[tuple[int, int]], frames: int) -> list[tuple[int, int]]:
    gaps, expected = [], 0
    for first, last in spans:
        if first > expected:
            gaps.append((expected, first - 1))
        expected = max(expected, last + 1)
    return [*gaps, (expected, frames - 1)] if expected < frames else gaps
