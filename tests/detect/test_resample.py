"""Pictures made on the device, compared with those from swscale on the CPU."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from redact.detect.resample import resampled, rgb_pictures
from redact.detect.scales import resize
from redact.media.probe import probe
from redact.media.reader import VideoReader
from redact.settings import Interlaced, OnCorrupt
from tests.detect.contract import astronaut, batch
from tests.devices import DEVICES
from tests.media.clips import make_clip

MEAN, MOST = 2.5, 4
"""Levels by which mean colour may differ, and brightness in 99 % of pixels. swscale rounds down and repeats chroma
samples; we round to nearest and interpolate."""


def portrait(index: int, size: tuple[int, int]) -> NDArray[np.uint8]:
    """Fine lines, skin, and saturated colours, which another matrix would change. The colours blend softly: at hard
    edges swscale repeats chroma samples, and we interpolate."""
    picture = np.asarray(cv2.resize(astronaut(), size, interpolation=cv2.INTER_AREA), np.uint8)
    colours = np.array([[(220, 20, 20), (20, 200, 20), (20, 20, 220)]], np.uint8)
    picture[: size[1] // 3] = cv2.resize(colours, (size[0], size[1] // 3), interpolation=cv2.INTER_CUBIC)
    return np.roll(picture, 8 * index, 1)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize(
    ("size", "options"),
    [
        ((192, 120), {}),  # half, of 384 x 240
        ((250, 156), {}),  # not a whole ratio
        ((384, 240), {}),  # as it is
        ((512, 320), {}),  # larger
        ((300, 120), {}),  # another shape: pixels that are not square
        ((192, 120), {"pix_fmt": "yuvj420p"}),  # full range
        ((192, 120), {"pix_fmt": "yuv420p10le", "codec": "libx265"}),
        ((192, 120), {"pix_fmt": "yuv444p"}),
        ((120, 192), {"rotation": 90, "size": (240, 384)}),
        ((192, 120), {"matrix": 1}),  # BT.709
    ],
)
def test_resampling_matches_swscale(
    tmp_path: Path, device: str, size: tuple[int, int], options: dict[str, Any]
) -> None:
    matrix = options.pop("matrix", None)
    if matrix:
        options["options"] = {"crf": "10", "colorspace": "bt709", "color_primaries": "bt709", "color_trc": "bt709"}
    clip = make_clip(tmp_path / "a.mp4", **{"size": (384, 240), "frames": 2, "picture": portrait, **options})
    info = probe(clip)
    assert matrix is None or info.video.colour.matrix == matrix
    with VideoReader(info, interlaced=Interlaced.KEEP, on_corrupt=OnCorrupt.STOP) as reader:
        wanted, images = [], []
        for frame in reader:
            wanted.append(frame.rgb(size).astype(int))
            images.append(frame.planes().to(torch.device(device)))
    made = rgb_pictures(images, *size)
    assert made.dtype == torch.uint8
    assert made.device.type == device
    signed = made.permute(0, 2, 3, 1).cpu().numpy() - np.stack(wanted)
    light = np.abs(signed @ [0.299, 0.587, 0.114])
    assert np.abs(signed).mean() < MEAN
    assert np.percentile(light, 99) <= MOST


@pytest.mark.parametrize("device", DEVICES)
def test_resampling_matches_hand_computed_values(device: str) -> None:
    row = torch.tensor([[0, 90, 30, 60, 240, 240]], dtype=torch.uint8, device=device)
    # Four pixels of one and a half each: 0 and half of 90, the other half and 30, 60 and half of 240, the rest.
    assert resampled(row, 4, 1).cpu().tolist() == [pytest.approx([30, 50, 120, 240], abs=0.2)]
    # Twice as many: each a quarter of the distance to the neighbour on either side.
    twice = resampled(row[:, :2], 4, 1).cpu().tolist()
    assert twice == [pytest.approx([0, 22.5, 67.5, 90], abs=0.1)]
    # 10-bit samples come out as levels of 8 bit.
    ten = torch.tensor([[1023, 4, 512, 0]], dtype=torch.int16, device=device)
    assert resampled(ten, 4, 1, unit=4).cpu().tolist() == [pytest.approx([255.75, 1, 128, 0], abs=0.1)]


def test_resampling_to_second_scale_matches_cpu() -> None:
    """As :func:`resize` does with pictures on a card, but with CPU tensors."""
    frames = batch(astronaut())
    on_card = resampled(frames, 200, 200)
    assert float((on_card - resize(frames, 200, 200).float()).abs().max()) <= 1.0
