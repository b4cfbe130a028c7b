"""What stands between a release and its approval: parts of the copy that nobody watched, items of the risk queue that
nobody settled, and a second look that nobody had.

Items are those of the tracks within the clips, and what detectors found in the rendered copy. Of tracks that are shown
on purpose only jumps and filled gaps are asked about, where the track may have gone over to somebody else, and of
tracks that are shown with their whole class nothing. Whoever settles an item makes an edit of the footage; that
changes no picture, so what was watched and looked at stays watched and looked at.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from sqlalchemy import select
from sqlalchemy.orm import Session

from redact.disclose.release import approval, releases
from redact.disclose.release.approval import Judged
from redact.disclose.release.decisions import TrackTarget
from redact.disclose.release.plan import ReleasePlan, plan_of
from redact.errors import BadRecord, RecordMissing, WrongState
from redact.evidence import edit_log
from redact.evidence.frame_tables import frame_table
from redact.evidence.store import Store
from redact.jobs import handlers
from redact.jobs.kinds import JobKind
from redact.jobs.queue import ACTIVE, JobState
from redact.mask.risk_queue import Risk, RiskKind, risk_queue
from redact.records.database import Database
from redact.records.release_state import release_subject
from redact.schema.tables import Footage, Job, Json, Release

OF_SHOWN = (RiskKind.GAP, RiskKind.JUMP)
"""What is asked about a track that somebody decided to show: whether it is one and the same person throughout."""
Span = tuple[int, int]


class LookState(StrEnum):
    """How far the second look at a release is, as it stands."""

    NONE = "none"
    WAITS = "waits"
    RUNS = "runs"
    FAILED = "failed"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class OpenItems:
    """What is open of a release whose digest is ``content``.

    ``items``: unsettled ones, the worst first; each has key, kind, track (None for what belongs to none), first, last
    (frames of the master), score, text, and the ``exhibit`` and ``footage`` (its number in the records) it is in; a
    suspect also the ``frame`` and ``box`` it is seen best in. ``unwatched``: spans of each output.
    """

    content: str
    items: tuple[Json, ...]
    unwatched: tuple[tuple[Span, ...], ...]
    look: LookState
    look_said: str = ""
    """Why the second look failed."""

    @property
    def judged(self) -> Judged:
        """What an approval has to know of it, beside watching."""
        return Judged(len(self.items), self.look is LookState.DONE)


def open_items(session: Session, store: Store, plan: ReleasePlan) -> OpenItems:
    """What is open of a release as it stands. Raises what reading the store raises."""
    release = plan.release
    films = {clip.footage_id: clip.footage for clip in release.clips}
    items: list[Json] = []
    for film in films.values():
        about = {"exhibit": releases.exhibit_of(release, film.id), "footage": film.id}
        items += [{**item, **about} for item in risks_of(session, store, plan, film)]
    items.sort(key=lambda item: -item["score"])
    unwatched = releases.unwatched(session, release, plan.content)
    state, said = _look(session, release, plan.content)
    return OpenItems(plan.content, tuple(items), tuple(tuple(spans) for spans in unwatched), state, said)


def risks_of(session: Session, store: Store, plan: ReleasePlan, footage: Footage) -> list[Json]:
    """Unsettled items of one footage of a release, the worst first: see :class:`OpenItems`.

    Raises BadRecord where the release has nothing of this footage, and what reading the store raises.
    """
    places = [place for place, clip in enumerate(plan.release.clips) if clip.footage_id == footage.id]
    if not places:
        raise BadRecord("The release has nothing of this footage.")
    clips = [plan.release.clips[place] for place in places]
    # A plan may have been kept while items were settled: that changes nothing else of it.
    settled = edit_log.settled(session, clips[0].tracks_id)
    edited = replace(plan.edited[places[0]], settled=settled)
    shown = {
        one.track_id: one.decision is not None and isinstance(plan.decisions[one.decision].target, TrackTarget)
        for place in places
        for one in plan.resolved.clips[place].shown_tracks
    }
    spans = [(clip.first_frame, clip.last_frame) for clip in clips]
    items = [
        told(risk)
        for risk in risk_queue(edited, frame_table(store, footage))
        if _matters(risk, shown) and any(_within(risk, span) for span in spans)
    ]
    found = handlers.suspects_of(session, releases.reference(plan.release), plan.content) or []
    suspects = {item["key"]: item for item in found if item["footage"] == footage.sha256 and item["key"] not in settled}
    items += [{name: item[name] for name in _SUSPECT} for item in suspects.values()]
    return sorted(items, key=lambda item: -item["score"])


_SUSPECT = ("key", "kind", "track", "label", "first", "last", "frame", "box", "score", "text")


def told(risk: Risk) -> Json:
    """An item of the risk queue as JSON."""
    return {
        "key": risk.key,
        "kind": risk.kind.value,
        "track": risk.track,
        "first": risk.first,
        "last": risk.last,
        "score": risk.score,
        "text": risk.text,
    }


def _matters(risk: Risk, shown: Mapping[int, bool]) -> bool:
    """``shown``: tracks that are, and whether that is about the one track and not its whole class."""
    if risk.track is None or risk.track not in shown:
        return True
    return shown[risk.track] and risk.kind in OF_SHOWN


def _within(risk: Risk, span: Span) -> bool:
    """Whether it is about frames of the clip. Where a clip itself begins or ends, tracks do so in sight of nobody."""
    first, last = span
    match risk.kind:
        case RiskKind.BIRTH:
            return first < risk.first <= last
        case RiskKind.DEATH:
            return first <= risk.last < last
    return risk.first <= last and first <= risk.last


def _look(session: Session, release: Release, content: str) -> tuple[LookState, str]:
    if handlers.last_look(session, releases.reference(release), content) is not None:
        return LookState.DONE, ""
    query = select(Job).where(Job.kind == JobKind.SECOND_LOOK.value, Job.subject == release_subject(release))
    newest = session.scalars(query.order_by(Job.created_at.desc()).limit(1)).first()
    if newest is None:
        return LookState.NONE, ""
    if newest.state in ACTIVE:
        return LookState.RUNS if newest.state == JobState.RUNNING else LookState.WAITS, ""
    return (LookState.FAILED, newest.error_text) if newest.state == JobState.FAILED else (LookState.NONE, "")


def settle(
    db: Database, store: Store, actor: str, reference: str, keys: Sequence[str], *, reason: str, exhibit: str | None
) -> None:
    """Note that open items were looked at and are in order; ``exhibit`` says whose where two have one of this key.

    Raises RecordMissing for a key of nothing that is open, BadRecord for one of several exhibits or without a reason,
    NotAllowed, and what :func:`redact.evidence.edit_log.parse_sent` and :func:`redact.evidence.edit_log.record` raise.
    """
    if not reason.strip():
        raise BadRecord("Nothing says why these items are in order.", "Give a reason.")
    with db.reading() as session:
        release = releases.find(session, reference)
        items = open_items(session, store, plan_of(session, store, release)).items
        clips = {clip.footage_id: clip for clip in release.clips}
    sent: dict[int, list[Json]] = {}
    for key in keys:
        films = {item["footage"] for item in items if item["key"] == key and exhibit in (None, item["exhibit"])}
        if not films:
            raise RecordMissing(f'Release {reference} has no open item "{key}".', "See `redact release open`.")
        if len(films) > 1:
            raise BadRecord(f'There is an item "{key}" in several exhibits.', "Say in which with --exhibit.")
        edit = {"id": secrets.token_hex(8), "op": "settle", "key": key, "reason": reason.strip()}
        sent.setdefault(films.pop(), []).append(edit)
    for film, made in sent.items():
        footage = clips[film].footage
        checked = edit_log.parse_sent(made, footage)
        edit_log.record(db, actor, clips[film].tracks_id, checked, base_revision=footage.revision)


def approve(
    db: Database, store: Store, actor: str, reference: str, *, override: str = "", content: str | None = None
) -> None:
    """In review to approved. ``content``: the digest that was on show to whoever approves, where they were shown one.

    Raises as :func:`redact.disclose.release.approval.approve`, and WrongState where the release is another one by now.
    """
    with db.reading() as session:
        release = releases.find(session, reference)
        before = _standing(session, release)
        judged = open_items(session, store, plan_of(session, store, release)).judged

    def judge(session: Session, release: Release) -> Judged:
        # What is open takes long to find out, so it was done before; here nothing may have changed since.
        now = _standing(session, release)
        if now != before or content not in (None, now[0]):
            raise WrongState(
                f"Release {reference} was changed meanwhile. It has not been approved.", "Look at it as it is now."
            )
        return judged

    approval.approve(db, actor, reference, judge, override=override)


def _standing(session: Session, release: Release) -> tuple[object, ...]:
    """All that what is open depends on: content, settled items, and which second look there was."""
    content = releases.content_digest(session, release)
    look = handlers.last_look(session, releases.reference(release), content)
    return (content, *(clip.footage.revision for clip in release.clips), look.id if look else None)
