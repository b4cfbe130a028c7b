"""Decoded frames for analysis and rendering."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from redact.media.reader import Frame, VideoReader
from redact.pipeline.stage_times import Stages
from redact.prefetch import prefetched

AHEAD_FRAMES = 4


@contextmanager
def decoded_frames(reader: VideoReader, device: torch.device, stages: Stages, stage: str) -> Iterator[Iterator[Frame]]:
    """The reader's frames, timed as ``stage``. If a graphics card does the heavy work, a CPU core is free, so decoding
    runs on its own thread."""
    frames = stages.each(stage, reader)
    if device.type == "cuda":
        with prefetched(frames, AHEAD_FRAMES) as ready:
            yield ready
    else:
        yield frames


@contextmanager
def one_thread(library: Any, read: str, write: str) -> Iterator[None]:
    """Limit ``library`` to one thread inside the block. Masks and small pictures are little work, and the library's
    worker threads would compete with the networks and the encoder, which need every core."""
    before = getattr(library, read)()
    getattr(library, write)(1)
    try:
        yield
    finally:
        getattr(library, write)(before)
