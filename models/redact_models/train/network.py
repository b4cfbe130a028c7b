"""The plate network: PP-OCR's text trunk, which already recognises characters, with a plate head on top.

The trunk (Apache-2.0, from the installed distribution ``rapidocr``) is not trained, and its features are computed with
the runtime used for detection, so that a two-core machine can train the head in an hour or two. The head is a small
feature pyramid (Lin et al., "Feature Pyramid Networks for Object Detection", 2017). For every fourth pixel, its finest
level predicts whether it lies in the middle of a plate and how far the plate extends from there to the left, top, right
and bottom (Tian et al., "FCOS: Fully Convolutional One-Stage Object Detection", 2019).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from redact.detect.entries import Family
from redact.detect.plates import MARK, PlateDetector
from redact.detect.registry import builtin_model
from redact.detect.runtime import parsed, plain_graph
from redact.errors import TrainingUnusable

TRUNK = "ppocr-text"
TAPS = (
    ("p2o.pd_op.add.14.0", 48),
    ("p2o.pd_op.add.27.0", 96),
    ("p2o.pd_op.add.50.0", 192),
    ("p2o.pd_op.add.63.0", 384),
)
"""The trunk's tensors that the head reads, with their channels: the stages at strides 4, 8, 16 and 32."""
PYRAMID_CHANNELS = 64
FINE_CHANNELS = 32
RARE = -4.6
"""Initial bias of the plate map: one pixel in a hundred lies on a plate."""
PREFIX = "head.w"
"""Prefix of the names of the head's weights in the graph."""
NEAR = 2.0
"""Initial bias of the distances, which are exponents: about thirty pixels."""


def trunk_graph() -> onnx.ModelProto:
    """The trunk with :data:`TAPS` as outputs, without nodes they do not need and with weights removed from the
    inputs."""
    model = plain_graph(builtin_model(TRUNK).verified_bytes())
    graph = model.graph
    _without_identities(graph)
    needed = {name for name, _ in TAPS}
    nodes = []
    for node in reversed(graph.node):
        if needed & set(node.output):
            nodes.append(node)
            needed |= set(node.input)
    weights = [tensor for tensor in graph.initializer if tensor.name in needed]
    outputs = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", channels, f"h{place}", f"w{place}"])
        for place, (name, channels) in enumerate(TAPS)
    ]
    return helper.make_model(
        helper.make_graph(nodes[::-1], "plates", list(graph.input), outputs, weights),
        opset_imports=[helper.make_opsetid("", 13)],
        ir_version=8,
    )


def _without_identities(graph: onnx.GraphProto) -> None:
    """Remove identity nodes; the original converter left 147 of them."""
    kept = {name for name, _ in TAPS}
    source: dict[str, str] = {}
    nodes = []
    for node in graph.node:
        node.input[:] = [source.get(name, name) for name in node.input]
        if node.op_type == "Identity" and node.output[0] not in kept:
            source[node.output[0]] = node.input[0]
        else:
            nodes.append(node)
    del graph.node[:]
    graph.node.extend(nodes)


class _Block(nn.Sequential):
    """Convolution, normalisation, rectifier."""

    def __init__(self, inputs: int, outputs: int, size: int) -> None:
        super().__init__(
            nn.Conv2d(inputs, outputs, size, padding=size // 2, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(True)
        )

    def layers(self) -> tuple[nn.Conv2d, nn.BatchNorm2d]:
        convolution, norm = self[0], self[1]
        assert isinstance(convolution, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d)
        return convolution, norm


class PlateHead(nn.Module):
    """Features of the trunk -> (B, 5, H / 4, W / 4): the plate map's logit and four log distances in cells."""

    def __init__(self) -> None:
        super().__init__()
        fine, eighth, sixteenth, coarse = (channels for _, channels in TAPS)
        self.coarse = _Block(coarse, PYRAMID_CHANNELS, 1)
        self.sixteenth = _Block(sixteenth, PYRAMID_CHANNELS, 1)
        self.sixteenth_out = _Block(PYRAMID_CHANNELS, PYRAMID_CHANNELS, 3)
        self.eighth = _Block(eighth, PYRAMID_CHANNELS, 1)
        self.eighth_out = _Block(PYRAMID_CHANNELS, FINE_CHANNELS, 3)
        self.fine = _Block(fine, FINE_CHANNELS, 1)
        self.fine_out = _Block(FINE_CHANNELS, FINE_CHANNELS, 3)
        self.last = _Block(FINE_CHANNELS, FINE_CHANNELS, 3)
        self.answer = nn.Conv2d(FINE_CHANNELS, 5, 1)
        nn.init.zeros_(self.answer.weight)
        with torch.no_grad():
            _bias(self.answer).copy_(torch.tensor([RARE, NEAR, NEAR, NEAR, NEAR]))

    def forward(self, features: Sequence[torch.Tensor]) -> torch.Tensor:
        """``features`` in the order of :data:`TAPS`."""
        fine, eighth, sixteenth, coarse = features
        x = _doubled(self.coarse(coarse)) + self.sixteenth(sixteenth)
        x = _doubled(self.sixteenth_out(x)) + self.eighth(eighth)
        x = _doubled(self.eighth_out(x)) + self.fine(fine)
        prediction: torch.Tensor = self.answer(self.last(self.fine_out(x)))
        return prediction


def _doubled(x: torch.Tensor) -> torch.Tensor:
    return nn.functional.interpolate(x, scale_factor=2.0, mode="nearest")


def to_onnx(head: PlateHead) -> bytes:
    """Trunk and head as one graph with outputs ``plate`` (B, 1, H / 4, W / 4) in 0..1 and ``reach`` (B, 4, H / 4,
    W / 4), see :mod:`redact.detect.plates`. Normalisations are folded into their convolutions."""
    model = trunk_graph()
    graph = model.graph
    fine, eighth, sixteenth, coarse = (name for name, _ in TAPS)
    writer = _Writer(graph)
    x = writer.added(writer.doubled(writer.block(head.coarse, coarse)), writer.block(head.sixteenth, sixteenth))
    x = writer.added(writer.doubled(writer.block(head.sixteenth_out, x)), writer.block(head.eighth, eighth))
    x = writer.added(writer.doubled(writer.block(head.eighth_out, x)), writer.block(head.fine, fine))
    x = writer.block(head.last, writer.block(head.fine_out, x))
    weight, bias = head.answer.weight.detach(), _bias(head.answer).detach()
    plate = writer.convolution(weight[:1].numpy(), bias[:1].numpy(), x)
    writer.node("Sigmoid", [plate], "plate")
    writer.convolution(weight[1:].numpy(), bias[1:].numpy(), x, "reach")
    del graph.output[:]
    for name, channels in (("plate", 1), ("reach", 4)):
        shape = ["batch", channels, "rows", "columns"]
        graph.output.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))
    helper.set_model_props(model, {MARK: Family.PLATES, "names": repr(dict(enumerate(PlateDetector.labels)))})
    onnx.checker.check_model(model)
    content: bytes = model.SerializeToString()
    return content


def from_onnx(content: bytes) -> PlateHead:
    """The head of a graph that :func:`to_onnx` wrote, for further training. Its normalisation layers have no effect and
    must stay in evaluation mode.

    Raises :class:`redact.errors.TrainingUnusable` for any other graph.
    """
    graph = parsed(content).graph
    weights = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    written = [n for n in graph.node if n.op_type == "Conv" and n.input[1].startswith(PREFIX)]
    convolutions = [[torch.from_numpy(weights[name].copy()) for name in node.input[1:]] for node in written]
    head = PlateHead()
    blocks = [head.coarse, head.sixteenth, head.sixteenth_out, head.eighth, head.eighth_out, head.fine]
    blocks += [head.fine_out, head.last]
    try:
        with torch.no_grad():
            for block, (weight, bias) in zip(blocks, convolutions[: len(blocks)], strict=True):
                convolution, norm = block.layers()
                convolution.weight.copy_(weight)
                norm.bias.copy_(bias)
            (plate, plate_bias), (reach, reach_bias) = convolutions[len(blocks) :]
            head.answer.weight.copy_(torch.cat([plate, reach]))
            _bias(head.answer).copy_(torch.cat([plate_bias, reach_bias]))
    except (ValueError, RuntimeError) as error:
        raise TrainingUnusable(
            "These weights are of another network.", "Give weights that were made with this recipe."
        ) from error
    return head


class _Writer:
    """Appends nodes to a graph."""

    def __init__(self, graph: onnx.GraphProto) -> None:
        self._graph = graph
        self._count = 0
        self._scales = self._constant(np.array([1, 1, 2, 2], np.float32))

    def node(self, kind: str, inputs: list[str], output: str = "", **attributes: object) -> str:
        self._count += 1
        output = output or f"head.{self._count}"
        self._graph.node.append(helper.make_node(kind, inputs, [output], **attributes))
        return output

    def _constant(self, values: NDArray[np.float32]) -> str:
        name = f"{PREFIX}{len(self._graph.initializer)}"
        self._graph.initializer.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def convolution(self, weight: NDArray[np.float32], bias: NDArray[np.float32], x: str, output: str = "") -> str:
        around = weight.shape[2] // 2
        shape = {"kernel_shape": list(weight.shape[2:]), "pads": [around] * 4}
        return self.node("Conv", [x, self._constant(weight), self._constant(bias)], output, **shape)

    def block(self, block: _Block, x: str) -> str:
        convolution, norm = block.layers()
        assert norm.running_mean is not None and norm.running_var is not None
        gain = norm.weight / (norm.running_var + norm.eps).sqrt()
        weight = (convolution.weight * gain[:, None, None, None]).detach()
        bias = (norm.bias - norm.running_mean * gain).detach()
        return self.node("Relu", [self.convolution(weight.numpy(), bias.numpy(), x)])

    def doubled(self, x: str) -> str:
        nearest = {"mode": "nearest", "nearest_mode": "floor", "coordinate_transformation_mode": "asymmetric"}
        return self.node("Resize", [x, "", self._scales], **nearest)

    def added(self, one: str, other: str) -> str:
        return self.node("Add", [one, other])


def _bias(convolution: nn.Conv2d) -> torch.Tensor:
    assert convolution.bias is not None
    return convolution.bias
