"""Each supported ONNX operator against ONNX Runtime, on graphs of one node; and what is refused."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from redact.detect.onnx_torch import OPS, OnnxModule
from redact.errors import ModelUnusable

OPSET = 17
SHAPE = (2, 4, 6, 5)
RANDOM = np.random.default_rng(7)
WEIGHTS = RANDOM.normal(size=(4, 4, 3, 3)).astype(np.float32)
BIAS = RANDOM.normal(size=4).astype(np.float32)
POSITIVE = RANDOM.uniform(0.5, 2, 4).astype(np.float32)
NEAREST = {"mode": "nearest", "nearest_mode": "floor", "coordinate_transformation_mode": "asymmetric"}


@dataclass(frozen=True)
class Case:
    """One node. ``inputs``: the picture is "x", an omitted input "", anything else a constant."""

    op: str
    inputs: Sequence[str | NDArray[Any]] = ("x",)
    attributes: dict[str, Any] = field(default_factory=dict)
    outputs: int = 1
    integers: bool = False
    """The outputs are whole numbers."""

    def model(self) -> onnx.ModelProto:
        """A graph of this node alone."""
        constants = [numpy_helper.from_array(v, f"c{i}") for i, v in enumerate(self.inputs) if not isinstance(v, str)]
        names = [v if isinstance(v, str) else f"c{i}" for i, v in enumerate(self.inputs)]
        outputs = [f"y{i}" for i in range(self.outputs)]
        kind = TensorProto.INT64 if self.integers else TensorProto.FLOAT
        graph = helper.make_graph(
            [helper.make_node(self.op, names, outputs, **self.attributes)],
            "case",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, list(SHAPE))],
            [helper.make_tensor_value_info(name, kind, None) for name in outputs],
            constants,
        )
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8)


def ints(*values: int) -> NDArray[np.int64]:
    return np.array(values, np.int64)


CASES = {
    "add": Case("Add", ("x", POSITIVE[:, None, None])),
    "add of whole numbers": Case("Add", (ints(1, 2), ints(3, 4)), integers=True),
    "batch normalisation": Case("BatchNormalization", ("x", POSITIVE, BIAS, BIAS, POSITIVE), {"epsilon": 1e-3}),
    "cast": Case("Cast", attributes={"to": TensorProto.INT64}, integers=True),
    "cast to single": Case("Cast", (ints(-3, 5),), {"to": TensorProto.FLOAT}),
    "concat": Case("Concat", ("x", "x"), {"axis": 1}),
    "constant of shape": Case("ConstantOfShape", (ints(2, 3),)),
    "constant of shape, value": Case(
        "ConstantOfShape", (ints(2, 3),), {"value": numpy_helper.from_array(ints(7))}, integers=True
    ),
    "convolution": Case("Conv", ("x", WEIGHTS, BIAS), {"pads": [1, 1, 1, 1]}),
    "convolution, odd pads": Case("Conv", ("x", WEIGHTS), {"pads": [0, 1, 2, 1], "strides": [2, 1]}),
    "convolution, same": Case("Conv", ("x", WEIGHTS), {"auto_pad": "SAME_UPPER", "strides": [2, 2]}),
    "convolution, groups": Case("Conv", ("x", WEIGHTS[:, :1]), {"group": 4, "dilations": [2, 1]}),
    "transposed convolution": Case("ConvTranspose", ("x", WEIGHTS[..., :2, :2], BIAS), {"strides": [2, 2]}),
    "div": Case("Div", ("x", POSITIVE[:, None, None])),
    "div of whole numbers": Case("Div", (ints(7, -7, 8), ints(2, 2, 4)), integers=True),
    "erf": Case("Erf"),
    "exp": Case("Exp"),
    "expand": Case("Expand", (POSITIVE[:, None], ints(2, 1, 3))),
    "gather": Case("Gather", ("x", ints(-1, 0)), {"axis": 2}),
    "gather, table": Case("Gather", ("x", ints(0, 1, -2, 3).reshape(2, 2)), {"axis": 1}),
    "global average pool": Case("GlobalAveragePool"),
    "hard sigmoid": Case("HardSigmoid", attributes={"alpha": 0.3, "beta": 0.4}),
    "identity": Case("Identity"),
    "matmul": Case("MatMul", ("x", RANDOM.normal(size=(5, 3)).astype(np.float32))),
    "max pool": Case("MaxPool", attributes={"kernel_shape": [3, 3], "strides": [1, 1], "pads": [1, 1, 1, 1]}),
    "max pool, same": Case("MaxPool", attributes={"kernel_shape": [2, 2], "strides": [2, 2], "auto_pad": "SAME_UPPER"}),
    "mul": Case("Mul", ("x", POSITIVE[:, None, None])),
    "range": Case("Range", (np.array(2), np.array(11), np.array(3)), integers=True),
    "reduce mean": Case("ReduceMean", attributes={"axes": [1, 3], "keepdims": 0}),
    "relu": Case("Relu"),
    "reshape": Case("Reshape", ("x", ints(0, -1, 10))),
    "resize": Case("Resize", ("x", "", np.array([1, 1, 2, 3], np.float32)), NEAREST),
    "shape": Case("Shape", attributes={"start": 1, "end": 3}, integers=True),
    "sigmoid": Case("Sigmoid"),
    "slice": Case("Slice", ("x", ints(1, -4), ints(99, -1), ints(3, -2), ints(2, 1))),
    "slice, defaults": Case("Slice", ("x", ints(0, 1), ints(1, 3))),
    "softmax": Case("Softmax", attributes={"axis": 1}),
    "split": Case("Split", ("x", ints(1, 3)), {"axis": 1}, outputs=2),
    "split, equal": Case("Split", attributes={"axis": 2}, outputs=3),
    "sub": Case("Sub", ("x", POSITIVE[:, None, None])),
    "transpose": Case("Transpose", attributes={"perm": [0, 2, 3, 1]}),
    "unsqueeze": Case("Unsqueeze", ("x", ints(-1, 0))),
}


def picture() -> NDArray[np.float32]:
    return np.random.default_rng(3).normal(scale=2, size=SHAPE).astype(np.float32)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_operator_matches_onnx_runtime(case: Case) -> None:
    model = case.model()
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    wanted = session.run(None, {"x": picture()})
    results = OnnxModule(model)(torch.from_numpy(picture()))
    assert len(results) == len(wanted) == case.outputs
    for result, expected in zip(results, wanted, strict=True):
        assert result.numpy().dtype == expected.dtype
        np.testing.assert_allclose(result.numpy(), expected, rtol=1e-5, atol=1e-5)


def test_operators_all_have_a_case() -> None:
    assert {case.op for case in CASES.values()} == OPS.keys()


def test_unknown_operators_are_refused_by_name() -> None:
    with pytest.raises(ModelUnusable, match="not supported on this device: GridSample"):
        OnnxModule(Case("GridSample", ("x", "x")).model())


@pytest.mark.parametrize(
    ("case", "message"),
    [
        (Case("Resize", ("x", "", np.array([1, 1, 2, 2], np.float32)), {**NEAREST, "mode": "linear"}), "resizing"),
        (Case("Resize", ("x", "", "", ints(2, 4, 12, 10)), NEAREST), "resizing"),  # by size, not by scale
        (Case("Slice", ("x", ints(-1), ints(-99), ints(3), ints(-1))), "backwards"),
    ],
)
def test_unsupported_modes_are_refused(case: Case, message: str) -> None:
    with pytest.raises(ModelUnusable, match=message):
        OnnxModule(case.model())(torch.from_numpy(picture()))


def two_steps() -> onnx.ModelProto:
    """relu(x) + a constant of the graph; the sum and the intermediate result are outputs."""
    nodes = [
        helper.make_node("Constant", [], ["one"], value_float=1.0),
        helper.make_node("Relu", ["x"], ["kept"]),
        helper.make_node("Add", ["kept", "one"], ["sum"]),
    ]
    values = [helper.make_tensor_value_info(n, TensorProto.FLOAT, list(SHAPE)) for n in ("x", "kept", "sum")]
    return helper.make_model(helper.make_graph(nodes, "two", values[:1], values[1:]))


def test_module_keeps_intermediate_outputs_and_constants() -> None:
    kept, total = OnnxModule(two_steps())(torch.from_numpy(picture()))
    np.testing.assert_array_equal(kept.numpy(), picture().clip(0))
    np.testing.assert_array_equal(total.numpy(), picture().clip(0) + 1)


def test_module_converts_weights_to_half_precision() -> None:
    module = OnnxModule(CASES["convolution"].model()).half()
    assert {buffer.dtype for buffer in module.buffers()} == {torch.float16}
    (single,) = OnnxModule(CASES["convolution"].model())(torch.from_numpy(picture()))
    (half,) = module(torch.from_numpy(picture()).half())
    assert half.dtype == torch.float16
    np.testing.assert_allclose(half.float().numpy(), single.numpy(), atol=0.05)
