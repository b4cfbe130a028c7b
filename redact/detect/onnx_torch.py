"""Runs an ONNX detection graph as torch operations, so that the same weights work on any torch device.

ONNX Runtime's and OpenVINO's CPU wheels do not reach a CUDA card. The two graphs that come with the install are plain
convolutional networks of some twenty operators; each is one torch call (operator semantics: ONNX operator
specification). An operator that is not listed refuses to load rather than guess.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import onnx
import torch
import torch.nn.functional as F  # noqa: N812 - the name everybody knows it by
from onnx import numpy_helper

from redact.errors import ModelUnusable

Op = Callable[..., torch.Tensor]


def _same_upper(x: torch.Tensor, kernel: Sequence[int], strides: Sequence[int]) -> list[int]:
    """Padding (left, right, top, bottom) of ONNX ``auto_pad = SAME_UPPER``."""
    pads: list[int] = []
    for axis in (1, 0):
        size = x.shape[2 + axis]
        total = max((-(-size // strides[axis]) - 1) * strides[axis] + kernel[axis] - size, 0)
        pads += [total // 2, total - total // 2]
    return pads


def _pads(attributes: dict[str, Any]) -> list[int]:
    top, left, bottom, right = attributes.get("pads", [0, 0, 0, 0])
    return [left, right, top, bottom]


def _conv(a: dict[str, Any], x: torch.Tensor, w: torch.Tensor, b: torch.Tensor | None = None) -> torch.Tensor:
    left, right, top, bottom = _pads(a)
    if a.get("auto_pad", b"NOTSET") == b"SAME_UPPER":
        left, right, top, bottom = _same_upper(x, w.shape[2:], a.get("strides", [1, 1]))
    symmetric = left == right and top == bottom
    if not symmetric:
        x = F.pad(x, [left, right, top, bottom])
    padding = (top, left) if symmetric else (0, 0)
    return F.conv2d(x, w, b, a.get("strides", [1, 1]), padding, a.get("dilations", [1, 1]), a.get("group", 1))


def _max_pool(a: dict[str, Any], x: torch.Tensor) -> torch.Tensor:
    kernel, strides = a["kernel_shape"], a.get("strides", [1, 1])
    pads = _same_upper(x, kernel, strides) if a.get("auto_pad") == b"SAME_UPPER" else _pads(a)
    return F.max_pool2d(F.pad(x, pads, value=float("-inf")), kernel, strides)


def _resize(a: dict[str, Any], x: torch.Tensor, _roi: Any, scales: torch.Tensor) -> torch.Tensor:
    if a.get("mode") != b"nearest" or a.get("nearest_mode") != b"floor":
        raise ModelUnusable(
            "The network resizes in a way that is not supported.", "Use the weights that come with the install."
        )
    return F.interpolate(x, scale_factor=[float(s) for s in scales[2:]], mode="nearest")


OPS: dict[str, Op] = {
    "Add": lambda _a, x, y: x + y,
    "BatchNormalization": lambda a, x, s, b, m, v: F.batch_norm(x, m, v, s, b, eps=a.get("epsilon", 1e-5)),
    "Concat": lambda a, *xs: torch.cat(xs, a["axis"]),
    "Conv": _conv,
    "ConvTranspose": lambda a, x, w, b=None: F.conv_transpose2d(x, w, b, a["strides"], groups=a.get("group", 1)),
    "Div": lambda _a, x, y: x / y,
    "Erf": lambda _a, x: torch.erf(x),
    "GlobalAveragePool": lambda _a, x: x.mean((2, 3), keepdim=True),
    "HardSigmoid": lambda a, x: (x * a.get("alpha", 0.2) + a.get("beta", 0.5)).clamp(0, 1),
    "Identity": lambda _a, x: x,
    "MaxPool": _max_pool,
    "Mul": lambda _a, x, y: x * y,
    "ReduceMean": lambda a, x: x.mean(tuple(a["axes"]), keepdim=bool(a.get("keepdims", 1))),
    "Relu": lambda _a, x: torch.relu(x),
    "Resize": _resize,
    "Sigmoid": lambda _a, x: torch.sigmoid(x),
}


class OnnxModule(torch.nn.Module):
    """An ONNX graph with one image input, evaluated node by node. Weights are buffers, so ``.to()`` and ``.half()``
    work."""

    def __init__(self, model: onnx.ModelProto) -> None:
        super().__init__()
        graph = model.graph
        unknown = {node.op_type for node in graph.node} - OPS.keys()
        if unknown:
            raise ModelUnusable(
                f"The network uses operators that are not supported on this device: {', '.join(sorted(unknown))}.",
                "Use --device cpu.",
            )
        self._names: dict[str, str] = {}
        for number, tensor in enumerate(graph.initializer):
            self._names[tensor.name] = f"w{number}"
            self.register_buffer(f"w{number}", torch.from_numpy(np.array(numpy_helper.to_array(tensor))))
        self._input = next(i.name for i in graph.input if i.name not in self._names)
        self._outputs = [o.name for o in graph.output]
        self._steps = [
            (
                OPS[node.op_type],
                {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute},
                list(node.input),
                node.output[0],
            )
            for node in graph.node
        ]
        self._last_use = {name: step for step, (_, _, inputs, _) in enumerate(self._steps) for name in inputs}

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        """All graph outputs for ``x`` of shape (B, 3, H, W)."""
        values: dict[str, torch.Tensor] = {self._input: x}
        for step, (op, attributes, inputs, output) in enumerate(self._steps):
            arguments = [
                (values[name] if name in values else getattr(self, self._names[name])) if name else None
                for name in inputs
            ]
            values[output] = op(attributes, *arguments)
            for name in inputs:
                # Feature maps are freed at their last use: a 4K frame's would not fit a small card otherwise.
                if self._last_use.get(name) == step and name not in self._outputs:
                    values.pop(name, None)
        return [values[name] for name in self._outputs]
