"""The review queue of a release: doubtful masks within its clips, and suspects from the second detection pass.

A track shown by a decision of its own raises items only for jumps and filled gaps, where it may have passed to another
person. A track shown with its whole class raises none. Settling an item is an edit that changes no picture, so records
of watching and the second detection pass remain valid.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import replace

from sqlalchemy.orm import Session

from redact.disclose.release import releases
from redact.disclose.release.decisions import TrackTarget
from redact.disclose.release.plan import ReleasePlan, plan_of
from redact.disclose.release.second_pass import suspects_of
from redact.errors import BadRecord, RecordMissing
from redact.evidence import edit_log
from redact.evidence.frame_tables import frame_table
from redact.evidence.store import Store
from redact.mask.risk_queue import Risk, RiskKind, risk_queue
from redact.records.database import Database
from redact.schema.tables import Footage, Json

RAISED_BY_SHOWN_TRACK = (RiskKind.GAP, RiskKind.JUMP)
"""Kinds of item that question whether a track shown by decision follows one person throughout."""
_SUSPECT_KEYS = ("key", "kind", "track", "label", "first", "last", "frame", "box", "score", "text")
Span = tuple[int, int]


def release_items(session: Session, store: Store, plan: ReleasePlan) -> list[Json]:
    """Unsettled items of the whole release, most doubtful first. Raises what reading the store raises.

    Each has key, kind, track (None if it belongs to no track), first and last (frames of the master), score, text,
    ``exhibit`` and ``footage`` (its number in the records). A suspect also has the ``frame`` and ``box`` where it shows
    best.
    """
    release = plan.release
    items: list[Json] = []
    for footage in {clip.footage_id: clip.footage for clip in release.clips}.values():
        about = {"exhibit": releases.exhibit_of(release, footage.id), "footage": footage.id}
        items += [{**item, **about} for item in footage_items(session, store, plan, footage)]
    return sorted(items, key=lambda item: -item["score"])


def footage_items(session: Session, store: Store, plan: ReleasePlan, footage: Footage) -> list[Json]:
    """Unsettled items of one piece of footage in a release, most doubtful first: see :func:`release_items`.

    Raises BadRecord if the release has no clip of this footage, and what reading the store raises.
    """
    positions = [position for position, clip in enumerate(plan.release.clips) if clip.footage_id == footage.id]
    if not positions:
        raise BadRecord("The release has no clip of this footage.")
    clips = [plan.release.clips[position] for position in positions]
    # A cached plan may be older than the newest settled item; nothing else in it depends on that.
    settled = edit_log.settled_review_items(session, clips[0].tracks_id)
    edited = replace(plan.edited[positions[0]], settled=settled)
    shown = {
        shown_track.track_id: shown_track.decision is not None
        and isinstance(plan.decisions[shown_track.decision].target, TrackTarget)
        for position in positions
        for shown_track in plan.resolved.clips[position].shown_tracks
    }
    spans = [(clip.first_frame, clip.last_frame) for clip in clips]
    items = [
        item_record(risk)
        for risk in risk_queue(edited, frame_table(store, footage))
        if _matters(risk, shown) and any(_within(risk, span) for span in spans)
    ]
    found = suspects_of(session, plan.release, plan.content) or []
    suspects = {item["key"]: item for item in found if item["footage"] == footage.sha256 and item["key"] not in settled}
    items += [{name: item[name] for name in _SUSPECT_KEYS} for item in suspects.values()]
    return sorted(items, key=lambda item: -item["score"])


def item_record(risk: Risk) -> Json:
    """An item of the review queue as JSON."""
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
    """``shown``: the tracks the release shows, and whether a decision on that track itself shows it."""
    if risk.track is None or risk.track not in shown:
        return True
    return shown[risk.track] and risk.kind in RAISED_BY_SHOWN_TRACK


def _within(risk: Risk, span: Span) -> bool:
    """Whether an item concerns frames of the clip. A track that starts or ends with the clip raises no item."""
    first, last = span
    match risk.kind:
        case RiskKind.BIRTH:
            return first < risk.first <= last
        case RiskKind.DEATH:
            return first <= risk.last < last
    return risk.first <= last and first <= risk.last


def settle(
    db: Database, store: Store, actor: str, reference: str, keys: Sequence[str], *, reason: str, exhibit: str | None
) -> None:
    """Record that items of the review queue were checked and are in order. ``exhibit`` is needed only if two exhibits
    have an item with the same key.

    Raises RecordMissing for a key that is not in the queue, BadRecord for one that is in several exhibits or for a
    missing reason, NotAllowed, and what :func:`redact.evidence.edit_log.parse_sent` and
    :func:`redact.evidence.edit_log.record` raise.
    """
    if not reason.strip():
        raise BadRecord("No reason was given for settling these items.", "Give a reason.")
    with db.reading() as session:
        release = releases.find(session, reference)
        items = release_items(session, store, plan_of(session, store, release))
        clips = {clip.footage_id: clip for clip in release.clips}
    edits: dict[int, list[Json]] = {}
    for key in keys:
        footage_ids = {item["footage"] for item in items if item["key"] == key and exhibit in (None, item["exhibit"])}
        if not footage_ids:
            raise RecordMissing(f'Release {reference} has no open item "{key}".', "See `redact release open`.")
        if len(footage_ids) > 1:
            raise BadRecord(f'Several exhibits have an item "{key}".', "Name the exhibit with --exhibit.")
        edit = {"id": secrets.token_hex(8), "op": "settle", "key": key, "reason": reason.strip()}
        edits.setdefault(footage_ids.pop(), []).append(edit)
    for footage_id, settled in edits.items():
        footage = clips[footage_id].footage
        checked = edit_log.parse_sent(settled, footage)
        edit_log.record(db, actor, clips[footage_id].tracks_id, checked, base_revision=footage.revision)
