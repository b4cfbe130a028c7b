"""Turns detections into tracks: association, propagation in both directions, gap closing and padding.

Association follows ByteTrack (Zhang et al., 2022): confident detections are matched first, then faint ones extend
existing tracks; assignment is optimal on box overlap. Instead of a Kalman filter, boxes are propagated by optical flow,
which follows camera shake and people turning and works backwards equally well: a new track is propagated back to the
first frame where its object is visible, and between two detections a track's boxes are the hull of both directions.
Detectors sometimes find only part of an object, so a full-size box is kept for a while when that happens.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import lap
import numpy as np
from numpy.typing import NDArray

from redact.detect.boxes import Boxes, overlap
from redact.detect.types import Detections
from redact.track.motion import Motion
from redact.track.propagation import Propagator
from redact.track.types import Source, Track

LEAST_OVERLAP = 0.15
"""Intersection over union, of boxes grown by :data:`GROWN`, that a detection needs to continue a track."""
GROWN = 0.25
LOST_SECONDS = 4.0
"""Time for which a track continues without detections, in case the object is found again."""
FAINT_PAD_SECONDS = 1.0
"""Time by which a track without a confident detection extends before its first and after its last one, while in the
picture. Other tracks extend up to :data:`LOST_SECONDS`."""


PARTIAL = 0.75
"""A detection narrower or lower than this share of the object's known size covers only part of it."""
HELD_SECONDS = 0.6
"""Time for which a full-size box is kept when an adjacent detection, before or after it, covers only part of the
object. After that, the object is assumed to be smaller."""
CUT_OFF = 0.12
"""A detection that ends within this share of its size from the picture's border counts as cut off there."""
SHAPES = {"face": 1.3}
"""Usual ratio of height to width of a whole object, by class."""


@dataclass(frozen=True, slots=True)
class Trust:
    """Score thresholds of one class: detections from ``sure`` on are matched in the first round; a track is kept if its
    best detection reaches ``alone`` or if it has ``often`` detections."""

    sure: float
    alone: float
    often: int


TRUST = {"face": Trust(sure=0.5, alone=0.35, often=2), "plate": Trust(sure=0.6, alone=0.65, often=3)}
OTHER_TRUST = Trust(sure=0.85, alone=0.85, often=2)
"""Thresholds for the text detector, whose scores are mean probabilities within a kernel."""


class _TrackRow(NamedTuple):
    """A track's box on one frame."""

    frame: int
    seconds: float
    box: NDArray[np.float32]
    angle: float
    score: float
    source: Source


@dataclass(slots=True)
class _OpenTrack:
    """A track that has not ended yet."""

    label: str
    box: NDArray[np.float32]
    angle: float
    first: float
    """Seconds at the first detection."""
    hit: int
    """Frame of the last detection."""
    last: float
    """Seconds at the last detection."""
    rows: deque[_TrackRow] = field(default_factory=deque)
    whole: float = 0.0
    """Seconds at the last detection that covered the whole object."""
    best: float = 0.0
    hits: int = 0


class Tracker:
    """Builds tracks; call :meth:`step` for every frame in order, then :meth:`finish`."""

    def __init__(self, propagator: Propagator) -> None:
        self._propagator = propagator
        self._open: list[_OpenTrack] = []
        self._closed: list[Track] = []
        self._motions: deque[tuple[float, Motion | None]] = deque()
        """Time of each recent frame in seconds, and the motion to it from the previous frame."""
        self._index = -1
        self.cuts: list[int] = []

    def step(self, seconds: float, motion: Motion | None, found: Sequence[tuple[tuple[str, ...], Detections]]) -> None:
        """Process one frame: its time, the motion to it (None on the first), and the detections of each detector that
        ran on it, with the classes that the detector looks for."""
        self._index += 1
        if motion is None or motion.cut:
            if motion is not None:
                self.cuts.append(self._index)
            self._close(self._open)
            self._motions.clear()
            motion = None
        self._motions.append((seconds, motion))
        while seconds - self._motions[0][0] > LOST_SECONDS + 1e-6:
            self._motions.popleft()
        if motion is not None:
            self._propagate_forwards(motion, seconds)
        for labels, detections in found:
            self._match(labels, detections)

    def finish(self) -> tuple[Track, ...]:
        """All tracks worth keeping, numbered from 1 in order of their first frame."""
        self._close(self._open)
        kept = sorted(self._closed, key=lambda t: (int(t.frames[0]), t.label, t.boxes[0].tolist()))
        return tuple(replace(track, id=number) for number, track in enumerate(kept, start=1))

    def _propagate_forwards(self, motion: Motion, seconds: float) -> None:
        if not self._open:
            return
        propagated = self._propagator.forwards(np.array([t.box for t in self._open], np.float32), motion)
        visible = self._propagator.inside(propagated) > 0
        lost = []
        for track, box, in_view in zip(self._open, propagated, visible, strict=True):
            track.box = box
            if in_view:
                track.rows.append(_TrackRow(self._index, seconds, box, track.angle, 0.0, Source.PROPAGATED))
            if seconds - track.last >= LOST_SECONDS - 1e-6:
                lost.append(track)
        self._close(lost)

    def _match(self, labels: tuple[str, ...], found: Detections) -> None:
        if not len(found):
            return
        candidates = [t for t in self._open if t.label in labels]
        free = np.ones(len(found), bool)
        sure = np.array([s >= TRUST.get(n, OTHER_TRUST).sure for n, s in zip(found.labels, found.scores, strict=True)])
        matched: list[tuple[_OpenTrack, int]] = []
        for row in (sure, ~sure):
            rows = np.flatnonzero(row & free)
            pairs = _assign(candidates, found, rows)
            matched += pairs
            free[[d for _, d in pairs]] = False
            taken = {id(t) for t, _ in pairs}
            candidates = [t for t in candidates if id(t) not in taken]
        born = [(self._start_track(found, int(d)), int(d)) for d in np.flatnonzero(free)]
        self._propagate_backwards(matched + born, found)
        self._open += [track for track, _ in born]

    def _start_track(self, found: Detections, row: int) -> _OpenTrack:
        box = found.boxes[row]
        now = self._motions[-1][0]
        return _OpenTrack(found.labels[row], box, float(found.angles[row]), now, self._index, now, whole=now)

    def _whole(self, box: NDArray[np.float32], label: str, track: _OpenTrack | None) -> NDArray[np.float32]:
        """A detection at the border, extended past it to the size of the whole object, known or expected.

        Otherwise only the visible part would be propagated into the picture, and the rest would appear unmasked.
        """
        near = self._propagator.beyond(box) > -CUT_OFF * np.tile(box[2:] - box[:2], 2)
        if not near.any():
            return box
        size = box[2:] - box[:2]
        wanted = size.copy()
        if track is not None and track.hits:
            wanted = np.maximum(wanted, track.box[2:] - track.box[:2])
        elif (shape := SHAPES.get(label)) is not None:
            wanted = np.maximum(wanted, [size[1] / shape, size[0] * shape])
        missing = wanted - size
        # Extended only past the border, and only on the sides where it is cut off.
        low = np.where(near[:2], np.where(near[2:], missing / 2, missing), 0)
        high = np.where(near[2:], missing - low, 0)
        return np.concatenate([box[:2] - low, box[2:] + high]).astype(np.float32)

    def _propagate_backwards(self, pairs: list[tuple[_OpenTrack, int]], found: Detections) -> None:
        """Add the detections, then propagate their boxes backwards: to the previous detection, or as far as a new track
        may extend."""
        ends = []
        now = self._motions[-1][0]
        held = self._index - sum(seconds >= now - HELD_SECONDS - 1e-6 for seconds, _ in self._motions)
        for track, row in pairs:
            before = track.box
            ends.append(track.hit if track.hits else -1)
            self._add_detection(track, found, row)
            if track.hits > 1 and _partial(before, track.box):
                # The earlier boxes covered only part of the object.
                ends[-1] = min(ends[-1], held)
        boxes = np.array([track.box for track, _ in pairs], np.float32).reshape(-1, 4)
        alive = np.ones(len(pairs), bool)
        for back in range(1, len(self._motions)):
            frame = self._index - back
            motion = self._motions[-back][1]
            alive &= frame > np.array(ends)
            if motion is None or not alive.any():
                break
            places = np.flatnonzero(alive)
            boxes[places] = self._propagator.backwards(boxes[places], motion)
            visible = self._propagator.inside(boxes) > 0
            seconds = self._motions[-1 - back][0]
            for i in places:
                track = pairs[i][0]
                if ends[i] < 0:
                    alive[i] = visible[i]
                if visible[i]:
                    _fill(track, _TrackRow(frame, seconds, boxes[i].copy(), track.angle, 0.0, Source.PROPAGATED))

    def _add_detection(self, track: _OpenTrack, found: Detections, row: int) -> None:
        now = self._motions[-1][0]
        box = self._whole(found.boxes[row], track.label, track)
        if track.rows and track.rows[-1].frame == self._index:
            here = track.rows.pop()
            if here.source is Source.DETECTOR:
                # Another detector of this class found it on the same frame: the hull of both boxes is hidden.
                box = _hull(here.box, box)
        score = float(found.scores[row])
        if track.hits and _partial(box, track.box) and now - track.whole <= HELD_SECONDS + 1e-6:
            box = _hull(box, track.box)
        else:
            track.whole = now
        track.box = box
        track.angle, track.hit, track.last = float(found.angles[row]), self._index, now
        track.best = max(track.best, score)
        track.hits += 1
        track.rows.append(_TrackRow(self._index, now, track.box, track.angle, score, Source.DETECTOR))

    def _close(self, tracks: list[_OpenTrack]) -> None:
        gone = {id(track) for track in tracks}
        self._closed += [_final(track) for track in tracks if _trusted(track)]
        self._open = [track for track in self._open if id(track) not in gone]


def _assign(tracks: list[_OpenTrack], found: Detections, rows: NDArray[np.intp]) -> list[tuple[_OpenTrack, int]]:
    """Optimal one-to-one pairs of a track and a detection row with enough overlap and the same class."""
    if not tracks or not len(rows):
        return []
    ious, _ = overlap(_grown(np.array([t.box for t in tracks], np.float32)), _grown(found.boxes[rows]))
    for i, track in enumerate(tracks):
        ious[i, [found.labels[r] != track.label for r in rows]] = 0
    _, columns, _ = lap.lapjv(1.0 - ious.astype(np.float64), extend_cost=True, cost_limit=1.0 - LEAST_OVERLAP)
    return [(track, int(rows[j])) for track, j in zip(tracks, columns, strict=True) if j >= 0]


def _grown(boxes: Boxes) -> Boxes:
    reach = (boxes[:, 2:] - boxes[:, :2]) * GROWN
    return np.hstack([boxes[:, :2] - reach, boxes[:, 2:] + reach])


def _fill(track: _OpenTrack, row: _TrackRow) -> None:
    """Add a box propagated backwards. If the frame already has a box propagated forwards, the hull of both (never their
    mean) closes the gap."""
    rows = track.rows
    place = len(rows)
    while place and rows[place - 1].frame > row.frame:
        place -= 1
    if place and rows[place - 1].frame == row.frame:
        there = rows[place - 1]
        source = Source.FILLED if there.source is Source.PROPAGATED else there.source
        rows[place - 1] = there._replace(box=_hull(there.box, row.box), source=source)
    else:
        rows.insert(place, row)


def _partial(box: NDArray[np.float32], known: NDArray[np.float32]) -> bool:
    """Whether a box covers only part of the known size of the object."""
    return bool(((box[2:] - box[:2]) < PARTIAL * (known[2:] - known[:2])).any())


def _hull(one: NDArray[np.float32], other: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.concatenate([np.minimum(one[:2], other[:2]), np.maximum(one[2:], other[2:])])


def _trusted(track: _OpenTrack) -> bool:
    trust = TRUST.get(track.label, OTHER_TRUST)
    return track.best >= trust.alone or track.hits >= trust.often


def _final(track: _OpenTrack) -> Track:
    """The finished track in compact form (hours of footage have millions of boxes). Its id is assigned at the end."""
    rows = list(track.rows)
    if track.best < TRUST.get(track.label, OTHER_TRUST).sure:
        low, high = track.first - FAINT_PAD_SECONDS - 1e-6, track.last + FAINT_PAD_SECONDS + 1e-6
        rows = [row for row in rows if low <= row.seconds <= high]
    return Track(
        id=0,
        label=track.label,
        frames=np.array([row.frame for row in rows], np.int32),
        boxes=steady(np.array([row.box for row in rows], np.float32)),
        angles=np.array([row.angle for row in rows], np.float32),
        scores=np.array([row.score for row in rows], np.float32),
        sources=np.array([row.source for row in rows], np.uint8),
    )


STEADY_FRAMES = 7


def steady(boxes: Boxes) -> Boxes:
    """Boxes grown about their centres to at least the median size of their neighbours in time, so that a single small
    detection does not shrink a mask. No box gets smaller.
    """
    if len(boxes) < 3:
        return boxes
    centre, size = (boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]
    reach = min(STEADY_FRAMES, (len(boxes) - 1) // 2 * 2 + 1) // 2
    padded = np.pad(size, ((reach, reach), (0, 0)), mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1, axis=0)
    size = np.maximum(size, np.median(windows, axis=2))
    return np.hstack([centre - size / 2, centre + size / 2]).astype(np.float32)
