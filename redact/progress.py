"""Progress reports of long-running work, and how to cancel it."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Called often (about once per frame) by long work. Raise :class:`redact.errors.Cancelled` in it to cancel."""

    def __call__(self, stage: str, done: int, total: int | None) -> None:
        """``stage`` is a short word ("find", "write", ...); ``done`` of ``total`` frames are finished. ``total`` may be
        unknown."""
        ...


def silent(stage: str, done: int, total: int | None) -> None:
    """The :class:`Progress` for callers that do not report any."""
