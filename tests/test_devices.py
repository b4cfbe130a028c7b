"""Analysis and rendering as on a graphics card, compared with the CPU.

Without CUDA, the same code runs on CPU tensors: whole pictures scaled by torch, networks as torch operations, large
batches.
"""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from redact.detect.factory import Scheduled
from redact.detect.runtime import Network, Normalisation, TorchNetwork, plain_graph
from redact.detect.types import Detections, ModelRecord
from redact.errors import DeviceMemoryShort
from redact.media.reader import Frame
from redact.pipeline import detector_input, device_transfer
from redact.pipeline.analysis import analyse
from redact.pipeline.rendering import render
from redact.pipeline.stage_times import Stages
from redact.settings import AnalyseSettings, DeviceChoice, Effect, EffectSettings, Preset, RenderSettings
from redact.track.types import Track
from tests.detect.contract import astronaut, iou, plate
from tests.devices import DEVICES, needs_cuda
from tests.media.clips import make_clip
from tests.media.copying import describe, pictures

FIND = AnalyseSettings(classes=("face", "plate"), preset=Preset.FAST, device=DeviceChoice.CPU)
BOX_SHARE, SCORE = 0.06, 0.08
"""How far boxes (as a share of their longer side; at least 2 pixels) and scores may differ between devices: scaling
uses different code, and networks run in half precision, bfloat16 or single."""
SIZE = (640, 352)


def street(index: int, size: tuple[int, int]) -> NDArray[np.uint8]:
    """A face and a plate that move a little."""
    picture = np.full((size[1], size[0], 3), 105, np.uint8)
    picture[40:296, 20 + 2 * index : 276 + 2 * index] = cv2.resize(
        astronaut(), (256, 256), interpolation=cv2.INTER_AREA
    )
    part = plate(40)
    picture[200:240, 400 - index : 400 - index + part.shape[1]] = part
    return picture


def as_on_a_card(monkeypatch: pytest.MonkeyPatch) -> None:
    """On the CPU, but with the code for cards."""

    def torch_network(content: bytes, normalisation: Normalisation, device: torch.device) -> Network:
        return TorchNetwork(plain_graph(content), normalisation, device)

    for name, module in list(sys.modules.items()):
        if name.startswith("redact.detect.") and hasattr(module, "load_network"):
            monkeypatch.setattr(module, "load_network", torch_network)
    monkeypatch.setattr("redact.pipeline.analysis.make_feed", detector_input.DeviceFeed)


def at(track: Track, frame: int) -> tuple[NDArray[np.float32], float]:
    place = int(np.flatnonzero(track.frames == frame)[0])
    return track.boxes[place], float(track.scores[place])


@pytest.mark.parametrize("device", DEVICES)
def test_devices_find_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, device: str) -> None:
    clip = make_clip(tmp_path / "a.mp4", size=SIZE, frames=12, picture=street, options={"crf": "12"})
    wanted = analyse(clip, FIND)
    assert {track.label for track in wanted.tracks} == {"face", "plate"}
    if device == "cpu":
        as_on_a_card(monkeypatch)
    found = analyse(clip, replace(FIND, device=DeviceChoice(device)))
    assert all(f"torch {torch.__version__} {device}" in m["runtime"] for m in found.provenance["models"])  # type: ignore[attr-defined]
    assert Counter(track.label for track in found.tracks) == Counter(track.label for track in wanted.tracks)
    for one in wanted.tracks:
        frame = int(one.frames[len(one) // 2])
        box, score = at(one, frame)
        other = max(
            (at(t, frame) for t in found.tracks if t.label == one.label and frame in t.frames),
            key=lambda found_there: iou(found_there[0], box),
        )
        assert np.abs(other[0] - box).max() <= max(2.0, BOX_SHARE * (box[2:] - box[:2]).max())
        assert abs(other[1] - score) <= SCORE


class Crowded:
    """Finds nothing, and runs out of memory if given more than ``room`` pictures."""

    labels = ("face",)
    record = ModelRecord("crowded", "0" * 64, "none", "test")

    def __init__(self, room: int) -> None:
        self.room = room
        self.received: list[int] = []

    def input_size(self, width: int, height: int) -> tuple[int, int]:
        return width // 2, height // 2

    def detect(self, frames: torch.Tensor) -> list[Detections]:
        if len(frames) > self.room:
            raise torch.OutOfMemoryError("CUDA out of memory")
        self.received += frames.float().mean((1, 2, 3)).round().int().tolist()
        return [Detections.empty()] * len(frames)


def brighter(index: int, size: tuple[int, int]) -> NDArray[np.uint8]:
    return np.full((size[1], size[0], 3), 20 + 4 * index, np.uint8)


def test_pictures_are_sent_once_whatever_the_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Two detectors, one of which runs only occasionally and at both ends of the shot.
    often, seldom = Crowded(3), Crowded(64)
    monkeypatch.setattr(
        "redact.pipeline.analysis.make_detectors", lambda _: [Scheduled(often, 0.0), Scheduled(seldom, 0.5)]
    )
    monkeypatch.setattr("redact.pipeline.analysis.make_feed", detector_input.DeviceFeed)
    sent: Counter[int] = Counter()
    planes = Frame.planes

    def counted(self: Frame, **options: Any) -> Any:
        sent[self.index] += 1
        return planes(self, **options)

    monkeypatch.setattr(Frame, "planes", counted)
    clip = make_clip(tmp_path / "a.mp4", size=(64, 48), frames=40, picture=brighter, options={"crf": "4"})
    analyse(clip, FIND)
    assert sent == Counter(range(40))
    assert np.abs(np.array(often.received) - (20 + 4 * np.arange(40))).max() <= 3
    assert len(seldom.received) == 5  # at 0, 0.5, 1 and 1.5 s (frames 0, 13, 25, 38), and the last
    often.room = 0
    with pytest.raises(DeviceMemoryShort):
        analyse(clip, FIND)


@pytest.mark.parametrize("device", DEVICES)
def test_pictures_survive_round_trip_to_device(tmp_path: Path, device: str) -> None:
    """To a card and back, several at once."""
    clip = make_clip(tmp_path / "a.mp4", frames=12)
    there = torch.device(device)
    link, stages = device_transfer.DeviceLink(there), Stages(there)
    before = list(pictures(describe(clip)[0]))
    with link.stream():
        ways = [link.fetch(link.send(image, stages).on_device(), stages) for image in before]
    for way, image in zip(ways, before, strict=True):
        back = way.on_host()
        assert all(torch.equal(one, other) for one, other in zip(back.planes, image.planes, strict=True))
    assert set(stages.seconds) == (set() if device == "cpu" else {"upload", "download"})


@pytest.mark.parametrize("effect", list(Effect))
@needs_cuda
def test_copy_made_on_card_hides_the_same(tmp_path: Path, effect: Effect) -> None:
    clip = make_clip(tmp_path / "a.mp4", size=SIZE, frames=12, picture=street, options={"crf": "12"})
    tracks = analyse(clip, FIND)
    copies = []
    for device in (DeviceChoice.CPU, DeviceChoice.CUDA):
        target = tmp_path / f"{device}.mp4"
        report = render(clip, tracks, target, RenderSettings(effect=EffectSettings(effect), device=device))
        assert (report.frames, report.masked_frames) == (12, 12)
        copies.append([image.planes[0].float() for image in pictures(describe(target)[0])])
    for one, other in zip(*copies, strict=True):
        # The encoders may differ; their input differs only by rounding in cells.
        assert float((one - other).abs().mean()) < 3
