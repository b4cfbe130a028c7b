"""Plates and other text by PP-OCR's text detector.

The network is a DBNet (Liao et al., "Real-time Scene Text Detection with Differentiable Binarization", 2020). It
returns a map of the probability that a pixel lies in the shrunk *kernel* of a text line. A kernel is about half as high
as its letters; all growth below is in multiples of its height. A number plate is found by the line of characters on it,
so its box is the kernel grown to cover what surrounds the characters on real plates. This was measured on UK, US,
Brazilian and Romanian layouts, including the state name above, the motto below and the country band at the side.

Two weaknesses of the network are handled here. It finds nothing in the dark, so dark frames are brightened first. And
in pictures without text it tends to mark large areas as text; these are broad and score lower than real text of that
size, so a large kernel needs a higher score than a small one.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from redact.detect.boxes import take
from redact.detect.entries import RegisteredModel
from redact.detect.resample import as_levels
from redact.detect.runtime import Normalisation, load_network
from redact.detect.types import Detections, ModelRecord
from redact.errors import ModelUnusable

NORMALISATION = Normalisation(127.5, 127.5, bgr=True)
"""The input normalisation that PP-OCR's backbone was trained with; every network on that backbone needs it."""


@dataclass(frozen=True, slots=True)
class Growth:
    """The extension of a box past its text kernel, in kernel heights."""

    side: float
    above: float
    below: float


PLATE_GROWTH = Growth(side=1.5, above=1.6, below=1.2)
TEXT_GROWTH = Growth(side=0.8, above=0.7, below=0.7)
KERNEL_THRESHOLD = 0.3
SMALLEST_KERNEL = 8
"""Pixels of the probability map; smaller specks are noise."""
CONTAINED = 0.75
"""A box with this share of its area inside a larger one is dropped."""
LARGE = 0.012
"""Kernels higher than this share of the picture's longer side have to reach :data:`EVIDENCE`."""
EVIDENCE = 10.7
"""Lowest 10 score + 2.5 ln(width / height) - 0.5 ln(height / large) of a large kernel. Fitted by logistic regression to
kernels on and off 31 US and Brazilian plates: it keeps 95 % of the former and 2 % of the area of the latter."""
BRIGHT = 230
"""Brightness to which the lightest hundredth of a dark frame is raised."""
MOST_GAIN = 4.0
"""Largest factor by which a frame is brightened."""
LEAST_GAIN = 1.1
LONGEST_PLATE = 14.0
"""Largest ratio of width to height of a plate's kernel; beyond it, a line is text (if text was requested)."""


class TextDetector:
    """The built-in plate and text detector.

    If only "plate" is wanted, every text line counts as a plate: in doubt, it is masked. With "text" as well, lines too
    long for a plate are text.
    """

    def __init__(self, model: RegisteredModel, labels: tuple[str, ...], threshold: float, device: torch.device) -> None:
        self.labels = labels
        self._network = load_network(model.verified_bytes(), NORMALISATION, device)
        self._threshold = threshold
        self.record = ModelRecord(model.name, model.sha256, model.licence, self._network.runtime)

    def detect(self, frames: torch.Tensor) -> list[Detections]:
        """See :class:`redact.detect.types.Detector`; H and W must be multiples of 32."""
        outputs = self._network.run(brightened(frames))
        if len(outputs) != 1 or outputs[0].shape != (len(frames), 1, *frames.shape[2:]):
            raise ModelUnusable("The text network did not return one map.", "Reinstall the distribution `rapidocr`.")
        maps = outputs[0][:, 0]
        if maps.device.type == "cuda":
            maps = maps.half()  # the network's own precision, and half as much to transfer
        return [self._lines(probability.numpy()) for probability in maps.cpu().float()]

    def _lines(self, probability: NDArray[np.float32]) -> Detections:
        boxes, scores, labels, angles = [], [], [], []
        for centre, wide, high, angle, score in _kernels(probability):
            if score < self._threshold or not _convincing(wide, high, score, max(probability.shape)):
                continue
            label = self._label(wide / high)
            growth = PLATE_GROWTH if label == "plate" else TEXT_GROWTH
            boxes.append(_grown(centre, wide, high, angle, growth))
            scores.append(score)
            labels.append(label)
            angles.append(angle)
        if not boxes:
            return Detections.empty()
        found = Detections(
            np.array(boxes, np.float32), np.array(scores, np.float32), tuple(labels), np.array(angles, np.float32)
        )
        return take(found, _not_contained(found.boxes))

    def _label(self, shape: float) -> str:
        if "text" not in self.labels:
            return "plate"
        return "plate" if "plate" in self.labels and shape <= LONGEST_PLATE else "text"


def _kernels(probability: NDArray[np.float32]) -> Iterator[tuple[tuple[float, float], float, float, float, float]]:
    """Centre, width, height, angle and score of each text kernel."""
    kernel = (probability > KERNEL_THRESHOLD).astype(np.uint8)
    contours, _ = cv2.findContours(kernel, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    for contour in contours:
        x, y, w, h = cv2.boundingRect(contour)
        inside = probability[y : y + h, x : x + w][kernel[y : y + h, x : x + w] > 0]
        if inside.size >= SMALLEST_KERNEL:
            yield *_upright(cv2.minAreaRect(contour)), float(inside.mean())


def _convincing(wide: float, high: float, score: float, longest: int) -> bool:
    size = min(wide, high) / (LARGE * longest)
    if size <= 1:
        return True
    shape = max(wide, high) / min(wide, high)
    return 10 * score + 2.5 * math.log(shape) - 0.5 * math.log(size) > EVIDENCE


def brightened(frames: torch.Tensor) -> torch.Tensor:
    """A uint8 (B, 3, H, W) batch with dark frames brightened and bright ones unchanged."""
    sample = frames[:, :, ::8, ::8].amax(1).flatten(1).float()
    light = torch.quantile(sample, 0.99, dim=1, interpolation="nearest").clamp(min=1.0)
    gains = (BRIGHT / light).clamp(1.0, MOST_GAIN).tolist()
    if max(gains) < LEAST_GAIN:
        return frames
    if len(frames) == 1:
        return _multiplied(frames[0], gains[0])[None]
    lifted = [f if g < LEAST_GAIN else _multiplied(f, g) for f, g in zip(frames, gains, strict=True)]
    return torch.stack(lifted)


def _multiplied(frame: torch.Tensor, gain: float) -> torch.Tensor:
    if frame.device.type == "cpu":
        rows = np.ascontiguousarray(frame.permute(1, 2, 0).numpy())
        return torch.from_numpy(cv2.convertScaleAbs(rows, alpha=gain)).permute(2, 0, 1)
    return as_levels(frame.float() * gain)


def _upright(
    rectangle: tuple[tuple[float, float], tuple[float, float], float],
) -> tuple[tuple[float, float], float, float, float]:
    """OpenCV's minimum-area rectangle as centre, width, height and a clockwise angle of -45 to 45 degrees, both
    included."""
    (cx, cy), (w, h), angle = rectangle
    # OpenCV measures between pixel centres; the outermost pixels extend half a pixel beyond.
    w, h = w + 1, h + 1
    turns = round(angle / 90)
    if turns % 2:
        w, h = h, w
    return (cx + 0.5, cy + 0.5), w, h, angle - 90 * turns


def _grown(
    centre: tuple[float, float], w: float, h: float, angle: float, growth: Growth
) -> tuple[float, float, float, float]:
    """xyxy of the box before rotation. Growth is by the short side, also for lines that run upwards (signs, plates seen
    from the side)."""
    unit = min(w, h)
    shift = (growth.below - growth.above) / 2 * unit
    radians = np.radians(angle)
    cx, cy = centre[0] - np.sin(radians) * shift, centre[1] + np.cos(radians) * shift
    w, h = w + 2 * growth.side * unit, h + (growth.above + growth.below) * unit
    return (cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2)


def _not_contained(boxes: NDArray[np.float32]) -> NDArray[np.bool_]:
    """(n,) bool: which boxes do not lie mostly inside a larger one."""
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(1)
    low = np.maximum(boxes[:, None, :2], boxes[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], boxes[None, :, 2:])
    share = np.clip(high - low, 0, None).prod(2) / areas[:, None]
    larger = areas[None] > areas[:, None]
    kept: NDArray[np.bool_] = ~((share > CONTAINED) & larger).any(1)
    return kept
