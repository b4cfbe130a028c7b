"""Finds local maxima in the heat maps of detection networks."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from redact.errors import ModelUnusable


def at_peaks(
    maps: Sequence[torch.Tensor], threshold: float, window: tuple[int, int]
) -> list[tuple[NDArray[np.int64], NDArray[np.float32]]]:
    """For each frame of a batch, the places where the first map peaks above ``threshold``, and the values of all maps.

    ``maps``: (B, channels, h, w) each, the first with one channel; ``window``: height and width in cells, both odd, in
    which only the highest cell counts. Returns (n, 2) row and column, and (n, channels of all maps) values. Raises
    :class:`redact.errors.ModelUnusable` if the first map has values that are not finite, which would otherwise look
    like a picture with nothing in it.
    """
    if not bool(torch.isfinite(maps[0]).all()):
        raise ModelUnusable(
            "A network returned values that are not numbers.", "Run `redact doctor`, or use --device cpu."
        )
    if maps[0].device.type == "cpu":
        return _with_opencv([each.numpy() for each in maps], threshold, window)
    heat = maps[0]
    around = (window[0] // 2, window[1] // 2)
    peaks = (heat == torch.nn.functional.max_pool2d(heat, window, 1, around)) & (heat > threshold)
    # Selected on the device, so that one small transfer brings back the results of the whole batch.
    at = peaks[:, 0].nonzero()
    frame, row, column = at.unbind(1)
    values = torch.cat([each[frame, :, row, column] for each in maps], 1).cpu().numpy()
    places = at.cpu().numpy()
    rows = [places[:, 0] == number for number in range(len(heat))]
    return [(places[mine, 1:], values[mine]) for mine in rows]


def _with_opencv(
    maps: Sequence[NDArray[np.float32]], threshold: float, window: tuple[int, int]
) -> list[tuple[NDArray[np.int64], NDArray[np.float32]]]:
    """The same with OpenCV: torch would start its threads for each of these small steps, at several times the cost."""
    kernel = np.ones(window, np.uint8)
    found = []
    for number, heat in enumerate(maps[0][:, 0]):
        places = np.argwhere((heat == cv2.dilate(heat, kernel)) & (heat > threshold))
        row, column = places.T
        found.append((places, np.concatenate([each[number][:, row, column] for each in maps]).T))
    return found
