"""Schedules detectors: on which frames each of them runs."""

from __future__ import annotations

from collections.abc import Sequence


class Schedule:
    """Every detector runs on the first and last frame of each shot and at least once in every period between.

    ``periods`` are in seconds. A frame is due if waiting for the next one would exceed the period, judged by the
    spacing of the last two frames, so the rule also works for variable frame rates. Runs are counted from 0 in each
    shot.
    """

    def __init__(self, periods: Sequence[float]) -> None:
        self._periods = tuple(periods)
        self._last: list[float | None] = [None] * len(self._periods)
        self._passes = [0] * len(self._periods)
        self._before: float | None = None

    def due(self, seconds: float, *, first_of_shot: bool) -> tuple[int | None, ...]:
        """The number of each detector's run on the frame at this time, or None. Call once per frame, in order."""
        spacing = 0.0 if self._before is None or first_of_shot else seconds - self._before
        self._before = seconds
        runs = [
            first_of_shot or last is None or seconds + spacing - last > period + 1e-6
            for last, period in zip(self._last, self._periods, strict=True)
        ]
        self._last = [seconds if run else last for run, last in zip(runs, self._last, strict=True)]
        passes = [0 if first_of_shot else count for count in self._passes]
        self._passes = [count + run for count, run in zip(passes, runs, strict=True)]
        return tuple(count if run else None for count, run in zip(passes, runs, strict=True))
