"""Detections, and the protocol that every detector family implements."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Detections:
    """The detections on one frame.

    ``boxes``: (n, 4) float32 xyxy in pixels of the given frame; ``scores``: (n,) float32 in [0, 1]; ``labels``: n class
    names; ``angles``: (n,) float32, clockwise rotation of each box about its centre in degrees (``boxes`` has the box
    before rotation, as in CVAT).
    """

    boxes: NDArray[np.float32]
    scores: NDArray[np.float32]
    labels: tuple[str, ...]
    angles: NDArray[np.float32]

    def __post_init__(self) -> None:
        n = len(self.labels)
        if self.boxes.shape != (n, 4) or self.scores.shape != (n,) or self.angles.shape != (n,):
            raise ValueError(f"detections of unequal length: {self.boxes.shape}, {self.scores.shape}, {n} labels")
        if n and not np.isfinite(self.boxes).all():
            raise ValueError("a detection with a coordinate that is not a number")

    def __len__(self) -> int:
        return len(self.labels)

    @classmethod
    def empty(cls) -> Detections:
        """No detections."""
        return cls(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), (), np.zeros(0, np.float32))


@dataclass(frozen=True, slots=True)
class ModelRecord:
    """Description of a network for the log."""

    name: str
    sha256: str
    licence: str
    runtime: str
    """The runtime, such as ``openvino 2026.4 cpu bf16`` or ``torch 2.13 cuda fp16``."""


@runtime_checkable
class Detector(Protocol):
    """Finds boxes in pictures. An instance is bound to one device and one set of thresholds.

    On the CPU, several threads may call :meth:`detect` at once; on a graphics card, only one.
    """

    @property
    def labels(self) -> tuple[str, ...]:
        """The class names it can return, a subset of those requested."""
        ...

    @property
    def record(self) -> ModelRecord:
        """The model's description for the log."""
        ...

    def input_size(self, width: int, height: int) -> tuple[int, int]:
        """The best (width, height) for :meth:`detect` of a frame with the given upright, square-pixel size."""
        ...

    def detect(self, frames: torch.Tensor) -> list[Detections]:
        """Find boxes on a batch: uint8 RGB of shape (B, 3, H, W) on the detector's device, any H and W.

        Returns one :class:`Detections` per frame, in pixels of the given tensor. Raises
        :class:`redact.errors.ModelUnusable` if the network's output does not fit its family; it never returns an empty
        result instead.
        """
        ...
