"""Carries boxes one frame on or back along the motion of the picture under them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from redact.track.motion import Motion, inverse

Boxes = NDArray[np.float32]

CORE = 0.9
"""Share of a box whose cells speak for it; its rim is often background."""
FEWEST_CELLS = 3
LEAST_VISIBLE = 0.3
"""A box of which less than this share lies in the picture moves with the camera: too little of it is seen."""
SAME_MOTION = 1.0
"""Pixels; and :data:`NOISE_FACTOR` times the median deviation of the cells: what counts as moving with the camera."""
NOISE_FACTOR = 1.5
FEWEST_FOR_SCALE = 16
MOST_GROWTH = 1.08
"""Per frame; more is a flow error, not a person coming nearer."""


class Carrier:
    """Boxes of one footage; ``centres`` are the flow cells' pixel centres as :class:`MotionEstimator` gives them."""

    def __init__(self, centres: NDArray[np.float32], width: int, height: int) -> None:
        self._points = centres.reshape(-1, 2)
        self._width, self._height = width, height
        self._rows, self._columns = centres.shape[:2]

    def on(self, boxes: Boxes, motion: Motion) -> Boxes:
        """(n, 4) boxes of the frame before -> the same objects on this frame."""
        return self._carry(boxes, self._points, motion.flow.reshape(-1, 2).astype(np.float32), motion.camera)

    def back(self, boxes: Boxes, motion: Motion) -> Boxes:
        """(n, 4) boxes of this frame -> the same objects on the frame before."""
        moves = motion.flow.reshape(-1, 2).astype(np.float32)
        return self._carry(boxes, self._points + moves, -moves, inverse(motion.camera))

    def inside(self, boxes: Boxes) -> NDArray[np.float32]:
        """(n,) share of each box that lies in the picture."""
        low = np.clip(boxes[:, :2], 0, [self._width, self._height])
        high = np.clip(boxes[:, 2:], 0, [self._width, self._height])
        area = np.clip(boxes[:, 2:] - boxes[:, :2], 1e-3, None).prod(1)
        share: NDArray[np.float32] = ((high - low).clip(0).prod(1) / area).astype(np.float32)
        return share

    def beyond(self, box: NDArray[np.float32]) -> NDArray[np.float32]:
        """(4,) pixels by which each side of a box (xyxy) lies past the picture's border; negative: inside of it."""
        return np.array([-box[0], -box[1], box[2] - self._width, box[3] - self._height], np.float32)

    def _carry(
        self, boxes: Boxes, points: NDArray[np.float32], moves: NDArray[np.float32], camera: NDArray[np.float32]
    ) -> Boxes:
        carried = by_camera(boxes, camera)
        visible = self.inside(boxes)
        for i in np.flatnonzero(visible >= LEAST_VISIBLE):
            box = boxes[i]
            centre, half = (box[:2] + box[2:]) / 2, (box[2:] - box[:2]) / 2
            cells = (np.abs(points - centre) <= np.maximum(half * CORE, self._reach())).all(1)
            if np.count_nonzero(cells) < FEWEST_CELLS:
                continue
            carried[i] = _by_flow(box, centre, points[cells], moves[cells], camera)
        return carried

    def _reach(self) -> NDArray[np.float32]:
        """Half a cell: a box smaller than one still finds the cells it touches."""
        return np.array([self._width / self._columns, self._height / self._rows], np.float32) * 0.75


def by_camera(boxes: Boxes, camera: NDArray[np.float32]) -> Boxes:
    """Centres go with the transform, sizes with its scale."""
    centre, half = (boxes[:, :2] + boxes[:, 2:]) / 2, (boxes[:, 2:] - boxes[:, :2]) / 2
    moved = centre @ camera[:, :2].T + camera[:, 2]
    half = half * _scale(camera)
    return np.hstack([moved - half, moved + half]).astype(np.float32)


def _scale(camera: NDArray[np.float32]) -> float:
    return float(np.clip(np.hypot(camera[0, 0], camera[1, 0]), 1 / MOST_GROWTH, MOST_GROWTH))


def _by_flow(
    box: NDArray[np.float32],
    centre: NDArray[np.float32],
    points: NDArray[np.float32],
    moves: NDArray[np.float32],
    camera: NDArray[np.float32],
) -> NDArray[np.float32]:
    """Median move of the cells under the box; its change of size from how the cells part, where there are enough.

    Where that agrees with the camera's motion to within its own noise, the camera's is taken: it rests on the whole
    picture, and keeps its footing in blur and darkness.
    """
    middle = np.median(moves, axis=0)
    noise = float(np.median(np.abs(moves - middle).sum(1)))
    scale = _scale(camera)
    expected = camera[:, :2] @ centre + camera[:, 2] - centre
    if float(np.abs(middle - expected).sum()) <= max(SAME_MOTION, NOISE_FACTOR * noise):
        half = (box[2:] - box[:2]) / 2 * scale
        return np.concatenate([centre + expected - half, centre + expected + half]).astype(np.float32)
    if len(points) >= FEWEST_FOR_SCALE:
        away = points - centre
        spread = (away * (moves - middle)).sum(1)
        near = np.abs(moves - middle).sum(1) <= 3 * noise + 0.5
        power = float((away[near] ** 2).sum())
        if power > 0:
            scale = float(np.clip(1 + spread[near].sum() / power, 1 / MOST_GROWTH, MOST_GROWTH))
    half = (box[2:] - box[:2]) / 2 * scale
    moved = centre + middle
    return np.concatenate([moved - half, moved + half]).astype(np.float32)
