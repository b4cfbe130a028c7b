"""A memory-bounded cache for values that are expensive to compute."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import TypeVar, cast

T = TypeVar("T")


class Cache:
    """A thread-safe LRU cache of at most ``limit`` bytes; the most recent value is kept even if it is larger.

    Concurrent requests for the same key compute the value once. A key always stands for the same value, so anything
    that can change has its revision or digest in the key.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._entries: OrderedDict[Hashable, tuple[object, int]] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()
        self._locks: dict[Hashable, threading.Lock] = {}

    def get(self, key: Hashable, make: Callable[[], T], size: Callable[[T], int]) -> T:
        """The value of ``key``, computed by ``make`` if it is not cached; ``size`` gives its bytes. Raises whatever
        ``make`` raises, and caches nothing in that case."""
        with self._lock:
            if key in self._entries:
                self._entries.move_to_end(key)
                return cast(T, self._entries[key][0])
            lock = self._locks.setdefault(key, threading.Lock())
        with lock:
            with self._lock:
                if key in self._entries:
                    return cast(T, self._entries[key][0])
            try:
                value = make()
                self._store(key, value, size(value))
            finally:
                with self._lock:
                    self._locks.pop(key, None)
        return value

    def peek(self, key: Hashable) -> object | None:
        """The value of ``key`` if it is cached."""
        with self._lock:
            entry = self._entries.get(key)
        return entry[0] if entry is not None else None

    def _store(self, key: Hashable, value: object, size: int) -> None:
        with self._lock:
            self._entries[key] = (value, size)
            self._bytes += size
            while self._bytes > self._limit and len(self._entries) > 1:
                _, (_, freed) = self._entries.popitem(last=False)
                self._bytes -= freed
