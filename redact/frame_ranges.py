"""Ranges of consecutive frame numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def frame_ranges(numbers: NDArray[np.integer[Any]]) -> list[tuple[int, int]]:
    """First and last of each run of consecutive numbers; ``numbers``: (n,), strictly increasing."""
    if not numbers.size:
        return []
    runs = np.split(numbers, np.flatnonzero(np.diff(numbers) != 1) + 1)
    return [(int(run[0]), int(run[-1])) for run in runs]
