"""Redacted copies without rendering: reports like the renderer's, for tests of the log."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np

from redact.disclose.pack.redacted_copies import RedactedCopy
from redact.disclose.release.resolved import EditedClip
from redact.media.timeline import plan_timeline
from redact.media.types import FrameTable
from redact.media.writer import CopyReport
from redact.pipeline.rendering import RenderReport
from redact.settings import FrameSpan, VideoCodec

RATE = 25


def frame_table(clip: EditedClip) -> FrameTable:
    media = clip.tracks.media
    good = np.zeros(media.pts.size, np.bool_)
    return FrameTable(media.pts, ~good, good, media.time_base, media.last_duration)


def unrendered(clip: EditedClip, path: Path, slate_frames: int) -> RedactedCopy:
    """The copy of a clip after a slate; ``path`` holds no video."""
    path.write_bytes(b"a copy")
    span = FrameSpan(clip.first_frame, clip.last_frame)
    timeline = plan_timeline(frame_table(clip), span, Fraction(slate_frames, RATE))
    frames = len(timeline.table)
    copy = CopyReport(path, VideoCodec.H264, "x264", {}, frames, 6, "c0" * 32, (), 256, 160, timeline.table.time_base)
    return RedactedCopy(path, copy.sha256, RenderReport(copy, timeline, frames, "3a" * 32, 0.1, ()))
