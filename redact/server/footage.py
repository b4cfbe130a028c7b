"""Footage for the reviewer: its properties, frames, tracks, boxes, masks and review queue."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import numpy as np
import orjson
from fastapi import APIRouter, Query, Response
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from redact.disclose.release import releases, review_items
from redact.errors import BadRecord, RecordMissing
from redact.evidence import footage_records, machine_tracks
from redact.frame_ranges import frame_ranges
from redact.mask.edits.result import Edited, TrackState
from redact.mask.mask_plan import FORMS
from redact.mask.risk_queue import Span, filled_spans, weak_spans
from redact.media.types import FrameTable
from redact.records.accounts import Right
from redact.schema.tables import Footage, MachineTracks
from redact.server import footage_views, mask_segments
from redact.server.services import CaseViewer, Services, ServicesDep, limited_read
from redact.settings import Effect
from redact.track.types import COLUMNS, Source, Track, TrackSet

router = APIRouter(prefix="/api/footage")

MAX_FRAMES, MAX_BOXES, MAX_TRACKS = 20_000, 5_000, 5_000
"""Limits for one response: frame table rows, frames with boxes or masks, and tracks with their lanes."""

Revision = Annotated[int | None, Query(ge=0, lt=2**31)]
First = Annotated[int, Query(alias="from", ge=0, lt=2**31)]
Json = dict[str, Any]

_NAMES = {"forms": [form.value for form in FORMS], "effects": [effect.value for effect in mask_segments.EFFECTS]}


@router.get("/{footage_id}")
@limited_read
def describe(footage_id: int, services: ServicesDep, user: CaseViewer) -> Json:
    """The facts about the footage that the reviewer loads first."""
    with services.db.reading() as session:
        footage = footage_views.find_footage(session, footage_id)
        row = machine_tracks.newest(session, footage)
        held = footage.state == footage_records.FootageState.STORED
        proxy = footage_views.proxy_of(services, footage).video if held else None
        table = footage_views.table_of(services, footage) if held else None
        cuts = footage_views.machine_of(services, session, row).cuts if row is not None and held else ()
        media = footage.media
        return {
            "id": footage.id,
            "sha256": footage.sha256,
            "exhibits": [{"case": e.case.reference, "reference": e.reference} for e in footage.exhibits],
            "name": footage.original_name,
            "state": footage.state,
            "width": media["width"],
            "height": media["height"],
            "proxy_width": proxy.width if proxy else media["width"],
            "proxy_height": proxy.height if proxy else media["height"],
            "frames": media["frames"],
            "time_base": [table.time_base.numerator, table.time_base.denominator] if table else None,
            "start": footage_views.proxy_start_of(services, footage) if held else None,
            "duration": media["duration_seconds"],
            "has_proxy": held,
            "tracks_id": row.id if row else None,
            "revision": footage.revision,
            "cuts": list(cuts),
            "sound": bool(media["sound"]),
            "recorded_start": footage.recorded_start.isoformat() if footage.recorded_start else None,
            "user": user.name,
            "may_edit": held and row is not None and user.may(Right.EDIT),
            "csrf": user.csrf,
        }


@router.get("/{footage_id}/frames")
@limited_read
def frames(
    footage_id: int,
    services: ServicesDep,
    user: CaseViewer,
    first: First = 0,
    count: Annotated[int, Query(ge=0, le=MAX_FRAMES)] = MAX_FRAMES,
) -> Json:
    """Timestamps relative to the first frame, in units of the footage's ``time_base``."""
    with services.db.reading() as session:
        table = footage_views.table_of(services, _held_footage(session, footage_id))
    return {"from": first, "pts": (table.pts[first : first + count] - table.pts[0]).tolist()}


@router.get("/{footage_id}/tracks")
@limited_read
def all_tracks(
    footage_id: int,
    services: ServicesDep,
    user: CaseViewer,
    *,
    revision: Revision = None,
    after: Revision = None,
    first: First = 0,
    count: Annotated[int, Query(ge=1, le=MAX_TRACKS)] = MAX_TRACKS,
) -> Json:
    """Tracks with their timeline lanes, by id; also sounds, and edits that had no effect.

    With ``after`` (an earlier revision), only tracks that differ from it: ``gone`` lists the ids that no longer exist,
    and ``changed`` the first and last frames outside which all boxes and masks are unchanged. At most ``count`` tracks
    are returned, starting at ``from``; ``total`` says how many there are.
    """
    with services.db.reading() as session:
        view = _FootageAtRevision(services, session, footage_id, revision)
        before = _FootageAtRevision(services, session, footage_id, after).edited if after is not None else None
    edited = view.edited
    summary: Json = {"revision": view.revision, "after": after, "tracks_id": view.key[0] or None, "from": first}
    if edited is None:
        return summary | {name: [] for name in ("tracks", "gone", "changed", "sounds", "skipped")} | {"total": 0}
    seconds = footage_views.seconds_of(view.table)
    now, then = _by_id(edited), _by_id(before) if before is not None else {}
    changed_ids = sorted(id_ for id_ in now.keys() | then.keys() if not _unchanged(now.get(id_), then.get(id_)))
    listed = [now[id_] for id_ in changed_ids if id_ in now]
    return {
        **summary,
        "total": len(listed),
        "tracks": [_lane(track, state, seconds) for track, state in listed[first : first + count]],
        "gone": sorted(then.keys() - now.keys()),
        "changed": [_extent(now.get(id_), then.get(id_)) for id_ in changed_ids],
        "sounds": [
            {"id": id_, "start": span.start, "end": span.end, "effect": span.effect.value}
            for id_, span in sorted(edited.sounds.items())
        ],
        "skipped": [{"edit": skipped.edit, "reason": skipped.reason} for skipped in edited.skipped],
    }


@router.get("/{footage_id}/boxes")
@limited_read
def boxes(
    footage_id: int,
    services: ServicesDep,
    user: CaseViewer,
    *,
    revision: Revision = None,
    first: First = 0,
    count: Annotated[int, Query(ge=0, le=MAX_BOXES)] = 250,
) -> Response:
    """The boxes of the tracks, frame by frame: track, centre, size, angle."""
    with services.db.reading() as session:
        view = _FootageAtRevision(services, session, footage_id, revision)
    frames = range(first, min(first + count, len(view.table)))
    rows = (
        mask_segments.boxes(view.edited.tracks, first, frames.stop)
        if view.edited is not None and frames
        else _empty_rows(frames)
    )
    return _json_response({"revision": view.revision, "from": first, "frames": rows})


@router.get("/{footage_id}/shapes")
@limited_read
def shapes(
    footage_id: int,
    services: ServicesDep,
    user: CaseViewer,
    *,
    revision: Revision = None,
    first: First = 0,
    count: Annotated[int, Query(ge=0, le=MAX_BOXES)] = 250,
    release: Annotated[str | None, Query(max_length=100)] = None,
) -> Response:
    """Masks as rendered, frame by frame: for all tracks, or for what a release hides, with its effects. Each row is
    track, centre, size, angle, and indices into the lists ``forms`` and ``effects``.

    A release is shown in its current state, whatever the revision; frames outside its clips have no rows.
    """
    with services.db.reading() as session:
        if release is not None:
            return _release_shapes(services, session, footage_id, (release, first, count))
        view = _FootageAtRevision(services, session, footage_id, revision)
    frames = range(first, min(first + count, len(view.table)))
    rows = _mask_rows(view.edited.tracks, view.table, frames, {}) if view.edited is not None else _empty_rows(frames)
    return _json_response({"revision": view.revision, "from": first, **_NAMES, "frames": rows})


@router.get("/{footage_id}/risks")
@limited_read
def risks(
    footage_id: int,
    services: ServicesDep,
    user: CaseViewer,
    *,
    revision: Revision = None,
    release: Annotated[str | None, Query(max_length=100)] = None,
) -> Json:
    """The review queue, most urgent items first. For a release: in its current state, whatever the revision, with the
    findings of the second detection pass."""
    with services.db.reading() as session:
        if release is not None:
            footage = _held_footage(session, footage_id)
            plan = footage_views.cached_plan(services, session, releases.find(session, release))
            return {
                "revision": footage.revision,
                "items": review_items.footage_items(session, services.store, plan, footage),
            }
        view = _FootageAtRevision(services, session, footage_id, revision)
    items = footage_views.risks_of(services, view.edited, view.table, view.key) if view.edited is not None else ()
    return {"revision": view.revision, "items": [review_items.item_record(risk) for risk in items]}


class _FootageAtRevision:
    """Footage at a revision. ``edited`` is None if detection has not run on it yet."""

    def __init__(self, services: Services, session: Session, footage_id: int, revision: int | None) -> None:
        footage = _held_footage(session, footage_id)
        row = machine_tracks.newest(session, footage)
        self.revision = footage.revision if revision is None else revision
        self.table: FrameTable = footage_views.table_of(services, footage)
        self.edited: Edited | None = None
        self.key = (0, self.revision)
        if row is not None:
            self.edited = footage_views.edited_of(services, session, row, self.revision)
            self.key = (row.id, self.revision)


def require_tracks(session: Session, footage: Footage) -> MachineTracks:
    """Its newest machine tracks. Raises RecordMissing if there are none yet."""
    row = machine_tracks.newest(session, footage)
    if row is None:
        raise RecordMissing("Faces and plates have not been detected in this footage yet.", "Run detection first.")
    return row


def _held_footage(session: Session, footage_id: int) -> Footage:
    footage = footage_views.find_footage(session, footage_id)
    footage_records.require_stored(footage)
    return footage


def _by_id(edited: Edited) -> dict[int, tuple[Track, TrackState]]:
    return {track.id: (track, edited.states[track.id]) for track in (*edited.tracks.tracks, *edited.deleted.values())}


def _unchanged(one: tuple[Track, TrackState] | None, other: tuple[Track, TrackState] | None) -> bool:
    """A track that no edit touched is the same object; replaying edits may also create new, equal tracks."""
    if one is None or other is None or one[1] != other[1]:
        return False
    if one[0] is other[0]:
        return True
    return all(np.array_equal(getattr(one[0], name), getattr(other[0], name)) for name in COLUMNS)


def _extent(*states: tuple[Track, TrackState] | None) -> list[int]:
    frames = [frame for each in states if each is not None for frame in (each[0].frames[0], each[0].frames[-1])]
    return [int(min(frames)), int(max(frames))]


def _lane(track: Track, state: TrackState, seconds: NDArray[np.float64]) -> Json:
    filled = filled_spans(track, seconds)
    return {
        "id": track.id,
        "kind": state.kind.value,
        "label": state.label,
        "origin": state.origin.value,
        "subject": state.subject,
        "first": int(track.frames[0]),
        "last": int(track.frames[-1]),
        "runs": _runs(track, filled),
        "filled": [list(span) for span in filled],
        "weak": [list(span) for span in weak_spans(track, seconds)],
        "keyframes": list(state.keyframes),
        "outsides": list(state.outsides),
        "confidence": _confidence(track),
        "deleted": state.deleted,
    }


def _runs(track: Track, filled: list[Span]) -> list[list[int]]:
    """Unbroken frame ranges, leaving out the gaps that were filled in."""
    frames = track.frames
    for first, last in filled:
        frames = frames[(frames < first) | (frames > last)]
    return [list(span) for span in frame_ranges(frames)]


def _confidence(track: Track) -> float | None:
    scores = track.scores[track.sources == Source.DETECTOR]
    return round(float(np.median(scores)), 3) if scores.size else None


def _release_shapes(services: Services, session: Session, footage_id: int, request: tuple[str, int, int]) -> Response:
    reference, first, count = request
    footage = _held_footage(session, footage_id)
    release = releases.find(session, reference)
    plan = footage_views.cached_plan(services, session, release)
    table = footage_views.table_of(services, footage)
    frames = range(first, min(first + count, len(table)))
    rows = _empty_rows(frames)
    clips = [place for place, clip in enumerate(plan.release.clips) if clip.footage_id == footage.id]
    if not clips:
        raise BadRecord("The release does not contain this footage.")
    for position in clips:
        clip, resolved = plan.release.clips[position], plan.resolved.clips[position]
        effects = {id_: settings.effect for id_, settings in resolved.effects.items()}
        span = range(max(first, clip.first_frame), min(frames.stop, clip.last_frame + 1))
        if span:
            rows[span.start - first : span.stop - first] = _mask_rows(resolved.hidden, table, span, effects)
    return _json_response(
        {"revision": footage.revision, "from": first, "content": plan.content, **_NAMES, "frames": rows}
    )


def _mask_rows(
    tracks: TrackSet, table: FrameTable, frames: range, effects: Mapping[int, Effect]
) -> list[mask_segments.Rows]:
    if not frames:
        return []
    rows = mask_segments.masks(tracks, frames.start, frames.stop, effects)
    for place in np.flatnonzero(table.corrupt[frames.start : frames.stop]).tolist():
        rows[place] = mask_segments.fully_masked()
    return rows


def _empty_rows(frames: range) -> list[mask_segments.Rows]:
    return [np.zeros((0, 0), np.float64) for _ in frames]


def _json_response(body: Json) -> Response:
    """A JSON response straight from NumPy arrays: building Python lists first would take most of the time."""
    return Response(orjson.dumps(body, option=orjson.OPT_SERIALIZE_NUMPY), media_type="application/json")
