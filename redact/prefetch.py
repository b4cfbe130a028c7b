"""Ordered work on other threads: an iterator that computes a few items in advance, so that decoding overlaps with
processing, and jobs distributed over several threads."""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

POLL_SECONDS = 0.1

T = TypeVar("T")
R = TypeVar("R")


class _End:
    """Marks the end of the queue, with the exception that ended the iterator, if any."""

    def __init__(self, error: BaseException | None) -> None:
        self.error = error


@contextmanager
def prefetched(items: Generator[T, None, None], depth: int) -> Generator[Iterator[T], None, None]:
    """Inside the ``with`` block, iterate over ``items`` while a thread computes up to ``depth`` of them in advance.

    An exception of the iterator is raised in place of its item. Leaving the block by any means stops the thread, waits
    for it and closes the iterator, so that its files are closed afterwards.
    """
    ready: queue.Queue[T | _End] = queue.Queue(depth)
    stop = threading.Event()

    def put(item: T | _End) -> None:
        while not stop.is_set():
            try:
                ready.put(item, timeout=POLL_SECONDS)
                return
            except queue.Full:
                continue

    def work() -> None:
        error: BaseException | None = None
        try:
            for item in items:
                put(item)
                if stop.is_set():
                    break
        except BaseException as caught:  # raised again in the consumer
            error = caught
        finally:
            items.close()
            put(_End(error))

    def consume() -> Iterator[T]:
        while True:
            item = ready.get()
            if isinstance(item, _End):
                if item.error is not None:
                    raise item.error
                return
            yield item

    thread = threading.Thread(target=work, name="prefetch", daemon=True)
    thread.start()
    try:
        yield consume()
    finally:
        stop.set()
        thread.join()


@contextmanager
def run_jobs(
    items: Iterable[T], jobs: Callable[[T], Sequence[Callable[[], R]]], threads: int
) -> Generator[Iterator[tuple[T, list[R]]], None, None]:
    """Inside the ``with`` block, iterate in order over ``items`` with the results of their jobs, while ``threads``
    threads run the jobs of the current item and of up to ``threads`` more.

    A job's exception is raised in place of its item. Leaving the block cancels jobs that have not started and waits for
    the others.
    """
    pool = ThreadPoolExecutor(threads, "jobs")

    def in_order() -> Iterator[tuple[T, list[R]]]:
        waiting: deque[tuple[T, list[Future[R]]]] = deque()
        for item in items:
            waiting.append((item, [pool.submit(job) for job in jobs(item)]))
            # While the consumer waits for the first item, every thread has work and the next item is ready.
            if len(waiting) > threads:
                yield _finished(*waiting.popleft())
        while waiting:
            yield _finished(*waiting.popleft())

    try:
        yield in_order()
    finally:
        pool.shutdown(cancel_futures=True)


def _finished(item: T, results: Sequence[Future[R]]) -> tuple[T, list[R]]:
    return item, [result.result() for result in results]
