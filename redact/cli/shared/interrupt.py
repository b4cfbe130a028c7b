"""Handling of Ctrl-C, SIGTERM and a closed terminal.

While footage is being processed, the first signal only sets a flag, and the progress callback raises
:class:`redact.errors.Cancelled` at the next frame: an exception in the middle of a library call could leave its threads
waiting for ever. At any other time, and on the second signal, ``KeyboardInterrupt`` is raised immediately, and clean-up
code still runs. A third signal ends the process at once.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class _StopState:
    stopped = False
    working = False


def install() -> None:
    """Install the signal handlers. Signals that the parent process had this one ignore (``nohup``) stay ignored."""
    for number in SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _on_signal)


def stopped() -> bool:
    """Whether the user has asked the work to stop."""
    return _StopState.stopped


@contextmanager
def working() -> Iterator[None]:
    """Mark a block of work that checks :func:`stopped` often."""
    _StopState.working = True
    try:
        yield
    finally:
        _StopState.working = False


def _on_signal(number: int, frame: FrameType | None) -> None:
    if _StopState.working and not _StopState.stopped:
        _StopState.stopped = True
        os.write(2, b"\nStopping at the next frame. Press Ctrl-C again to stop at once.\n")
        return
    for each in SIGNALS:
        signal.signal(each, signal.SIG_DFL)
    raise KeyboardInterrupt
