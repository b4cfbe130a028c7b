"""Small pictures of a finished copy, one for each mask: what a reader of the log sees there, mask and all."""

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
"""Stills in one log; a reader finds the others in the copy by their timecodes."""
SIDE = 320
"""Pixels of the longer side."""


def mask_stills(log: ReleaseLog, copies: Sequence[Path]) -> dict[str, bytes]:
    """JPEG by the id of the mask, from the middle of its span. Raises what reading a video raises."""
    shown = [mask for mask in log.masks if mask.kind == "picture"][:MOST]
    made: dict[str, bytes] = {}
    for place, path in enumerate(copies):
        wanted: dict[int, list[str]] = {}
        for mask in shown:
            if mask.output == place:
                wanted.setdefault((mask.first_frame + mask.last_frame) // 2, []).append(mask.id)
        if wanted:
            made |= _from(path, wanted)
    return made


def _from(path: Path, wanted: dict[int, list[str]]) -> dict[str, bytes]:
    made: dict[str, bytes] = {}
    info = probe(path)
    scale = SIDE / max(info.video.upright_width, info.video.upright_height, SIDE)
    size = (max(2, round(info.video.upright_width * scale)), max(2, round(info.video.upright_height * scale)))
    last = max(wanted)
    with VideoReader(info, interlaced=Interlaced.KEEP, on_corrupt=OnCorrupt.STOP) as reader:
        for frame in reader:
            if frame.index in wanted:
                out = io.BytesIO()
                Image.fromarray(frame.rgb(size)).save(out, "JPEG", quality=80)
                made |= dict.fromkeys(wanted[frame.index], out.getvalue())
            if frame.index >= last:
                break
    return made
