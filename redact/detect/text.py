"""Plates and other text by PP-OCR's text detector.

The network is a DBNet (Liao et al., "Real-time Scene Text Detection with Differentiable Binarization", 2020): a map
of the
probability that a pixel lies in the shrunk *kernel* of a text line. A kernel is about half as high as its letters; all
growth below is in multiples of its height. A number plate is found by the line of characters on it, so its box is the
kernel grown to what surrounds the characters on real plates: measured on UK, US, Brazilian and Romanian layouts, with
the state name above, the motto below and the country band at the side.

On pictures without any text the network is prone to call most of the picture text: its global pooling has nothing to
compare with. Such an answer is recognised by lines of impossible height, and the frame is asked again with a strip of
known text attached below (the *anchor*), against which the rest falls silent. The strip costs a little recall, so it is
used only where needed, and the plain question is tried again every few frames.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from redact.detect.boxes import join, take
from redact.detect.registry import builtin_model
from redact.detect.runtime import Normalisation, load_network
from redact.detect.types import Detections, ModelRecord
from redact.errors import ModelUnusable


@dataclass(frozen=True, slots=True)
class Growth:
    """How far a box reaches past its text kernel, in kernel heights."""

    side: float
    above: float
    below: float


PLATE_GROWTH = Growth(side=1.5, above=1.6, below=1.2)
TEXT_GROWTH = Growth(side=0.8, above=0.7, below=0.7)
KERNEL_THRESHOLD = 0.3
SMALLEST_KERNEL = 8
"""Pixels of the probability map; smaller specks are noise."""
CONTAINED = 0.75
"""A box that lies by this share inside a larger one adds nothing."""
TALLEST_LINE = 0.12
"""Kernel height, as a share of the picture's longer side, that no plate reaches unless it fills the picture."""
ANCHORED_CALLS = 4
"""Calls in a row that take the anchor at once, after one that needed it, before the plain question is tried again."""
ANCHOR_HEIGHT = 32
LONGEST_PLATE = 14.0
"""Kernel width over height above which, when text is asked for as well, a line is text rather than a plate."""


class TextDetector:
    """The plate and text detector that comes with the install.

    With "plate" alone asked for, every text line is taken for a plate: doubt means masked. With "text" as well, lines
    too long for a plate are called text.
    """

    def __init__(self, labels: tuple[str, ...], threshold: float, device: torch.device) -> None:
        model = builtin_model("ppocr-text")
        self.labels = labels
        self._network = load_network(model.verified_bytes(), Normalisation(127.5, 127.5, bgr=True), device)
        self._threshold = threshold
        self._anchored_calls = 0
        self.record = ModelRecord(model.name, model.sha256, model.licence, self._network.runtime)

    def detect(self, frames: torch.Tensor) -> list[Detections]:
        """See :class:`redact.detect.types.Detector`; H and W must be multiples of 32."""
        if self._anchored_calls > 0:
            self._anchored_calls -= 1
            found = [self._lines(p, self._threshold) for p in self._map(anchored(frames), int(frames.shape[2]))]
            if any(len(f) for f in found):
                self._anchored_calls = 0
            return found
        maps = self._map(frames, int(frames.shape[2]))
        doubtful = [b for b, probability in enumerate(maps) if _implausible(probability)]
        found = [self._lines(p, self._threshold) for p in maps]
        if doubtful:
            self._anchored_calls = ANCHORED_CALLS
            again = self._map(anchored(frames[doubtful]), int(frames.shape[2]))
            for b, probability in zip(doubtful, again, strict=True):
                # What the second answer says is believed whatever its size; of the first, the lines that can be text.
                rows = found[b].scores >= self._threshold
                rows &= ~_too_tall(found[b], maps[b].shape)
                found[b] = join([self._lines(probability, self._threshold), take(found[b], rows)])
        return found

    def _map(self, frames: torch.Tensor, height: int) -> list[NDArray[np.float32]]:
        """Probability maps of the first ``height`` rows."""
        outputs = self._network.run(frames)
        if len(outputs) != 1 or outputs[0].shape != (len(frames), 1, *frames.shape[2:]):
            raise ModelUnusable(
                "The text network did not answer with one map.", "Reinstall the distribution `rapidocr`."
            )
        return [probability.numpy() for probability in outputs[0][:, 0, :height].float().cpu()]

    def _lines(self, probability: NDArray[np.float32], threshold: float) -> Detections:
        boxes, scores, labels, angles = [], [], [], []
        for centre, wide, high, angle, score in _kernels(probability):
            if score < threshold:
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
    """Centre, width, height, angle and score of every text kernel."""
    kernel = (probability > KERNEL_THRESHOLD).astype(np.uint8)
    contours, _ = cv2.findContours(kernel, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    for contour in contours:
        x, y, w, h = cv2.boundingRect(contour)
        inside = probability[y : y + h, x : x + w][kernel[y : y + h, x : x + w] > 0]
        if inside.size >= SMALLEST_KERNEL:
            yield *_upright(cv2.minAreaRect(contour)), float(inside.mean())


def _implausible(probability: NDArray[np.float32]) -> bool:
    limit = TALLEST_LINE * max(probability.shape)
    return any(min(wide, high) > limit for _, wide, high, _, _ in _kernels(probability))


def _too_tall(found: Detections, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    sizes = found.boxes[:, 2:] - found.boxes[:, :2]
    growth = 1 + PLATE_GROWTH.above + PLATE_GROWTH.below
    tall: NDArray[np.bool_] = sizes.min(1) > TALLEST_LINE * max(shape) * growth
    return tall


def anchored(frames: torch.Tensor) -> torch.Tensor:
    """Frames with the strip of known text below them."""
    width = int(frames.shape[3])
    strip = np.full((ANCHOR_HEIGHT, width, 3), 230, np.uint8)
    for column in range(4):
        at = (20 + column * width // 4, ANCHOR_HEIGHT - 8)
        cv2.putText(strip, "AB12 CDE 345", at, cv2.FONT_HERSHEY_SIMPLEX, min(0.8, width / 1600), (20, 20, 20), 2)
    below = torch.from_numpy(strip).permute(2, 0, 1).to(frames.device)
    return torch.cat([frames, below.expand(len(frames), -1, -1, -1)], dim=2)


def _upright(
    rectangle: tuple[tuple[float, float], tuple[float, float], float],
) -> tuple[tuple[float, float], float, float, float]:
    """OpenCV's minimal rectangle as centre, width, height and an angle of -45 to 45 degrees clockwise, edges
    included."""
    (cx, cy), (w, h), angle = rectangle
    # OpenCV measures between pixel centres; the outermost pixels are half outside of that.
    w, h = w + 1, h + 1
    turns = round(angle / 90)
    if turns % 2:
        w, h = h, w
    return (cx + 0.5, cy + 0.5), w, h, angle - 90 * turns


def _grown(
    centre: tuple[float, float], w: float, h: float, angle: float, growth: Growth
) -> tuple[float, float, float, float]:
    """xyxy of the box before turning. Lines that run upwards (signs, plates seen sideways) grow by their short side
    too."""
    unit = min(w, h)
    shift = (growth.below - growth.above) / 2 * unit
    radians = np.radians(angle)
    cx, cy = centre[0] - np.sin(radians) * shift, centre[1] + np.cos(radians) * shift
    w, h = w + 2 * growth.side * unit, h + (growth.above + growth.below) * unit
    return (cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2)


def _not_contained(boxes: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Rows whose box does not lie mostly inside a larger one."""
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(1)
    low = np.maximum(boxes[:, None, :2], boxes[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], boxes[None, :, 2:])
    share = np.clip(high - low, 0, None).prod(2) / areas[:, None]
    larger = areas[None] > areas[:, None]
    kept: NDArray[np.bool_] = ~((share > CONTAINED) & larger).any(1)
    return kept
