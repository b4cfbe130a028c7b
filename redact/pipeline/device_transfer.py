"""Transfers pictures to a device and back without blocking.

Pictures are copied from and to page-locked host memory, which a graphics card reads and writes by itself. Torch keeps
this memory in a pool and reuses a block only after the copy that used it is complete, so two or three blocks per
direction alternate. The queues between the threads (:mod:`redact.prefetch`) limit the number of pictures in transfer.
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
class PictureTransfer:
    """A picture that may not have arrived yet."""

    _image: PlanarImage
    _arrived: torch.cuda.Event | None

    def on_device(self) -> PlanarImage:
        """The picture for work on this thread's current stream. The stream waits for it; the host does not."""
        if self._arrived is not None:
            stream = torch.cuda.current_stream(self._image.planes[0].device)
            stream.wait_event(self._arrived)
            for plane in self._image.planes:
                # Otherwise its memory could be reused for the next picture while this stream still reads it.
                plane.record_stream(stream)
        return self._image

    def on_host(self) -> PlanarImage:
        """The picture, after waiting for it to arrive."""
        if self._arrived is not None:
            self._arrived.synchronize()
        return self._image


class DeviceLink:
    """One CUDA stream to a device: its work is done in order, in parallel with that of other streams.

    Use from one thread. On the CPU, nothing is transferred: pictures are passed on unchanged and no stage is counted.
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self._stream = torch.cuda.Stream(device) if device.type == "cuda" else None  # type: ignore[no-untyped-call]

    @property
    def wants_pinned(self) -> bool:
        """Whether pictures to send should be in page-locked memory."""
        return self._stream is not None

    @contextmanager
    def stream(self) -> Iterator[None]:
        """Work inside the block is queued on this stream. Do not keep the block open across a generator's ``yield``."""
        with torch.cuda.stream(self._stream) if self._stream is not None else nullcontext():
            yield

    def send(self, image: PlanarImage, stages: Stages) -> PictureTransfer:
        """Start copying ``image`` to the device."""
        return self._move(image, self.device, stages, "upload")

    def fetch(self, image: PlanarImage, stages: Stages) -> PictureTransfer:
        """Start copying ``image``, last processed on this stream, back to the host."""
        return self._move(image, HOST, stages, "download")

    def _move(self, image: PlanarImage, to: torch.device, stages: Stages, stage: str) -> PictureTransfer:
        if self._stream is None:
            return PictureTransfer(image, None)
        with self.stream():
            with stages.queued(stage):
                moved = image.to(to)
            arrived = torch.cuda.Event()  # type: ignore[no-untyped-call]
            arrived.record()
        return PictureTransfer(moved, arrived)
