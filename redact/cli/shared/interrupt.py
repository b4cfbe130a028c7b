"""What Ctrl-C, SIGTERM and a closed terminal do.

While footage is being worked on, the first signal only sets a flag, which the progress callback turns into
:class:`redact.errors.Cancelled` at the next frame: an exception thrown into the middle of a library call could leave
its threads waiting for ever. At any other time, and for the second signal, ``KeyboardInterrupt`` is raised where the
program stands, and clean-up code still runs. A third signal ends the process at once, whatever it is doing.
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
    """Take over the signals. Those that the parent told this process to ignore (``nohup``) stay ignored."""
    for number in SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _on_signal)


def stopped() -> bool:
    """Whether the person asked for the work to stop."""
    return _StopState.stopped


@contextmanager
def working() -> Iterator[None]:
    """Marks work that looks at :func:`stopped` often."""
    _StopState.working = True
    try:
        yield
    finally:
        _StopState.working = False


def _on_signal(number: int, frame: FrameType | None) -> None:
    if _StopState.working and not _StopState.stopped:
        _StopState.stopped = True
        os.write(2, b"\nStopping. Once more stops without waiting for the frame at hand.\n")
        return
    for each in SIGNALS:
        signal.signal(each, signal.SIG_DFL)
    raise KeyboardInterrupt
