"""Working ahead on a thread changes nothing: same items, same errors, nothing left running."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator
from functools import partial

import pytest

from redact.prefetch import prefetched, run_jobs


class Source:
    """Counts to ``count``, failing at ``fails_at``; records its progress and whether it was closed."""

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
    return any(thread.name.startswith(("prefetch", "jobs")) for thread in threading.enumerate())


@pytest.mark.parametrize("depth", [1, 4, 100])
@pytest.mark.parametrize("count", [0, 1, 30])
def test_prefetched_items_keep_order(depth: int, count: int) -> None:
    source = Source(count)
    with prefetched(source.items(), depth) as items:
        assert list(items) == list(range(count))
    assert source.closed
    assert not running()


def test_prefetched_error_comes_in_place_of_item() -> None:
    source = Source(10, fails_at=6)
    got = []
    with pytest.raises(KeyError), prefetched(source.items(), 3) as items:
        for item in items:
            got.append(item)
    assert got == list(range(6))
    assert source.closed
    assert not running()


def test_prefetched_is_bounded_by_depth() -> None:
    source = Source(1000)
    with prefetched(source.items(), 4) as items:
        next(items)
        time.sleep(0.3)
        # One consumed, four ready, one in progress.
        assert source.given <= 6


@pytest.mark.parametrize("taken", [0, 1, 20])
def test_prefetched_left_early_stops_thread_and_closes_source(taken: int) -> None:
    source = Source(10**9)
    with pytest.raises(ZeroDivisionError), prefetched(source.items(), 4) as items:
        for _ in range(taken):
            next(items)
        raise ZeroDivisionError
    assert source.closed
    assert not running()


def test_prefetched_closes_source_never_read() -> None:
    source = Source(3)
    with prefetched(source.items(), 1):
        pass
    assert not running()
    assert source.closed


def squares(number: int) -> list[Callable[[], int]]:
    """The number's last bits give the number of jobs; the first takes longest."""

    def job(place: int) -> int:
        time.sleep(0.002 * (3 - place))
        return number * number + place

    return [partial(job, place) for place in range(number % 4)]


@pytest.mark.parametrize("threads", [1, 2, 5])
@pytest.mark.parametrize("count", [0, 1, 30])
def test_run_jobs_keeps_order(threads: int, count: int) -> None:
    with run_jobs(range(count), squares, threads) as answers:
        assert list(answers) == [(n, [n * n + place for place in range(n % 4)]) for n in range(count)]
    assert not running()


def test_run_jobs_runs_consecutive_items_at_once() -> None:
    # Each waits until another is also running: four jobs, two threads.
    meeting = threading.Barrier(2, timeout=20)
    with run_jobs([1, 2, 1], lambda number: [meeting.wait] * number, 2) as answers:
        assert [len(places) for _, places in answers] == [1, 2, 1]


def test_run_jobs_is_bounded_by_threads() -> None:
    source = Source(1000)
    with run_jobs(source.items(), squares, 2) as answers:
        next(answers)
        time.sleep(0.1)
        # The one consumed, and one for each thread.
        assert source.given == 3


def test_run_jobs_error_comes_in_place_of_item() -> None:
    got = []
    with (
        pytest.raises(KeyError, match="6"),
        run_jobs(range(10), lambda n: [partial({k: k for k in range(6)}.__getitem__, n)], 2) as answers,
    ):
        for number, results in answers:
            got.append((number, results))
    assert got == [(n, [n]) for n in range(6)]
    assert not running()


def test_run_jobs_left_early_drops_unstarted_jobs() -> None:
    done: list[int] = []
    begun, held = threading.Event(), threading.Event()

    def hold(number: int) -> None:
        if number:
            begun.set()
            held.wait(20)
        done.append(number)

    with pytest.raises(ZeroDivisionError), run_jobs(range(10), lambda n: [partial(hold, n)], 1) as answers:
        next(answers)
        begun.wait(20)
        threading.Timer(0.3, held.set).start()
        raise ZeroDivisionError
    assert done == [0, 1]
    assert not running()
