"""The exported graph gives the same output as the trained head."""

from __future__ import annotations

import torch

from redact.detect.runtime import TorchNetwork, plain_graph
from redact.detect.text import NORMALISATION
from redact_models.train.network import PlateHead, from_onnx, to_onnx, trunk_graph

CPU = torch.device("cpu")


def _answer(head: PlateHead, frames: torch.Tensor) -> torch.Tensor:
    with torch.inference_mode():
        trunk = TorchNetwork(plain_graph(trunk_graph()), NORMALISATION, CPU)
        answer: torch.Tensor = head(trunk.run(frames))
    return answer


def test_network_export_matches_head() -> None:
    torch.manual_seed(0)
    head = PlateHead().eval()
    for name, weights in head.state_dict().items():
        if weights.dtype.is_floating_point:
            weights.copy_(torch.rand_like(weights) + 0.5 if "running_var" in name else torch.randn_like(weights) * 0.1)
    frames = torch.randint(0, 255, (2, 3, 64, 96), dtype=torch.uint8)
    answer = _answer(head, frames)
    torch.testing.assert_close(_answer(from_onnx(to_onnx(head)).eval(), frames), answer, atol=1e-3, rtol=1e-3)
    plate, reach = TorchNetwork(plain_graph(to_onnx(head)), NORMALISATION, CPU).run(frames)
    assert plate.shape == (2, 1, 16, 24)
    assert answer[:, 1:].std() > 0.05
    torch.testing.assert_close(plate, answer[:, :1].sigmoid(), atol=1e-4, rtol=1e-3)
    torch.testing.assert_close(reach, answer[:, 1:], atol=1e-4, rtol=1e-3)
