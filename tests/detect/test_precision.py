"""Networks as torch operations, as on a graphics card, against ONNX Runtime; also on the CPU.

Cards compute in half precision; the CPU can do so too, slowly.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from redact.detect.checkpoint import to_onnx
from redact.detect.registry import builtin_model
from redact.detect.runtime import Normalisation, OrtNetwork, TorchNetwork, plain_graph
from redact.detect.text import NORMALISATION
from redact.errors import ModelUnusable
from tests.detect.contract import Picture, astronaut, batch, plate
from tests.detect.test_yolo import checkpoint
from tests.devices import DEVICES

pytestmark = pytest.mark.slow


def scene() -> Picture:
    picture = np.asarray(cv2.resize(astronaut(), (256, 192)), np.uint8)
    picture[150:174, 100:210] = plate(24)[:, :110]
    return picture


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize(
    ("name", "normalisation"),
    [
        ("centerface", Normalisation()),
        ("plates", NORMALISATION),
        ("ppocr-text", Normalisation(127.5, 127.5, bgr=True)),
    ],
)
def test_half_precision_finds_the_same(name: str, normalisation: Normalisation, device: str) -> None:
    graph = plain_graph(builtin_model(name).verified_bytes())
    # A network that exceeds the range of half precision would do so first on a white picture.
    for picture in (scene(), np.full_like(scene(), 255)):
        frames = batch(picture)
        wanted = OrtNetwork(graph, normalisation).run(frames)[0]
        network = TorchNetwork(graph, normalisation, torch.device(device))
        network._dtype, network._module = torch.float16, network._module.half()
        got = network.run(frames.to(device))[0].cpu()
        # The first output is the map of scores or probabilities. Edges of detections shift by a fraction of a pixel.
        assert torch.isfinite(got).all()
        assert float((got - wanted).abs().mean()) < 0.002
        assert float((got.max() - wanted.max()).abs()) < 0.02


@pytest.mark.parametrize("device", DEVICES)
def test_onnx_module_runs_yolo_export_of_any_size_and_batch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, device: str
) -> None:
    """With the shapes and grids that exports compute at run time. In single precision: outputs of untrained weights
    are far outside the range of half precision."""
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)
    graph = plain_graph(to_onnx(checkpoint(tmp_path / "a.pt").read_bytes(), "a.pt"))
    normalisation = Normalisation(scale=255.0)
    network = TorchNetwork(graph, normalisation, torch.device(device))
    network._dtype, network._module = torch.float32, network._module.float()
    for pictures in ([scene()], [scene(), scene()[::-1].copy(), np.zeros_like(scene())], [scene()[:128, :224].copy()]):
        (got,) = network.run(batch(*pictures).to(device))
        for picture, answer in zip(pictures, got.cpu(), strict=True):
            (wanted,) = OrtNetwork(graph, normalisation).run(batch(picture))
            np.testing.assert_allclose(answer.numpy(), wanted[0].numpy(), atol=0.02)


def test_network_output_without_numbers_is_an_error() -> None:
    graph = plain_graph(builtin_model("ppocr-text").verified_bytes())
    network = TorchNetwork(graph, Normalisation(mean=float("nan")), torch.device("cpu"))
    with pytest.raises(ModelUnusable):
        network.run(batch(np.zeros((32, 32, 3), np.uint8)))
