"""Copies masks from one file to another that shows the same scene or comes from a fixed camera."""

from __future__ import annotations

import numpy as np

from redact.mask.edits.edit_json import LEAST_SIDE, MAX_ROWS
from redact.mask.edits.layers import BoxRows, Floats, hull
from redact.mask.edits.result import Edited, TrackKind
from redact.mask.edits.types import AddBoxes, Box, Draw, Edit, HideFrames, PlacedBox, SetArea
from redact.track.types import MediaRef, Track


def copy_track(
    edited: Edited, track: int, target: MediaRef, *, new: int, shift_seconds: float = 0.0
) -> tuple[Edit, ...]:
    """Edits that copy the masks of ``track`` to ``target`` as its new track ``new``.

    Times count from the first frame of each file and are ``shift_seconds`` later in the target. Boxes are scaled to the
    target's picture size. A frame of the target that falls between two frames gets the hull of both. Times outside the
    target are left out. Raises ``KeyError`` for a track without masks.
    """
    source = {t.id: t for t in edited.tracks.tracks}[track]
    media = edited.tracks.media
    times = _seconds(media) + shift_seconds
    frames, rows = _copied_rows(source, times, _seconds(target))
    if not frames.size:
        return ()
    scale = np.array([target.width / media.width, target.height / media.height])
    boxes = _within(rows.boxes * np.tile(scale, 2), target)
    state = edited.states[track]
    first, last = int(frames[0]), int(frames[-1])
    if state.kind is TrackKind.FRAME:
        return (HideFrames(new, first, last),)
    placed = [
        PlacedBox(frame, *row)
        for frame, row in zip(frames.tolist(), np.column_stack([boxes, _angles(rows)]).tolist(), strict=True)
    ]
    box = Box(*placed[0][1:5])
    if state.kind is TrackKind.AREA and np.ptp(boxes, axis=0).max() == 0 and np.ptp(rows.angles) == 0:
        return (SetArea(new, state.label, first, last, box, placed[0].angle),)
    rest = [AddBoxes(new, tuple(placed[i : i + MAX_ROWS])) for i in range(0, len(placed), MAX_ROWS)]
    return (Draw(new, state.label, first, first, box, placed[0].angle), *rest)


def _seconds(media: MediaRef) -> Floats:
    seconds: Floats = (media.pts - media.pts[0]) * float(media.time_base)
    return seconds


def _copied_rows(
    track: Track, times: Floats, wanted: Floats
) -> tuple[np.ndarray[tuple[int], np.dtype[np.intp]], BoxRows]:
    """Target frames for which the track is visible on the source frame before or after, and the hull of these two."""
    slack = 1e-4
    before = np.searchsorted(times, wanted + slack, "right") - 1
    after = np.searchsorted(times, wanted - slack, "left")
    inside = (before >= 0) & (after < times.size)
    rows = BoxRows.of(track)
    row_of = np.full(times.size, -1)
    row_of[track.frames] = np.arange(len(track))
    low = np.where(inside, row_of[np.clip(before, 0, None)], -1)
    high = np.where(inside, row_of[np.clip(after, None, times.size - 1)], -1)
    frames = np.flatnonzero((low >= 0) | (high >= 0))
    low, high = np.where(low < 0, high, low)[frames], np.where(high < 0, low, high)[frames]
    one, other = rows.take(low), rows.take(high)
    boxes, angles = one.boxes.copy(), one.angles.copy()
    differ = low != high
    boxes[differ], angles[differ] = hull(one.take(differ), other.take(differ))
    return frames, BoxRows(one.frames, boxes, angles, one.scores, one.sources, one.kinds)


def _within(boxes: Floats, media: MediaRef) -> Floats:
    """Boxes clipped to where an edit may place them, and at least one pixel wide and high."""
    low = np.array([-media.width, -media.height], np.float64)
    start = np.clip(boxes[:, :2], low, -2 * low - LEAST_SIDE)
    end = np.clip(boxes[:, 2:], start + LEAST_SIDE, -2 * low)
    return np.hstack([start, end])


def _angles(rows: BoxRows) -> Floats:
    """The angles reduced to the range that an edit may have."""
    angles: Floats = (rows.angles.astype(np.float64) + 180) % 360 - 180
    return angles
