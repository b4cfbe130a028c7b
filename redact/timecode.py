"""Times in footage as text."""

from __future__ import annotations

from fractions import Fraction


def timecode(seconds: Fraction | float) -> str:
    """``H:MM:SS.mmm``, rounded down."""
    millis = int(seconds * 1000)
    hours, rest = divmod(millis, 3_600_000)
    minutes, rest = divmod(rest, 60_000)
    return f"{hours}:{minutes:02}:{rest // 1000:02}.{rest % 1000:03}"
