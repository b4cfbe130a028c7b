"""The timeline of a copy: the master's frames or a clip of them, optionally after a slate."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from redact.errors import BadClip
from redact.media.types import FrameTable
from redact.settings import FrameSpan

SHORTEST_STEP, LONGEST_STEP, USUAL_STEP = Fraction(1, 120), Fraction(1, 5), Fraction(1, 25)
"""Seconds: shortest and longest duration of a slate's frame, and its duration if the master's frames are outside that
range."""


@dataclass(frozen=True, slots=True)
class ClipInterval:
    """The part [``start``, ``end``) of a master's timeline that is in a copy, and the offset ``shift`` that its times
    get there. All in seconds."""

    start: Fraction
    end: Fraction
    shift: Fraction


@dataclass(frozen=True, slots=True)
class Timeline:
    """The frames of a copy: ``slate_frames``, then the master's from ``first`` to ``last``, both included.

    ``table`` is the copy's frame table, including the slate. ``cut`` is None for a copy with the timeline of its
    master; otherwise the copy starts at 0.
    """

    table: FrameTable
    slate_frames: int
    first: int
    last: int
    cut: ClipInterval | None

    def times(self) -> Iterator[Fraction]:
        """The time of every frame of the copy, in seconds from its first frame."""
        return relative_times(self.table)


def plan_timeline(master: FrameTable, clip: FrameSpan | None = None, slate_seconds: Fraction = Fraction(0)) -> Timeline:
    """The timeline of a copy of ``master``: a slate of about ``slate_seconds`` (0: none), in whole frames of the usual
    duration, then the frames of ``clip`` at the same intervals as in the master.

    A ``clip`` of None is the whole master; without a slate, it keeps the master's timeline. A clip starts at 0, because
    some players skip the time before the first frame and cut off the end instead.

    Raises :class:`~redact.errors.BadClip` if the clip is not within the master.
    """
    count = len(master)
    span = FrameSpan(0, count - 1) if clip is None else clip
    if not 0 <= span.first <= span.last < count:
        raise BadClip(
            f"The clip from frame {span.first} to {span.last} is not within the master's frames 0 to {count - 1}.",
            "Choose another first and last frame.",
        )
    whole = clip is None or ((span.first, span.last) == (0, count - 1) and master.pts[0] == 0)
    if slate_seconds == 0 and whole:
        return Timeline(master, 0, span.first, span.last, None)
    clipped = _clipped(master, span)
    step = _slate_step(clipped)
    slate_frames = max(1, round(slate_seconds / (step * master.time_base))) if slate_seconds else 0
    before = np.arange(slate_frames, dtype=np.int64) * step
    table = FrameTable(
        pts=np.concatenate([before, clipped.pts - clipped.pts[0] + slate_frames * step]),
        keyframe=np.concatenate([np.zeros(slate_frames, np.bool_), clipped.keyframe]),
        corrupt=np.concatenate([np.zeros(slate_frames, np.bool_), clipped.corrupt]),
        time_base=master.time_base,
        last_duration=clipped.last_duration,
    )
    start = master.seconds(span.first)
    end = master.seconds(span.last) + clipped.last_duration * master.time_base
    return Timeline(
        table,
        slate_frames,
        span.first,
        span.last,
        ClipInterval(start, end, slate_frames * step * master.time_base - start),
    )


def relative_times(table: FrameTable) -> Iterator[Fraction]:
    """The time of every frame of ``table``, in seconds from its first frame."""
    first = int(table.pts[0])
    return ((pts - first) * table.time_base for pts in table.pts.tolist())


def timeline_digest(times: Iterable[Fraction]) -> str:
    """A digest of the times of a file's frames: hex SHA-256 over one line ``numerator/denominator``, in lowest terms,
    per frame, in seconds from the first frame. ``times`` are in order and may start anywhere."""
    digest = hashlib.sha256()
    first: Fraction | None = None
    for time in times:
        first = time if first is None else first
        since = time - first
        digest.update(f"{since.numerator}/{since.denominator}\n".encode())
    return digest.hexdigest()


def usual_duration(table: FrameTable) -> int:
    """The median duration of the frames of ``table``, in its time base."""
    return int(np.median(np.diff(table.pts))) if len(table) > 1 else table.last_duration


def _clipped(master: FrameTable, span: FrameSpan) -> FrameTable:
    chosen = slice(span.first, span.last + 1)
    ends = span.last + 1 == len(master)
    return FrameTable(
        pts=master.pts[chosen],
        keyframe=master.keyframe[chosen],
        corrupt=master.corrupt[chosen],
        time_base=master.time_base,
        last_duration=master.last_duration if ends else int(master.pts[span.last + 1] - master.pts[span.last]),
    )


def _slate_step(table: FrameTable) -> int:
    """Duration of a slate's frame in the table's time base: that of the other frames, if it is within the limits."""
    usual = usual_duration(table)
    if SHORTEST_STEP <= usual * table.time_base <= LONGEST_STEP:
        return usual
    return max(1, round(USUAL_STEP / table.time_base))
