"""Runs one network at several scales, in tiles if a scale is too large for one pass."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from redact.detect.boxes import join, moved, suppress
from redact.detect.resample import as_levels, resampled
from redact.detect.types import Detections, ModelRecord

STEP = 32
"""The sides of a network's input are multiples of this."""
LARGEST_PASS = 2048
"""Longest side of a network's input; larger scales are cut into overlapping tiles."""
TILE_OVERLAP = 192
"""Overlap of two tiles in pixels: an object up to this size lies completely in one of them; larger ones are found at a
smaller scale."""
GREY = 114
"""Level of the padding that extends pictures to a multiple of :data:`STEP`."""
SEAM = 0.1
"""A box that ends within this share of its size from a tile's inner edge, or past it, may be cut off there."""
MERGE_IOU = 0.45
MERGE_INSIDE = 0.75


class FixedSizeDetector(Protocol):
    """A network family: a detector for frames whose sides are multiples of :data:`STEP`."""

    @property
    def labels(self) -> tuple[str, ...]:
        """The class names it can return."""
        ...

    @property
    def record(self) -> ModelRecord:
        """The model's description for the log."""
        ...

    def detect(self, frames: torch.Tensor) -> list[Detections]:
        """See :class:`redact.detect.types.Detector`."""
        ...


@dataclass(frozen=True, slots=True)
class DetectionScale:
    """A size to which frames are scaled: their longer side is multiplied by ``share``, but kept between ``floor`` and
    ``ceiling`` pixels (ceiling 0: no limit)."""

    share: float
    floor: int
    ceiling: int

    def side(self, longest: int) -> int:
        """The longer side, in pixels, for footage whose own longer side is ``longest``."""
        side = max(round(self.share * longest), self.floor)
        return min(side, self.ceiling) if self.ceiling else side


class MultiScaleDetector:
    """Implements :class:`redact.detect.types.Detector` around a network family."""

    def __init__(self, inner: FixedSizeDetector, scales: Sequence[DetectionScale]) -> None:
        self._inner = inner
        self._scales = tuple(scales)
        self._sizes: dict[tuple[int, int], list[tuple[int, int]]] = {}
        self.labels = inner.labels
        self.record = inner.record

    def input_size(self, width: int, height: int) -> tuple[int, int]:
        """The size of the largest scale; the smaller ones are made from it."""
        longest = max(width, height)
        sides = sorted({scale.side(longest) for scale in self._scales}, reverse=True)
        # The aspect ratio is kept: stretching the picture by one per cent already loses faint plates.
        sizes = [(max(1, round(width * s / longest)), max(1, round(height * s / longest))) for s in sides]
        self._sizes[sizes[0]] = sizes
        return sizes[0]

    def detect(self, frames: torch.Tensor) -> list[Detections]:
        """See :class:`redact.detect.types.Detector`. Frames whose size did not come from :meth:`input_size` are first
        scaled to the size it returns for them."""
        height, width = int(frames.shape[2]), int(frames.shape[3])
        found: list[list[Detections]] = [[] for _ in frames]
        cut: list[list[NDArray[np.bool_]]] = [[] for _ in frames]
        sizes = self._sizes.get((width, height)) or self._sizes[self.input_size(width, height)]
        for w, h in sizes:
            scaled = resize(frames, w, h)
            for x, y, tile in tiles(scaled):
                inner = _inner_edges(x, y, tile, w, h)
                for rows, marks, part in zip(found, cut, self._inner.detect(padded(tile)), strict=True):
                    marks.append(_cut_off(part.boxes, inner))
                    rows.append(moved(part, (width / w, height / h), (x * width / w, y * height / h)))
        if all(len(rows) == 1 for rows in found):
            return [rows[0] for rows in found]
        # A part of an object in one tile may score higher than the whole object in another.
        return [
            suppress(join(rows), MERGE_IOU, MERGE_INSIDE, np.concatenate(marks))
            for rows, marks in zip(found, cut, strict=True)
        ]


def tiles(frames: torch.Tensor) -> Iterator[tuple[int, int, torch.Tensor]]:
    """(x, y, tile) of overlapping tiles, at most :data:`LARGEST_PASS` on each side, that together cover the frames."""
    height, width = int(frames.shape[2]), int(frames.shape[3])
    for y in _starts(height):
        for x in _starts(width):
            yield x, y, frames[:, :, y : y + LARGEST_PASS, x : x + LARGEST_PASS]


def _inner_edges(x: int, y: int, tile: torch.Tensor, width: int, height: int) -> NDArray[np.float32]:
    """(4,) edges of a tile at (x, y) of a picture (left, top, right, bottom); infinite where the picture ends too."""
    high, wide = int(tile.shape[2]), int(tile.shape[3])
    far = np.inf
    edges = [0 if x else -far, 0 if y else -far, wide if x + wide < width else far, high if y + high < height else far]
    return np.array(edges, np.float32)


def _cut_off(boxes: NDArray[np.float32], edges: NDArray[np.float32]) -> NDArray[np.bool_]:
    """(n,) bool: which boxes reach one of these edges."""
    near = SEAM * np.tile(boxes[:, 2:] - boxes[:, :2], 2)
    beyond = (boxes - edges) * np.array([-1, -1, 1, 1], np.float32)
    cut: NDArray[np.bool_] = np.any(beyond > -near, axis=1)
    return cut


def _starts(length: int) -> list[int]:
    if length <= LARGEST_PASS:
        return [0]
    count = -(-(length - TILE_OVERLAP) // (LARGEST_PASS - TILE_OVERLAP))
    return [round(i * (length - LARGEST_PASS) / (count - 1)) for i in range(count)]


def resize(frames: torch.Tensor, width: int, height: int) -> torch.Tensor:
    """uint8 (B, 3, H, W) scaled to another size; shrinking averages, so that thin strokes do not vanish."""
    if frames.shape[2:] == (height, width):
        return frames
    if frames.device.type == "cpu":
        method = cv2.INTER_AREA if width < frames.shape[3] else cv2.INTER_LINEAR
        rows = [cv2.resize(f, (width, height), interpolation=method) for f in frames.permute(0, 2, 3, 1).numpy()]
        return torch.from_numpy(np.stack(rows)).permute(0, 3, 1, 2)
    return as_levels(resampled(frames, width, height))


def padded(frames: torch.Tensor) -> torch.Tensor:
    """Frames padded with grey on the right and below until both sides are multiples of :data:`STEP`."""
    batch, _, height, width = frames.shape
    right, below = -width % STEP, -height % STEP
    if not (right or below):
        return frames
    if frames.device.type == "cpu":
        pictures = frames.permute(0, 2, 3, 1).numpy()
        edges = (0, below, 0, right)
        grey = [cv2.copyMakeBorder(f, *edges, cv2.BORDER_CONSTANT, value=(GREY, GREY, GREY)) for f in pictures]
        return torch.from_numpy(np.stack(grey)).permute(0, 3, 1, 2)
    # Channels last, as decoders return frames and networks on a CPU accept them.
    whole = torch.full((batch, height + below, width + right, 3), GREY, dtype=frames.dtype, device=frames.device)
    whole[:, :height, :width] = frames.permute(0, 2, 3, 1)
    return whole.permute(0, 3, 1, 2)
