"""Targets and loss: a network with exactly these outputs finds every plate in its place."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from redact.detect import plates
from redact.detect.plates import decode
from redact.detect.types import Detections
from redact_models.train.targets import loss, targets

NONE = np.zeros((0, 4), np.float32)


@pytest.fixture(autouse=True)
def _as_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plates, "GROWTH", (0.0, 0.0))


def _decoded(maps: NDArray[np.float32]) -> Detections:
    whole = torch.from_numpy(maps)[None]
    return decode(whole[:, :1], whole[:, 1:5], 0.5)[0]


@pytest.mark.parametrize(
    "box",
    [
        (100.0, 60.0, 180.0, 78.0),
        (101.3, 50.9, 117.1, 55.2),  # one cell high
        (10.0, 10.0, 300.0, 150.0),  # fills the picture
        (-30.0, 70.0, 50.0, 90.0),  # half outside
    ],
)
def test_targets_decode_to_plate(box: tuple[float, float, float, float]) -> None:
    maps, _ = targets(np.array([box], np.float32), NONE, 40, 80)
    found = _decoded(maps)
    assert len(found) == 1
    np.testing.assert_allclose(found.boxes[0], box, atol=1.1)


def test_targets_keep_neighbours_apart() -> None:
    boxes = np.array([[20, 20, 60, 30], [64, 20, 104, 30], [20, 34, 60, 44]], np.float32)
    maps, _ = targets(boxes, NONE, 16, 32)
    found = _decoded(maps)
    assert sorted(found.boxes.round().tolist()) == sorted(boxes.tolist())


def test_targets_weigh_every_plate_equally() -> None:
    maps, weight = targets(np.array([[0, 0, 16, 6], [40, 0, 280, 60]], np.float32), NONE, 20, 80)
    assert maps[5, :, :5].sum() == pytest.approx(1)
    assert maps[5, :, 10:].sum() == pytest.approx(1)
    assert weight[0, 2] == 1
    assert weight[7, 40] < 0.2


def test_targets_ignore_marked_areas() -> None:
    _, weight = targets(NONE, np.array([[8, 4, 20, 12]], np.float32), 10, 10)
    assert not weight[1:3, 2:5].any()
    assert weight.sum() == 100 - 6


def test_loss_ranks_better_predictions() -> None:
    maps, weight = (torch.from_numpy(x)[None] for x in targets(np.array([[8, 8, 40, 20]], np.float32), NONE, 10, 16))
    right = torch.cat([torch.logit(maps[:, :1].clamp(1e-3, 0.999)), maps[:, 1:5]], 1)
    plate, distance = loss(right, maps, weight)
    assert plate < 0.01
    assert distance == pytest.approx(0, abs=1e-4)
    for wrong in (right * torch.tensor([-1.0, 1, 1, 1, 1])[:, None, None], right + 0.5):
        worse = loss(wrong, maps, weight)
        assert sum(worse) > 0.5
