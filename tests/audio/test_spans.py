"""Reading and checking spans of sound."""

from __future__ import annotations

from fractions import Fraction

import pytest

from redact.audio.spans import check_spans, exact_edges, parse_span
from redact.errors import BadSpan
from redact.settings import SoundEffect, SoundSpan


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("10-14.5", "10", "14.5"),
        ("0-0.000000001", "0", "0.000000001"),  # the shortest span there is
        ("00:10.0-00:14.5", "10", "14.5"),
        ("59.999-1:00", "59.999", "60"),  # the two ends may be written differently
        ("90-01:30.5", "90", "90.5"),  # plain seconds may exceed a minute
        ("00:59:59.999-1:00:00", "3599.999", "3600"),
        (" 1-2\n", "1", "2"),  # surrounding spaces are allowed
        ("99:59:59.123456789-359999.5", "359999.123456789", "359999.5"),  # the most digits: the float loses none
    ],
)
def test_span_text_is_parsed_exactly(text: str, start: str, end: str) -> None:
    span = parse_span(text, SoundEffect.BLEEP)
    assert span.effect is SoundEffect.BLEEP
    assert exact_edges(span) == (Fraction(start), Fraction(end))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-",
        "10",  # no end
        "10-",
        "-10",  # a negative time or a missing start: invalid either way
        "-5-10",
        "5--10",
        "1-2-3",
        "14.5-10",  # backwards
        "10-10",  # empty
        "1:00-60",  # the same time written in two ways
        "0:60-2:00",  # seconds of a minute end at 59
        "60:00-61:00",  # minutes end at 59
        "1:60:00-2:00:00",
        "1:2:3:4-2:0:0:0",
        "0-360000",  # a hundred hours
        "nan-1",
        "0-inf",
        "1e3-2e3",
        "0x1-0x2",
        "1,5-2,5",
        "+1-2",
        "1 - 2",
        ".5-1",
        "1.-2",
        "1-2.0000000001",  # finer than a float keeps
        "٣-٤",  # digits, but not ASCII
        "1-2\x00",
        "9" * 5000 + "-" + "9" * 5000,
    ],
)
def test_span_text_of_other_form_is_refused_with_hint(text: str) -> None:
    with pytest.raises(BadSpan, match="START-END") as caught:
        parse_span(text, SoundEffect.MUTE)
    assert len(caught.value.text) < 400


def span(start: float, end: float) -> SoundSpan:
    return SoundSpan(start, end, SoundEffect.MUTE)


def test_spans_must_start_within_footage() -> None:
    check_spans([span(0, 1), span(9.999, 500)], Fraction(10))
    with pytest.raises(BadSpan, match="after the end of the footage"):
        check_spans([span(0, 1), span(10, 500)], Fraction(10))


@pytest.mark.parametrize(("start", "end"), [(2, 1), (1, 1), (-1, 1), (float("nan"), 1), (0, float("inf"))])
def test_spans_that_are_invalid_are_refused(start: float, end: float) -> None:
    with pytest.raises(BadSpan):
        check_spans([span(start, end)], 10.0)
