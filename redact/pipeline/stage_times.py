"""Where the time goes: seconds spent in each stage of the work, for `redact bench`."""

from __future__ import annotations

import threading
import time
from collections import defaultdict, deque
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import torch

T = TypeVar("T")

MOST_OPEN = 256
"""Blocks whose time on the device is still to be read."""


class Stages:
    """Seconds by stage. Stages on different threads overlap, so their sum may exceed the time that passed. Time that
    several threads spend in one stage at once counts once.

    With a CUDA ``device``, blocks of :meth:`queued` are also timed there, by events among the work they queue: nothing
    waits for anything that it would not wait for anyway.
    """

    def __init__(self, device: torch.device | None = None) -> None:
        self._cuda = device is not None and device.type == "cuda"
        self._seconds: dict[str, float] = defaultdict(float)
        self._counting = threading.Lock()
        self._inside: dict[str, int] = defaultdict(int)
        self._since: dict[str, float] = {}
        self._closing = threading.Lock()
        self._open: deque[tuple[str, float, torch.cuda.Event, torch.cuda.Event]] = deque()

    @property
    def seconds(self) -> dict[str, float]:
        """By stage; waits for what is still under way."""
        self._close(0)
        return dict(self._seconds)

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        """Count the block's wall time towards ``stage``."""
        with self._counting:
            if not self._inside[stage]:
                self._since[stage] = time.perf_counter()
            self._inside[stage] += 1
        try:
            yield
        finally:
            with self._counting:
                self._inside[stage] -= 1
                if not self._inside[stage]:
                    self._seconds[stage] += time.perf_counter() - self._since[stage]

    @contextmanager
    def queued(self, stage: str) -> Iterator[None]:
        """The same for a block that only queues work on the device's current stream: what counts is the block's wall
        time or the device's for what it queued, whichever is longer."""
        if not self._cuda:
            with self(stage):
                yield
            return
        first, last = (torch.cuda.Event(enable_timing=True) for _ in range(2))  # type: ignore[no-untyped-call]
        started = time.perf_counter()
        first.record()
        try:
            yield
        finally:
            last.record()
            self._open.append((stage, time.perf_counter() - started, first, last))
            self._close(MOST_OPEN)

    def each(self, stage: str, items: Iterable[T]) -> Generator[T, None, None]:
        """Pass items on, counting the time it takes to get each one."""
        source = iter(items)
        while True:
            with self(stage):
                try:
                    item = next(source)
                except StopIteration:
                    return
            yield item

    def _close(self, keep: int) -> None:
        with self._closing:
            while len(self._open) > keep:
                stage, host, first, last = self._open.popleft()
                last.synchronize()
                self._seconds[stage] += max(host, first.elapsed_time(last) / 1000)
