"""Working ahead on a thread must be invisible: same items, same errors, nothing left running."""

from __future__ import annotations

import threading
import time
from collections.abc import Generator

import pytest

from redact.ahead import ahead


class Source:
    """Counts to ``count``, failing at ``fails_at``; knows how far it got and whether it was closed."""

    def __init__(self, count: int, fails_at: int | None = None) -> None:
        self.given = 0
        self.closed = False
        self._count, self._fails_at = count, fails_at

    def items(self) -> Generator[int, None, None]:
        try:
            for number in range(self._count):
                if number == self._fails_at:
                    raise KeyError(number)
                self.given = number + 1
                yield number
        finally:
            self.closed = True


def running() -> bool:
    return any(thread.name == "ahead" for thread in threading.enumerate())


@pytest.mark.parametrize("depth", [1, 4, 100])
@pytest.mark.parametrize("count", [0, 1, 30])
def test_all_items_in_order(depth: int, count: int) -> None:
    source = Source(count)
    with ahead(source.items(), depth) as items:
        assert list(items) == list(range(count))
    assert source.closed
    assert not running()


def test_an_error_comes_where_its_item_would_have() -> None:
    source = Source(10, fails_at=6)
    got = []
    with pytest.raises(KeyError), ahead(source.items(), 3) as items:
        for item in items:
            got.append(item)
    assert got == list(range(6))
    assert source.closed
    assert not running()


def test_it_is_only_so_far_ahead() -> None:
    source = Source(1000)
    with ahead(source.items(), 4) as items:
        next(items)
        time.sleep(0.3)
        # One taken, four ready, one in hand.
        assert source.given <= 6


@pytest.mark.parametrize("taken", [0, 1, 20])
def test_leaving_early_stops_the_thread_and_closes_the_source(taken: int) -> None:
    source = Source(10**9)
    with pytest.raises(ZeroDivisionError), ahead(source.items(), 4) as items:
        for _ in range(taken):
            next(items)
        raise ZeroDivisionError
    assert source.closed
    assert not running()


def test_a_fresh_source_that_is_never_read_is_closed_too() -> None:
    source = Source(3)
    with ahead(source.items(), 1):
        pass
    assert not running()
    assert source.closed
