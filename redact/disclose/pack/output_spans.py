"""Spans on the timeline of redacted copies, from frames and times of their masters."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from redact.disclose.pack.redacted_copies import RedactedCopy
from redact.disclose.release.resolved import EditedClip
from redact.timecode import timecode


def full_timecode(seconds: Fraction) -> str:
    """A timecode with at least two digits of hours, as in the log's schema."""
    return timecode(seconds).zfill(len("00:00:00.000"))


class OutputSpans:
    """The fields of an :class:`redact.disclose.log.entries.OutputSpan` for spans of the copies of a release.

    ``clips`` and ``copies`` match; an output is an index into both.
    """

    def __init__(self, clips: Sequence[EditedClip], copies: Sequence[RedactedCopy]) -> None:
        self._clips = clips
        self._slates = [copy.report.timeline.slate_frames for copy in copies]
        self.times = [list(copy.report.timeline.times()) for copy in copies]
        """For each output: seconds of every frame after the first."""

    def of_output(self, output: int, first: int, last: int) -> dict[str, Any]:
        """Frames ``first`` to ``last`` (inclusive) of the copy, slate included."""
        times = self.times[output]
        return {
            "output": output,
            "first_frame": first,
            "last_frame": last,
            "first_timecode": full_timecode(times[first]),
            "last_timecode": full_timecode(times[last]),
        }

    def of_clip(self, output: int, first: int, last: int) -> dict[str, Any]:
        """Frames ``first`` to ``last`` (inclusive) of the clip, slate not included."""
        slate = self._slates[output]
        return self.of_output(output, first + slate, last + slate)

    def of_master(self, output: int, first: int, last: int) -> dict[str, Any]:
        """Frames ``first`` to ``last`` (inclusive) of the master, within the clip."""
        start = self._clips[output].first_frame
        return self.of_clip(output, first - start, last - start)

    def of_sound(self, output: int, start: Fraction, end: Fraction) -> dict[str, Any]:
        """Sound from ``start`` up to ``end`` seconds of the master: the frames during which any of it is heard."""
        clip = self._clips[output]
        times = np.array([float(clip.seconds(n)) for n in range(clip.first_frame, clip.last_frame + 1)])
        first = max(int(np.searchsorted(times, float(start), "right")) - 1, 0)
        last = max(int(np.searchsorted(times, float(end), "left")) - 1, first)
        return self.of_clip(output, first, last)
