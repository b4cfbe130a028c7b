"""Draws masks into pictures, on the device that holds the picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from redact.mask.effects import Levels, cell_grid, cover, fill_colour, obscure
from redact.mask.raster import spans
from redact.mask.shapes import Shape
from redact.mask.titles import Watermark
from redact.media.types import PlanarImage
from redact.settings import Effect, EffectSettings

Window = tuple[slice, slice, torch.Tensor]


@dataclass(frozen=True, slots=True)
class _Layer:
    """One mask ready to draw: its windows in luma and chroma, and the longer side of its box in luma pixels."""

    settings: EffectSettings
    extent: float
    luma: Window
    chroma: Window

    def windows(self) -> tuple[Window, Window, Window]:
        return self.luma, self.chroma, self.chroma


class Compositor:
    """Draws masks into pictures of one size.

    Only the windows around the masks are processed, so the cost depends on the masked area, not the picture. It can be
    shared between threads as long as no two draw into the same picture.
    """

    def __init__(self, width: int, height: int, device: torch.device | str) -> None:
        self.width = width
        self.height = height
        self.device = torch.device(device)

    def draw(
        self, image: PlanarImage, masks: Sequence[tuple[Shape, EffectSettings]], watermark: Watermark | None = None
    ) -> None:
        """Hide the picture under ``masks``, in place, and draw the ``watermark`` over the rest.

        A chroma sample is hidden if any masked pixel shares it; unmasked pixels that share it lose their colour. Where
        masks overlap, their order does not affect what is hidden:

        - solid fills are drawn first, so that no cell of a mosaic or blur averages what a fill hides, and again last,
          so that what they cover is exactly the fill;
        - mosaics and blurs are drawn in between, those with the largest cells first, each computed from the picture as
          drawn so far: a pixel under two of them reaches the copy only through the larger cells;
        - the watermark is drawn over mosaics and blurs, and under the last fills.

        Raises ``ValueError`` if the picture has the wrong size or sample type; nothing is drawn in that case.
        """
        self._check(image)
        layers = [layer for shape, settings in masks if (layer := self._layer(image, shape, settings)) is not None]
        fills = [layer for layer in layers if layer.settings.effect is Effect.SOLID]
        coverings = [layer for layer in layers if layer.settings.effect is not Effect.SOLID]
        coverings.sort(key=lambda layer: layer.extent, reverse=True)
        # Pictures created in inference mode can only be modified in inference mode.
        with torch.inference_mode():
            for layer in fills:
                self._fill(image, layer)
            for layer in coverings:
                self._obscure(image, layer)
            if watermark is not None:
                watermark.draw(image)
            if coverings or watermark is not None:
                for layer in fills:
                    self._fill(image, layer)

    def _check(self, image: PlanarImage) -> None:
        sx, sy = image.subsampling
        chroma = (-(-self.height >> sy), -(-self.width >> sx))
        shapes = [tuple(plane.shape) for plane in image.planes]
        if shapes != [(self.height, self.width), chroma, chroma]:
            raise ValueError(f"planes of {shapes} are not a picture of {self.width} x {self.height} pixels")
        sample = torch.uint8 if image.bit_depth == 8 else torch.int16
        if not 8 <= image.bit_depth <= 15 or any(plane.dtype != sample for plane in image.planes):
            raise ValueError(f"{image.bit_depth}-bit planes must be {sample}, not {[p.dtype for p in image.planes]}")

    def _layer(self, image: PlanarImage, shape: Shape, settings: EffectSettings) -> _Layer | None:
        """The mask to draw; None if the shape lies outside the picture."""
        luma = spans(shape, self.width, self.height)
        window = luma.mask(self.device)
        if window[2].numel() == 0:
            return None
        return _Layer(settings, luma.extent, window, luma.shared(*image.subsampling).mask(self.device))

    @staticmethod
    def _fill(image: PlanarImage, layer: _Layer) -> None:
        levels = fill_colour(layer.settings.fill, image.colour, image.bit_depth, image.height)
        for plane, (rows, columns, mask), level in zip(image.planes, layer.windows(), levels, strict=True):
            cover(plane[rows, columns], mask, level)

    @staticmethod
    def _obscure(image: PlanarImage, layer: _Layer) -> None:
        height, width = layer.luma[2].shape
        grid = cell_grid(layer.extent, width, height)
        for index, (plane, (rows, columns, mask)) in enumerate(zip(image.planes, layer.windows(), strict=True)):
            chroma = index > 0
            levels = Levels.of(image.bit_depth, image.colour.full_range, chroma)
            obscure(plane[rows, columns], mask, layer.settings.effect, (1, 1) if chroma else grid, levels)
