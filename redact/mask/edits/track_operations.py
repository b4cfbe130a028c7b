"""Operations on a whole track: splitting, merging, trimming, and adding the boxes of a re-track job."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from redact.mask.edits.layers import (
    BRIDGE_SECONDS,
    SLACK,
    BoxRows,
    EditMark,
    EditMarkKind,
    Floats,
    Layers,
    RowKind,
    SizeFactors,
    hull,
    resolve,
)
from redact.mask.edits.types import Box, PlacedBox
from redact.track.types import Source


def with_retracked(rows: BoxRows, found: tuple[PlacedBox, ...]) -> BoxRows:
    """The rows, with those on a re-track job's frames replaced by its boxes."""
    table = np.array(found, np.float64)
    frames = table[:, 0].astype(np.int32)
    made = BoxRows.made(frames, np.zeros((frames.size, 5)), RowKind.FOLLOWED, Source.PROPAGATED)
    made.boxes[:], made.angles[:] = table[:, 1:5], table[:, 5]
    return BoxRows.joined([rows, made])


def cut(layers: Layers, frame: int, seconds: Floats) -> tuple[Layers, Layers]:
    """The track before ``frame`` and from it on. The masks stay the same; either part may be visible nowhere."""
    shown = resolve(layers, seconds)
    # Trimmed rows are kept under their mark, so that they can be restored.
    under = replace(layers, marks={})
    hidden = resolve(under, seconds)
    hidden = hidden.take(~np.isin(hidden.frames, shown.frames))
    base = BoxRows.joined([hidden, _steady(shown, layers.marks)])
    marks = _settled(layers.marks, shown)
    right = {f: mark for f, mark in marks.items() if f >= frame}
    if frame not in right and _hidden_at(marks, frame):
        right[frame] = EditMark(EditMarkKind.OUT)
    left = {f: mark for f, mark in marks.items() if f < frame}
    end = seconds.size - 1
    return Layers(base.between(0, frame - 1), left), Layers(base.between(frame, end), right)


def merged(one: Layers, other: Layers, seconds: Floats) -> Layers:
    """Both tracks as they look now, with the hull of both where both are visible and across short gaps between them.

    Parts that a reviewer trimmed stay trimmed unless the other track is visible there.
    """
    a, b = resolve(one, seconds), resolve(other, seconds)
    both = np.intersect1d(a.frames, b.frames)
    first, second = a.take(np.isin(a.frames, both)), b.take(np.isin(b.frames, both))
    boxes, angles = hull(first, second)
    shared = BoxRows(
        first.frames,
        boxes,
        angles,
        np.maximum(first.scores, second.scores),
        np.full(both.size, Source.FILLED, np.uint8),
        np.full(both.size, RowKind.FOLLOWED, np.uint8),
    )
    rows = BoxRows.joined([a, b, shared])
    rows = replace(rows, kinds=np.where(rows.kinds == RowKind.HELD, rows.kinds, np.uint8(RowKind.FOLLOWED)))
    ends = [f for layers in (one, other) for f, mark in layers.marks.items() if mark.kind is EditMarkKind.OUT]
    rows = BoxRows.joined([rows, *_bridges(rows, a, b, np.array(sorted(ends), np.int64), seconds)])
    keys = {f: m for layers in (one, other) for f, m in layers.marks.items() if m.kind is EditMarkKind.KEY}
    return Layers(_steady(rows, keys), _settled(keys, rows) | _gap_marks(rows, keys))


def trimmed(layers: Layers, first: int, last: int, seconds: Floats) -> Layers:
    """The track visible from ``first`` to ``last`` and nowhere else; beyond its known rows, it stands still."""
    count = seconds.size
    shown = resolve(layers, seconds)
    low, high = (int(shown.frames[0]), int(shown.frames[-1])) if len(shown) else (count, -1)
    # A reviewer's gap at the new start continues; after the end there is none.
    was_hidden = low < first <= high and _hidden_at(layers.marks, first)
    marks = {
        f: mark
        for f, mark in layers.marks.items()
        if first <= f <= last and (mark.kind is EditMarkKind.KEY or low < f <= high)
    }
    new = Layers(layers.rows, marks, layers.scale)
    # Dropped keyframes shaped the remaining part, so their effect is fixed by keyframes at the new ends.
    if new.marks.keys() != layers.marks.keys():
        _pin(new, shown, resolve(new, seconds), (first, last))
    if was_hidden:
        marks.setdefault(first, EditMark(EditMarkKind.OUT))
    elif first > 0:
        marks.setdefault(first, EditMark(EditMarkKind.IN))
    if first > 0:
        marks[0] = EditMark(EditMarkKind.OUT)
    if last + 1 < count:
        marks[last + 1] = EditMark(EditMarkKind.OUT)
    return _extended(new, layers, first, last, seconds=seconds)


def _extended(layers: Layers, before: Layers, first: int, last: int, *, seconds: Floats) -> Layers:
    """The track extended to ``first`` and ``last`` by standing still; if it has no rows, at its place ``before``."""
    # Rows do not include the track's size factor, so the boxes that stand still are read without it.
    shown = resolve(replace(layers, scale=SizeFactors()), seconds)
    if not len(shown):
        shown = resolve(replace(before, scale=SizeFactors()), seconds)
    if not len(shown):
        return layers
    low, high = int(shown.frames[0]), int(shown.frames[-1])
    start = BoxRows.standing(first, min(last, low - 1), shown.boxes[0], float(shown.angles[0]))
    end = BoxRows.standing(max(first, high + 1), last, shown.boxes[-1], float(shown.angles[-1]))
    return replace(layers, rows=BoxRows.joined([layers.rows, start, end]))


def _pin(layers: Layers, before: BoxRows, now: BoxRows, frames: tuple[int, ...]) -> None:
    """Set keyframes on those of ``frames`` where the track was visible ``before`` and is ``now`` elsewhere or gone."""
    for frame in frames:
        here, there = before.between(frame, frame), now.between(frame, frame)
        moved = len(here) and not (len(there) and np.array_equal(here.boxes, there.boxes))
        if moved and frame not in layers.marks:
            layers.set_key(frame, Box(*here.boxes[0].tolist()), float(here.angles[0]))


def _settled(marks: dict[int, EditMark], shown: BoxRows) -> dict[int, EditMark]:
    """The marks for rows that already include resizing: keyframes get their current shape."""
    settled = dict(marks)
    keys = [f for f, mark in marks.items() if mark.kind is EditMarkKind.KEY]
    for key, place in zip(keys, np.searchsorted(shown.frames, keys), strict=True):
        settled[key] = EditMark(EditMarkKind.KEY, Box(*shown.boxes[place].tolist()), float(shown.angles[place]))
    return settled


def _steady(rows: BoxRows, marks: dict[int, EditMark]) -> BoxRows:
    """The rows, with those that stand still at a different place from the row before them fixed there."""
    keys = [f for f, mark in marks.items() if mark.kind is EditMarkKind.KEY]
    still = (rows.kinds == RowKind.HELD) & ~np.isin(rows.frames, keys)
    last = np.maximum.accumulate(np.where(still, -1, np.arange(len(rows))))
    moved = still & (last >= 0)
    moved &= np.any(rows.boxes != rows.boxes[last], axis=1) | (rows.angles != rows.angles[last])
    return replace(rows, kinds=np.where(moved, np.uint8(RowKind.FOLLOWED), rows.kinds))


def _hidden_at(marks: dict[int, EditMark], frame: int) -> bool:
    last = max((f for f in marks if f <= frame), default=None)
    return last is not None and marks[last].kind is EditMarkKind.OUT


def _bridges(rows: BoxRows, a: BoxRows, b: BoxRows, ends: NDArray[np.int64], seconds: Floats) -> list[BoxRows]:
    """The hull across gaps where one track ends and the other begins, if they are short and not made by a reviewer."""
    bridges = []
    for place in np.flatnonzero(np.diff(rows.frames) > 1):
        p, q = (int(f) for f in rows.frames[place : place + 2])
        crossing = not any(np.isin((p, q), part.frames).all() for part in (a, b))
        cut_off = np.searchsorted(ends, p, "right") != np.searchsorted(ends, q, "right")
        if crossing and not cut_off and seconds[q] - seconds[p] <= BRIDGE_SECONDS + SLACK:
            box, angle = hull(rows.between(p, p), rows.between(q, q))
            bridge = BoxRows.standing(p + 1, q - 1, box[0], float(angle[0]))
            bridges.append(replace(bridge, kinds=np.full(len(bridge), RowKind.FOLLOWED, np.uint8)))
    return bridges


def _gap_marks(rows: BoxRows, keys: dict[int, EditMark]) -> dict[int, EditMark]:
    """Marks at the ends of each gap, so that keyframes on either side do not close it."""
    marks: dict[int, EditMark] = {}
    for place in np.flatnonzero(np.diff(rows.frames) > 1):
        p, q = (int(f) for f in rows.frames[place : place + 2])
        marks[p + 1] = EditMark(EditMarkKind.OUT)
        if q not in keys:
            marks[q] = EditMark(EditMarkKind.IN)
    return marks
