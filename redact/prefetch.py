"""Work on other threads, in order: an iterator that runs a few items ahead, so that decoding overlaps with what is done
to the frames, and jobs shared out among several threads."""

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
    """Closes the queue; carries the exception that ended the iterator, if one did."""

    def __init__(self, error: BaseException | None) -> None:
        self.error = error


@contextmanager
def ahead(items: Generator[T, None, None], depth: int) -> Generator[Iterator[T], None, None]:
    """Inside the ``with`` block, iterate over ``items`` while a thread computes up to ``depth`` of them in advance.

    An exception of the iterator is raised where its item would have come. Leaving the block, however, stops the thread,
    waits for it and closes the iterator on the way, so files it holds are free afterwards.
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
        except BaseException as caught:  # it is raised again on the consumer's side
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

    thread = threading.Thread(target=work, name="ahead", daemon=True)
    thread.start()
    try:
        yield consume()
    finally:
        stop.set()
        thread.join()


@contextmanager
def shared_out(
    items: Iterable[T], jobs: Callable[[T], Sequence[Callable[[], R]]], threads: int
) -> Generator[Iterator[tuple[T, list[R]]], None, None]:
    """Inside the ``with`` block, iterate over ``items``, each with what its jobs gave, in order, while ``threads``
    threads work on the jobs of this item and as many more.

    A job's exception is raised where its item would have come. Leaving the block drops the jobs that nobody has begun
    and waits for the others.
    """
    pool = ThreadPoolExecutor(threads, "shared out")

    def in_order() -> Iterator[tuple[T, list[R]]]:
        waiting: deque[tuple[T, list[Future[R]]]] = deque()
        for item in items:
            waiting.append((item, [pool.submit(job) for job in jobs(item)]))
            # While the consumer waits for the first, every thread has one to work on and the next lies ready.
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
