"""Tracks: one object through time. Machine tracks are immutable; edits are stored separately and applied to them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

COLUMNS = ("frames", "boxes", "angles", "scores", "sources")
"""The columns of a :class:`Track`."""


class Source(IntEnum):
    """The source of a track's box on a frame."""

    DETECTOR = 0
    PROPAGATED = 1
    FILLED = 2


@dataclass(frozen=True, slots=True)
class Track:
    """One object through time.

    ``frames``: (n,) int32 frame indices, strictly increasing (in gaps, the object is out of view); ``boxes``: (n, 4)
    float32 xyxy in upright pixels, which may extend past the picture; ``angles``: (n,) float32 clockwise degrees about
    the box centre; ``scores``: (n,) float32; ``sources``: (n,) uint8 of :class:`Source`. Boxes are tight: the safety
    margin is added by the mask plan, not here.
    """

    id: int
    label: str
    frames: NDArray[np.int32]
    boxes: NDArray[np.float32]
    angles: NDArray[np.float32]
    scores: NDArray[np.float32]
    sources: NDArray[np.uint8]

    def __post_init__(self) -> None:
        n = self.frames.shape[0]
        if self.boxes.shape != (n, 4) or any(c.shape != (n,) for c in (self.angles, self.scores, self.sources)):
            raise ValueError(f"track {self.id}: columns of unequal length")
        if n == 0 or np.any(np.diff(self.frames) <= 0) or self.frames[0] < 0:
            raise ValueError(
                f"track {self.id}: frames must be non-negative and strictly increasing, and there must be one"
            )
        if not np.isfinite(self.boxes).all() or np.any(self.boxes[:, 2:] <= self.boxes[:, :2]):
            raise ValueError(f"track {self.id}: boxes must be finite and have an extent")
        if not (np.isfinite(self.angles).all() and np.isfinite(self.scores).all()):
            raise ValueError(f"track {self.id}: angles and scores must be finite")

    def __len__(self) -> int:
        return int(self.frames.shape[0])


@dataclass(frozen=True, slots=True)
class MediaRef:
    """Identifies the file from which tracks were made."""

    sha256: str
    width: int
    """Upright pixels."""
    height: int
    time_base: Fraction
    pts: NDArray[np.int64]
    """(frame count,) presentation timestamps: a frame is identified by (index, pts)."""
    last_duration: int = 0
    """Duration of the last frame in ``time_base``; 0 if unknown."""


@dataclass(frozen=True, slots=True)
class TrackSet:
    """All tracks of one master and how they were made. ``provenance`` is ready for JSON (models, settings, device,
    versions)."""

    media: MediaRef
    tracks: tuple[Track, ...]
    cuts: tuple[int, ...] = ()
    """Index of the first frame after each detected cut."""
    provenance: Mapping[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        ids = [t.id for t in self.tracks]
        if len(set(ids)) != len(ids):
            raise ValueError("track ids must be unique")
        count = self.media.pts.size
        for t in self.tracks:
            if t.frames[-1] >= count:
                raise ValueError(f"track {t.id} reaches past the last frame")
