"""Frames and times of a master on the timeline of its copy."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest

from redact.disclose.pack.output_spans import OutputSpans, full_timecode
from redact.disclose.release.resolved import EditedClip
from redact.track.types import TrackSet
from tests.disclose.pack.rendered import unrendered
from tests.track import factory

FIRST, LAST, SLATE = 10, 29, 5


@pytest.fixture
def spans(tmp_path: Path) -> OutputSpans:
    clip = EditedClip("AB/1", TrackSet(factory.media(50), ()), FIRST, LAST)
    return OutputSpans([clip], [unrendered(clip, tmp_path / "1.mp4", SLATE)])


def test_timecode_has_two_digits_of_hours() -> None:
    assert full_timecode(Fraction(61, 25)) == "00:00:02.440"
    assert full_timecode(Fraction(360_000)) == "100:00:00.000"


def test_span_of_master_is_shifted_by_clip_and_slate(spans: OutputSpans) -> None:
    assert spans.of_master(0, 12, 20) == {
        "output": 0,
        "first_frame": 7,
        "last_frame": 15,
        "first_timecode": "00:00:00.280",
        "last_timecode": "00:00:00.600",
    }
    assert spans.of_clip(0, 2, 10) == spans.of_master(0, 12, 20) == spans.of_output(0, 7, 15)


@pytest.mark.parametrize(
    ("start", "end", "first", "last"),
    [
        (Fraction(10, 25), Fraction(30, 25), 5, 24),  # the whole clip
        (Fraction(12, 25), Fraction(13, 25), 7, 7),  # one frame, from edge to edge
        (Fraction(25, 50), Fraction(27, 50), 7, 8),  # from the middle of one frame to the middle of the next
        (Fraction(12, 25), Fraction(1201, 2500), 7, 7),  # less than a frame
    ],
)
def test_span_of_sound_covers_every_frame_it_is_heard_in(
    spans: OutputSpans, start: Fraction, end: Fraction, first: int, last: int
) -> None:
    span = spans.of_sound(0, start, end)
    assert (span["first_frame"], span["last_frame"]) == (first, last)
