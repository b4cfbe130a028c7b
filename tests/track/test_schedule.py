"""Schedules of detectors. Times are in milliseconds; expected values were computed by hand."""

from __future__ import annotations

from collections.abc import Collection

import pytest

from redact.track.schedule import Schedule


def runs(period: float, times: list[int], starts: Collection[int] = ()) -> list[int]:
    """The times at which a detector of this period (seconds) runs; ``starts`` are times at which a shot begins."""
    schedule = Schedule([period])
    return [ms for ms in times if schedule.due(ms / 1000, first_of_shot=ms in starts)[0] is not None]


@pytest.mark.parametrize(
    ("period", "times", "wanted"),
    [
        # 25 fps, every third frame: waiting from 80 for 120 would still do, from 120 for 160 would not.
        (0.12, list(range(0, 401, 40)), [0, 120, 240, 360]),
        (0.04, list(range(0, 161, 40)), [0, 40, 80, 120, 160]),  # the period is the spacing: every frame
        (0.03, list(range(0, 161, 40)), [0, 40, 80, 120, 160]),  # shorter than the spacing: every frame
        # 30 fps in milliseconds: 133 + 33 would overstep 160.
        (0.16, [0, 33, 67, 100, 133, 167, 200, 233, 267, 300], [0, 133, 267]),
        # A burst of 1 ms and a gap of 3.4 s. At 82 the next is expected at 83, so it waits; at 120 at 158, over 120.
        # The gap cannot be predicted: the frame after it runs at once. At 3533 the next is expected at 3546, at 3600 at
        # 3667 (147 after the last run), at 3667 at 3734 (134 after it).
        (0.12, [0, 40, 80, 81, 82, 120, 3520, 3533, 3600, 3667], [0, 120, 3520, 3600, 3667]),
        # 15 then 30 fps: 67 + 67 is over 120 from 0 on.
        (0.12, [0, 67, 133, 200, 233, 267, 300, 333], [0, 67, 133, 200, 300]),
    ],
)
def test_schedule_keeps_period_at_variable_frame_rate(period: float, times: list[int], wanted: list[int]) -> None:
    assert runs(period, times) == wanted


def test_schedule_restarts_at_every_shot() -> None:
    # A cut at 160: it runs there, and counts from there.
    assert runs(0.12, list(range(0, 401, 40)), {160}) == [0, 120, 160, 280, 400]


def test_schedule_keeps_separate_periods() -> None:
    schedule = Schedule([0.04, 0.12])
    assert [schedule.due(n / 25, first_of_shot=n == 0) for n in range(5)] == [
        (0, 0),
        (1, None),
        (2, None),
        (3, 1),
        (4, None),
    ]


def test_schedule_counts_runs_in_each_shot() -> None:
    schedule = Schedule([0.08])
    assert [schedule.due(n / 25, first_of_shot=n in {0, 5})[0] for n in range(10)] == [
        *(0, None, 1, None, 2),
        *(0, None, 1, None, 2),
    ]
