"""Prepares frames for the detectors: scaled on the CPU, or sent to a graphics card once and scaled there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Generic, Protocol, TypeVar

import numpy as np
import torch

from redact.detect.resample import rgb_pictures
from redact.detect.runtime import side_by_side
from redact.media.frame_conversion import Size
from redact.media.reader import Frame
from redact.pipeline.device_transfer import DeviceLink, PictureTransfer
from redact.pipeline.stage_times import Stages

CUDA_BATCH = 16
"""Pictures given to a network at once, if they fit into the card's memory (:mod:`redact.detect.batches`)."""

P = TypeVar("P")


class Feed(Protocol, Generic[P]):
    """``P`` is the input queued for a detector. :meth:`take` runs on one thread, :meth:`pictures` on any."""

    batch: int
    """Number of pictures to collect before a network is run."""
    threads: int
    """Number of threads on which to run networks."""

    def take(
        self, frame: Frame, waiting: list[P | None], sizes: Sequence[Size], runs: Sequence[bool], stages: Stages
    ) -> None:
        """Fill in missing entries of ``waiting`` for each detector that ``runs`` on the frame, with pictures of its
        size in ``sizes``."""
        ...

    def pictures(self, waiting: Sequence[P], size: Size, stages: Stages) -> torch.Tensor:
        """uint8 RGB (B, 3, H, W) of ``size`` = (W, H) on the detectors' device."""
        ...


class HostFeed:
    """Scales pictures with swscale on the decoding thread. Detectors get them one by one; each picture is processed on
    one thread from contrast stretching to reading the network's output."""

    batch = 1

    def __init__(self) -> None:
        self.threads = side_by_side()

    def take(
        self,
        frame: Frame,
        waiting: list[torch.Tensor | None],
        sizes: Sequence[Size],
        runs: Sequence[bool],
        stages: Stages,
    ) -> None:
        """See :class:`Feed`."""
        with stages("convert"):
            made: dict[Size, torch.Tensor] = {}
            for i, (size, run) in enumerate(zip(sizes, runs, strict=True)):
                if run and waiting[i] is None:
                    if size not in made:
                        rgb = np.ascontiguousarray(frame.rgb(size))
                        made[size] = torch.from_numpy(rgb).permute(2, 0, 1)[None]
                    waiting[i] = made[size]

    def pictures(self, waiting: Sequence[torch.Tensor], size: Size, stages: Stages) -> torch.Tensor:
        """See :class:`Feed`."""
        return torch.cat(list(waiting)) if len(waiting) > 1 else waiting[0]


class DeviceFeed:
    """Sends each whole picture to the device once, as planes, for all detectors; all scaling is done there."""

    batch = CUDA_BATCH
    threads = 1

    def __init__(self, device: torch.device) -> None:
        self._link = DeviceLink(device)

    def take(
        self,
        frame: Frame,
        waiting: list[PictureTransfer | None],
        sizes: Sequence[Size],
        runs: Sequence[bool],
        stages: Stages,
    ) -> None:
        """See :class:`Feed`."""
        sent = next((picture for picture in waiting if picture is not None), None)
        if sent is None and any(runs):
            with stages("planes"):
                image = frame.planes(pinned=self._link.wants_pinned)
            sent = self._link.send(image, stages)
        for i, run in enumerate(runs):
            if run:
                waiting[i] = sent

    def pictures(self, waiting: Sequence[PictureTransfer], size: Size, stages: Stages) -> torch.Tensor:
        """See :class:`Feed`."""
        with stages.queued("resize"):
            return rgb_pictures([picture.on_device() for picture in waiting], *size)


def make_feed(device: torch.device) -> HostFeed | DeviceFeed:
    """The feed for detectors on ``device``."""
    return DeviceFeed(device) if device.type == "cuda" else HostFeed()
