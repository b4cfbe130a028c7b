"""Pictures to a device and back, without anybody waiting for the way.

A picture travels from and to page-locked host memory, which a card reads and writes by itself. Torch keeps that memory
in a pool and gives a block out again only when the copy that used it is done, so two or three blocks a direction take
turns; how many pictures are under way is bounded by the queues between the threads (:mod:`redact.prefetch`).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass

import torch

from redact.media.types import PlanarImage
from redact.pipeline.stage_times import Stages

HOST = torch.device("cpu")


@dataclass(frozen=True, slots=True)
class UnderWay:
    """A picture that may not have arrived yet."""

    _image: PlanarImage
    _arrived: torch.cuda.Event | None

    def on_device(self) -> PlanarImage:
        """For work queued on this thread's current stream, which then waits for the picture; the host does not."""
        if self._arrived is not None:
            stream = torch.cuda.current_stream(self._image.planes[0].device)
            stream.wait_event(self._arrived)
            for plane in self._image.planes:
                # Or its memory would be given to the next picture while this stream still reads it.
                plane.record_stream(stream)
        return self._image

    def on_host(self) -> PlanarImage:
        """The picture, once it is all there."""
        if self._arrived is not None:
            self._arrived.synchronize()
        return self._image


class Courier:
    """One lane to a device: what goes through it happens in order, beside the work of other lanes.

    For one thread. On the CPU there is no way to go: pictures are handed on as they are, and no stage is counted.
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self._stream = torch.cuda.Stream(device) if device.type == "cuda" else None  # type: ignore[no-untyped-call]

    @property
    def wants_pinned(self) -> bool:
        """Whether pictures to be sent should lie in page-locked memory."""
        return self._stream is not None

    @contextmanager
    def lane(self) -> Iterator[None]:
        """Work queued inside the block goes through this lane. Not to be held across a ``yield`` of a generator."""
        with torch.cuda.stream(self._stream) if self._stream is not None else nullcontext():
            yield

    def send(self, image: PlanarImage, stages: Stages) -> UnderWay:
        """``image`` to the device."""
        return self._move(image, self.device, stages, "upload")

    def fetch(self, image: PlanarImage, stages: Stages) -> UnderWay:
        """``image``, on which this lane has worked last, back to the host."""
        return self._move(image, HOST, stages, "download")

    def _move(self, image: PlanarImage, to: torch.device, stages: Stages, stage: str) -> UnderWay:
        if self._stream is None:
            return UnderWay(image, None)
        with self.lane():
            with stages.queued(stage):
                moved = image.to(to)
            arrived = torch.cuda.Event()  # type: ignore[no-untyped-call]
            arrived.record()
        return UnderWay(moved, arrived)
