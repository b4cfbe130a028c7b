"""Runs an iterator a few items ahead on a thread of its own, so that decoding overlaps with what is done to the
frames."""

from __future__ import annotations

import queue
import threading
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import TypeVar

POLL_SECONDS = 0.1

T = TypeVar("T")


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
