"""Boxes as detectors give them, and the protocol every detector family follows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Detections:
    """What was found on one frame.

    ``boxes``: (n, 4) float32 xyxy in pixels of the frame that was given; ``scores``: (n,) float32 in [0, 1];
    ``labels``:
    n class names; ``angles``: (n,) float32, degrees clockwise by which the box is turned about its centre (a turned
    box's ``boxes`` row is the box before turning, as in CVAT).
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
        """Nothing found."""
        return cls(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), (), np.zeros(0, np.float32))


@dataclass(frozen=True, slots=True)
class ModelRecord:
    """What the log says about a network that was used."""

    name: str
    sha256: str
    licence: str
    runtime: str
    """For example ``openvino 2026.4 cpu bf16`` or ``torch 2.13 cuda fp16``."""


@runtime_checkable
class Detector(Protocol):
    """Pixels to boxes. An instance is bound to one device and one set of thresholds.

    On the CPU several threads may call :meth:`detect` at once; on a card one does.
    """

    @property
    def labels(self) -> tuple[str, ...]:
        """The class names it can give, all of them among those it was asked for."""
        ...

    @property
    def record(self) -> ModelRecord:
        """What the log says about it."""
        ...

    def input_size(self, width: int, height: int) -> tuple[int, int]:
        """(width, height) a frame of the given upright, square-pixel size is best scaled to before :meth:`detect`."""
        ...

    def detect(self, frames: torch.Tensor) -> list[Detections]:
        """Find boxes on a batch: uint8 RGB of shape (B, 3, H, W) on the detector's device, any H and W.

        Returns one :class:`Detections` a frame, in pixels of the tensor given. Raises
        :class:`redact.errors.ModelUnusable`
        when the network's output is not what its family promises (never an empty result instead).
        """
        ...
