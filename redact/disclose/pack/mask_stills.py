"""Stills of the redacted copies for the log, one for each mask."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from redact.disclose.log.release_log import ReleaseLog
from redact.media.probe import probe
from redact.media.reader import VideoReader
from redact.settings import Interlaced, OnCorrupt

MOST = 60
"""Largest number of stills in one log; timecodes lead the reader to the other masks."""
SIDE = 320
"""Length of the longer side in pixels."""


def mask_stills(log: ReleaseLog, copies: Sequence[Path]) -> dict[str, bytes]:
    """A JPEG for each mask id, from the middle of the mask's span. Raises what reading a video raises."""
    masks = [mask for mask in log.masks if mask.kind == "picture"][:MOST]
    stills: dict[str, bytes] = {}
    for output, path in enumerate(copies):
        wanted: dict[int, list[str]] = {}
        for mask in masks:
            if mask.output == output:
                wanted.setdefault((mask.first_frame + mask.last_frame) // 2, []).append(mask.id)
        if wanted:
            stills |= _stills_of_copy(path, wanted)
    return stills


def _stills_of_copy(path: Path, wanted: dict[int, list[str]]) -> dict[str, bytes]:
    stills: dict[str, bytes] = {}
    info = probe(path)
    scale = SIDE / max(info.video.upright_width, info.video.upright_height, SIDE)
    size = (max(2, round(info.video.upright_width * scale)), max(2, round(info.video.upright_height * scale)))
    last = max(wanted)
    with VideoReader(info, interlaced=Interlaced.KEEP, on_corrupt=OnCorrupt.STOP) as reader:
        for frame in reader:
            if frame.index in wanted:
                out = io.BytesIO()
                Image.fromarray(frame.rgb(size)).save(out, "JPEG", quality=80)
                stills |= dict.fromkeys(wanted[frame.index], out.getvalue())
            if frame.index >= last:
                break
    return stills
