"""What the reviewer is shown of footage, made from the records and the store and kept for the next request.

A key of the cache names a master, a set of machine tracks and a revision, none of which ever changes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from redact.cases import edits, tracks
from redact.cases.frames import frame_table
from redact.cases.schema import Footage, MachineTracks, Release
from redact.cases.store import PROXY
from redact.disclose import releases
from redact.disclose.plan import ReleasePlan, plan_of
from redact.errors import EditInvalid, RecordMissing
from redact.mask.edit_result import Edited
from redact.mask.edits import Replayed, replayed
from redact.mask.plan import FORMS, MaskPlan
from redact.mask.risk import Risk, risk_queue
from redact.media.probe import probe
from redact.media.proxy import proxy_shift
from redact.media.types import FrameTable, MediaInfo
from redact.server.parts import Parts
from redact.settings import Effect
from redact.track.types import TrackSet

T = TypeVar("T")

_ROW = 64
"""Bytes that a box takes in a track, about."""
_EDIT = 2_000
_RISK = 500
_BACK = 64
"""Revisions among which is looked for one to go on from: an edit that is undone is a late one, as a rule."""


@dataclass(frozen=True, slots=True)
class ByFrame:
    """The boxes of tracks in order of frames, and within a frame of tracks.

    ``starts``: (frames + 1,) place of each frame's first row; ``ids``: (n,); ``rows``: (n, 5) centre, size and angle.
    """

    starts: NDArray[np.int64]
    ids: NDArray[np.int64]
    rows: NDArray[np.float32]

    def boxes(self, first: int, stop: int) -> list[list[list[float]]]:
        """For each frame from ``first`` to before ``stop``: track, centre, size and angle, as JSON."""
        rows = slice(int(self.starts[first]), int(self.starts[stop]))
        numbers = _rounded(self.rows[rows])
        return self.split([[id_, *row] for id_, row in zip(self.ids[rows].tolist(), numbers, strict=True)], first, stop)

    def split(self, rows: list[T], first: int, stop: int) -> list[list[T]]:
        """What there is of each row of these frames, frame by frame."""
        starts = (self.starts[first : stop + 1] - self.starts[first]).tolist()
        return [rows[start:end] for start, end in pairwise(starts)]


@dataclass(frozen=True, slots=True)
class Masks:
    """A plan of masks and, in the same order within each frame, whose they are."""

    plan: MaskPlan
    by_frame: ByFrame

    def told(self, first: int, stop: int, effects: Mapping[int, Effect]) -> list[list[list[object]]]:
        """For each frame from ``first`` to before ``stop``: track, form, centre, size, angle and effect, as JSON."""
        forms, rows = self.plan.columns(first, stop)
        starts = self.by_frame.starts
        ids = self.by_frame.ids[starts[first] : starts[stop]].tolist()
        names = [FORMS[form].value for form in forms.tolist()]
        every: list[list[object]] = [
            [id_, name, *row, effects.get(id_, Effect.SOLID).value]
            for id_, name, row in zip(ids, names, _rounded(rows), strict=True)
        ]
        return self.by_frame.split(every, first, stop)


def _rounded(rows: NDArray[np.float32]) -> list[list[float]]:
    """To hundredths of a pixel."""
    numbers: list[list[float]] = np.round(rows.astype(np.float64), 2).tolist()
    return numbers


def find_footage(session: Session, footage_id: int) -> Footage:
    """Footage by its number in the records. Raises RecordMissing."""
    footage = session.get(Footage, footage_id) if footage_id < 2**31 else None
    if footage is None:
        raise RecordMissing("There is no such footage.")
    return footage


def table_of(parts: Parts, footage: Footage) -> FrameTable:
    """Its frame table."""
    return parts.cache.get(
        ("table", footage.sha256), lambda: frame_table(parts.store, footage), lambda table: 12 * len(table)
    )


def seconds_of(table: FrameTable) -> NDArray[np.float64]:
    """(frames,) seconds of each frame from the first."""
    seconds: NDArray[np.float64] = (table.pts - table.pts[0]).astype(np.float64) * float(table.time_base)
    return seconds


def proxy_of(parts: Parts, footage: Footage) -> MediaInfo:
    """What there is to know of its proxy."""
    return parts.cache.get(
        ("proxy", footage.sha256), lambda: probe(parts.store.derived(footage.sha256, PROXY)), lambda _: 4_000
    )


def master_of(parts: Parts, footage: Footage) -> MediaInfo:
    """What there is to know of the file itself."""
    return parts.cache.get(
        ("master", footage.sha256), lambda: probe(parts.store.master(footage.sha256)), lambda _: 4_000
    )


def proxy_start_of(parts: Parts, footage: Footage) -> float:
    """Seconds from the proxy's beginning to its first frame: some, where sound was recorded before the picture."""
    table = table_of(parts, footage)
    return float(table.seconds(0) + proxy_shift(master_of(parts, footage), table))


def machine_of(parts: Parts, session: Session, row: MachineTracks) -> TrackSet:
    """Machine tracks."""
    return parts.cache.get(("machine", row.id), lambda: tracks.load_tracks(session, parts.store, row), _size)


def edited_of(parts: Parts, session: Session, row: MachineTracks, revision: int) -> Edited:
    """Machine tracks with the edits up to ``revision``. Raises EditInvalid for a revision that is still to come."""
    newest = session.get_one(Footage, row.footage_id).revision
    if not 0 <= revision <= newest:
        raise EditInvalid(f"The edits of this footage have no revision {revision}.", "Reload the page.")

    def make() -> Replayed:
        earlier = range(revision - 1, max(-1, revision - 1 - _BACK), -1)
        known = [parts.cache.known(("edited", row.id, each)) for each in earlier]
        before = [one for one in known if isinstance(one, Replayed)]
        log = before[0].log if before else ()
        new = edits.logged(session, row.id, after=log[-1].revision if log else 0)
        log += tuple(entry for entry in new if entry.revision <= revision)
        return replayed(machine_of(parts, session, row), log, before)

    # Tracks that an edit did not reach are the same as before it, and in memory once: this counts too much rather than
    # too little.
    def size(made: Replayed) -> int:
        return _size(made.edited.tracks) + _EDIT * (len(made.edited.states) + 1)

    return parts.cache.get(("edited", row.id, revision), make, size).edited


def by_frame_of(parts: Parts, edited: Edited, key: tuple[int, int]) -> ByFrame:
    """Boxes by frame; ``key`` is of tracks and revision."""
    return parts.cache.get(("by-frame", *key), lambda: _by_frame(edited.tracks), _by_frame_size)


def risks_of(parts: Parts, edited: Edited, table: FrameTable, key: tuple[int, int]) -> tuple[Risk, ...]:
    """The risk queue; ``key`` is of tracks and revision. All who review the footage ask for it after each edit."""
    return parts.cache.get(("risks", *key), lambda: risk_queue(edited, table), lambda made: _RISK * (len(made) + 1))


def masks_of(parts: Parts, edited: Edited, key: tuple[int, int]) -> Masks:
    """All tracks as masks; ``key`` is of tracks and revision."""
    return parts.cache.get(
        ("masks", *key), lambda: _masks(edited.tracks), lambda made: 2 * _by_frame_size(made.by_frame)
    )


def plan_in(parts: Parts, session: Session, release: Release) -> ReleasePlan:
    """A release as it stands. Raises what :func:`redact.disclose.plan.plan_of` raises."""
    digest = releases.content_digest(session, release)

    def make() -> ReleasePlan:
        return plan_of(session, parts.store, release)

    kept = parts.cache.get(
        ("plan", release.id, digest), make, lambda made: sum(_size(edited.tracks) for edited in made.edited)
    )
    return replace(kept, release=release)  # how far it is has changed, perhaps


def release_masks_of(parts: Parts, plan: ReleasePlan, position: int) -> Masks:
    """What one clip of a release hides, as masks."""
    hidden = plan.resolved.clips[position].hidden
    key = ("release-masks", plan.release.id, plan.content, position)
    return parts.cache.get(key, lambda: _masks(hidden), lambda made: 2 * _by_frame_size(made.by_frame))


def _masks(tracks: TrackSet) -> Masks:
    # Both put rows in order of frames and keep the order of tracks within each.
    return Masks(MaskPlan(tracks), _by_frame(tracks))


def _by_frame(tracks: TrackSet) -> ByFrame:
    every = tracks.tracks
    if not every:
        starts = np.zeros(tracks.media.pts.size + 1, np.int64)
        return ByFrame(starts, np.zeros(0, np.int64), np.zeros((0, 5), np.float32))
    frames = np.concatenate([track.frames for track in every])
    ids = np.concatenate([np.full(len(track), track.id, np.int64) for track in every])
    boxes = np.concatenate([track.boxes for track in every])
    angles = np.concatenate([track.angles for track in every])
    rows = np.column_stack([(boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2], angles])
    order = np.argsort(frames, kind="stable")
    starts = np.searchsorted(frames[order], np.arange(tracks.media.pts.size + 1))
    return ByFrame(starts.astype(np.int64), ids[order], rows[order].astype(np.float32))


def _by_frame_size(made: ByFrame) -> int:
    return made.starts.nbytes + made.ids.nbytes + made.rows.nbytes


def _size(made: TrackSet) -> int:
    return int(made.media.pts.nbytes) + sum(_ROW * len(track) for track in made.tracks)
