"""Edits that change a track's outline in time as a whole: splitting, merging, trimming, adding found boxes."""

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


def with_found(rows: BoxRows, found: tuple[PlacedBox, ...]) -> BoxRows:
    """Boxes of a re-track job in the place of what the rows say of these frames."""
    table = np.array(found, np.float64)
    frames = table[:, 0].astype(np.int32)
    made = BoxRows.made(frames, np.zeros((frames.size, 5)), RowKind.FOLLOWED, Source.PROPAGATED)
    made.boxes[:], made.angles[:] = table[:, 1:5], table[:, 5]
    return BoxRows.joined([rows, made])


def cut(layers: Layers, frame: int, seconds: Floats) -> tuple[Layers, Layers]:
    """What lies before ``frame``, and from it on. Both look as they did in one; either may show nothing."""
    shown = resolve(layers, seconds)
    # What was trimmed off is kept under its mark, so that it can be had back.
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
    """Both as they look now, with the hull of both where both are in sight, and over a short gap from one to the other.

    What a person trimmed off stays off, unless the other track shows it.
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
    """In sight from ``first`` to ``last`` and nowhere else; where nothing is known out to there, it stands still."""
    count = seconds.size
    shown = resolve(layers, seconds)
    low, high = (int(shown.frames[0]), int(shown.frames[-1])) if len(shown) else (count, -1)
    # Within a gap that a person made, the gap goes on; past the end there is none.
    was_hidden = low < first <= high and _hidden_at(layers.marks, first)
    marks = {
        f: mark
        for f, mark in layers.marks.items()
        if first <= f <= last and (mark.kind is EditMarkKind.KEY or low < f <= high)
    }
    new = Layers(layers.rows, marks, layers.scale)
    # Keyframes that fall away shaped what stays: their work is pinned down where the track now ends.
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
    return _stretched(new, layers, first, last, seconds=seconds)


def _stretched(layers: Layers, before: Layers, first: int, last: int, *, seconds: Floats) -> Layers:
    """Standing still from its ends out to ``first`` and ``last``; from where it was ``before``, if it has none."""
    # Rows lie below the track's scale, so what stands still is read without it.
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
    """Keyframes where the track was in sight ``before`` and ``now`` is elsewhere, or nowhere."""
    for frame in frames:
        here, there = before.between(frame, frame), now.between(frame, frame)
        moved = len(here) and not (len(there) and np.array_equal(here.boxes, there.boxes))
        if moved and frame not in layers.marks:
            layers.set_key(frame, Box(*here.boxes[0].tolist()), float(here.angles[0]))


def _settled(marks: dict[int, EditMark], shown: BoxRows) -> dict[int, EditMark]:
    """The marks over rows that have all growing in them: keyframes are where they are seen now."""
    settled = dict(marks)
    keys = [f for f, mark in marks.items() if mark.kind is EditMarkKind.KEY]
    for key, place in zip(keys, np.searchsorted(shown.frames, keys), strict=True):
        settled[key] = EditMark(EditMarkKind.KEY, Box(*shown.boxes[place].tolist()), float(shown.angles[place]))
    return settled


def _steady(rows: BoxRows, marks: dict[int, EditMark]) -> BoxRows:
    """BoxRows that stand still somewhere else than the row before them are from now on followed there."""
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
    """The hull over gaps where one track ends and the other begins, if they are short and no person made them."""
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
    """Ends and beginnings at each gap, so that keyframes on either side do not close it."""
    marks: dict[int, EditMark] = {}
    for place in np.flatnonzero(np.diff(rows.frames) > 1):
        p, q = (int(f) for f in rows.frames[place : place + 2])
        marks[p + 1] = EditMark(EditMarkKind.OUT)
        if q not in keys:
            marks[q] = EditMark(EditMarkKind.IN)
    return marks
