"""Descriptions of footage that other packages use: streams, the frame table, decoded frames.

Units: widths and heights in pixels, rates and aspect ratios as ``Fraction``, timestamps as integer ``pts`` in units of
a stream's ``time_base`` (a ``Fraction`` of seconds). *Upright* means after the rotation flag has been applied.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray


class Scan(StrEnum):
    """Scan type of a frame: how its lines were captured."""

    PROGRESSIVE = "progressive"
    INTERLACED = "interlaced"


@dataclass(frozen=True, slots=True)
class ColourTags:
    """The colour description of a stream, as FFmpeg's integer enums (2 = unspecified). ``full_range`` is never
    unspecified."""

    primaries: int = 2
    transfer: int = 2
    matrix: int = 2
    full_range: bool = False


@dataclass(frozen=True, slots=True)
class VideoStream:
    """The one video stream that is redacted.

    ``width`` x ``height`` are coded pixels before rotation. ``upright_width`` x ``upright_height`` are those after it,
    the coordinate system of every box in the workbench. ``sample_aspect`` is that of the upright picture.
    """

    index: int
    codec: str
    width: int
    height: int
    rotation: int
    """Degrees the decoded picture must be turned counter-clockwise to stand upright: 0, 90, 180 or 270."""
    sample_aspect: Fraction
    pix_fmt: str
    bit_depth: int
    time_base: Fraction
    average_rate: Fraction | None
    scan: Scan
    colour: ColourTags

    @property
    def upright_width(self) -> int:
        """Pixels after rotation."""
        return self.height if self.rotation in (90, 270) else self.width

    @property
    def upright_height(self) -> int:
        """Pixels after rotation."""
        return self.width if self.rotation in (90, 270) else self.height


@dataclass(frozen=True, slots=True)
class AudioStream:
    """One sound track of the master."""

    index: int
    codec: str
    sample_rate: int
    channels: int
    layout: str
    time_base: Fraction
    start: Fraction
    """Seconds on the container's timeline at which the first sample is heard."""


@dataclass(frozen=True, slots=True)
class MediaInfo:
    """The result of :func:`redact.media.probe.probe`. ``dropped`` lists, for the log, every stream left out of
    copies."""

    path: Path
    container: str
    size_bytes: int
    duration: Fraction | None
    video: VideoStream
    audio: tuple[AudioStream, ...]
    dropped: tuple[str, ...] = ()

    @property
    def expected_frames(self) -> int | None:
        """Number of frames estimated from duration and average rate, for progress only; None if the file does not
        say."""
        if not self.duration or not self.video.average_rate:
            return None
        return max(1, round(self.duration * self.video.average_rate))


@dataclass(frozen=True, slots=True)
class FrameTable:
    """Every frame of the master in presentation order.

    Arrays have shape (n,): ``pts`` int64 strictly increasing in ``time_base``, ``keyframe`` bool, ``corrupt`` bool (not
    decoded, decoded with errors, or dependent on such a frame). A corrupt entry is still a frame of the master: the
    copy has a frame, fully masked, at its pts.
    """

    pts: NDArray[np.int64]
    keyframe: NDArray[np.bool_]
    corrupt: NDArray[np.bool_]
    time_base: Fraction
    last_duration: int
    """Duration of the last frame in ``time_base``; all others last until the next pts."""

    def __post_init__(self) -> None:
        if not (self.pts.shape == self.keyframe.shape == self.corrupt.shape and self.pts.ndim == 1):
            raise ValueError("frame table columns must be one-dimensional and of equal length")
        if self.pts.size and np.any(np.diff(self.pts) <= 0):
            raise ValueError("frame table pts must be strictly increasing")

    def __len__(self) -> int:
        return int(self.pts.size)

    def seconds(self, index: int) -> Fraction:
        """Presentation time of frame ``index`` on the container's timeline, in seconds."""
        return int(self.pts[index]) * self.time_base


@dataclass(slots=True)
class PlanarImage:
    """An upright picture as separate Y, U and V planes on any torch device. Masks are drawn into it in place.

    ``planes``: Y of shape (H, W), U and V of shape (ceil(H / 2**sy), ceil(W / 2**sx)), where ``subsampling`` = (sx,
    sy); dtype ``uint8`` at 8 bits, ``int16`` at 9 to 15 bits (the values fit, and torch supports it on every device).
    """

    planes: tuple[torch.Tensor, torch.Tensor, torch.Tensor]
    bit_depth: int
    subsampling: tuple[int, int]
    colour: ColourTags = field(default_factory=ColourTags)

    @property
    def height(self) -> int:
        """Pixels."""
        return int(self.planes[0].shape[0])

    @property
    def width(self) -> int:
        """Pixels."""
        return int(self.planes[0].shape[1])

    def to(self, device: torch.device) -> PlanarImage:
        """The same picture on another device; the same memory if it is already there."""
        y, u, v = (plane.to(device, non_blocking=True) for plane in self.planes)
        return PlanarImage((y, u, v), self.bit_depth, self.subsampling, self.colour)
