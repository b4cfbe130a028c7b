"""Number plates by the project's own network (trained with ``redact_models.train``; its card is beside its weights).

For every fourth pixel, the network predicts whether it lies in the middle of a plate, and how far the plate extends
from there to each side.
"""

from __future__ import annotations

import numpy as np
import onnx
import torch
from numpy.typing import NDArray

from redact.detect.boxes import suppress, widened
from redact.detect.contrast import stretch_contrast
from redact.detect.entries import Family, RegisteredModel
from redact.detect.peaks import at_peaks
from redact.detect.runtime import load_network
from redact.detect.text import NORMALISATION
from redact.detect.types import Detections, ModelRecord
from redact.errors import ModelUnusable

MARK = "family"
"""Metadata key that marks networks made with the project's recipe."""
STRIDE = 4
"""Pixels between the network's output cells."""
LONGEST_REACH = 6.5
"""Distances are exponents; e to this power, in cells, exceeds the side of any picture given to the network at once."""
PEAK = (3, 5)
"""Height and width of the window, in cells, in which only the highest score counts."""
GROWTH = (0.17, 0.28)
"""Shares of a plate's width and height added to the network's box on each side: a side that is a tenth too short leaves
a character visible."""
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
        outputs = self._network.run(stretch_contrast(frames))
        rows, columns = frames.shape[2] // STRIDE, frames.shape[3] // STRIDE
        if [tuple(y.shape) for y in outputs] != [(len(frames), n, rows, columns) for n in (1, 4)]:
            raise ModelUnusable("The output of the plate network has a wrong shape.", "Reinstall the workbench.")
        return decode(outputs[0], outputs[1], self._threshold)


def is_plate_network(model: onnx.ModelProto) -> bool:
    """Whether this network was made with the workbench's recipe."""
    return any(p.key == MARK and p.value == Family.PLATES for p in model.metadata_props)


def decode(plate: torch.Tensor, reach: torch.Tensor, threshold: float) -> list[Detections]:
    """The plates on each frame, in pixels of the network's input, from the maps of a batch: (B, 1, h, w) scores in 0..1
    and (B, 4, h, w) log distances in cells."""
    return [_boxes(*peaks) for peaks in at_peaks((plate, reach), threshold, PEAK)]


def _boxes(places: NDArray[np.int64], values: NDArray[np.float32]) -> Detections:
    """``places``: (n, 2) row and column of cells; ``values``: (n, 5) score and log distance to each side in cells."""
    if not np.isfinite(values).all():
        raise ModelUnusable("The plate network returned values that are not numbers.", "Reinstall the workbench.")
    centre = (places[:, ::-1] + 0.5) * STRIDE
    far = np.exp(np.minimum(values[:, 1:], LONGEST_REACH)) * STRIDE
    boxes = np.hstack([centre - far[:, :2], centre + far[:, 2:]])
    boxes = widened(boxes, GROWTH)
    scores = values[:, 0].astype(np.float32)
    every = Detections(boxes, scores, ("plate",) * len(scores), np.zeros(len(scores), np.float32))
    return suppress(every, NMS_IOU, NMS_INSIDE)
