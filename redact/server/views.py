"""What the reviewer is shown of footage, made from the records and the store and kept for the next request.

A key of the cache names a master, a set of machine tracks and a revision, none of which ever changes.
"""

from __future__ import annotations

from dataclasses import dataclass

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
from redact.mask.edits import apply_edits
from redact.mask.plan import MaskPlan
from redact.mask.types import Shape
from redact.media.probe import probe
from redact.media.types import FrameTable, MediaInfo
from redact.server.parts import Parts
from redact.track.types import TrackSet

_ROW = 64
"""Bytes that a box takes in a track, about."""
_EDIT = 2_000


@dataclass(frozen=True, slots=True)
class ByFrame:
    """The boxes of tracks in order of frames, and within a frame of tracks.

    ``starts``: (frames + 1,) place of each frame's first row; ``ids``: (n,); ``rows``: (n, 5) centre, size and angle.
    """

    starts: NDArray[np.int64]
    ids: NDArray[np.int64]
    rows: NDArray[np.float32]

    def place(self, frame: int) -> slice:
        """The rows of a frame."""
        return slice(int(self.starts[frame]), int(self.starts[frame + 1]))


@dataclass(frozen=True, slots=True)
class Masks:
    """A plan of masks and, in the same order within each frame, whose they are."""

    plan: MaskPlan
    by_frame: ByFrame

    def of(self, frame: int) -> list[tuple[int, Shape]]:
        """Track and mask, one by one."""
        ids = self.by_frame.ids[self.by_frame.place(frame)].tolist()
        return list(zip(ids, self.plan.shapes(frame), strict=True))


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


def machine_of(parts: Parts, session: Session, row: MachineTracks) -> TrackSet:
    """Machine tracks."""
    return parts.cache.get(("machine", row.id), lambda: tracks.load_tracks(session, parts.store, row), _size)


def edited_of(parts: Parts, session: Session, row: MachineTracks, revision: int) -> Edited:
    """Machine tracks with the edits up to ``revision``. Raises EditInvalid for a revision that is still to come."""
    newest = session.get_one(Footage, row.footage_id).revision
    if not 0 <= revision <= newest:
        raise EditInvalid(f"The edits of this footage have no revision {revision}.", "Reload the page.")

    def make() -> Edited:
        log = [entry for entry in edits.logged(session, row.id) if entry.revision <= revision]
        return apply_edits(machine_of(parts, session, row), log)

    # Tracks that no edit reached are the machine's own, and in memory once: this counts too much rather than too
    # little.
    return parts.cache.get(
        ("edited", row.id, revision), make, lambda made: _size(made.tracks) + _EDIT * (len(made.states) + 1)
    )


def by_frame_of(parts: Parts, edited: Edited, key: tuple[int, int]) -> ByFrame:
    """Boxes by frame; ``key`` is of tracks and revision."""
    return parts.cache.get(("by-frame", *key), lambda: _by_frame(edited.tracks), _by_frame_size)


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

    return parts.cache.get(
        ("plan", release.id, digest), make, lambda made: sum(_size(edited.tracks) for edited in made.edited)
    )


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
