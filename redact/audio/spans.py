"""Parses and checks spans of sound; their edges are exact seconds."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from fractions import Fraction

from redact.errors import BadSpan
from redact.settings import SoundEffect, SoundSpan

LONGEST_SECONDS = 100 * 3600
"""Times from here on are treated as typing errors: no camera records a hundred hours into one file."""

HOW_TO_WRITE = "Write a span as START-END, each as SS.s, MM:SS.s or HH:MM:SS.s, for example 00:10.0-00:14.5."

# Nine decimals are finer than a sample at any rate. A time then still has at most the 15 digits that a float keeps, so
# exact_edges recovers exactly what was typed.
_TIME = re.compile(r"(?:(?:(?P<hours>\d{1,2}):)?(?P<minutes>\d{1,2}):)?(?P<seconds>\d{1,6}(?:\.\d{1,9})?)", re.ASCII)


def parse_span(untrusted_text: str, effect: SoundEffect) -> SoundSpan:
    """Parse ``START-END``, each written as ``SS.s``, ``MM:SS.s`` or ``HH:MM:SS.s``, not necessarily both alike.

    Minutes must be below 60, and so must seconds that follow minutes; seconds alone may be any number below
    :data:`LONGEST_SECONDS`.

    Raises:
        BadSpan: the text has another form, or the span does not end after it starts.
    """
    shown = repr(untrusted_text if len(untrusted_text) <= 40 else untrusted_text[:40] + "...")
    start_text, dash, end_text = untrusted_text.strip().partition("-")
    if not dash:
        raise BadSpan(f"The span {shown} has no end.", HOW_TO_WRITE)
    start, end = _parse_time(start_text, shown), _parse_time(end_text, shown)
    if end <= start:
        raise BadSpan(f"The span {shown} does not end after it starts.", HOW_TO_WRITE)
    return SoundSpan(float(start), float(end), effect)


def _parse_time(untrusted_text: str, shown: str) -> Fraction:
    match = _TIME.fullmatch(untrusted_text)
    if match is None:
        raise BadSpan(f"In the span {shown}, {untrusted_text[:40]!r} is not a time.", HOW_TO_WRITE)
    seconds = Fraction(match["seconds"])
    if match["minutes"] is not None:
        if seconds >= 60:
            raise BadSpan(f"In the span {shown}, a time has 60 or more seconds after its minutes.", HOW_TO_WRITE)
        if int(match["minutes"]) >= 60:
            raise BadSpan(f"In the span {shown}, a time has 60 or more minutes.", HOW_TO_WRITE)
        seconds += 60 * int(match["minutes"]) + 3600 * int(match["hours"] or 0)
    if seconds >= LONGEST_SECONDS:
        raise BadSpan(f"In the span {shown}, a time is longer than any footage.", HOW_TO_WRITE)
    return seconds


def exact_edges(span: SoundSpan) -> tuple[Fraction, Fraction]:
    """Start and end in seconds, as the decimal numbers they were written as.

    The float nearest to 10.3 is slightly larger. Its shortest decimal form is 10.3 again, as intended:
    with its binary value, the sample at 10.3 s would fall outside the span.

    Raises:
        BadSpan: an edge is negative or not finite, or the span does not end after it starts.
    """
    if not (math.isfinite(span.start) and math.isfinite(span.end) and 0 <= span.start < span.end):
        raise BadSpan(f"A sound span from {span.start} to {span.end} seconds is not valid.", HOW_TO_WRITE)
    return Fraction(repr(float(span.start))), Fraction(repr(float(span.end)))


def check_spans(spans: Iterable[SoundSpan], duration: Fraction | float) -> None:
    """Refuse spans that lie outside the footage. ``duration`` is that of the footage in seconds.

    An end past the end of the footage is allowed and is not clipped here: sound often lasts a little longer than the
    picture, and sound to be hidden "up to the end" must not be heard there.

    Raises:
        BadSpan: a span starts at or after the end of the footage, or is not valid in itself.
    """
    for span in spans:
        start, _ = exact_edges(span)
        if start >= duration:
            raise BadSpan(
                f"The {span.effect} span from {span.start} to {span.end} seconds starts after the end of the footage"
                f" ({float(duration):.3f} seconds).",
                "Check the times of the span.",
            )
