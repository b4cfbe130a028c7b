"""Ending the process that a test runs in a child, at any step of what it does."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.context import ForkServerContext
from types import FrameType

PRELOADED = ["tests.evidence.factory", "tests.disclose.dying", "tests.jobs.steps"]


def children() -> ForkServerContext:
    """Where children come from who have loaded everything already. A process has one such server, and it loads what
    the first to ask names: so all name the same."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    return context


@dataclass
class Counted:
    """How many steps were done."""

    done: int = 0


@contextmanager
def killed_at(kill_at: int, steps_of: Sequence[str]) -> Iterator[Counted]:
    """Kills this process at a step of the block (0: never). Steps are calls from files whose paths have one of
    ``steps_of`` in them, of functions in C such as writing, renaming and committing, too."""
    parts = [part.replace("/", os.sep) for part in steps_of]
    counted = Counted()
    counts: dict[str, bool] = {}

    def step(frame: FrameType, event: str, what: object) -> None:
        file = frame.f_code.co_filename
        if file not in counts:
            counts[file] = any(part in file for part in parts)
        if counts[file]:
            counted.done += 1
            if counted.done == kill_at:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.setprofile(step)
    try:
        yield counted
    finally:
        sys.setprofile(None)
