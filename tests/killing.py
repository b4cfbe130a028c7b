"""Kills a test's child process at a chosen step of its work."""

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

PRELOADED = ["tests.evidence.factory", "tests.disclose.killable", "tests.jobs.steps"]


def children() -> ForkServerContext:
    """A fork server whose children start with all modules loaded. A process has only one, which preloads the modules of
    its first user, so all users request the same modules."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    return context


@dataclass
class StepCount:
    """The number of steps completed."""

    done: int = 0


@contextmanager
def killed_at(kill_at: int, steps_of: Sequence[str]) -> Iterator[StepCount]:
    """Kill this process at step ``kill_at`` of the block (0: never). Steps are calls made in files whose paths contain
    one of ``steps_of``, including calls of C functions such as writing, renaming and committing."""
    parts = [part.replace("/", os.sep) for part in steps_of]
    counted = StepCount()
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
