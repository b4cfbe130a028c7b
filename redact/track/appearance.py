"""Locates the content of a box by its appearance, where optical flow alone would drift to the background.

Uses normalised cross-correlation (Lewis, "Fast Normalized Cross-Correlation", 1995) with two templates: the content of
the box on the previous frame, which follows changes of appearance, and on the first frame, which prevents drift.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

REACH = 0.35
"""Search distance from the expected place, as a share of the box's longer side."""
LEAST_REACH = 4
LEAST_SIDE = 6
"""Pixels of the small picture."""
SURE = 0.5
"""Lowest mean correlation that counts as a match."""


class Appearance:
    """The appearance of a box (xyxy, upright pixels) in a small luma picture (h, w) of the frame. ``scale``, (2,), is
    the ratio of the small picture's width and height to the frame's."""

    def __init__(self, grey: NDArray[np.uint8], box: NDArray[np.float32], scale: NDArray[np.float32]) -> None:
        self._scale = np.tile(scale, 2)
        self._first = self._last = self._cut(grey, box)

    def locate(self, grey: NDArray[np.uint8], box: NDArray[np.float32]) -> NDArray[np.float32]:
        """``box``, the expected place on the next picture, moved to the best match; unchanged if there is none."""
        height, width = self._last.shape
        reach = max(LEAST_REACH, round(REACH * max(width, height)))
        field = self._patch(grey, box, (width + 2 * reach, height + 2 * reach))
        first = cv2.resize(self._first, (width, height))
        likeness = sum(cv2.matchTemplate(field, one, cv2.TM_CCOEFF_NORMED) for one in (self._last, first)) / 2
        y, x = np.unravel_index(int(np.argmax(likeness)), likeness.shape)
        if likeness[y, x] < SURE:
            return box
        found = (box + np.array([x - reach, y - reach] * 2, np.float32) / self._scale).astype(np.float32)
        self._last = self._cut(grey, found)
        return found

    def _cut(self, grey: NDArray[np.uint8], box: NDArray[np.float32]) -> NDArray[np.float32]:
        low, high = np.split(box * self._scale, 2)
        width, height = (max(LEAST_SIDE, round(float(side))) for side in high - low)
        return self._patch(grey, box, (width, height))

    def _patch(self, grey: NDArray[np.uint8], box: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.float32]:
        """(height, width) around the box's centre; the picture's border is repeated outside it."""
        low, high = np.split(box * self._scale, 2)
        x, y = ((low + high - 1) / 2).tolist()
        patch: NDArray[np.float32] = cv2.getRectSubPix(grey.astype(np.float32), size, (x, y))
        return patch
