"""Covered plates and false masks, counted on artificial detections."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from redact.detect.types import Detections, ModelRecord
from redact_models.train.measure import false_masks, measure_picture, recall, turned
from redact_models.train.scenes import AnnotatedPicture


class _FixedDetector:
    labels = ("plate",)
    record = ModelRecord("", "", "", "")

    def __init__(self, *rows: tuple[float, float, float, float, float]) -> None:
        table = np.array(rows, np.float32).reshape(-1, 5)
        count = len(table)
        self._found = Detections(table[:, :4], table[:, 4], ("plate",) * count, np.zeros(count, np.float32))

    def input_size(self, width: int, height: int) -> tuple[int, int]:
        return width, height

    def detect(self, frames: torch.Tensor) -> list[Detections]:
        return [self._found] * len(frames)


PICTURE = AnnotatedPicture(np.zeros((200, 400, 3), np.uint8), np.array([[100, 100, 200, 120]], np.float32))


@pytest.mark.parametrize(
    ("rows", "covered", "false"),
    [
        ([], 0.0, 0),
        ([(100, 100, 200, 120, 0.8)], 0.8, 0),
        ([(100, 100, 150, 120, 0.8)], 0.0, 0),  # half of it
        ([(100, 100, 150, 120, 0.8), (150, 100, 200, 120, 0.4)], 0.4, 0),  # two halves: the lower score counts
        ([(300, 20, 360, 40, 0.9)], 0.0, 1),
        ([(205, 100, 230, 120, 0.9)], 0.0, 0),  # beside the plate: not a false mask
    ],
)
def test_measure_picture_finds_covered_plates_and_false_masks(
    rows: list[tuple[float, float, float, float, float]], covered: float, false: int
) -> None:
    result = measure_picture(_FixedDetector(*rows), PICTURE)
    assert result.best.tolist() == pytest.approx([covered])
    assert len(result.false) == false


def test_recall_and_false_masks_are_shares() -> None:
    result = [
        measure_picture(_FixedDetector((100, 100, 200, 120, 0.8), (300, 20, 360, 40, 0.3)), PICTURE),
        measure_picture(_FixedDetector(), PICTURE),
    ]
    assert recall(result, 0.5) == 0.5
    assert recall(result, 0.9) == 0
    assert false_masks(result, 0.2) == 0.5
    assert false_masks(result, 0.5) == 0


def test_turned_plates_stay_in_their_boxes() -> None:
    image = np.zeros((200, 400, 3), np.uint8)
    image[100:120, 100:200] = 255
    turn = turned(AnnotatedPicture(image, PICTURE.boxes), 20)
    rows, columns = np.nonzero(turn.image[:, :, 0] > 127)
    assert turn.boxes[0] == pytest.approx([columns.min(), rows.min(), columns.max(), rows.max()], abs=2)
    assert rows[columns < 110].mean() < rows[columns > 180].mean()  # clockwise
