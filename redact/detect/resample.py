"""Converts full-size planes to the small RGB pictures for networks, on the device that holds the planes.

The pictures are the same, up to rounding, as those of :mod:`redact.media.frame_conversion` on the CPU with swscale: the
mean over each pixel's area when the picture shrinks, linear interpolation when it grows. Both are one matrix product
per axis, which graphics cards do best. On a card, half precision is used: 8-bit levels are exact in it, sums are kept
in single precision, and rounding is below an eighth of a level.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import torch

from redact.media.colour import BT601, KR_KB
from redact.media.types import ColourTags, PlanarImage


@torch.inference_mode()
def rgb_pictures(images: Sequence[PlanarImage], width: int, height: int) -> torch.Tensor:
    """uint8 RGB (B, 3, ``height``, ``width``) of pictures with the same size, depth, colour description and device.

    The memory layout is channels last. Untagged and unknown matrices are treated as BT.601, as swscale does.
    """
    depth, colour = images[0].bit_depth, images[0].colour
    y, u, v = (
        resampled(torch.stack([image.planes[n] for image in images]), width, height, 1 << (depth - 8)) for n in range(3)
    )
    matrix, offset = _yuv_to_rgb(colour)
    channels = [row[0] * y + row[1] * u + row[2] * v + add for row, add in zip(matrix, offset, strict=True)]
    return as_levels(torch.stack(channels, dim=3)).permute(0, 3, 1, 2)


def resampled(values: torch.Tensor, width: int, height: int, unit: int = 1) -> torch.Tensor:
    """Integer samples (..., H, W), with ``unit`` samples to an 8-bit level -> float32 levels (..., height, width)."""
    dtype = torch.float32 if values.device.type == "cpu" else torch.float16
    levels = values.to(dtype) / unit
    rows = _weights(int(values.shape[-2]), height, values.device, dtype)
    columns = _weights(int(values.shape[-1]), width, values.device, dtype)
    return (rows @ levels @ columns.T).float()


def as_levels(values: torch.Tensor) -> torch.Tensor:
    """Rounded to uint8."""
    return values.round_().clamp_(0, 255).to(torch.uint8)


@lru_cache(maxsize=32)
def _weights(have: int, want: int, device: torch.device, dtype: torch.dtype) -> torch.Tensor:
    """(want, have): the weight of each old sample in each new one."""
    step = have / want
    if step >= 1:
        start = torch.arange(want, dtype=torch.float64)[:, None] * step
        old = torch.arange(have, dtype=torch.float64)[None]
        shares = (torch.minimum(old + 1, start + step) - torch.maximum(old, start)).clamp_(min=0) / step
    else:
        centre = ((torch.arange(want, dtype=torch.float64) + 0.5) * step - 0.5).clamp_(0, have - 1)[:, None]
        shares = (1 - (centre - torch.arange(have, dtype=torch.float64)[None]).abs()).clamp_(min=0)
    return shares.to(dtype).to(device)


@lru_cache(maxsize=8)
def _yuv_to_rgb(colour: ColourTags) -> tuple[tuple[tuple[float, float, float], ...], tuple[float, ...]]:
    """Rows of the matrix from levels of Y, U and V to levels of R, G and B, and the offsets to add (ITU-T H.273)."""
    kr, kb = KR_KB.get(colour.matrix, BT601)
    kg = 1 - kr - kb
    luma, chroma, black = (1.0, 1.0, 0.0) if colour.full_range else (255 / 219, 255 / 224, 16.0)
    red, blue = 2 * (1 - kr) * chroma, 2 * (1 - kb) * chroma
    matrix = ((luma, 0.0, red), (luma, -blue * kb / kg, -red * kr / kg), (luma, blue, 0.0))
    return matrix, tuple(-row[0] * black - (row[1] + row[2]) * 128 for row in matrix)
