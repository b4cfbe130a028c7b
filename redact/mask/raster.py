"""Rasterises shapes: which samples of a plane a mask covers.

Every shape is convex, so it covers one run of columns in each row of pixels. The runs are computed on the host in
float64 (a few numbers per row) and expanded to a boolean mask on the device.

A pixel is covered if the shape reaches any part of it, however small. Partly covered pixels at the edge, where other
tools leave a fringe of the face, belong to the mask. Runs are exact up to rounding (far below 1/1000 pixel).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from redact.mask.shapes import Shape, ShapeKind

FARTHEST = 1e7
"""Pixels. No picture has larger coordinates or sides, so such a shape is invalid."""

LEAST_HALF_SIDE = 0.5
"""Pixels. Smaller shapes are enlarged to one pixel, because a run of zero width would cover nothing."""

LEAST_TILT = 0.01
"""Pixels. A rectangle whose rotation moves its corners less than this is drawn as its upright bounding box: the slope
of its sides is too small to divide by."""

NOWHERE = int(np.iinfo(np.int32).max)
"""Left end of a row that is not covered; its right end is 0."""


@dataclass(frozen=True, slots=True)
class Spans:
    """The samples of a plane that a shape covers, row by row.

    ``edges``: (2, n) int32. Row ``top + i`` is covered from column ``edges[0, i]`` (included) to ``edges[1, i]``
    (excluded), and not at all if the first is not less than the second. ``extent`` is the longer side, in luma pixels,
    of the upright bounding box of the whole shape, including parts outside the picture.
    """

    top: int
    edges: NDArray[np.int32]
    extent: float

    def mask(self, device: torch.device) -> tuple[slice, slice, torch.Tensor]:
        """Rows and columns of the smallest window around the spans, and the (rows, columns) bool mask within it."""
        left = int(self.edges[0].min(initial=NOWHERE))
        right = int(self.edges[1].max(initial=0))
        if left >= right:
            return slice(0, 0), slice(0, 0), torch.zeros((0, 0), dtype=torch.bool, device=device)
        edges = torch.from_numpy(self.edges)
        if device.type == "cuda":
            # Use page-locked memory; otherwise the host would wait for all earlier work of the device.
            edges = edges.pin_memory().to(device, non_blocking=True)
        starts, ends = edges.unsqueeze(2)
        columns = torch.arange(left, right, dtype=torch.int32, device=device)
        mask = (columns >= starts).logical_and_(columns < ends)
        return slice(self.top, self.top + self.edges.shape[1]), slice(left, right), mask

    def shared(self, sx: int, sy: int) -> Spans:
        """The spans of a plane with one sample per 2**sx x 2**sy pixels: all samples that any covered pixel shares.

        There is still one run per row: runs in adjacent rows of a convex shape always have a column in common.
        """
        step = 1 << sy
        first = self.top >> sy
        skipped, rows = self.top - (first << sy), self.edges.shape[1]
        last = (self.top + rows + step - 1) >> sy
        padded = np.empty((2, (last - first) * step), np.int32)
        padded[0], padded[1] = NOWHERE, 0
        padded[:, skipped : skipped + rows] = self.edges
        grouped = padded.reshape(2, last - first, step)
        edges = np.empty((2, last - first), np.int32)
        edges[0] = grouped[0].min(axis=1) >> sx
        edges[1] = (grouped[1].max(axis=1) + ((1 << sx) - 1)) >> sx
        return Spans(first, edges, self.extent)


@dataclass(frozen=True, slots=True)
class _Outline:
    """A shape centred on the origin, y down.

    ``right(y)`` is the x of its right side at height y; it rises up to ``peak`` and falls after it. Ellipses and
    rectangles are symmetric under half a turn, so the left side is ``-right(-y)``.
    """

    half_height: float
    half_width: float
    peak: float
    right: Callable[[NDArray[np.float64]], NDArray[np.float64]]


def _ellipse(a: float, b: float, cos: float, sin: float) -> _Outline:
    xx = (a * cos) ** 2 + (b * sin) ** 2
    yy = (a * sin) ** 2 + (b * cos) ** 2
    xy = (a * a - b * b) * sin * cos
    half_height, half_width, chord = math.sqrt(yy), math.sqrt(xx), a * b / math.sqrt(yy)

    def right(y: NDArray[np.float64]) -> NDArray[np.float64]:
        return y * (xy / yy) + chord * np.sqrt(np.maximum(1.0 - y * y * (1.0 / yy), 0.0))

    return _Outline(half_height, half_width, xy / half_width, right)


def _rectangle(a: float, b: float, cos: float, sin: float) -> _Outline:
    half_height, half_width = a * sin + b * cos, a * cos + b * sin
    if min(sin, cos) * max(a, b) < LEAST_TILT:
        return _Outline(half_height, half_width, 0.0, lambda y: np.full_like(y, half_width))

    def right(y: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.minimum((a - y * sin) / cos, (b + y * cos) / sin)

    return _Outline(half_height, half_width, a * sin - b * cos, right)


def _outline(shape: Shape) -> _Outline | None:
    """The outline of a shape; None for the whole picture, either as requested or because the geometry is invalid."""
    sizes = (shape.cx, shape.cy, shape.w, shape.h)
    valid = all(math.isfinite(v) and abs(v) <= FARTHEST for v in sizes) and math.isfinite(shape.angle)
    if shape.form is ShapeKind.FULL or not valid or shape.w <= 0 or shape.h <= 0:
        return None
    a, b = max(shape.w / 2, LEAST_HALF_SIDE), max(shape.h / 2, LEAST_HALF_SIDE)
    angle = shape.angle % 180.0
    if angle >= 90.0:  # a quarter turn swaps the sides; sine and cosine of the remaining angle are positive
        a, b, angle = b, a, angle - 90.0
    cos, sin = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    outline = {ShapeKind.ELLIPSE: _ellipse, ShapeKind.RECTANGLE: _rectangle}[shape.form]
    return outline(a, b, cos, sin)


def spans(shape: Shape, width: int, height: int) -> Spans:
    """The pixels that ``shape`` covers in a picture of ``width`` x ``height`` pixels, without parts outside it.

    A shape with a side that is not positive, or with a number that is not finite or beyond :data:`FARTHEST`, covers the
    whole picture: something is to be hidden, but it is unknown where.
    """
    outline = _outline(shape)
    if outline is None:
        full = np.repeat(np.array([[0], [width]], np.int32), height, axis=1)
        return Spans(0, full, float(max(width, height)))
    extent = 2 * max(outline.half_width, outline.half_height)
    top = min(max(math.floor(shape.cy - outline.half_height), 0), height)
    bottom = min(max(math.ceil(shape.cy + outline.half_height), top), height)
    # Row 0 is the left side, mirrored so that it is treated as a right side: see _Outline.
    y = np.empty((2, bottom - top))
    y[1] = np.arange(top, bottom) - shape.cy
    y[0] = -1.0 - y[1]
    # Within a row, a side extends farthest at its peak or at the edge of the row nearer to the peak.
    reach = outline.right(np.minimum(np.maximum(y, outline.peak), y + 1.0))
    reach[0] -= shape.cx
    reach[1] += shape.cx
    np.ceil(reach, out=reach)
    np.negative(reach[0], out=reach[0])
    edges = np.minimum(np.maximum(reach, 0), width).astype(np.int32)
    beside = edges[0] >= edges[1]
    edges[0, beside], edges[1, beside] = NOWHERE, 0
    return Spans(top, edges, extent)


def rasterise(shape: Shape, width: int, height: int, device: torch.device | str) -> tuple[slice, slice, torch.Tensor]:
    """Rows and columns of the window that ``shape`` covers, and the bool mask of shape (rows, columns) within it.

    If the shape lies outside the picture, both slices are empty and the mask has shape (0, 0).
    """
    return spans(shape, width, height).mask(torch.device(device))


def coverage(shapes: Sequence[Shape], width: int, height: int) -> NDArray[np.bool_]:
    """The pixels that any of ``shapes`` covers: bool of shape (height, width)."""
    covered = torch.zeros((height, width), dtype=torch.bool)
    for shape in shapes:
        rows, columns, mask = rasterise(shape, width, height, "cpu")
        covered[rows, columns] |= mask
    result: NDArray[np.bool_] = covered.numpy()
    return result
