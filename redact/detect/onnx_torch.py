"""Runs an ONNX detection graph as torch operations, so that the same weights work on any torch device.

The CPU wheels of ONNX Runtime and OpenVINO cannot use a CUDA card. Detection networks consist of some forty operators;
each is one torch call (operator semantics: ONNX operator specification). A graph with an operator that is not listed is
refused.

Exported graphs compute shapes and grids of cells from whole numbers as they run. These stay on the host: reading each
back from the device would make the host wait in the middle of the network. Floating-point numbers derived from them are
kept in single precision, and so are their sums and products: in half precision, a box at pixel 1,500 would only be
accurate to a whole pixel.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import onnx
import torch
import torch.nn.functional as F  # noqa: N812 - its conventional name
from numpy.typing import NDArray
from onnx import numpy_helper

from redact.errors import ModelUnusable

Op = Callable[..., Any]
"""Takes the attributes and the inputs; returns a tensor, or a tuple of tensors for several outputs."""
FLOATS = {onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16, onnx.TensorProto.DOUBLE}


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
    x = x.to(w.dtype)
    symmetric = left == right and top == bottom
    if not symmetric:
        x = F.pad(x, [left, right, top, bottom])
    padding = (top, left) if symmetric else (0, 0)
    return F.conv2d(x, w, b, a.get("strides", [1, 1]), padding, a.get("dilations", [1, 1]), a.get("group", 1))


def _max_pool(a: dict[str, Any], x: torch.Tensor) -> torch.Tensor:
    kernel, strides = a["kernel_shape"], a.get("strides", [1, 1])
    pads = _same_upper(x, kernel, strides) if a.get("auto_pad") == b"SAME_UPPER" else _pads(a)
    return F.max_pool2d(F.pad(x, pads, value=float("-inf")), kernel, strides)


def _resize(a: dict[str, Any], x: torch.Tensor) -> torch.Tensor:
    if a.get("mode") != b"nearest" or a.get("nearest_mode") != b"floor" or len(a["scales"]) != x.ndim:
        raise ModelUnusable("The network uses a kind of resizing that is not supported.", "Use the built-in weights.")
    return F.interpolate(x, scale_factor=a["scales"][2:], mode="nearest")


def _divide(_a: dict[str, Any], x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    whole = not (x.is_floating_point() or y.is_floating_point())
    return torch.div(x, y, rounding_mode="trunc") if whole else x / y


def _gather(a: dict[str, Any], x: torch.Tensor, indices: torch.Tensor) -> torch.Tensor:
    axis = a.get("axis", 0) % x.ndim
    flat = indices.reshape(-1).to(x.device) % x.shape[axis]
    return x.index_select(axis, flat).reshape([*x.shape[:axis], *indices.shape, *x.shape[axis + 1 :]])


def _slice(
    _a: dict[str, Any],
    x: torch.Tensor,
    starts: torch.Tensor,
    ends: torch.Tensor,
    axes: torch.Tensor | None = None,
    steps: torch.Tensor | None = None,
) -> torch.Tensor:
    which = range(len(starts)) if axes is None else axes.tolist()
    by = [1] * len(starts) if steps is None else steps.tolist()
    for axis, start, end, step in zip(which, starts.tolist(), ends.tolist(), by, strict=True):
        if step < 1:
            raise ModelUnusable(
                "The network slices a tensor backwards, which is not supported on this device.", "Use --device cpu."
            )
        x = x[(slice(None),) * (axis % x.ndim) + (slice(start, end, step),)]
    return x


def _split(a: dict[str, Any], x: torch.Tensor, sizes: torch.Tensor | None = None) -> tuple[torch.Tensor, ...]:
    axis = a.get("axis", 0)
    if sizes is None:
        return torch.tensor_split(x, a["outputs"], axis)
    return torch.split_with_sizes(x, sizes.tolist(), axis)


def _reshape(a: dict[str, Any], x: torch.Tensor, shape: torch.Tensor) -> torch.Tensor:
    keep = not a.get("allowzero", 0)
    return x.reshape([x.shape[i] if n == 0 and keep else n for i, n in enumerate(shape.tolist())])


def _unsqueeze(_a: dict[str, Any], x: torch.Tensor, axes: torch.Tensor) -> torch.Tensor:
    for axis in sorted(axis % (x.ndim + len(axes)) for axis in axes.tolist()):
        x = x.unsqueeze(axis)
    return x


def _constant_of_shape(a: dict[str, Any], shape: torch.Tensor) -> torch.Tensor:
    value = numpy_helper.to_array(a["value"]) if "value" in a else np.zeros(1, np.float32)
    return torch.from_numpy(np.array(value)).reshape(()).expand(shape.tolist())


OPS: dict[str, Op] = {
    "Add": lambda _a, x, y: x + y,
    "BatchNormalization": lambda a, x, s, b, m, v: F.batch_norm(x, m, v, s, b, eps=a.get("epsilon", 1e-5)),
    "Cast": lambda a, x: x.float() if a["to"] in FLOATS else x.long(),
    "Concat": lambda a, *xs: torch.cat(xs, a["axis"]),
    "ConstantOfShape": _constant_of_shape,
    "Conv": _conv,
    "ConvTranspose": lambda a, x, w, b=None: F.conv_transpose2d(x, w, b, a["strides"], groups=a.get("group", 1)),
    "Div": _divide,
    "Erf": lambda _a, x: torch.erf(x),
    "Exp": lambda _a, x: torch.exp(x),
    "Expand": lambda _a, x, shape: torch.broadcast_to(x, np.broadcast_shapes(tuple(x.shape), tuple(shape.tolist()))),
    "Gather": _gather,
    "GlobalAveragePool": lambda _a, x: x.mean((2, 3), keepdim=True),
    "HardSigmoid": lambda a, x: (x * a.get("alpha", 0.2) + a.get("beta", 0.5)).clamp(0, 1),
    "Identity": lambda _a, x: x,
    "MatMul": lambda _a, x, y: x @ y,
    "MaxPool": _max_pool,
    "Mul": lambda _a, x, y: x * y,
    "Range": lambda _a, start, end, step: torch.arange(start.item(), end.item(), step.item()),
    "ReduceMean": lambda a, x: x.mean(tuple(a["axes"]), keepdim=bool(a.get("keepdims", 1))),
    "Relu": lambda _a, x: torch.relu(x),
    "Reshape": _reshape,
    "Resize": _resize,
    "Shape": lambda a, x: torch.tensor(x.shape[a.get("start", 0) : a.get("end")]),
    "Sigmoid": lambda _a, x: torch.sigmoid(x),
    "Slice": _slice,
    "Softmax": lambda a, x: x.softmax(a.get("axis", -1)),
    "Split": _split,
    "Sub": lambda _a, x, y: x - y,
    "Transpose": lambda a, x: x.permute(a["perm"]),
    "Unsqueeze": _unsqueeze,
}


class OnnxModule(torch.nn.Module):
    """An ONNX graph with one image input, evaluated node by node. Weights are buffers, so ``.to()`` and ``.half()``
    work."""

    def __init__(self, model: onnx.ModelProto) -> None:
        super().__init__()
        graph = model.graph
        unknown = {node.op_type for node in graph.node} - OPS.keys() - {"Constant"}
        if unknown:
            raise ModelUnusable(
                f"The network uses operators that are not supported on this device: {', '.join(sorted(unknown))}.",
                "Use --device cpu.",
            )
        constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
        constants |= {n.output[0]: _constant(n) for n in graph.node if n.op_type == "Constant"}
        self._names: dict[str, str] = {}
        self._whole: dict[str, torch.Tensor] = {}
        for number, (name, value) in enumerate(constants.items()):
            if np.issubdtype(value.dtype, np.floating):
                self._names[name] = f"w{number}"
                self.register_buffer(f"w{number}", torch.from_numpy(np.array(value)))
            else:
                self._whole[name] = torch.from_numpy(np.array(value))
        self._input = next(i.name for i in graph.input if i.name not in constants)
        self._outputs = [o.name for o in graph.output]
        self._steps = [self._step(node, constants) for node in graph.node if node.op_type != "Constant"]
        self._last_use = {name: step for step, (_, _, inputs, _) in enumerate(self._steps) for name in inputs}

    @staticmethod
    def _step(
        node: onnx.NodeProto, constants: dict[str, NDArray[Any]]
    ) -> tuple[Op, dict[str, Any], list[str], list[str]]:
        """Operation, attributes, names of the inputs and names of the outputs."""
        attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
        inputs = list(node.input)
        if node.op_type == "Resize":
            # The scales are floating-point numbers, which are kept on the device, but they are needed on the host.
            scales = constants.get(inputs[2]) if len(inputs) > 2 else None
            attributes["scales"] = [float(s) for s in scales] if scales is not None else []
            inputs = inputs[:1]
        if node.op_type == "Split":
            attributes["outputs"] = len(node.output)
        return OPS[node.op_type], attributes, inputs, list(node.output)

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        """All graph outputs for ``x`` of shape (B, 3, H, W)."""
        values: dict[str, torch.Tensor] = {self._input: x, **self._whole}
        for step, (op, attributes, inputs, outputs) in enumerate(self._steps):
            arguments = [
                (values[name] if name in values else getattr(self, self._names[name])) if name else None
                for name in inputs
            ]
            results = op(attributes, *arguments)
            for output, y in zip(outputs, results if isinstance(results, tuple) else (results,), strict=False):
                values[output] = y.to(x.device, non_blocking=True) if y.is_floating_point() else y
            for name in inputs:
                # Free feature maps after their last use: those of a 4K frame would not fit on a small card otherwise.
                if self._last_use.get(name) == step and name not in self._outputs:
                    values.pop(name, None)
        return [values[name] for name in self._outputs]


def _constant(node: onnx.NodeProto) -> NDArray[Any]:
    (attribute,) = node.attribute
    value = onnx.helper.get_attribute_value(attribute)
    if attribute.name == "value":
        return np.asarray(numpy_helper.to_array(value))
    return np.asarray(value, np.float32 if attribute.name.startswith("value_float") else np.int64)
