"""The project's own plate network."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import skimage.data
import torch

from redact.detect.plates import STRIDE, PlateDetector, decode
from redact.detect.registry import builtin_model
from tests.detect.contract import CPU, Picture, TrainedContract, batch, iou, plate

THRESHOLD = 0.3


def _detector() -> PlateDetector:
    return PlateDetector(builtin_model("plates"), ("plate",), THRESHOLD, CPU)


class TestPlates(TrainedContract):
    asked = ("plate",)
    truth = (40.0, 80.0, 206.0, 116.0)

    @classmethod
    def make(cls, folder: Path) -> PlateDetector:
        return _detector()

    def scene(self, x: int, y: int) -> Picture:
        picture = np.full((256, 384, 3), 90, np.uint8)
        part = plate(36)
        picture[80 + y : 116 + y, 40 + x : 40 + x + part.shape[1]] = part
        return picture

    def bad_answers(self) -> list[list[torch.Tensor]]:
        one, four = torch.full((1, 1, 16, 16), 0.5), torch.zeros(1, 4, 16, 16)
        unheard = torch.full_like(one, float("nan"))
        return [
            [unheard, four],
            [one],
            [four, one],
            [one, torch.zeros(1, 4, 15, 16)],
            [one, torch.full_like(four, float("nan"))],
        ]


@pytest.mark.parametrize("light", [1.0, 0.2, 0.05])
def test_plate_in_photograph_is_found(light: float) -> None:
    picture = np.asarray(cv2.resize(skimage.data.coffee(), (640, 384)), np.uint8)
    picture[200:232, 300:447] = plate(32)
    (found,) = _detector().detect(batch((picture * light).astype(np.uint8)))
    assert max(iou(box, (300, 200, 447, 232)) for box in found.boxes) > 0.4


def test_plate_detector_ignores_other_writing() -> None:
    picture = np.full((384, 640, 3), 235, np.uint8)
    for row, line in enumerate(("The quick brown fox", "jumps over the lazy dog", "and is seen no more.")):
        cv2.putText(picture, line, (40, 100 + 70 * row), 0, 1.3, (10, 10, 10), 3)
    (found,) = _detector().detect(batch(picture))
    assert not len(found)


def test_plate_boxes_grow_and_neighbours_stay_separate() -> None:
    maps, reach = torch.zeros(2, 1, 20, 60), torch.full((2, 4, 20, 60), float(np.log(2.5)))
    maps[1, 0, 10, 10] = maps[1, 0, 10, 30] = 0.9
    maps[1, 0, 10, 11] = 0.8
    nothing, found = decode(maps, reach, 0.5)
    assert not len(nothing)
    assert len(found) == 2
    size = 2 * 2.5 * STRIDE
    assert (found.boxes[0, 2:] - found.boxes[0, :2] > 1.15 * size).all()
    assert np.isclose(found.boxes[:, [0, 2]].mean(1), [42, 122]).all()


@pytest.mark.parametrize("height", [9, 14, 40, 120])
def test_sizes(height: int) -> None:
    """Network input size in pixels."""
    picture = np.full((384, 768, 3), 70, np.uint8)
    part = plate(height)
    high, wide = part.shape[:2]
    picture[150 : 150 + high, 100 : 100 + wide] = part
    (found,) = _detector().detect(batch(picture))
    assert max((iou(box, (100, 150, 100 + wide, 150 + high)) for box in found.boxes), default=0) > 0.4
