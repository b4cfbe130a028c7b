"""Work on many pictures at once, in pieces that a card's memory has room for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

import torch

from redact.errors import DeviceMemoryShort

T = TypeVar("T")
R = TypeVar("R")

# The libraries below torch have their own words for it.
_ALSO_SHORT = ("CUBLAS_STATUS_ALLOC_FAILED", "CUDNN_STATUS_ALLOC_FAILED")


class Batches:
    """Pieces of at most ``most`` items. One that does not fit is halved and tried again; the smaller size is kept.

    Sizes are powers of two, so that a device sees few different ones: libraries choose their fastest method for each
    size they have not met yet, which takes time.
    """

    def __init__(self, most: int) -> None:
        self.limit = most

    def run(self, items: Sequence[T], work: Callable[[Sequence[T]], list[R]]) -> list[R]:
        """``work`` on all items, piece by piece, each of its results in its place.

        Raises :class:`redact.errors.DeviceMemoryShort` when there is no room for a single one.
        """
        results: list[R] = []
        while len(results) < len(items):
            left = items[len(results) :]
            piece = left[: 1 << (min(self.limit, len(left)).bit_length() - 1)]
            answer = _if_it_fits(work, piece)
            if answer is None:
                self._shrink(len(piece))
            else:
                results += answer
        return results

    def _shrink(self, size: int) -> None:
        # What the failed try held is free by now; without this it would stay reserved in blocks of the wrong size.
        torch.cuda.empty_cache()
        if size == 1:
            raise _short()
        self.limit = size // 2


@contextmanager
def memory_shortage_named() -> Iterator[None]:
    """Turn a card's lack of memory inside the block into :class:`redact.errors.DeviceMemoryShort`."""
    try:
        yield
    except RuntimeError as error:
        if not _is_short(error):
            raise
        raise _short() from error


def _if_it_fits(work: Callable[[Sequence[T]], list[R]], piece: Sequence[T]) -> list[R] | None:
    try:
        return work(piece)
    except RuntimeError as error:
        if _is_short(error):
            return None
        raise


def _is_short(error: RuntimeError) -> bool:
    return isinstance(error, torch.OutOfMemoryError) or any(words in str(error) for words in _ALSO_SHORT)


def _short() -> DeviceMemoryShort:
    return DeviceMemoryShort(
        "The card ran out of memory with a single picture on it.",
        "End other programs that use the card, choose --preset fast, or run again with --device cpu.",
    )
