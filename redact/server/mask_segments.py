"""Boxes and masks for a few seconds of footage, as the reviewer draws them.

Only tracks present in that time are used, so a response after an edit costs the same for a short clip as for an hour
with hundreds of tracks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from redact.mask.mask_plan import FORMS, MaskPlan
from redact.mask.shapes import ShapeKind
from redact.settings import Effect
from redact.track.types import COLUMNS, Track, TrackSet

EFFECTS = tuple(Effect)
NO_TRACK = 0
"""Used in place of a track id for damaged frames, which are masked as a whole."""

Rows = NDArray[np.float64]


def boxes(tracks: TrackSet, first: int, stop: int) -> list[Rows]:
    """Rows of track, centre, size and angle, for each frame from ``first`` up to but not including ``stop``."""
    segment = _segment(tracks, first, stop)
    ids, starts, order = _by_frame(segment, first, stop)
    corners = np.concatenate([track.boxes for track in segment.tracks] or [np.zeros((0, 4), np.float32)])[order]
    angles = np.concatenate([track.angles for track in segment.tracks] or [np.zeros(0, np.float32)])[order]
    centres, sizes = (corners[:, :2] + corners[:, 2:]) / 2, corners[:, 2:] - corners[:, :2]
    return _split(starts, ids, _rounded(centres), _rounded(sizes), _rounded(angles))


def masks(tracks: TrackSet, first: int, stop: int, effects: Mapping[int, Effect]) -> list[Rows]:
    """Rows of track, centre, size, angle, form and effect, for each frame from ``first`` up to but not including
    ``stop``. ShapeKind and effect are indices into :data:`redact.mask.mask_plan.FORMS` and :data:`EFFECTS`."""
    segment = _segment(tracks, first, stop)
    ids, starts, _ = _by_frame(segment, first, stop)
    forms, rows = MaskPlan(segment).columns(first, stop)
    places = {track.id: EFFECTS.index(effects.get(track.id, Effect.SOLID)) for track in segment.tracks}
    return _split(starts, ids, _rounded(rows), forms, np.array([places[id_] for id_ in ids.tolist()]))


def fully_masked() -> Rows:
    """The rows for a damaged frame."""
    return np.array([[NO_TRACK, 0, 0, 0, 0, 0, FORMS.index(ShapeKind.FULL), EFFECTS.index(Effect.SOLID)]], np.float64)


def _segment(tracks: TrackSet, first: int, stop: int) -> TrackSet:
    """The rows in these frames, plus one before and after: the size of a mask depends on its neighbours."""
    tracks_in = []
    for track in tracks.tracks:
        if track.frames[0] < stop and track.frames[-1] >= first:
            low, high = np.searchsorted(track.frames, (first, stop))
            if low < high:
                tracks_in.append(_cut(track, slice(max(0, low - 1), high + 1)))
    return replace(tracks, tracks=tuple(tracks_in))


def _cut(track: Track, rows: slice) -> Track:
    return Track(track.id, track.label, *(getattr(track, name)[rows] for name in COLUMNS))


def _by_frame(
    segment: TrackSet, first: int, stop: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Sorted by frame, then track: (n,) track ids, (frames + 1,) start of each frame's rows, and (n,) indices of the
    rows among all rows of ``segment``."""
    frames = np.concatenate([track.frames for track in segment.tracks] or [np.zeros(0, np.int32)])
    ids = np.repeat([track.id for track in segment.tracks], [len(track) for track in segment.tracks]).astype(np.int64)
    order = np.argsort(frames, kind="stable")
    order = order[(frames[order] >= first) & (frames[order] < stop)]
    return ids[order], np.searchsorted(frames[order], np.arange(first, stop + 1)), order


def _rounded(numbers: NDArray[np.float32]) -> Rows:
    """Rounded to hundredths of a pixel."""
    return np.asarray(np.round(numbers.astype(np.float64), 2), np.float64)


def _split(starts: NDArray[np.int64], *columns: NDArray[np.generic]) -> list[Rows]:
    rows = np.ascontiguousarray(np.column_stack(columns), np.float64)
    return [rows[begin:end] for begin, end in pairwise(starts.tolist())]
