"""Batches adapt to a card's memory; the work fails like a full card."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch

from redact.detect.batches import Batches, memory_shortage_named
from redact.errors import DeviceMemoryShort


class Card:
    """Has room for ``room`` pictures at once; keeps its inputs."""

    def __init__(self, room: int, error: type[RuntimeError] = torch.OutOfMemoryError, message: str = "full") -> None:
        self.room, self._error, self._message = room, error, message
        self.tried: list[int] = []

    def square(self, items: Sequence[int]) -> list[int]:
        self.tried.append(len(items))
        if len(items) > self.room:
            raise self._error(self._message)
        return [n * n for n in items]


@pytest.mark.parametrize(
    ("most", "room", "count", "tried"),
    [
        (8, 8, 0, []),
        (8, 8, 8, [8]),
        (8, 8, 21, [8, 8, 4, 1]),  # powers of two only
        (8, 5, 8, [8, 4, 4]),  # halved once
        (8, 1, 4, [4, 2, 1, 1, 1, 1]),  # down to one by one
        (1, 1, 3, [1, 1, 1]),
    ],
)
def test_batches_keep_order(most: int, room: int, count: int, tried: list[int]) -> None:
    card = Card(room)
    assert Batches(most).run(list(range(count)), card.square) == [n * n for n in range(count)]
    assert card.tried == tried


def test_batches_remember_size_that_fits() -> None:
    batches, card = Batches(16), Card(5)
    batches.run(list(range(16)), card.square)
    card.tried.clear()
    batches.run(list(range(16)), card.square)
    assert card.tried == [4, 4, 4, 4]


@pytest.mark.parametrize(
    ("error", "message"), [(torch.OutOfMemoryError, "full"), (RuntimeError, "cuBLAS: CUBLAS_STATUS_ALLOC_FAILED")]
)
def test_batches_report_memory_short_for_one_item(error: type[RuntimeError], message: str) -> None:
    with pytest.raises(DeviceMemoryShort, match="--device cpu"):
        Batches(4).run([1, 2, 3], Card(0, error, message).square)
    with pytest.raises(DeviceMemoryShort), memory_shortage_named():
        Card(0, error, message).square([1])


def test_batches_do_not_retry_other_failures() -> None:
    card = Card(0, RuntimeError, "CUDA error: an illegal memory access was encountered")
    with pytest.raises(RuntimeError, match="illegal"):
        Batches(8).run([1, 2], card.square)
    assert card.tried == [2]
    with pytest.raises(RuntimeError, match="illegal"), memory_shortage_named():
        card.square([1])
