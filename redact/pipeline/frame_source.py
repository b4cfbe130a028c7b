"""Decoded frames for analysis and rendering."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from redact.media.reader import Frame, VideoReader
from redact.pipeline.stage_times import Stages
from redact.prefetch import ahead

AHEAD_FRAMES = 4


@contextmanager
def decoded_frames(reader: VideoReader, device: torch.device, stages: Stages, stage: str) -> Iterator[Iterator[Frame]]:
    """The reader's frames, counted towards ``stage``. Where a card does the heavy work, the processor has a core to
    spare that does nothing but decode."""
    frames = stages.each(stage, reader)
    if device.type == "cuda":
        with ahead(frames, AHEAD_FRAMES) as ready:
            yield ready
    else:
        yield frames


@contextmanager
def one_thread(library: Any, read: str, write: str) -> Iterator[None]:
    """Masks and small pictures are little work: a library's worker threads for them would be in the way of the networks
    and the encoder, which do need every core."""
    before = getattr(library, read)()
    getattr(library, write)(1)
    try:
        yield
    finally:
        getattr(library, write)(before)
