"""Scaling and tiling with a network that finds white blobs."""

from __future__ import annotations

from itertools import pairwise

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from redact.detect.boxes import suppress
from redact.detect.scales import LARGEST_PASS, STEP, TILE_OVERLAP, DetectionScale, MultiScaleDetector, tiles
from redact.detect.types import Detections, ModelRecord
from tests.detect.contract import batch


class Blobs:
    labels = ("blob",)
    record = ModelRecord("blobs", "0" * 64, "none", "test")

    def __init__(self) -> None:
        self.passes: list[tuple[int, int]] = []

    def detect(self, frames: torch.Tensor) -> list[Detections]:
        self.passes.append((int(frames.shape[3]), int(frames.shape[2])))
        return [self._find(frame.numpy()[0]) for frame in frames]

    @staticmethod
    def _find(grey: NDArray[np.uint8]) -> Detections:
        _, _, stats, _ = cv2.connectedComponentsWithStats((grey > 200).astype(np.uint8))
        boxes = np.array([[x, y, x + w, y + h] for x, y, w, h, _ in stats[1:]], np.float32).reshape(-1, 4)
        return Detections(
            boxes, np.full(len(boxes), 0.9, np.float32), ("blob",) * len(boxes), np.zeros(len(boxes), np.float32)
        )


@pytest.mark.parametrize(
    ("scales", "frame", "sizes"),
    [
        # Share, floor and ceiling of the longer side; network input sizes, as multiples of 32.
        ([DetectionScale(0.5, 0, 0)], (1280, 720), [(640, 384)]),
        ([DetectionScale(0.5, 0, 0)], (720, 1280), [(384, 640)]),
        ([DetectionScale(0.5, 640, 960)], (640, 360), [(640, 384)]),  # no less than the floor
        ([DetectionScale(0.5, 640, 960)], (3840, 2160), [(960, 544)]),  # no more than the ceiling
        ([DetectionScale(1.0, 1280, 0), DetectionScale(0.0, 640, 640)], (1920, 1080), [(1920, 1088), (640, 384)]),
        (
            [DetectionScale(0.0, 640, 640), DetectionScale(1.0, 1280, 0)],
            (640, 360),
            [(1280, 736), (640, 384)],
        ),  # enlarged; largest first
        ([DetectionScale(1.0, 0, 0), DetectionScale(0.5, 1280, 0)], (1280, 720), [(1280, 736)]),  # no scale twice
    ],
)
def test_sizes(scales: list[DetectionScale], frame: tuple[int, int], sizes: list[tuple[int, int]]) -> None:
    inner = Blobs()
    detector = MultiScaleDetector(inner, scales)
    width, height = detector.input_size(*frame)
    detector.detect(torch.zeros((1, 3, height, width), dtype=torch.uint8))
    assert inner.passes == sizes
    # Frames that were not scaled before give the same result.
    detector.detect(torch.zeros((1, 3, frame[1], frame[0]), dtype=torch.uint8))
    assert inner.passes == sizes * 2


@pytest.mark.parametrize(
    ("length", "count"),
    [
        (1, 1),
        (LARGEST_PASS, 1),
        (LARGEST_PASS + 1, 2),
        (2 * LARGEST_PASS - TILE_OVERLAP, 2),  # two tiles with just the overlap
        (2 * LARGEST_PASS - TILE_OVERLAP + 1, 3),
        (4096, 3),
        (7680, 5),
    ],
)
def test_tiles_cover_every_pixel_and_overlap(length: int, count: int) -> None:
    for frames in (
        torch.zeros((1, 3, 32, length), dtype=torch.uint8),
        torch.zeros((1, 3, length, 32), dtype=torch.uint8),
    ):
        spans = []
        for x, y, part in tiles(frames):
            assert max(part.shape[2:]) <= LARGEST_PASS
            part.add_(1)  # a view: marks the frame
            start = max(x, y)
            spans.append((start, start + max(part.shape[2:]) if length >= 32 else start + 1))
        assert int(frames.min()) >= 1
        assert len(spans) == count
        assert all(before[1] - after[0] >= TILE_OVERLAP for before, after in pairwise(spans))


def test_object_on_seam_is_found_once_and_whole() -> None:
    picture = np.zeros((2160, 4096, 3), np.uint8)
    spots = [
        (1100, 500, 1250, 640),  # where the second tile begins (1024)
        (1980, 1000, 2100, 1150),  # where the first one ends (2048)
        (4000, 2064, 4096, 2160),  # the last corner
        (0, 0, 20, 16),
    ]
    for x1, y1, x2, y2 in spots:
        picture[y1:y2, x1:x2] = 255
    inner = Blobs()
    (found,) = MultiScaleDetector(inner, [DetectionScale(1.0, 1280, 0), DetectionScale(0.0, 640, 640)]).detect(
        batch(picture)
    )
    assert all(w % STEP == h % STEP == 0 for w, h in inner.passes)
    assert max(max(size) for size in inner.passes) == LARGEST_PASS
    assert len(found) == len(spots)
    for spot in spots:
        # At most half a pixel of the smallest scale, if its box won.
        assert np.abs(found.boxes - np.array(spot)).max(1).min() <= 6.4


def test_multi_scale_detector_takes_batches_of_small_frames() -> None:
    pictures = [np.zeros((45, 80, 3), np.uint8) for _ in range(2)]
    pictures[1][20:30, 40:60] = 255
    nothing, one = MultiScaleDetector(Blobs(), [DetectionScale(1.0, 640, 0)]).detect(batch(*pictures))
    assert len(nothing) == 0
    np.testing.assert_allclose(one.boxes, [[40, 20, 60, 30]], atol=0.6)


def test_suppression_keeps_best_box() -> None:
    boxes = np.array([[0, 0, 10, 10], [1, 0, 11, 10], [2, 2, 5, 5], [0, 0, 10, 10], [20, 0, 30, 10]], np.float32)
    found = Detections(
        boxes, np.array([0.5, 0.9, 0.8, 0.3, 0.2], np.float32), ("a", "a", "a", "b", "a"), np.zeros(5, np.float32)
    )
    # The best of two overlapping boxes stays; classes do not compete; a box inside another is dropped only on request.
    assert suppress(found, 0.5).scores.tolist() == pytest.approx([0.9, 0.8, 0.3, 0.2])
    assert suppress(found, 0.5, inside=0.75).scores.tolist() == pytest.approx([0.9, 0.3, 0.2])
    assert len(suppress(Detections.empty(), 0.5)) == 0
