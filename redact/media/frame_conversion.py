"""Converts decoded frames to what other packages work on: small RGB, small grey, or writable full-size planes, upright.

Frames are scaled directly from YUV and before rotation, so the cost is proportional to the small picture.
"""

from __future__ import annotations

import numpy as np
import torch
from av.video.frame import VideoFrame
from av.video.plane import VideoPlane
from av.video.reformatter import ColorRange, Interpolation, VideoReformatter
from numpy.typing import NDArray

from redact.media.types import PlanarImage, VideoStream

Size = tuple[int, int]
"""(width, height) in pixels."""

_DIRECT = {"yuv420p": 8, "yuvj420p": 8, "yuv420p10le": 10}
"""Formats whose planes are used unchanged, with their bit depth."""
_TARGET = {8: "yuv420p", 10: "yuv420p10le"}
_LUMA_BLACK, _CHROMA_GREY = 16, 128


def planes_depth(stream: VideoStream) -> int:
    """Bit depth of the planes that :meth:`Converter.planes` returns: 8, or 10 for sources of more than 8 bits."""
    return 10 if stream.bit_depth > 8 else 8


class Converter:
    """Converts the frames of one stream. Keeps swscale's tables between frames; use from one thread at a time."""

    def __init__(self, stream: VideoStream) -> None:
        self._stream = stream
        self._turns = stream.rotation // 90
        self._upright: Size = (stream.upright_width, stream.upright_height)
        self._depth = planes_depth(stream)
        # One scaler for each kind of output: a shared one would rebuild its tables at every change.
        self._to_size, self._to_rgb, self._to_grey = (VideoReformatter() for _ in range(3))
        self._to_planes, self._to_small = VideoReformatter(), VideoReformatter()

    def rgb(self, picture: VideoFrame | None, size: Size | None) -> NDArray[np.uint8]:
        """(h, w, 3) uint8; black if there is no picture."""
        size = size or self._upright
        if picture is None:
            return np.zeros((size[1], size[0], 3), np.uint8)
        small = picture
        if size != self._upright and not picture.format.is_rgb:
            # Two steps are four times as fast as one: swscale has vector code for scaling planes and for converting YUV
            # to RGB, but none for both at once.
            planar = picture.format.name if picture.format.name in _DIRECT else "yuv420p"
            small = self._scale(self._to_size, picture, size, planar)
        small = self._scale(self._to_rgb, small, size, "rgb24")
        rows = _rows(small.planes[0])[:, : small.width * 3].reshape(small.height, small.width, 3)
        return self._turn(rows, own=small is not picture)

    def grey(self, picture: VideoFrame | None, size: Size) -> NDArray[np.uint8]:
        """(h, w) uint8 luma; black if there is no picture."""
        if picture is None:
            return np.zeros(size[::-1], np.uint8)
        small = self._scale(self._to_grey, picture, size, "gray")
        return self._turn(_rows(small.planes[0])[:, : small.width], own=small is not picture)

    def planes(self, picture: VideoFrame | None, *, pinned: bool = False) -> PlanarImage:
        """4:2:0 planes in their own memory, page-locked if ``pinned``; black if there is no picture."""
        if picture is None:
            return black_picture(self._stream, self._upright, self._depth)
        if _DIRECT.get(picture.format.name) != self._depth:
            picture = self._to_planes.reformat(
                picture,
                format=_TARGET[self._depth],
                dst_colorspace=self._stream.colour.matrix if picture.format.is_rgb else None,
                dst_color_range=ColorRange.JPEG if self._stream.colour.full_range else ColorRange.MPEG,
                interpolation=Interpolation.BILINEAR | Interpolation.ACCURATE_RND,
                threads=1,
            )
        return self._upright_planes(picture, self._depth, pinned=pinned)

    def small_planes(self, picture: VideoFrame | None, size: Size) -> PlanarImage:
        """8-bit 4:2:0 planes at ``size`` (even sides), in their own memory; black if there is no picture."""
        if picture is None:
            return black_picture(self._stream, size, 8)
        width, height = size[::-1] if self._turns % 2 else size
        small = self._to_small.reformat(
            picture,
            width,
            height,
            _TARGET[8],
            dst_colorspace=self._stream.colour.matrix if picture.format.is_rgb else None,
            dst_color_range=ColorRange.JPEG if self._stream.colour.full_range else ColorRange.MPEG,
            interpolation=Interpolation.AREA | Interpolation.ACCURATE_RND,
            threads=1,
        )
        return self._upright_planes(small, 8, pinned=False)

    def _upright_planes(self, picture: VideoFrame, depth: int, *, pinned: bool) -> PlanarImage:
        y, u, v = (self._own(np.rot90(_samples(p, depth), self._turns), pinned=pinned) for p in picture.planes[:3])
        return PlanarImage((y, u, v), depth, (1, 1), self._stream.colour)

    @staticmethod
    def _own(samples: NDArray[np.uint8] | NDArray[np.int16], *, pinned: bool) -> torch.Tensor:
        sample = torch.uint8 if samples.dtype == np.uint8 else torch.int16
        copy = torch.empty(samples.shape, dtype=sample, pin_memory=pinned)
        copy.numpy()[...] = samples
        return copy

    def _scale(self, scaler: VideoReformatter, picture: VideoFrame, size: Size, form: str) -> VideoFrame:
        width, height = size[::-1] if self._turns % 2 else size
        return scaler.reformat(picture, width, height, form, interpolation=Interpolation.AREA, threads=1)

    def _turn(self, rows: NDArray[np.uint8], *, own: bool) -> NDArray[np.uint8]:
        """Rotated upright, without negative strides (torch accepts none), and never in the decoder's own memory."""
        if self._turns:
            return np.array(np.rot90(rows, self._turns), order="C")
        return rows if own else rows.copy()


def black_picture(stream: VideoStream, size: Size, depth: int) -> PlanarImage:
    """Black 4:2:0 planes of ``depth`` bits with the colour tags of ``stream``, at ``size``."""
    width, height = size
    sample, shift = (torch.uint8, 0) if depth == 8 else (torch.int16, depth - 8)
    luma = 0 if stream.colour.full_range else _LUMA_BLACK << shift
    chroma = ((height + 1) // 2, (width + 1) // 2)
    return PlanarImage(
        (
            torch.full((height, width), luma, dtype=sample),
            torch.full(chroma, _CHROMA_GREY << shift, dtype=sample),
            torch.full(chroma, _CHROMA_GREY << shift, dtype=sample),
        ),
        depth,
        (1, 1),
        stream.colour,
    )


def _samples(plane: VideoPlane, depth: int) -> NDArray[np.uint8] | NDArray[np.int16]:
    rows = _rows(plane)
    return rows[:, : plane.width] if depth == 8 else rows.view(np.int16)[:, : plane.width]


def _rows(plane: VideoPlane) -> NDArray[np.uint8]:
    """The plane's bytes as (height, line size), padding included. No copy is made; the array keeps the frame alive."""
    flat = np.frombuffer(memoryview(plane), np.uint8)
    line = plane.line_size
    if line < 0:  # stored bottom up
        return flat[: plane.height * -line].reshape(plane.height, -line)[::-1]
    return flat[: plane.height * line].reshape(plane.height, line)
