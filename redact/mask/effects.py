"""The effects that hide the picture under a mask: solid fill, mosaic and blur.

**Solid is the default and the only effect that removes everything.** Mosaic and blur keep some of the picture by
design. Hill, Zhou, Saul and Shacham ("On the (In)effectiveness of Mosaicing and Blurring as Tools for Document
Redaction", PoPETs 2016(4), 403-417) recovered mosaiced and blurred text with hidden Markov models; McPherson, Shokri
and Shmatikov ("Defeating Image Obfuscation with Deep Learning", arXiv:1609.00408, 2016) recognised people under mosaics
and YouTube's blur with networks trained on obscured pictures; Newton, Sweeney and Malin ("Preserving Privacy by
De-identifying Face Images", IEEE TKDE 17(2), 2005) showed the same for simpler recognisers. A mosaic with cells of
fixed size leaves many cells on large faces and letters. Here, the cell size depends on the size of the mask instead:

- at most :data:`MOST_CELLS` cells across the longer side of the box, and none smaller than :data:`LEAST_CELL` pixels,
  so that several characters of a plate share a cell and a face becomes 3 x 4 numbers;
- the mean of each cell is rounded to steps of :data:`LUMA_STEP`, so that a cell carries about three bits, and
  subtracting the visible pixels that share it at the edge of an ellipse reveals next to nothing;
- colour is one mean for the whole mask, in steps of :data:`CHROMA_STEP`;
- a blur is the same cells, interpolated. It uses no other numbers, so reversing it (deconvolution) can at best recover
  the mosaic. Noise would add no protection and averages out over time, so none is added.

Remaining risk: an attacker with clear pictures of a few candidates and a network trained on exactly this effect can do
better than chance. While a mask moves relative to the object under it, each frame gives new means of the same object;
few cells and coarse levels make combining them slow, but not impossible. If no one may be recognisable, use the solid
fill.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import torch
from torch.nn import functional

from redact.media.colour import BT601, KR_KB
from redact.media.types import ColourTags
from redact.settings import Effect

MOST_CELLS = 4
"""Most cells across the longer side of a mask's box."""

LEAST_CELL = 8.0
"""Smallest side of a cell in luma pixels."""

LUMA_STEP, CHROMA_STEP = 32, 8
"""Step between the levels that a cell may have, in 8-bit levels."""

HD_HEIGHT = 720
"""Players treat untagged pictures of at least this height as BT.709, lower ones as BT.601."""


@lru_cache(maxsize=64)
def fill_colour(fill: tuple[int, int, int], colour: ColourTags, bit_depth: int, height: int) -> tuple[int, int, int]:
    """Y, U and V, as integers of ``bit_depth``, of the sRGB triple ``fill`` (0 to 255).

    Follows ITU-R BT.601/709/2020 and H.273. The transfer curve is assumed to be sRGB's: in HDR footage the fill is just
    as opaque, but its brightness differs from that on a web page. For an untagged or unknown matrix, ``height``
    decides.
    """
    kr, kb = KR_KB.get(colour.matrix, KR_KB[1] if height >= HD_HEIGHT else BT601)
    red, green, blue = (min(max(c, 0), 255) / 255 for c in fill)
    y = kr * red + (1 - kr - kb) * green + kb * blue
    u, v = (blue - y) / (2 * (1 - kb)), (red - y) / (2 * (1 - kr))
    top, neutral = (1 << bit_depth) - 1, 1 << (bit_depth - 1)
    unit = 1 << (bit_depth - 8)
    if colour.full_range:
        levels = (top * y, neutral + top * u, neutral + top * v)
    else:
        levels = (unit * (16 + 219 * y), neutral + unit * 224 * u, neutral + unit * 224 * v)
    first, second, third = (min(max(int(level + 0.5), 0), top) for level in levels)
    return first, second, third


def cell_grid(extent: float, width: int, height: int) -> tuple[int, int]:
    """Rows and columns of cells for the visible ``width`` x ``height`` luma pixels of a mask of longer side ``extent``.

    The size of a cell depends on the whole mask, so that a face leaving the picture gets fewer cells, not finer ones. A
    strip narrower than a cell gets longer cells; no cell has less than the normal area unless the strip itself is
    smaller.
    """
    cell = max(extent / MOST_CELLS, LEAST_CELL)
    rows = max(1, int(height * min(width, cell) / cell**2))
    columns = max(1, int(width * min(height, cell) / cell**2))
    return rows, columns


@dataclass(frozen=True, slots=True)
class Levels:
    """The values a cell may have: multiples of ``step``, clamped to ``lowest`` and ``highest``."""

    step: int
    lowest: int
    highest: int

    @classmethod
    def of(cls, bit_depth: int, full_range: bool, chroma: bool) -> Levels:
        """The levels for one plane: within its legal range, including mid-grey."""
        unit = 1 << (bit_depth - 8)
        step = unit * (CHROMA_STEP if chroma else LUMA_STEP)
        if full_range:
            return cls(step, 0, (1 << bit_depth) - 1)
        return cls(step, 16 * unit, (240 if chroma else 235) * unit)


def cover(window: torch.Tensor, mask: torch.Tensor, level: int) -> None:
    """Set all samples of ``window`` under ``mask`` (both (h, w), on one device) to ``level``, in place."""
    window.masked_fill_(mask, level)


def obscure(window: torch.Tensor, mask: torch.Tensor, effect: Effect, grid: tuple[int, int], levels: Levels) -> None:
    """Replace all samples of ``window`` under ``mask`` (both (h, w), on one device) by a mosaic or blur of it, in
    place.

    ``grid``: rows and columns of cells over the whole window, from :func:`cell_grid`. Cells are computed only from
    samples of the window. ``effect`` is mosaic or blur.
    """
    cells = functional.adaptive_avg_pool2d(window.to(torch.float32)[None, None], grid)
    cells = cells.div_(levels.step).round_().mul_(levels.step).clamp_(levels.lowest, levels.highest)
    if effect is Effect.BLUR:
        hidden = functional.interpolate(cells, size=window.shape, mode="bilinear").round_()
    else:
        hidden = functional.interpolate(cells, size=window.shape, mode="nearest")
    window.copy_(torch.where(mask, hidden[0, 0].to(window.dtype), window))
