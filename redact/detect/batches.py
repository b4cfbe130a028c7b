"""Processes many pictures at once, in batches that fit into the card's memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

import torch

from redact.errors import DeviceMemoryShort

T = TypeVar("T")
R = TypeVar("R")

# Messages of the libraries below torch when memory runs out.
_ALSO_SHORT = ("CUBLAS_STATUS_ALLOC_FAILED", "CUDNN_STATUS_ALLOC_FAILED")


class Batches:
    """Batches of at most ``most`` items. A batch that does not fit is halved and tried again; the smaller size is kept.

    Sizes are powers of two, so that a device sees few different ones: for each new size, libraries spend time on
    choosing their fastest method.
    """

    def __init__(self, most: int) -> None:
        self.limit = most

    def run(self, items: Sequence[T], work: Callable[[Sequence[T]], list[R]]) -> list[R]:
        """Call ``work`` on all items, batch by batch, and return the results in the order of the items.

        Raises :class:`redact.errors.DeviceMemoryShort` when not even a single item fits.
        """
        results: list[R] = []
        while len(results) < len(items):
            left = items[len(results) :]
            batch = left[: 1 << (min(self.limit, len(left)).bit_length() - 1)]
            output = _if_it_fits(work, batch)
            if output is None:
                self._shrink(len(batch))
            else:
                results += output
        return results

    def _shrink(self, size: int) -> None:
        # The failed attempt's memory is free by now, but would stay reserved in blocks of the wrong size.
        torch.cuda.empty_cache()
        if size == 1:
            raise _short()
        self.limit = size // 2


@contextmanager
def memory_shortage_named() -> Iterator[None]:
    """Turn out-of-memory errors of the card inside the block into :class:`redact.errors.DeviceMemoryShort`."""
    try:
        yield
    except RuntimeError as error:
        if not _is_short(error):
            raise
        raise _short() from error


def _if_it_fits(work: Callable[[Sequence[T]], list[R]], batch: Sequence[T]) -> list[R] | None:
    try:
        return work(batch)
    except RuntimeError as error:
        if _is_short(error):
            return None
        raise


def _is_short(error: RuntimeError) -> bool:
    return isinstance(error, torch.OutOfMemoryError) or any(message in str(error) for message in _ALSO_SHORT)


def _short() -> DeviceMemoryShort:
    return DeviceMemoryShort(
        "The graphics card ran out of memory with only one picture on it.",
        "Close other programs that use the card, choose --preset fast, or run again with --device cpu.",
    )
