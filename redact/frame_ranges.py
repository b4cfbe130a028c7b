"""Unbroken stretches of whole numbers, such as the frames of a track."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def stretches(numbers: NDArray[np.integer[Any]]) -> list[tuple[int, int]]:
    """First and last of each stretch without a gap; ``numbers``: (n,), strictly increasing."""
    if not numbers.size:
        return []
    parts = np.split(numbers, np.flatnonzero(np.diff(numbers) != 1) + 1)
    return [(int(part[0]), int(part[-1])) for part in parts]
