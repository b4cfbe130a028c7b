"""One network at several scales, in tiles where a scale is too large for one pass."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np
import torch

from redact.detect.boxes import join, moved, suppress
from redact.detect.types import Detections, ModelRecord

STEP = 32
"""Networks take sizes in multiples of this."""
LARGEST_PASS = 2048
"""Longest side given to a network at once; larger scales are cut into overlapping tiles."""
TILE_OVERLAP = 192
"""Pixels two tiles share: an object up to this size lies whole in one of them; larger ones are found at a smaller
scale."""
MERGE_IOU = 0.45
MERGE_INSIDE = 0.75


class FixedSizeDetector(Protocol):
    """A network family: a detector for frames whose sides are multiples of :data:`STEP`."""

    @property
    def labels(self) -> tuple[str, ...]:
        """The class names it can give."""
        ...

    @property
    def record(self) -> ModelRecord:
        """What the log says about it."""
        ...

    def detect(self, frames: torch.Tensor) -> list[Detections]:
        """See :class:`redact.detect.types.Detector`."""
        ...


@dataclass(frozen=True, slots=True)
class Scales:
    """Longest sides, in pixels, that frames are scaled to. 0 means: as large as the footage, but no less than
    ``floor``."""

    sides: tuple[int, ...]
    floor: int = 0

    def sizes(self, width: int, height: int) -> list[tuple[int, int]]:
        """(width, height) of each scale, largest first, no two alike."""
        longest = max(width, height)
        wanted = {max(side or longest, self.floor if side == 0 else 0) for side in self.sides}
        return [(round(width * s / longest), round(height * s / longest)) for s in sorted(wanted, reverse=True)]


class MultiScaleDetector:
    """Implements :class:`redact.detect.types.Detector` around a network family."""

    def __init__(self, inner: FixedSizeDetector, scales: Scales) -> None:
        self._inner = inner
        self._scales = scales
        self.labels = inner.labels
        self.record = inner.record

    def input_size(self, width: int, height: int) -> tuple[int, int]:
        """The largest scale: the smaller ones are made from it."""
        return self._scales.sizes(width, height)[0]

    def detect(self, frames: torch.Tensor) -> list[Detections]:
        """See :class:`redact.detect.types.Detector`."""
        height, width = int(frames.shape[2]), int(frames.shape[3])
        found: list[list[Detections]] = [[] for _ in frames]
        sizes = self._scales.sizes(width, height)
        for w, h in sizes:
            scaled = resize(frames, w, h)
            for x, y, tile in tiles(scaled):
                for rows, part in zip(found, self._inner.detect(padded(tile)), strict=True):
                    rows.append(moved(part, (width / w, height / h), (x * width / w, y * height / h)))
        if len(sizes) == 1 and len(found[0]) == 1:
            return [rows[0] for rows in found]
        return [suppress(join(rows), MERGE_IOU, MERGE_INSIDE) for rows in found]


def tiles(frames: torch.Tensor) -> Iterator[tuple[int, int, torch.Tensor]]:
    """(x, y, part) of overlapping tiles of at most :data:`LARGEST_PASS` a side that together cover the frames."""
    height, width = int(frames.shape[2]), int(frames.shape[3])
    for y in _starts(height):
        for x in _starts(width):
            yield x, y, frames[:, :, y : y + LARGEST_PASS, x : x + LARGEST_PASS]


def _starts(length: int) -> list[int]:
    if length <= LARGEST_PASS:
        return [0]
    count = -(-(length - TILE_OVERLAP) // (LARGEST_PASS - TILE_OVERLAP))
    return [round(i * (length - LARGEST_PASS) / (count - 1)) for i in range(count)]


def resize(frames: torch.Tensor, width: int, height: int) -> torch.Tensor:
    """uint8 (B, 3, H, W) to another size, averaging where it shrinks so that thin strokes do not vanish."""
    if frames.shape[2:] == (height, width):
        return frames
    if frames.device.type == "cpu":
        method = cv2.INTER_AREA if width < frames.shape[3] else cv2.INTER_LINEAR
        rows = [cv2.resize(f, (width, height), interpolation=method) for f in frames.permute(0, 2, 3, 1).numpy()]
        return torch.from_numpy(np.stack(rows)).permute(0, 3, 1, 2)
    scaled = torch.nn.functional.interpolate(frames.float(), (height, width), mode="bilinear", antialias=True)
    return scaled.round().clamp(0, 255).to(torch.uint8)


def padded(frames: torch.Tensor) -> torch.Tensor:
    """Grey to the right and below until both sides are multiples of :data:`STEP`."""
    right, below = -frames.shape[3] % STEP, -frames.shape[2] % STEP
    return torch.nn.functional.pad(frames, (0, right, 0, below), value=114) if right or below else frames
