"""Local contrast stretching of pictures before detection.

A street at night has lamps and, beside them, plates that differ from their surroundings by only a few grey levels. The
lamps limit how far the whole frame can be brightened, so the range of each part of the picture is stretched separately.
"""

from __future__ import annotations

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F  # noqa: N812 - its conventional name

from redact.detect.resample import as_levels

HOST = "cpu"
TILE = 96
"""Side of a tile in pixels of the network's input: larger than most plates, smaller than the pool of light of a
lamp."""
EVERY = 6
"""One pixel in this many is sampled, along each axis."""
DARKEST, LIGHTEST = 0.02, 0.99
"""Quantiles of a tile's pixels that are taken as its darkest and lightest level."""
TARGET = 230.0
"""Width to which the range between these two levels is stretched."""
MOST_GAIN = 4.0
"""Largest stretching factor: a larger one would only amplify noise."""
SIDE = TILE // EVERY
_MIXED = np.array([0.25, 0.5, 0.25], np.float32)
"""Weights of a tile and its neighbours in its levels."""


def stretch_contrast(frames: torch.Tensor) -> torch.Tensor:
    """uint8 (B, 3, H, W) with the levels of every tile stretched, smoothly from tile to tile. The result is the same on
    every device, to within a level or two of rounding."""
    if frames.device.type == HOST:
        # torch starts its threads for each of these small steps, which costs several times as much as the steps.
        pictures = frames.permute(0, 2, 3, 1).numpy()
        return torch.from_numpy(np.stack([_stretched_picture(picture) for picture in pictures])).permute(0, 3, 1, 2)
    lightness = frames[:, :, ::EVERY, ::EVERY].amax(1, keepdim=True).float()
    missing = (0, -lightness.shape[3] % SIDE, 0, -lightness.shape[2] % SIDE)
    rows, columns = ((lightness.shape[2 + i] + missing[3 - 2 * i]) // SIDE for i in (0, 1))
    tiles = F.unfold(F.pad(lightness, missing, mode="replicate"), SIDE, stride=SIDE)
    levels = torch.quantile(tiles, torch.tensor([DARKEST, LIGHTEST], device=frames.device), dim=1)
    low, high = _smooth(levels.view(2, -1, rows, columns))
    gain = (TARGET / (high - low).clamp(min=1.0)).clamp(1.0, MOST_GAIN)
    height, width = int(frames.shape[2]), int(frames.shape[3])
    wide_gain, wide_offset = (
        F.interpolate(x[:, None], (rows * TILE, columns * TILE), mode="bilinear")[:, :, :height, :width]
        for x in (gain, -low * gain)
    )
    return as_levels(frames.float() * wide_gain + wide_offset)


def _smooth(levels: torch.Tensor) -> torch.Tensor:
    """(2, B, rows, columns), each tile's levels averaged with its neighbours'."""
    weights = torch.from_numpy(_MIXED).to(levels.device)
    kernel = (weights[:, None] * weights[None])[None, None]
    rows, columns = levels.shape[2:]
    spread = F.conv2d(F.pad(levels.reshape(-1, 1, rows, columns), (1, 1, 1, 1), mode="replicate"), kernel)
    return spread.reshape(levels.shape)


def _stretched_picture(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The same for one picture (H, W, 3), with OpenCV."""
    height, width = picture.shape[:2]
    lightness = picture[::EVERY, ::EVERY].max(2)
    missing = [(0, -length % SIDE) for length in lightness.shape]
    tiles = np.pad(lightness, missing, mode="edge").reshape(-(-lightness.shape[0] // SIDE), SIDE, -1, SIDE)
    rows, columns = tiles.shape[0], tiles.shape[2]
    each = tiles.transpose(0, 2, 1, 3).reshape(rows, columns, -1)
    levels = np.quantile(each, [DARKEST, LIGHTEST], axis=2).astype(np.float32)
    low, high = (cv2.sepFilter2D(level, -1, _MIXED, _MIXED, borderType=cv2.BORDER_REPLICATE) for level in levels)
    gain = np.clip(TARGET / np.maximum(high - low, 1.0), 1.0, MOST_GAIN)
    whole = (columns * TILE, rows * TILE)
    wide_gain, wide_offset = (
        cv2.resize(cv2.merge([x] * 3), whole, interpolation=cv2.INTER_LINEAR)[:height, :width]
        for x in (gain, -low * gain)
    )
    # In place: allocating one more picture of this size would cost as much as all the rest.
    cv2.multiply(picture, wide_gain, wide_gain, dtype=cv2.CV_32F)
    return np.asarray(cv2.add(wide_gain, wide_offset, dtype=cv2.CV_8U), np.uint8)
