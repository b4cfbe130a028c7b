"""Times each stage of the pipeline for `redact bench`."""

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
"""Most blocks whose time on the device is not yet read."""


class Stages:
    """Seconds by stage. Stages on different threads overlap, so their sum may exceed the elapsed time. Time that
    several threads spend in the same stage at once is counted once.

    With a CUDA ``device``, blocks of :meth:`queued` are also timed there, by events queued with their work, which adds
    no waiting.
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
        """Seconds by stage, after waiting for work still in progress."""
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
        """Time a block that only queues work on the device's current stream: by its wall time or the device's time for
        the queued work, whichever is longer."""
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
        """Pass items on, timing how long each takes to get."""
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
