"""Full-size planes to the small RGB pictures that networks take, on whatever device the planes are on.

The same pictures, up to rounding, as :mod:`redact.media.frame_conversion` makes on the processor with swscale: the mean
over each pixel's area where the picture shrinks, linear interpolation where it grows. Both are a matrix along each
axis, and multiplying by matrices is what a card does best. On a card it is done in half precision: levels of 8 bit are
exact in it, sums are kept in single precision, and what is rounded is below an eighth of a level.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import torch

from redact.media.colour import BT601, KR_KB
from redact.media.types import ColourTags, PlanarImage


@torch.inference_mode()
def rgb_pictures(images: Sequence[PlanarImage], width: int, height: int) -> torch.Tensor:
    """Pictures of one size, depth, colour description and device -> uint8 RGB (B, 3, ``height``, ``width``) there.

    Pixel by pixel in memory (channels last). A matrix that is untagged or unknown is taken for BT.601, as swscale does.
    """
    depth, colour = images[0].bit_depth, images[0].colour
    y, u, v = (
        resampled(torch.stack([image.planes[n] for image in images]), width, height, 1 << (depth - 8)) for n in range(3)
    )
    matrix, offset = _yuv_to_rgb(colour)
    channels = [row[0] * y + row[1] * u + row[2] * v + add for row, add in zip(matrix, offset, strict=True)]
    return as_levels(torch.stack(channels, dim=3)).permute(0, 3, 1, 2)


def resampled(values: torch.Tensor, width: int, height: int, unit: int = 1) -> torch.Tensor:
    """Integer samples (..., H, W), counted in ``unit`` to a level of 8 bit -> float32 levels (..., height, width)."""
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
    """(want, have): what share each old sample has in each new one."""
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
    """Rows of the matrix from levels of Y, U and V to levels of R, G and B, and what is added then (ITU-T H.273)."""
    kr, kb = KR_KB.get(colour.matrix, BT601)
    kg = 1 - kr - kb
    luma, chroma, black = (1.0, 1.0, 0.0) if colour.full_range else (255 / 219, 255 / 224, 16.0)
    red, blue = 2 * (1 - kr) * chroma, 2 * (1 - kb) * chroma
    matrix = ((luma, 0.0, red), (luma, -blue * kb / kg, -red * kr / kg), (luma, blue, 0.0))
    return matrix, tuple(-row[0] * black - (row[1] + row[2]) * 128 for row in matrix)
