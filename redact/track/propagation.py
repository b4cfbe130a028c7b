"""Propagates boxes one frame forwards or backwards along the motion of the picture under them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from redact.track.motion import Motion, inverse

Boxes = NDArray[np.float32]

CORE = 0.9
"""Share of a box whose cells are used; its edge is often background."""
FEWEST_CELLS = 3
SEARCH = 0.5
"""Search distance around the expected place when propagating backwards, as a share of the box."""
LEAST_VISIBLE = 0.3
"""A box with less than this share in the picture moves with the camera: too little of it is visible."""
SAME_MOTION = 1.0
"""Pixels. An object moves with the camera if it differs by at most this, or by :data:`NOISE_FACTOR` times the median
deviation of its cells."""
NOISE_FACTOR = 1.5
FEWEST_FOR_SCALE = 16
MOST_GROWTH = 1.08
"""Per frame. A larger factor is a flow error, not a person coming closer."""


class Propagator:
    """Propagates the boxes of one file. ``centres`` are the flow cells' pixel centres from :class:`MotionEstimator`."""

    def __init__(self, centres: NDArray[np.float32], width: int, height: int) -> None:
        self._centres = centres
        self._width, self._height = width, height
        self._rows, self._columns = centres.shape[:2]
        self._cell = np.array([width / self._columns, height / self._rows], np.float32)

    def forwards(self, boxes: Boxes, motion: Motion) -> Boxes:
        """(n, 4) boxes on the previous frame -> the same objects on this frame."""
        moved = by_camera(boxes, motion.camera)
        for i in np.flatnonzero(self.inside(boxes) >= LEAST_VISIBLE):
            centre, reach = self._core(boxes[i])
            cells = self._cells(centre - reach, centre + reach)
            moves = motion.flow[cells].reshape(-1, 2).astype(np.float32)
            if len(moves) >= FEWEST_CELLS:
                moved[i] = _by_flow(boxes[i], self._centres[cells].reshape(-1, 2), moves, motion.camera)
        return moved

    def backwards(self, boxes: Boxes, motion: Motion) -> Boxes:
        """(n, 4) boxes on this frame -> the same objects on the previous frame."""
        camera = inverse(motion.camera)
        moved = by_camera(boxes, camera)
        for i in np.flatnonzero(self.inside(boxes) >= LEAST_VISIBLE):
            centre, reach = self._core(boxes[i])
            # The content of the box came from near the place that the camera motion gives; of the cells there, those
            # that moved into the box are used.
            from_low, from_high = moved[i][:2], moved[i][2:]
            slack = (from_high - from_low) * SEARCH + 2 * self._cell
            cells = self._cells(from_low - slack, from_high + slack)
            moves = motion.flow[cells].reshape(-1, 2).astype(np.float32)
            points = self._centres[cells].reshape(-1, 2) + moves
            core = (np.abs(points - centre) <= reach).all(1)
            if np.count_nonzero(core) >= FEWEST_CELLS:
                moved[i] = _by_flow(boxes[i], points[core], -moves[core], camera)
        return moved

    def inside(self, boxes: Boxes) -> NDArray[np.float32]:
        """(n,) share of each box that lies within the picture."""
        low = np.clip(boxes[:, :2], 0, [self._width, self._height])
        high = np.clip(boxes[:, 2:], 0, [self._width, self._height])
        area = np.clip(boxes[:, 2:] - boxes[:, :2], 1e-3, None).prod(1)
        share: NDArray[np.float32] = ((high - low).clip(0).prod(1) / area).astype(np.float32)
        return share

    def beyond(self, box: NDArray[np.float32]) -> NDArray[np.float32]:
        """(4,) pixels by which each side of a box (xyxy) lies beyond the picture's border; negative if inside."""
        return np.array([-box[0], -box[1], box[2] - self._width, box[3] - self._height], np.float32)

    def _core(self, box: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Centre and half size of the part of a box that is used; at least large enough to reach the nearest cells."""
        reach = np.maximum((box[2:] - box[:2]) / 2 * CORE, 0.75 * self._cell).astype(np.float32)
        centre: NDArray[np.float32] = (box[:2] + box[2:]) / np.float32(2)
        return centre, reach

    def _cells(self, low: NDArray[np.float32], high: NDArray[np.float32]) -> tuple[slice, slice]:
        """The cells whose centres lie between two corners, as slices of rows and columns."""
        first = np.ceil(low / self._cell - 0.5).astype(int).clip(0)
        last = np.floor(high / self._cell - 0.5).astype(int).clip(-1) + 1
        return slice(first[1], last[1]), slice(first[0], last[0])


def by_camera(boxes: Boxes, camera: NDArray[np.float32]) -> Boxes:
    """Boxes moved with the camera: centres by the transform, sizes by its scale."""
    centre, half = (boxes[:, :2] + boxes[:, 2:]) / 2, (boxes[:, 2:] - boxes[:, :2]) / 2
    moved = centre @ camera[:, :2].T + camera[:, 2]
    half = half * _scale(camera)
    return np.hstack([moved - half, moved + half]).astype(np.float32)


def _scale(camera: NDArray[np.float32]) -> float:
    return float(np.clip(np.hypot(camera[0, 0], camera[1, 0]), 1 / MOST_GROWTH, MOST_GROWTH))


def _by_flow(
    box: NDArray[np.float32], points: NDArray[np.float32], moves: NDArray[np.float32], camera: NDArray[np.float32]
) -> NDArray[np.float32]:
    """A box moved by the median motion of the cells under it and resized by how they spread, if there are enough.

    If this agrees with the camera motion to within its own noise, the camera motion is used instead: it is based on the
    whole picture and stays reliable in blur and darkness.
    """
    centre, half = (box[:2] + box[2:]) / 2, (box[2:] - box[:2]) / 2
    middle = _median(moves)
    deviation = np.abs(moves - middle).sum(1)
    noise = float(_median(deviation[:, None])[0])
    expected = camera[:, :2] @ centre + camera[:, 2] - centre
    scale = _scale(camera)
    if float(np.abs(middle - expected).sum()) <= max(SAME_MOTION, NOISE_FACTOR * noise):
        moved = centre + expected
    else:
        moved = centre + middle
        if len(points) >= FEWEST_FOR_SCALE:
            near = deviation <= 3 * noise + 0.5
            away = points[near] - centre
            power = float((away * away).sum())
            if power > 0:
                spread = float((away * (moves[near] - middle)).sum())
                scale = min(max(1 + spread / power, 1 / MOST_GROWTH), MOST_GROWTH)
    half = half * scale
    return np.concatenate([moved - half, moved + half]).astype(np.float32)


def _median(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Upper median of each column; NumPy's median takes five times as long on a few dozen rows."""
    ordered: NDArray[np.float32] = np.sort(rows, axis=0)[len(rows) // 2]
    return ordered
