"""The pixels of a truth box: those whose centres lie inside it."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Window = tuple[slice, slice]
"""Rows and columns of a picture."""


def region(
    box: NDArray[np.float64], angle: float, width: int, height: int, *, ellipse: bool, grow: float = 1.0
) -> tuple[Window, NDArray[np.bool_]] | None:
    """Window of a picture of ``width`` x ``height`` pixels, and which of its pixels lie in the box.

    ``box``: xyxy before rotation by ``angle`` degrees clockwise about its centre; ``ellipse`` selects the inscribed
    ellipse; ``grow`` scales width and height about the centre. None if no part is inside the picture. A region too thin
    to contain a pixel centre is all pixels that it touches, as an empty region would count as covered.
    """
    cx, cy = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    a, b = grow * (box[2] - box[0]) / 2, grow * (box[3] - box[1]) / 2
    cos, sin = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    if ellipse:
        reach_x, reach_y = math.hypot(a * cos, b * sin), math.hypot(a * sin, b * cos)
    else:
        reach_x, reach_y = abs(a * cos) + abs(b * sin), abs(a * sin) + abs(b * cos)
    left, right = max(math.floor(cx - reach_x), 0), min(math.ceil(cx + reach_x), width)
    top, bottom = max(math.floor(cy - reach_y), 0), min(math.ceil(cy + reach_y), height)
    if left >= right or top >= bottom:
        return None
    window = (slice(top, bottom), slice(left, right))
    x = ((np.arange(left, right) + 0.5 - cx)[None, :]).astype(np.float32)
    y = ((np.arange(top, bottom) + 0.5 - cy)[:, None]).astype(np.float32)
    # Without rotation, rows and columns are kept separate: many times faster, and truth files have no rotated boxes.
    along, across = (x / a, y / b) if angle == 0 else ((x * cos + y * sin) / a, (y * cos - x * sin) / b)
    inside = along**2 + across**2 <= 1 if ellipse else (np.abs(along) <= 1) & (np.abs(across) <= 1)
    if not inside.any():
        inside = np.ones_like(inside)
    return window, inside
