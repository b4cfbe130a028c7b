"""Follow one box for a few seconds, forwards or backwards.

This uses the tracker's motion step, as between two detections, and corrects it by the appearance of the box contents,
because no detector corrects it here. Frames come from the review proxy: it has every frame of the master at the same
time, can be decoded from a few frames before any of them, and motion is measured at a smaller size anyway.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from redact.errors import MasterChanged
from redact.mask.edits.types import Box, PlacedBox
from redact.media.decode_start import entry_before
from redact.media.proxy import proxy_shift
from redact.media.reader import Frame, VideoReader
from redact.media.types import FrameTable, MediaInfo
from redact.settings import FLOW_SIDES, Interlaced, OnCorrupt, Preset
from redact.track.appearance import Appearance
from redact.track.motion import Motion, MotionEstimator
from redact.track.propagation import Propagator

MAX_FOLLOW_SECONDS = 10.0
MIN_INSIDE = 0.05
"""Following stops when less than this share of the box is inside the picture."""


def follow(
    proxy: MediaInfo, master: MediaInfo, table: FrameTable, start: PlacedBox, *, back: bool, seconds: float
) -> list[PlacedBox]:
    """``start`` and where the box moves in the ``seconds`` after it (before it, with ``back``), in frame order.

    Stops at a cut, at the end of the footage, and where the box leaves the picture. ``table`` is the master's frame
    table; boxes are in upright pixels of the master. Raises MasterChanged if the proxy belongs to other footage, and
    the errors of :class:`redact.media.reader.VideoReader`.
    """
    times = table.pts.astype(np.float64) * float(table.time_base)
    limit = times[start.frame] + (-seconds if back else seconds)
    first = int(np.searchsorted(times, limit - 1e-6)) if back else start.frame
    last = start.frame if back else int(np.searchsorted(times, limit + 1e-6)) - 1
    width, height = master.video.upright_width, master.video.upright_height
    estimator = MotionEstimator(width, height, FLOW_SIDES[Preset.BALANCED])
    motions: list[Motion] = []
    greys: list[NDArray[np.uint8]] = []
    with proxy_frames(proxy, master, table, first) as frames:
        for frame in frames:
            greys.append(frame.grey(estimator.size))
            motion = estimator.step(greys[-1])
            if motion is not None:
                motions.append(motion)
            if frame.index == last or (motion is not None and motion.cut and not back):
                break
    propagator = Propagator(estimator.centres, width, height)
    rows, box = [start], np.array([start[1:5]], np.float32)
    if back:
        motions.reverse()
        greys.reverse()
    appearance = Appearance(greys[0], box[0], np.divide(estimator.size, (width, height), dtype=np.float32))
    for step, (motion, grey) in enumerate(zip(motions, greys[1:], strict=True), start=1):
        if motion.cut:
            break
        box = propagator.backwards(box, motion) if back else propagator.forwards(box, motion)
        box[0] = appearance.locate(grey, box[0])
        if propagator.inside(box)[0] < MIN_INSIDE or not _sound(box[0], width, height):
            break
        placed = Box(*(round(float(value), 2) for value in box[0]))
        rows.append(PlacedBox(start.frame + (-step if back else step), *placed, start.angle))
    rows.sort()
    assert all(b.frame == a.frame + 1 for a, b in pairwise(rows))
    return rows


@contextmanager
def proxy_frames(
    proxy: MediaInfo, master: MediaInfo, table: FrameTable, first: int
) -> Generator[Generator[Frame, None, None], None, None]:
    """The proxy's frames from ``first`` on, numbered as in the master."""
    pts = _proxy_pts(proxy, master, table)
    entry = entry_before(proxy, pts, first)

    def checked(reader: VideoReader) -> Generator[Frame, None, None]:
        for frame in reader:
            if frame.index >= pts.size or frame.pts != int(pts[frame.index]):
                raise MasterChanged("The review proxy does not match the footage.", "Run `redact store verify`.")
            if frame.index >= first:
                yield frame

    with VideoReader(proxy, interlaced=Interlaced.KEEP, on_corrupt=OnCorrupt.MASK, entry=entry) as reader:
        frames = checked(reader)
        try:
            yield frames
        finally:
            frames.close()


def _proxy_pts(proxy: MediaInfo, master: MediaInfo, table: FrameTable) -> NDArray[np.int64]:
    """(frames,) the master's timestamps in the proxy's time base."""
    shift = proxy_shift(master, table) / table.time_base
    factor = table.time_base / proxy.video.time_base
    if factor.denominator == 1:
        return (table.pts + int(shift)) * int(factor)
    return (table.pts + int(shift)) * factor.numerator // factor.denominator


def _sound(box: NDArray[np.float32], width: int, height: int) -> bool:
    """Whether an edit may contain this box."""
    size = np.array([width, height], np.float32)
    large = bool(np.all(box[2:] - box[:2] >= 2))
    return large and bool(np.all(box[:2] >= -size) and np.all(box[2:] <= 2 * size))
