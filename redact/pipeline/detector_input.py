"""How frames get to the detectors: scaled on the processor, or sent to a card once and scaled there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Generic, Protocol, TypeVar

import numpy as np
import torch

from redact.detect.resample import rgb_pictures
from redact.detect.runtime import side_by_side
from redact.media.frame_conversion import Size
from redact.media.reader import Frame
from redact.pipeline.device_transfer import Courier, UnderWay
from redact.pipeline.stage_times import Stages

CUDA_BATCH = 16
"""Pictures a network is given at once, where the card's memory has room for them (:mod:`redact.detect.batches`)."""

P = TypeVar("P")


class Feed(Protocol, Generic[P]):
    """``P`` is what waits for a detector. :meth:`take` runs on one thread, :meth:`pictures` on any."""

    batch: int
    """Pictures worth gathering before a network is run."""
    threads: int
    """Threads worth running networks on."""

    def take(
        self, frame: Frame, waiting: list[P | None], sizes: Sequence[Size], runs: Sequence[bool], stages: Stages
    ) -> None:
        """Fill in what ``waiting`` lacks, for each detector that ``runs`` on the frame and wants pictures of the
        size in ``sizes``."""
        ...

    def pictures(self, waiting: Sequence[P], size: Size, stages: Stages) -> torch.Tensor:
        """uint8 RGB (B, 3, H, W) of ``size`` = (W, H) on the detectors' device."""
        ...


class HostFeed:
    """swscale makes the small pictures straight from the decoder's, on the thread that decodes. Detectors see them one
    by one, each on a thread of its own from evening out its light to reading the answers."""

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
    """Whole pictures go to the device as planes, once each, whatever the detectors; all scaling happens there."""

    batch = CUDA_BATCH
    threads = 1

    def __init__(self, device: torch.device) -> None:
        self._courier = Courier(device)

    def take(
        self,
        frame: Frame,
        waiting: list[UnderWay | None],
        sizes: Sequence[Size],
        runs: Sequence[bool],
        stages: Stages,
    ) -> None:
        """See :class:`Feed`."""
        sent = next((picture for picture in waiting if picture is not None), None)
        if sent is None and any(runs):
            with stages("planes"):
                image = frame.planes(pinned=self._courier.wants_pinned)
            sent = self._courier.send(image, stages)
        for i, run in enumerate(runs):
            if run:
                waiting[i] = sent

    def pictures(self, waiting: Sequence[UnderWay], size: Size, stages: Stages) -> torch.Tensor:
        """See :class:`Feed`."""
        with stages.queued("resize"):
            return rgb_pictures([picture.on_device() for picture in waiting], *size)


def make_feed(device: torch.device) -> HostFeed | DeviceFeed:
    """The one for detectors on ``device``."""
    return DeviceFeed(device) if device.type == "cuda" else HostFeed()
