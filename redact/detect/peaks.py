"""Reading the maps of networks that answer for every cell of a grid: only the strongest cell of a thing speaks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray


def at_peaks(
    maps: Sequence[torch.Tensor], threshold: float, window: tuple[int, int]
) -> list[tuple[NDArray[np.int64], NDArray[np.float32]]]:
    """For each frame of a batch, where the first map peaks above ``threshold``, and what all maps say there.

    ``maps``: (B, channels, h, w) each, the first with one channel; ``window``: height and width in cells, both odd, in
    which only the strongest cell counts. Gives (n, 2) row and column, and (n, channels of all maps) values.
    """
    heat = maps[0]
    around = (window[0] // 2, window[1] // 2)
    peaks = (heat == torch.nn.functional.max_pool2d(heat, window, 1, around)) & (heat > threshold)
    # Picked on the device, so that what comes back is small and comes at once for the whole batch.
    at = peaks[:, 0].nonzero()
    frame, row, column = at.unbind(1)
    values = torch.cat([each[frame, :, row, column] for each in maps], 1).cpu().numpy()
    places = at.cpu().numpy()
    rows = [places[:, 0] == number for number in range(len(heat))]
    return [(places[mine, 1:], values[mine]) for mine in rows]
