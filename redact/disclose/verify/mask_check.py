"""Checks that masks are in the picture of a decoded copy, which encoding has changed slightly.

A mask leaves one colour, or as many values as its mosaic or blur has cells (:func:`redact.mask.effects.cell_grid`). The
picture under it is compared with the closest picture of that kind. The difference is either small and due to the
encoder, or it is footage that should be hidden. Footage that itself looks like a mask, such as a black sky under a
black mask, cannot be told from one, but reveals nothing either.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from redact.mask.effects import cell_grid, fill_colour
from redact.mask.raster import spans
from redact.mask.shapes import Shape
from redact.media.types import PlanarImage
from redact.settings import Effect, EffectSettings

Mask = NDArray[np.bool_]
Levels = NDArray[np.float32]
"""Samples of a plane, or their differences, in 8-bit levels."""

# Measured on faces of 24 and 60 pixels in moving, noisy footage, masked and unmasked, at the default quality of every
# codec and with H.264 down to rate factor 45. In a fill, 98 % of the pixels are off by at most 29 levels, and by 12 at
# rate factor 35; in the same faces unmasked, far fewer. In a mosaic or blur, at most 5 % of the pixels are off by more
# than VEIL_OFF at the default qualities, 10 % at rate factor 35, and 13 % more under a watermark; in unmasked faces
# 27 to 72 %, except for the smallest at rate factor 35 and above, which have no detail left to find.
RIM = 4
"""Luma pixels ignored at a mask's rim: encoders filter across the edges of transform blocks, and chroma has one sample
for two pixels."""
FILL_OFF, FILL_SHARE = 32, 0.02
"""8-bit levels by which a pixel of a fill may be off, and the share of pixels that may be off by more."""
VEIL_OFF, VEIL_SHARE = 8, 0.3
"""The same for a mosaic or blur, against the best fit. Watermarks are drawn over these."""
EDGE = 5
"""Luma pixels ignored across the border of two mosaic cells, where encoders smear the step."""
AREA = 6
"""Side, in luma pixels, of the square of fill that must be somewhere in the picture. Masks are larger."""
_MOST_FITTED = 4000
"""Approximate number of pixels sampled across a mosaic or blur."""
Window = tuple[slice, slice]
"""Rows and columns."""
_EVERYWHERE = (slice(None), slice(None))


@dataclass(frozen=True, slots=True)
class Sample:
    """One mask on one frame, according to the log."""

    frame: int
    shape: Shape
    settings: EffectSettings


def exposed(image: PlanarImage, samples: Sequence[Sample]) -> list[Sample]:
    """The masks in ``samples`` that are missing from the picture. ``samples``: all masks of this frame.

    A mask outside the picture, or wholly under other masks, cannot be checked and is never included.
    """
    placed = [(sample, place) for sample in samples if (place := _place(sample, image)) is not None]
    missing = []
    for sample, place in placed:
        visible = _inner(place, image)
        for other, above in placed:
            if _covers(other, above, sample, place):
                _take_out(visible, place, above)
        if visible.any() and _shown(image, sample, place, visible):
            missing.append(sample)
    return missing


def has_area(image: PlanarImage, fills: Sequence[tuple[int, int, int]]) -> bool:
    """Whether a square of :data:`AREA` pixels in one of these colours is anywhere in the picture."""
    square = np.ones((AREA, AREA), np.uint8)
    sx, sy = image.subsampling
    for fill in fills:
        near = [_off_fill(image, plane, _EVERYWHERE, fill) <= FILL_OFF for plane in range(3)]
        colour = (near[1] & near[2]).repeat(1 << sy, axis=0).repeat(1 << sx, axis=1)[: image.height, : image.width]
        # Nothing outside the picture counts as fill.
        both = (near[0] & colour).astype(np.uint8)
        if cv2.erode(both, square, borderType=cv2.BORDER_CONSTANT, borderValue=0).any():
            return True
    return False


@dataclass(frozen=True, slots=True)
class _PlacedMask:
    """A mask's position: the compositor's window around it, the pixels it covers, and the longer side of its box."""

    window: Window
    mask: Mask
    extent: float


def _place(sample: Sample, image: PlanarImage) -> _PlacedMask | None:
    """The mask's position; None if it is outside the picture."""
    rastered = spans(sample.shape, image.width, image.height)
    rows, columns, mask = rastered.mask(torch.device("cpu"))
    return _PlacedMask((rows, columns), mask.numpy(), rastered.extent) if mask.numel() else None


def _covers(other: Sample, above: _PlacedMask, sample: Sample, place: _PlacedMask) -> bool:
    """Whether the compositor draws ``other`` over ``sample`` and changes it: see :meth:`Compositor.draw`."""
    if other is sample or other.settings.effect is Effect.SOLID:
        return other is not sample and other.settings != sample.settings
    return sample.settings.effect is not Effect.SOLID and above.extent < place.extent


def _take_out(visible: Mask, place: _PlacedMask, above: _PlacedMask) -> None:
    """Clear in ``visible``, a mask of the window of ``place``, the pixels that ``above`` covers."""
    both = [slice(max(a.start, b.start), min(a.stop, b.stop)) for a, b in zip(place.window, above.window, strict=True)]
    if all(span.start < span.stop for span in both):
        here = _within(both, place.window)
        visible[here] &= ~above.mask[_within(both, above.window)]


def _within(span: Sequence[slice], window: Window) -> Window:
    rows, columns = (slice(s.start - w.start, s.stop - w.start) for s, w in zip(span, window, strict=True))
    return rows, columns


def _inner(place: _PlacedMask, image: PlanarImage) -> Mask:
    """The mask without its rim, which is narrower if nothing would be left. The picture's border has no rim."""
    for rim in range(RIM, 0, -1):
        padded = place.mask.astype(np.uint8)
        for axis, (span, end) in enumerate(zip(place.window, (image.height, image.width), strict=True)):
            for side, at_border in enumerate((span.start == 0, span.stop == end)):
                width = [(0, 0), (0, 0)]
                width[axis] = (rim, 0) if side == 0 else (0, rim)
                padded = np.pad(padded, width, mode="edge" if at_border else "constant")
        inner = cv2.erode(padded, np.ones((2 * rim + 1, 2 * rim + 1), np.uint8))[rim:-rim, rim:-rim].astype(np.bool_)
        if inner.any():
            return np.asarray(inner)
    return place.mask.copy()


def _shown(image: PlanarImage, sample: Sample, place: _PlacedMask, visible: Mask) -> bool:
    if sample.settings.effect is not Effect.SOLID:
        return _off_veil(image, sample.settings.effect, place, visible) > VEIL_SHARE
    fill = sample.settings.fill
    differences = [_off_fill(image, 0, place.window, fill)[visible]]
    chroma, whole = _chroma(place.window, visible, image)
    differences += [_off_fill(image, plane, chroma, fill)[whole] for plane in (1, 2)]
    return any(off.size and np.mean(off > FILL_OFF) > FILL_SHARE for off in differences)


def _chroma(window: Window, visible: Mask, image: PlanarImage) -> tuple[Window, Mask]:
    """The window in chroma, and the samples there whose luma pixels are all visible."""
    steps = [1 << bits for bits in reversed(image.subsampling)]
    chroma_spans = [slice(w.start // step, -(-w.stop // step)) for w, step in zip(window, steps, strict=True)]
    around = [
        (w.start - s.start * step, s.stop * step - w.stop)
        for w, s, step in zip(window, chroma_spans, steps, strict=True)
    ]
    height, width = (s.stop - s.start for s in chroma_spans)
    whole = np.pad(visible, around).reshape(height, steps[0], width, steps[1]).all(axis=(1, 3))
    return (chroma_spans[0], chroma_spans[1]), np.asarray(whole)


def _levels(image: PlanarImage, plane: int, window: Window) -> Levels:
    levels: Levels = image.planes[plane][window].numpy().astype(np.float32) / np.float32(1 << (image.bit_depth - 8))
    return levels


def _off_fill(image: PlanarImage, plane: int, window: Window, fill: tuple[int, int, int]) -> Levels:
    level = fill_colour(fill, image.colour, image.bit_depth, image.height)[plane]
    off: Levels = np.abs(_levels(image, plane, window) - np.float32(level / (1 << (image.bit_depth - 8))))
    return off


def _off_veil(image: PlanarImage, effect: Effect, place: _PlacedMask, visible: Mask) -> float:
    """Share of luma pixels under a mosaic or blur that differ from the best-fitting picture with as many cells."""
    height, width = place.mask.shape
    grid = cell_grid(place.extent, width, height)
    cells = torch.eye(grid[0] * grid[1], dtype=torch.float64).reshape(-1, 1, *grid)
    mode = "bilinear" if effect is Effect.BLUR else "nearest"
    weights = functional.interpolate(cells, size=(height, width), mode=mode)[:, 0].numpy()
    if effect is Effect.MOSAIC:
        cell, square = weights.argmax(axis=0).astype(np.uint16), np.ones((EDGE, EDGE), np.uint8)
        visible = visible & (cv2.erode(cell, square) == cv2.dilate(cell, square))
    if not visible.any():
        return 0.0
    chosen = np.flatnonzero(visible)
    chosen = chosen[:: max(1, len(chosen) // _MOST_FITTED)]
    levels = _levels(image, 0, place.window).reshape(-1)[chosen]
    each = weights.reshape(len(cells), -1)[:, chosen]
    # Normal equations, solved by least squares: a cell with no visible pixel may take any value.
    best = np.linalg.lstsq(each @ each.T, each @ levels, rcond=None)[0]
    return float(np.mean(np.abs(best @ each - levels) > VEIL_OFF))
