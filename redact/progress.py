"""How long work tells what it is doing, and how it is told to stop."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Called often (once a frame or so) by long work. To cancel, raise :class:`redact.errors.Cancelled` from it."""

    def __call__(self, stage: str, done: int, total: int | None) -> None:
        """``stage`` is a short word ("find", "write", ...), ``done`` of ``total`` its frames; total may be unknown."""
        ...


def silent(stage: str, done: int, total: int | None) -> None:
    """The :class:`Progress` of callers that do not watch."""
