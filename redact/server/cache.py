"""Values that are costly to make, kept in bounded memory."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import TypeVar, cast

T = TypeVar("T")


class Cache:
    """The latest used values, of at most ``limit`` bytes together but always the last one. Safe between threads.

    A value is made once, however many ask for it at the same time. A key names one value for ever: what changes has its
    revision or digest in the key.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._held: OrderedDict[Hashable, tuple[object, int]] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()
        self._making: dict[Hashable, threading.Lock] = {}

    def get(self, key: Hashable, make: Callable[[], T], size: Callable[[T], int]) -> T:
        """The value of ``key``; ``size`` says how many bytes it takes. Raises what ``make`` raises, and keeps nothing
        then."""
        with self._lock:
            if key in self._held:
                self._held.move_to_end(key)
                return cast(T, self._held[key][0])
            making = self._making.setdefault(key, threading.Lock())
        with making:
            with self._lock:
                if key in self._held:
                    return cast(T, self._held[key][0])
            try:
                value = make()
                self._keep(key, value, size(value))
            finally:
                with self._lock:
                    self._making.pop(key, None)
        return value

    def known(self, key: Hashable) -> object | None:
        """The value of ``key`` if it is here."""
        with self._lock:
            held = self._held.get(key)
        return held[0] if held is not None else None

    def _keep(self, key: Hashable, value: object, size: int) -> None:
        with self._lock:
            self._held[key] = (value, size)
            self._bytes += size
            while self._bytes > self._limit and len(self._held) > 1:
                _, (_, freed) = self._held.popitem(last=False)
                self._bytes -= freed
