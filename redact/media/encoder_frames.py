"""Converts redacted planes to frames for an encoder: even size, 4:2:0, 8 or 10 bits."""

from __future__ import annotations

import av
import numpy as np
import torch
from torch.nn import functional

from redact.media.types import PlanarImage

FORMATS = {8: "yuv420p", 10: "yuv420p10le"}
"""Pixel format for each bit depth of the copy."""


def even(length: int) -> int:
    """``length`` rounded up to an even number: 4:2:0 pictures have even sides."""
    return length + length % 2


def to_frame(image: PlanarImage, bit_depth: int) -> av.VideoFrame:
    """``image`` as a 4:2:0 frame of ``bit_depth`` 8 or 10; odd sides are padded by repeating the last row and column.

    If no conversion is needed, each plane is copied once, into the frame.
    """
    width, height = even(image.width), even(image.height)
    frame = av.VideoFrame(width, height, FORMATS[bit_depth])
    for index, plane in enumerate(image.planes):
        chroma = index > 0
        size = (height // 2, width // 2) if chroma else (height, width)
        values = _resize_chroma(plane, image, size) if chroma and image.subsampling != (1, 1) else _pad(plane, size)
        _fill(frame.planes[index], _to_depth(values, image.bit_depth, bit_depth), bit_depth)
    return frame


def _pad(plane: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    rows, columns = size[0] - plane.shape[0], size[1] - plane.shape[1]
    if rows:
        plane = torch.cat((plane, plane[-1:].expand(rows, -1)), dim=0)
    if columns:
        plane = torch.cat((plane, plane[:, -1:].expand(-1, columns)), dim=1)
    return plane


def _resize_chroma(plane: torch.Tensor, image: PlanarImage, size: tuple[int, int]) -> torch.Tensor:
    """Chroma of any subsampling as 4:2:0: the average over each output sample, repeated where the input is coarser."""
    across, down = (1 << shift for shift in image.subsampling)
    # Padded first to the chroma size of the padded picture, so that every output sample averages whole input samples.
    padded = _pad(plane, (-(-size[0] * 2 // down), -(-size[1] * 2 // across)))
    resized = functional.interpolate(padded[None, None].to(torch.float32), size=size, mode="area")[0, 0]
    return resized.round().to(plane.dtype)


def _to_depth(plane: torch.Tensor, have: int, want: int) -> torch.Tensor:
    if have == want:
        return plane
    if have < want:
        return plane.to(torch.int16) << (want - have)
    down = have - want
    # Rounded by the highest bit that is cut off, so that values never exceed 16 bits.
    rounded = (plane >> down) + ((plane >> (down - 1)) & 1)
    rounded = rounded.clamp(max=(1 << want) - 1)
    return rounded.to(torch.uint8) if want == 8 else rounded


def _fill(target: av.video.plane.VideoPlane, plane: torch.Tensor, bit_depth: int) -> None:
    values = plane.cpu().numpy()
    if bit_depth > 8:
        values = values.view(np.uint16)
    rows = np.frombuffer(memoryview(target), values.dtype).reshape(target.height, -1)
    rows[:, : target.width] = values
