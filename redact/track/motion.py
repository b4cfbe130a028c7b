"""Motion from one frame to the next: dense optical flow, camera motion, and cuts.

Flow is OpenCV's DIS (Kroeger et al., "Fast Optical Flow using Dense Inverse Search", 2016) on a small luma picture.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

CELL = 4
"""Flow is averaged over squares of this many pixels of the small picture a side; objects are no smaller than that."""
CUT_CORRELATION = 0.35
"""Two frames of one shot, one warped onto the other, correlate more than this unless the view has changed
completely."""
CUT_HISTOGRAM = 0.25
"""Share of pixels that must have changed their brightness band at a cut: camera shake blurs the picture but keeps its
tones."""
BANDS = 32
FIT_ROUNDS = 8
SAMPLE = 7
"""One cell in this many is used to fit the camera motion."""


@dataclass(frozen=True, slots=True)
class Motion:
    """The motion from the previous frame to this one, in pixels of the upright frame.

    ``flow``: (rows, columns, 2) float16, displacement (x, y) of the content of each cell; ``camera``: (2, 3) float32,
    the similarity transform that most of the picture follows; ``cut``: the two frames belong to different shots, and
    boxes cannot be propagated across them.
    """

    flow: NDArray[np.float16]
    camera: NDArray[np.float32]
    cut: bool


class MotionEstimator:
    """Estimates motion; pass the small luma picture of every frame to :meth:`step`, in order."""

    def __init__(self, width: int, height: int, long_side: int) -> None:
        self._width, self._height = width, height
        scale = min(1.0, long_side / max(width, height))
        # A whole number of cells, and at least a few of them, whatever the shape of the picture.
        columns, rows = (max(8, round(side * scale / CELL)) for side in (width, height))
        self.size = (columns * CELL, rows * CELL)
        """(width, height) of the small picture."""
        self._dis = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
        self._before: NDArray[np.uint8] | None = None
        self._step = np.array([width / columns, height / rows], np.float32)
        grid = np.stack(np.meshgrid(np.arange(columns), np.arange(rows)), axis=2).astype(np.float32)
        self.centres: NDArray[np.float32] = (grid + 0.5) * self._step
        """(rows, columns, 2): pixel centre (x, y) of each cell in the upright frame."""
        ys, xs = np.mgrid[0 : self.size[1], 0 : self.size[0]].astype(np.float32)
        self._xs, self._ys = xs, ys

    def step(self, grey: NDArray[np.uint8]) -> Motion | None:
        """The motion to ``grey``, (h, w) uint8 of :attr:`size`, from the picture before; None on the first frame."""
        grey = np.ascontiguousarray(grey)
        before, self._before = self._before, grey
        if before is None:
            return None
        flow = self._dis.calc(before, grey, None)
        w, h = self.size
        cells = cv2.resize(flow, (w // CELL, h // CELL), interpolation=cv2.INTER_AREA)
        cells *= np.array([self._width / w, self._height / h], np.float32)
        camera = fit_similarity(self.centres.reshape(-1, 2)[::SAMPLE], cells.reshape(-1, 2)[::SAMPLE])
        return Motion(cells.astype(np.float16), camera, self._is_cut(before, grey, flow))

    def _is_cut(self, before: NDArray[np.uint8], grey: NDArray[np.uint8], flow: NDArray[np.float32]) -> bool:
        tones = [cv2.calcHist([g], [0], None, [BANDS], [0, 256]) / g.size for g in (before, grey)]
        if np.abs(tones[0] - tones[1]).sum() / 2 < CUT_HISTOGRAM:
            return False
        # The flow maps the previous frame to this one, so this frame is warped back along it and compared.
        fetched = cv2.remap(
            grey, self._xs + flow[..., 0], self._ys + flow[..., 1], cv2.INTER_LINEAR, None, cv2.BORDER_REPLICATE
        )
        return correlation(before, fetched) < CUT_CORRELATION


def correlation(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> float:
    """Normalised cross-correlation of two pictures of equal size, -1 to 1; 1 if one of them is flat."""
    a, b = one.astype(np.float32) - one.mean(), other.astype(np.float32) - other.mean()
    power = float(np.sqrt((a * a).sum() * (b * b).sum()))
    return float((a * b).sum()) / power if power > 0 else 1.0


def fit_similarity(points: NDArray[np.float32], moves: NDArray[np.float32]) -> NDArray[np.float32]:
    """The (2, 3) transform [a -b tx; b a ty] that best maps ``points`` (n, 2) to ``points + moves``, by iteratively
    reweighted least squares.

    Cells that do not move with the majority get lower weights (Cauchy weights at the median residual).
    """
    # In the complex plane, x + iy, a similarity is a multiplication by a + ib.
    centre = points.mean(0)
    p, m = _complex(points - centre), _complex(moves)
    weight = np.ones(len(p), np.float32)
    turn, shift = 0j, 0j
    for _ in range(FIT_ROUNDS):
        total = float(weight.sum()) or 1.0
        p0, m0 = weight @ p / total, weight @ m / total
        q, n = p - p0, m - m0
        weighted = weight * q
        turn = complex(np.vdot(weighted, n)) / (float(np.vdot(weighted, q).real) or 1.0)
        shift = complex(m0 - turn * p0)
        residual = np.abs(n - np.complex64(turn) * q)
        weight = (1 / (1 + (residual / max(float(np.median(residual)), 0.25)) ** 2)).astype(np.float32)
    shift -= turn * complex(*centre)
    return np.array([[1 + turn.real, -turn.imag, shift.real], [turn.imag, 1 + turn.real, shift.imag]], np.float32)


def _complex(rows: NDArray[np.float32]) -> NDArray[np.complex64]:
    return np.ascontiguousarray(rows, np.float32).view(np.complex64)[:, 0]


def inverse(camera: NDArray[np.float32]) -> NDArray[np.float32]:
    """The camera transform from this frame back to the previous one."""
    return np.asarray(cv2.invertAffineTransform(camera), np.float32)
