"""Number plates by the project's own network (``models/train`` made it; its card lies beside its weights).

For every fourth pixel the network says whether it lies in the middle of a plate, and how far the plate reaches from
there to each side.
"""

from __future__ import annotations

import numpy as np
import onnx
import torch
from numpy.typing import NDArray

from redact.detect.boxes import suppress, widened
from redact.detect.entries import Family, RegisteredModel
from redact.detect.illumination import evened
from redact.detect.peaks import at_peaks
from redact.detect.runtime import load_network
from redact.detect.text import NORMALISATION
from redact.detect.types import Detections, ModelRecord
from redact.errors import ModelUnusable

MARK = "family"
"""Name of the mark in the metadata of the recipe's networks."""
STRIDE = 4
"""Pixels between the network's answers."""
LONGEST_REACH = 6.5
"""A reach is an exponent; e to this many cells is past the side of any picture that is given at once."""
PEAK = (3, 5)
"""Height and width of the window, in cells, in which only the strongest answer counts."""
GROWTH = (0.17, 0.28)
"""By these shares of its width and height a plate is taken to reach past what the network answers, on each side: one
side a tenth short shows a character."""
NMS_IOU = 0.35
NMS_INSIDE = 0.7


class PlateDetector:
    """Implements :class:`redact.detect.scales.FixedSizeDetector`."""

    labels = ("plate",)

    def __init__(
        self, model: RegisteredModel, _labels: tuple[str, ...], threshold: float, device: torch.device
    ) -> None:
        self._network = load_network(model.verified_bytes(), NORMALISATION, device)
        self._threshold = threshold
        self.record = ModelRecord(model.name, model.sha256, model.licence, self._network.runtime)

    def detect(self, frames: torch.Tensor) -> list[Detections]:
        """See :class:`redact.detect.types.Detector`; H and W must be multiples of 32."""
        outputs = self._network.run(evened(frames))
        rows, columns = frames.shape[2] // STRIDE, frames.shape[3] // STRIDE
        if [tuple(y.shape) for y in outputs] != [(len(frames), n, rows, columns) for n in (1, 4)]:
            raise ModelUnusable("The plate network did not answer with plates.", "Reinstall the workbench.")
        return decode(outputs[0], outputs[1], self._threshold)


def is_plate_network(model: onnx.ModelProto) -> bool:
    """Whether this is a network that the workbench's recipe made."""
    return any(p.key == MARK and p.value == Family.PLATES for p in model.metadata_props)


def decode(plate: torch.Tensor, reach: torch.Tensor, threshold: float) -> list[Detections]:
    """The maps of a batch, (B, 1, h, w) in 0..1 and (B, 4, h, w) log cells -> each frame's plates, in pixels of the
    network's input."""
    return [_boxes(*peaks) for peaks in at_peaks((plate, reach), threshold, PEAK)]


def _boxes(places: NDArray[np.int64], values: NDArray[np.float32]) -> Detections:
    """``places``: (n, 2) row and column of cells; ``values``: (n, 5) score and log cells to each side."""
    if not np.isfinite(values).all():
        raise ModelUnusable("The plate network did not answer with numbers.", "Reinstall the workbench.")
    centre = (places[:, ::-1] + 0.5) * STRIDE
    far = np.exp(np.minimum(values[:, 1:], LONGEST_REACH)) * STRIDE
    boxes = np.hstack([centre - far[:, :2], centre + far[:, 2:]])
    boxes = widened(boxes, GROWTH)
    scores = values[:, 0].astype(np.float32)
    every = Detections(boxes, scores, ("plate",) * len(scores), np.zeros(len(scores), np.float32))
    return suppress(every, NMS_IOU, NMS_INSIDE)
