"""One edited track: the machine's rows, the reviewer's marks, and the result of combining them.

A reviewer's keyframe is exact on its frame. Around it:

- Two keyframes at most :data:`LINE_SECONDS` apart, or without machine rows between them, are joined by linear
  interpolation. If a re-track job has boxes in between, these are followed instead, bent to meet both keyframes.
- Otherwise, the difference between the keyframe and the machine's box on its frame fades out over
  :data:`BLEND_SECONDS` in both directions, so that masks do not jump. Distant keyframes do not change what lies between
  them: it may already have been reviewed.
- A track that stands still (a drawn box) stays at its last position.
- A keyframe on a frame where the track was not visible is joined, by the hull of both, with visible rows up to
  :data:`BRIDGE_SECONDS` away; if there are none after it, it stays for :data:`LIFE_SECONDS`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from enum import Enum, IntEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from redact.mask.edits.types import Box
from redact.track.types import Source, Track

BLEND_SECONDS = 0.5
LINE_SECONDS = 3.0
BRIDGE_SECONDS = 3.0
LIFE_SECONDS = 3.0
"""Long enough that reviewers trim rather than extend, which is easier."""
LEAST_FACTOR, MOST_FACTOR = 0.1, 10.0
"""Limits of the total resizing of a track."""
LEAST_SIDE = 1.0
FURTHEST = 1e6
"""Pixels; the largest coordinate in a tracks file."""

Floats = NDArray[np.float64]
Frames = NDArray[np.int32]
SLACK = 1e-6
"""Seconds; tolerance for rounding errors in times."""


class RowKind(IntEnum):
    """The origin of a row."""

    MACHINE = 0
    FOLLOWED = 1
    """From a re-track job, or fixed when tracks were merged or split."""
    HELD = 2
    """The box stands still, without evidence that the object is there."""


@dataclass(frozen=True, slots=True)
class BoxRows:
    """The columns of a :class:`~redact.track.types.Track`, and the ``kinds`` of its rows; there may be no rows."""

    frames: Frames
    boxes: NDArray[np.float32]
    angles: NDArray[np.float32]
    scores: NDArray[np.float32]
    sources: NDArray[np.uint8]
    kinds: NDArray[np.uint8]

    @staticmethod
    def of(track: Track) -> BoxRows:
        """The rows of a machine track."""
        kinds = np.full(len(track), RowKind.MACHINE, np.uint8)
        return BoxRows(track.frames, track.boxes, track.angles, track.scores, track.sources, kinds)

    @staticmethod
    def made(frames: NDArray[np.integer], shapes: Floats, kind: RowKind, source: Source = Source.FILLED) -> BoxRows:
        """Rows without a detection; ``shapes``: (n, 5) as returned by :func:`shapes_of`."""
        n = frames.size
        return BoxRows(
            frames.astype(np.int32),
            boxes_of(shapes),
            shapes[:, 4].astype(np.float32),
            np.zeros(n, np.float32),
            np.full(n, source, np.uint8),
            np.full(n, kind, np.uint8),
        )

    @staticmethod
    def standing(first: int, last: int, box: NDArray[np.float32], angle: float) -> BoxRows:
        """One box on all frames from ``first`` to ``last``."""
        frames = np.arange(first, last + 1, dtype=np.int32)
        rows = BoxRows.made(frames, np.zeros((frames.size, 5)), RowKind.HELD)
        rows.boxes[:], rows.angles[:] = box, angle
        return rows

    @staticmethod
    def joined(layers: Iterable[BoxRows]) -> BoxRows:
        """All rows in order of frames; if several have the same frame, the one from the last of ``layers``."""
        given = list(layers)
        columns = [np.concatenate([getattr(rows, f.name) for rows in given]) for f in fields(BoxRows)]
        whole = BoxRows(*columns)
        order = np.argsort(whole.frames, kind="stable")
        ordered = whole.frames[order]
        last = np.append(ordered[1:] != ordered[:-1], np.ones(min(1, ordered.size), bool))
        return whole.take(order[last])

    def take(self, which: NDArray[np.bool_] | NDArray[np.intp]) -> BoxRows:
        """The selected rows, by mask or by index."""
        return BoxRows(*(getattr(self, f.name)[which] for f in fields(BoxRows)))

    def between(self, first: int, last: int) -> BoxRows:
        """The rows on frames ``first`` to ``last``."""
        low, high = np.searchsorted(self.frames, (first, last + 1))
        return BoxRows(*(getattr(self, f.name)[low:high] for f in fields(BoxRows)))

    def __len__(self) -> int:
        return int(self.frames.size)


class EditMarkKind(Enum):
    """Kind of mark that a reviewer set on a frame."""

    KEY = "keyframe"
    OUT = "outside"
    IN = "inside"
    """Visible again from here on, as in the rows."""


class EditMark(NamedTuple):
    """A mark on a frame; keyframes have ``box`` and ``angle``. ``scale`` is the track's size factor on that frame when
    the keyframe was set."""

    kind: EditMarkKind
    box: Box | None = None
    angle: float = 0.0
    scale: float = 1.0


@dataclass(slots=True)
class SizeFactors:
    """A size factor for each frame: ``factors[i]`` applies from frame ``starts[i]`` on."""

    starts: NDArray[np.int64] = field(default_factory=lambda: np.zeros(1, np.int64))
    factors: Floats = field(default_factory=lambda: np.ones(1))

    def at(self, frames: NDArray[np.integer]) -> Floats:
        """The factor of each frame."""
        return self.factors[np.searchsorted(self.starts, frames, "right") - 1]

    def times(self, factor: float, first: int, last: int | None) -> SizeFactors:
        """The factors multiplied by ``factor`` on the frames ``first`` to ``last``, or to the end."""
        edges = np.array([first] if last is None else [first, last + 1])
        starts = np.union1d(self.starts, edges)
        factors = self.at(starts)
        inside = (starts >= first) & (starts <= (last if last is not None else starts[-1]))
        factors[inside] = np.clip(factors[inside] * factor, LEAST_FACTOR, MOST_FACTOR)
        return SizeFactors(starts, factors)


@dataclass(slots=True)
class Layers:
    """The rows, marks and size factors of one track."""

    rows: BoxRows
    marks: dict[int, EditMark] = field(default_factory=dict)
    scale: SizeFactors = field(default_factory=SizeFactors)

    def set_key(self, frame: int, box: Box, angle: float) -> None:
        """Set a reviewer's keyframe. It is affected by later resizing, but not by earlier."""
        self.marks[frame] = EditMark(EditMarkKind.KEY, box, angle, float(self.scale.at(np.array([frame]))[0]))


def shapes_of(boxes: NDArray[np.floating], angles: NDArray[np.floating]) -> Floats:
    """(n, 5) centre x and y, width, height, angle."""
    corners = boxes.astype(np.float64)
    low, high = corners[:, :2], corners[:, 2:]
    return np.column_stack([(low + high) / 2, high - low, angles.astype(np.float64)])


def boxes_of(shapes: Floats) -> NDArray[np.float32]:
    """(n, 4) boxes, clamped to finite coordinates and a positive size."""
    limit = FURTHEST / 4
    centre = np.clip(shapes[:, :2], -limit, limit)
    reach = np.clip(shapes[:, 2:4], LEAST_SIDE, limit) / 2
    return np.hstack([centre - reach, centre + reach]).astype(np.float32)


@dataclass(frozen=True, slots=True)
class _MarkColumns:
    """The marks in order of frames, as arrays; keyframes are (m, 5) shapes without the track's size factor."""

    frames: NDArray[np.int64]
    out: NDArray[np.bool_]
    breaks: NDArray[np.int64]
    keys: NDArray[np.int64]
    shapes: Floats
    exact: NDArray[np.float32]
    """(m, 5) box and angle exactly as set."""
    scales: Floats

    @staticmethod
    def of(marks: dict[int, EditMark]) -> _MarkColumns:
        ordered = sorted(marks.items())
        keyed = [(frame, mark, mark.box) for frame, mark in ordered if mark.box is not None]
        exact = np.array([[*box, mark.angle] for _, mark, box in keyed], np.float64).reshape(-1, 5)
        scales = np.array([mark.scale for _, mark, _ in keyed], np.float64)
        shapes = shapes_of(exact[:, :4], exact[:, 4])
        shapes[:, 2:4] /= scales[:, None]
        return _MarkColumns(
            np.array([frame for frame, _ in ordered], np.int64),
            np.array([mark.kind is EditMarkKind.OUT for _, mark in ordered], bool),
            np.array([frame for frame, mark in ordered if mark.kind is not EditMarkKind.KEY], np.int64),
            np.array([frame for frame, _, _ in keyed], np.int64),
            shapes,
            exact.astype(np.float32),
            scales,
        )

    def hidden(self, frames: NDArray[np.integer]) -> NDArray[np.bool_]:
        """Whether each frame is hidden by an "outside" mark."""
        last = np.searchsorted(self.frames, frames, "right") - 1
        return np.append(self.out, False)[last]

    def run(self, frames: NDArray[np.integer]) -> NDArray[np.intp]:
        """The number of each frame's run between marks that change visibility."""
        return np.searchsorted(self.breaks, frames, "right")


def resolve(layers: Layers, seconds: Floats) -> BoxRows:
    """The resulting rows of the track. ``seconds``: the time of each frame of the footage.

    Rows not affected by marks or resizing are the machine's, bit for bit.
    """
    marks = _MarkColumns.of(layers.marks)
    rows = layers.rows
    if marks.frames.size:
        rows = rows.take(~marks.hidden(rows.frames))
    if marks.keys.size:
        rows = _RowCombiner(rows, marks, seconds).rows()
    return _scaled(rows, marks, layers.scale)


class _RowCombiner:
    """Combines rows and keyframes of one track. Works on columns; the frames of keyframes are handled last."""

    def __init__(self, rows: BoxRows, marks: _MarkColumns, seconds: Floats) -> None:
        self._rows, self._marks, self._seconds = rows, marks, seconds
        keys, frames = marks.keys, rows.frames
        self._times = seconds[keys]
        place = np.searchsorted(frames, keys)
        self._there = np.append(frames, -1)[place] == keys
        """Whether each keyframe is on a frame that has a row; ``_row`` is its index."""
        self._row = np.where(self._there, place, 0)
        self._lines = self._joined_by_lines()
        run, key_run = marks.run(frames), marks.run(keys)
        before = np.searchsorted(keys, frames, "right") - 1
        after = np.minimum(np.searchsorted(keys, frames, "left"), keys.size - 1)
        self._before, self._after = np.maximum(before, 0), after
        self._has_before = (before >= 0) & (key_run[self._before] == run)
        self._has_after = (keys[after] >= frames) & (key_run[after] == run)
        self._keyed = keys[self._after] == frames
        in_line = self._has_before & np.append(self._lines, False)[self._before] & ~self._keyed
        self._in_line = in_line

    def rows(self) -> BoxRows:
        followed = self._rows.kinds == RowKind.FOLLOWED
        known = self._bent().take(~self._keyed & (~self._in_line | followed))
        known = BoxRows.joined([known, self._keyframes()])
        known = self._held(known)
        known = BoxRows.joined([known, self._line_rows(known)])
        fillers = list(self._fillers(known)) if not self._there.all() else []
        return BoxRows.joined([*fillers, known]) if fillers else known

    def _joined_by_lines(self) -> NDArray[np.bool_]:
        """Whether each keyframe but the last is joined to the next by interpolation."""
        rows, marks = self._rows, self._marks
        evidence = rows.frames[rows.kinds != RowKind.HELD]
        keys, run = marks.keys, marks.run(marks.keys)
        between = np.searchsorted(evidence, keys[1:], "left") - np.searchsorted(evidence, keys[:-1], "right")
        near = np.diff(self._times) <= LINE_SECONDS + SLACK
        joined: NDArray[np.bool_] = (run[1:] == run[:-1]) & (near | (between <= 0))
        return joined

    def _bent(self) -> BoxRows:
        """The rows adjusted by the differences between nearby keyframes and the rows on the keyframes' frames."""
        rows, seconds = self._rows, self._seconds[self._rows.frames]
        forth = self._weights(self._before, self._has_before, seconds)
        back = self._weights(self._after, self._has_after, seconds)
        bent = np.flatnonzero((forth > 0) | (back > 0))
        if not bent.size:
            return rows
        differs, grown = self._differences()
        b, a = self._before[bent], self._after[bent]
        f, k = forth[bent, None], back[bent, None]
        shapes = shapes_of(rows.boxes[bent], rows.angles[bent])
        shapes[:, [0, 1, 4]] += f * differs[b] + k * differs[a]
        shapes[:, 2:4] *= 1 + f * (grown[b] - 1) + k * (grown[a] - 1)
        boxes, angles = rows.boxes.copy(), rows.angles.copy()
        boxes[bent], angles[bent] = boxes_of(shapes), shapes[:, 4]
        return BoxRows(rows.frames, boxes, angles, rows.scores, rows.sources, rows.kinds)

    def _weights(self, key: NDArray[np.intp], there: NDArray[np.bool_], seconds: Floats) -> Floats:
        """The share of a keyframe's difference applied to each row. Rows of another kind than the row on the keyframe's
        frame get none of it: a re-track that starts at a keyframe does not need its correction."""
        rows = self._rows
        alike = rows.kinds == rows.kinds[self._row[key]] if len(rows) else np.zeros(0, bool)
        distance = np.abs(seconds - self._times[key])
        following = self._in_line & (rows.kinds == RowKind.FOLLOWED)
        times = np.append(self._times, self._times[-1])
        whole = np.where(following, times[self._before + 1] - times[self._before], BLEND_SECONDS)
        weight = np.clip(1 - distance / np.maximum(whole, SLACK), 0, 1)
        return np.where(there & self._there[key] & alike & (following | ~self._in_line) & ~self._keyed, weight, 0.0)

    def _differences(self) -> tuple[Floats, Floats]:
        """Differences of each keyframe from the row on its frame: (m, 3) of centre and angle, (m, 2) size factors."""
        rows, marks = self._rows, self._marks
        base = shapes_of(rows.boxes[self._row], rows.angles[self._row])
        differs = (marks.shapes - base)[:, [0, 1, 4]]
        # A mask looks the same after half a turn, so it rotates the shorter way.
        differs[:, 2] = (differs[:, 2] + 90) % 180 - 90
        return differs, marks.shapes[:, 2:4] / base[:, 2:4]

    def _keyframes(self) -> BoxRows:
        marks, rows = self._marks, self._rows
        made = BoxRows.made(marks.keys, marks.shapes, RowKind.HELD)
        made.scores[:] = 1
        made.kinds[self._there] = rows.kinds[self._row[self._there]]
        return made

    def _held(self, known: BoxRows) -> BoxRows:
        """Rows that stand still after a keyframe, moved to the last known position."""
        still = (known.kinds == RowKind.HELD) & ~np.isin(known.frames, self._marks.keys)
        key = np.searchsorted(self._marks.keys, known.frames, "right") - 1
        run = self._marks.run(known.frames)
        still &= (key >= 0) & (self._marks.run(self._marks.keys)[key] == run)
        if not still.any():
            return known
        last = np.maximum.accumulate(np.where(still, -1, np.arange(len(known))))
        boxes, angles = known.boxes.copy(), known.angles.copy()
        boxes[still], angles[still] = known.boxes[last[still]], known.angles[last[still]]
        return BoxRows(known.frames, boxes, angles, known.scores, known.sources, known.kinds)

    def _line_rows(self, known: BoxRows) -> BoxRows:
        """Interpolated rows for frames between joined keyframes that have no other row."""
        keys = self._marks.keys
        starts = np.flatnonzero(self._lines)
        spans = [np.arange(keys[i] + 1, keys[i + 1]) for i in starts]
        frames = np.setdiff1d(np.concatenate(spans), known.frames) if spans else np.zeros(0, np.int64)
        shapes = shapes_of(known.boxes, known.angles)
        at = np.searchsorted(known.frames, frames)
        low, high = shapes[at - 1] if frames.size else shapes[:0], shapes[at]
        turn = (high[:, 4] - low[:, 4] + 90) % 180 - 90
        times = self._seconds[known.frames]
        share = (self._seconds[frames] - times[at - 1]) / (times[at] - times[at - 1]) if frames.size else np.zeros(0)
        made = low + share[:, None] * (high - low)
        made[:, 4] = low[:, 4] + share * turn
        return BoxRows.made(frames, made, RowKind.FOLLOWED)

    def _fillers(self, known: BoxRows) -> Iterable[BoxRows]:
        """Rows around keyframes where the track was not visible: bridges to nearby rows, or a box that stays."""
        marks = self._marks
        for key in marks.keys[~self._there]:
            place = int(np.searchsorted(known.frames, key))
            box, angle = known.boxes[place], float(known.angles[place])
            later = marks.frames[np.searchsorted(marks.frames, key, "right") :]
            end = int(later[0]) if later.size else self._seconds.size
            follows = int(known.frames[place + 1]) if place + 1 < len(known) else self._seconds.size
            if place and (bridge := self._bridge(known, place - 1)) is not None:
                yield bridge
            if place + 1 < len(known) and (bridge := self._bridge(known, place)) is not None:
                yield bridge
            else:
                stay = int(np.searchsorted(self._seconds, self._seconds[key] + LIFE_SECONDS + SLACK, "right"))
                yield BoxRows.standing(int(key), min(end, follows, stay) - 1, box, angle)

    def _bridge(self, known: BoxRows, place: int) -> BoxRows | None:
        """The hull of row ``place`` and the next on all frames between them, if they are close and in the same run."""
        p, q = (int(f) for f in known.frames[place : place + 2])
        run = self._marks.run(np.array([p, q]))
        if run[0] != run[1] or self._seconds[q] - self._seconds[p] > BRIDGE_SECONDS + SLACK:
            return None
        box, angle = hull(known.take(np.array([place])), known.take(np.array([place + 1])))
        rows = BoxRows.standing(p + 1, q - 1, box[0], float(angle[0]))
        rows.kinds[:] = RowKind.FOLLOWED
        return rows


def _scaled(rows: BoxRows, marks: _MarkColumns, scale: SizeFactors) -> BoxRows:
    """The rows resized by ``scale``, with keyframes exactly as set."""
    factors = scale.at(rows.frames)
    changed = factors != 1
    boxes, angles = rows.boxes, rows.angles
    if changed.any():
        shapes = shapes_of(boxes[changed], angles[changed])
        shapes[:, 2:4] *= factors[changed, None]
        boxes = boxes.copy()
        boxes[changed] = boxes_of(shapes)
    if marks.keys.size:
        exact = scale.at(marks.keys) == marks.scales
        places = np.searchsorted(rows.frames, marks.keys[exact])
        boxes, angles = boxes.copy(), angles.copy()
        boxes[places], angles[places] = marks.exact[exact, :4], marks.exact[exact, 4]
    return BoxRows(rows.frames, boxes, angles, rows.scores, rows.sources, rows.kinds)


def hull(one: BoxRows, other: BoxRows) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Boxes and angles that enclose both, row by row. For rotated boxes, this is the upright hull of their corners."""
    a, b = _upright(one), _upright(other)
    boxes = np.hstack([np.minimum(a[:, :2], b[:, :2]), np.maximum(a[:, 2:], b[:, 2:])])
    return boxes.astype(np.float32), np.zeros(len(one), np.float32)


def _upright(rows: BoxRows) -> NDArray[np.float32]:
    """The upright boxes that enclose the rotated ones."""
    turned = rows.angles != 0
    if not turned.any():
        return rows.boxes
    shapes = shapes_of(rows.boxes[turned], rows.angles[turned])
    cos, sin = np.abs(np.cos(np.radians(shapes[:, 4]))), np.abs(np.sin(np.radians(shapes[:, 4])))
    wide, high = shapes[:, 2].copy(), shapes[:, 3].copy()
    shapes[:, 2], shapes[:, 3] = cos * wide + sin * high, sin * wide + cos * high
    boxes = rows.boxes.copy()
    boxes[turned] = boxes_of(shapes)
    return boxes
