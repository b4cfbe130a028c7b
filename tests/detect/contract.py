"""Contract tests for every detector family. Subclasses state how to make the detector."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import skimage.data
import torch
from numpy.typing import NDArray

from redact.detect.boxes import overlap
from redact.detect.scales import DetectionScale, FixedSizeDetector, MultiScaleDetector
from redact.detect.types import Detections, Detector
from redact.errors import ModelUnusable

CPU = torch.device("cpu")
Picture = NDArray[np.uint8]


def batch(*pictures: Picture) -> torch.Tensor:
    """(H, W, 3) RGB pictures of one size in a detector's input form."""
    return torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).contiguous()


def iou(one: Any, other: Any) -> float:
    a, b = (np.asarray(box, np.float32).reshape(1, 4) for box in (one, other))
    return float(overlap(a, b)[0][0, 0])


def astronaut() -> Picture:
    return np.asarray(skimage.data.astronaut(), np.uint8)


def plate(height: int = 60) -> Picture:
    """A plate with European characters, 4.6 times as wide as high."""
    picture = np.full((240, 1104, 3), 238, np.uint8)
    cv2.rectangle(picture, (4, 4), (1099, 235), (20, 20, 20), 6)
    cv2.putText(picture, "KR 482 XD", (70, 180), cv2.FONT_HERSHEY_SIMPLEX, 5.2, (20, 20, 20), 22)
    return np.asarray(cv2.resize(picture, (round(4.6 * height), height), interpolation=cv2.INTER_AREA), np.uint8)


def same(one: Detections, other: Detections) -> None:
    assert one.labels == other.labels
    np.testing.assert_allclose(one.boxes, other.boxes, atol=0.5)
    np.testing.assert_allclose(one.scores, other.scores, atol=0.01)


class FixedNetwork:
    """A network that always returns the same output."""

    runtime = "test"

    def __init__(self, *answers: torch.Tensor) -> None:
        self._answers = list(answers)

    def run(self, frames: torch.Tensor) -> list[torch.Tensor]:
        return self._answers


class DetectorContract:
    """Tests for any weights, trained or not."""

    asked: tuple[str, ...] = ("face",)
    """Requested classes."""

    @pytest.fixture(scope="class")
    @classmethod
    def detector(cls, tmp_path_factory: pytest.TempPathFactory) -> FixedSizeDetector:
        return cls.make(tmp_path_factory.mktemp("weights"))

    @classmethod
    def make(cls, folder: Path) -> FixedSizeDetector:
        raise NotImplementedError

    def scene(self, x: int, y: int) -> Picture:
        """A picture with sides that are multiples of 32 and one object, moved right and down from its place."""
        return np.roll(np.asarray(cv2.resize(astronaut(), (320, 256)), np.uint8), (y, x), (0, 1))

    def bad_answers(self) -> list[list[torch.Tensor]]:
        """Outputs for a 64 x 64 frame that are invalid for the family."""
        raise NotImplementedError

    def test_detector_describes_itself(self, detector: FixedSizeDetector) -> None:
        assert detector.labels
        assert set(detector.labels) <= set(self.asked)
        assert re.fullmatch("[0-9a-f]{64}", detector.record.sha256)
        assert re.match(r"(openvino|onnxruntime|torch) \d.* cpu (fp32|bf16)", detector.record.runtime)
        assert isinstance(MultiScaleDetector(detector, [DetectionScale(1.0, 640, 0)]), Detector)

    def test_detector_gives_same_results_in_batches(self, detector: FixedSizeDetector) -> None:
        first, second = self.scene(0, 0), self.scene(64, 32)
        together = detector.detect(batch(first, second))
        assert len(together) == 2
        assert len(together[0])
        for found, picture in zip(together, (first, second), strict=True):
            same(found, detector.detect(batch(picture))[0])

    def test_detector_gives_same_results_on_two_threads(self, detector: FixedSizeDetector) -> None:
        pictures = [batch(self.scene(32 * (n % 3), 32 * (n % 2))) for n in range(6)]
        with ThreadPoolExecutor(2) as pool:
            at_once = list(pool.map(detector.detect, pictures))
        for (found,), picture in zip(at_once, pictures, strict=True):
            same(found, detector.detect(picture)[0])

    def test_detector_boxes_are_in_tensor_pixels(self, detector: FixedSizeDetector) -> None:
        picture = self.scene(0, 0)
        (found,) = detector.detect(batch(picture))
        height, width = picture.shape[:2]
        assert set(found.labels) <= set(detector.labels)
        centre = (found.boxes[:, :2] + found.boxes[:, 2:]) / 2
        assert (centre >= 0).all()
        assert (centre <= [width, height]).all()
        assert (found.boxes[:, 2:] > found.boxes[:, :2]).all()
        assert ((found.scores > 0) & (found.scores <= 1)).all()

    def test_detector_refuses_unexpected_output(
        self, detector: FixedSizeDetector, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for answer in self.bad_answers():
            monkeypatch.setattr(detector, "_network", FixedNetwork(*answer))
            with pytest.raises(ModelUnusable):
                detector.detect(torch.zeros((1, 3, 64, 64), dtype=torch.uint8))


class TrainedContract(DetectorContract):
    """Tests for weights that detect something."""

    truth: tuple[float, float, float, float]
    """xyxy of the object in ``scene(0, 0)``."""
    least_iou = 0.5

    @pytest.mark.parametrize(("x", "y"), [(0, 0), (96, 0), (0, 64)])
    def test_detector_finds_object_in_place(self, detector: FixedSizeDetector, x: int, y: int) -> None:
        (found,) = detector.detect(batch(self.scene(x, y)))
        best = int(np.argmax(found.scores))
        assert iou(found.boxes[best], np.add(self.truth, [x, y, x, y])) >= self.least_iou

    @pytest.mark.parametrize("level", [0, 110, 255])
    def test_detector_finds_nothing_in_empty_picture(self, detector: FixedSizeDetector, level: int) -> None:
        (found,) = detector.detect(batch(np.full((256, 320, 3), level, np.uint8)))
        assert len(found) == 0
