"""A user's YOLO networks: exports, converted checkpoints, and files that only pretend to be networks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from redact.detect.checkpoint import to_onnx
from redact.detect.factory import make_detectors
from redact.detect.registry import unregistered
from redact.detect.yolo import YoloDetector
from redact.errors import InputMissing, ModelNotTrusted, ModelUnusable, RedactError
from redact.settings import AnalyseSettings, DeviceChoice
from tests.detect.contract import CPU, DetectorContract, Picture, TrainedContract, batch, iou

NAMES = ("cat", "face", "plate")
CELL = 32


def spot_network(path: Path, *, layout: str = "dense", names: str | None = str(dict(enumerate(NAMES)))) -> Path:
    """An ONNX file with YOLO's output shapes that finds bright spots, one box per cell of 32 pixels.

    Red spots are cats, green ones faces, blue ones plates, with the brightness as score. ``layout``: "dense" (B, 7, n),
    as YOLOv8 and 11 export; "end_to_end" (B, n, 6), as YOLO26 does, faces only; "classifier" (B, 3).
    """
    nodes, weights = [], []

    def constant(name: str, value: NDArray[np.generic]) -> str:
        weights.append(numpy_helper.from_array(value, name))
        return name

    def node(operator: str, inputs: list[str], output: str, **attributes: object) -> str:
        nodes.append(helper.make_node(operator, inputs, [output], **attributes))
        return output

    size = constant("size", np.full((1, 1, 1, 1), CELL, np.float32))
    score = node("AveragePool", ["images"], "score", kernel_shape=[CELL, CELL], strides=[CELL, CELL])
    nothing = node("Mul", [score, constant("zero", np.zeros((1, 3, 1, 1), np.float32))], "nothing")
    nought = node("ReduceMean", [nothing], "nought", axes=[1], keepdims=1)
    one = node("Add", [nought, constant("one", np.ones((1, 1, 1, 1), np.float32))], "ones")
    edges = {}
    for name, axis in (("x", 3), ("y", 2)):
        count = node("CumSum", [one, constant(f"axis_{name}", np.array(axis, np.int64))], f"count_{name}")
        edges[name, 1] = node("Mul", [count, size], f"{name}_high")
        edges[name, 0] = node("Sub", [edges[name, 1], size], f"{name}_low")
        half = node(
            "Sub", [edges[name, 1], constant(f"half_{name}", np.full((1, 1, 1, 1), CELL / 2, np.float32))], name
        )
        assert half == name
    wide = node("Mul", [one, size], "wide")
    match layout:
        case "dense":
            parts, shape = ["x", "y", wide, wide, score], [0, 7, -1]
        case "end_to_end":
            green = node("Gather", [score, constant("which", np.array([1], np.int64))], "green", axis=1)
            parts, shape = [*(edges[key] for key in (("x", 0), ("y", 0), ("x", 1), ("y", 1))), green, one], [0, 6, -1]
        case _:
            parts, shape = [score], [0, 3, -1]
    flat = node("Reshape", [node("Concat", parts, "all", axis=1), constant("shape", np.array(shape, np.int64))], "flat")
    match layout:
        case "dense":
            node("Identity", [flat], "output0")
        case "end_to_end":
            node("Transpose", [flat], "output0", perm=[0, 2, 1])
        case _:
            node("ReduceMean", [flat], "output0", axes=[2], keepdims=0)
    graph = helper.make_graph(
        nodes,
        "spots",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, ["b", 3, "h", "w"])],
        [helper.make_tensor_value_info("output0", TensorProto.FLOAT, ["b", "r"] + ["c"] * (layout != "classifier"))],
        weights,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    if names is not None:
        helper.set_model_props(model, {"names": names})
    onnx.save(model, str(path))
    return path


def checkpoint(path: Path, *, kind: str = "yolo26n.yaml") -> Path:
    """Untrained weights, saved as Ultralytics saves them."""
    from ultralytics.nn.tasks import DetectionModel, yaml_model_load

    torch.manual_seed(0)
    config = {**yaml_model_load(kind), "nc": 3}
    model = DetectionModel(config, verbose=False).eval()
    model.names = {2: "plate", 0: "cat", 1: "face"}  # the values count, not the order
    # Untrained scores are almost equal: normalised for noise, they spread and can be sorted.
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = 1.0
    with torch.no_grad():
        model.train()(torch.rand(2, 3, 128, 128))
        for branch in model.model[-1].cv3:
            branch[-1].weight.normal_(0, 0.5)
        for branch in model.model[-1].cv2:
            # Every box is one cell of its level, which distinguishes picture pixels from network pixels.
            branch[-1].weight.zero_()
            branch[-1].bias.fill_(0.5)
    model.eval()
    torch.save({"model": model.half(), "ema": None, "train_args": {}, "version": "8.4"}, path)
    return path


def yolo(path: Path, wanted: tuple[str, ...], threshold: float = 0.5) -> YoloDetector:
    return YoloDetector(unregistered(path), wanted, threshold, CPU)


class TestDenseOnnx(TrainedContract):
    asked = ("face", "plate", "text")
    truth = (64.0, 32.0, 96.0, 64.0)
    least_iou = 0.99
    layout = "dense"

    @classmethod
    def make(cls, folder: Path) -> YoloDetector:
        return yolo(spot_network(folder / "spots.onnx", layout=cls.layout), cls.asked)

    def scene(self, x: int, y: int) -> Picture:
        picture = np.full((160, 224, 3), 20, np.uint8)
        picture[y + 32 : y + 64, x + 64 : x + 96] = (20, 200, 20)
        return picture

    def test_detector_finds_nothing_in_empty_picture(self, detector: YoloDetector, level: int = 0) -> None:  # type: ignore[override]
        # Any uniform picture is one large spot to this network, so only a dark one is empty.
        assert len(detector.detect(torch.zeros((1, 3, 160, 224), dtype=torch.uint8))[0]) == level

    def bad_answers(self) -> list[list[torch.Tensor]]:
        return [
            [torch.zeros(1, 7 + 32, 84)],  # segmentation: mask coefficients follow the classes
            [torch.zeros(1, 8, 84)],  # oriented boxes: an angle follows
            [torch.zeros(1, 3)],  # a classifier
            [torch.full((1, 7, 84), float("nan"))],
            [torch.zeros(2, 7, 84)],  # of another batch
        ]


class TestEndToEndOnnx(TestDenseOnnx):
    layout = "end_to_end"


class TestCheckpoint(DetectorContract):
    asked = ("face", "plate")

    @classmethod
    def make(cls, folder: Path) -> YoloDetector:
        path = folder / "own.onnx"
        path.write_bytes(to_onnx(checkpoint(folder / "own.pt").read_bytes(), "own.pt"))
        return yolo(path, cls.asked, 0.9)

    def bad_answers(self) -> list[list[torch.Tensor]]:
        return [[torch.zeros(1, 7 + 32, 84)], [torch.zeros(1, 3)]]

    def test_plate_detector_boxes_are_cells(self, detector: YoloDetector) -> None:
        assert detector.all_labels == NAMES
        (found,) = detector.detect(batch(self.scene(0, 0)))
        sizes = found.boxes[:, 2:] - found.boxes[:, :2]
        assert set(np.unique(sizes.round()).tolist()) <= {8, 16, 32}
        np.testing.assert_allclose(sizes[:, 0], sizes[:, 1], atol=0.1)


def test_yolo_labels_keep_their_columns(tmp_path: Path) -> None:
    detector = yolo(spot_network(tmp_path / "a.onnx"), ("plate", "cat"))
    assert (detector.labels, detector.all_labels) == (("cat", "plate"), NAMES)
    picture = np.zeros((64, 128, 3), np.uint8)
    for column in range(3):
        picture[:32, column * 32 : column * 32 + 32, column] = 255 - 20 * column
    (found,) = detector.detect(batch(picture))
    assert found.labels == ("cat", "plate")  # by score; the face in the middle was not requested
    assert found.boxes.tolist() == [[0, 0, 32, 32], [64, 0, 96, 32]]
    np.testing.assert_allclose(found.scores, [1, 215 / 255], atol=0.01)


def test_own_weights_run_beside_built_in_ones(tmp_path: Path) -> None:
    path = spot_network(tmp_path / "a.onnx")
    settings = AnalyseSettings(classes=("face", "cat"), models=(str(path),), device=DeviceChoice.CPU)
    made = make_detectors(settings)
    assert [scheduled.detector.labels for scheduled in made] == [("cat", "face"), ("face",)]
    picture = np.zeros((720, 1280, 3), np.uint8)
    picture[300:400, 500:600, 0] = 255
    (found,) = made[0].detector.detect(batch(picture))
    # The spot covers several network cells.
    assert set(found.labels) == {"cat"}
    hull = [*found.boxes[:, :2].min(0), *found.boxes[:, 2:].max(0)]
    assert iou(hull, (500, 300, 600, 400)) > 0.5


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("missing.pt", InputMissing),
        ("text.pt", ModelUnusable),
        ("text.onnx", ModelUnusable),
        ("unnamed.onnx", ModelUnusable),  # without the names of its classes
        ("hostile_names.onnx", ModelUnusable),  # names that are an expression
        ("others.onnx", ModelUnusable),  # knows none of the requested classes
        ("state.pt", ModelNotTrusted),  # a checkpoint
        ("state.onnx", ModelNotTrusted),  # a checkpoint with another file name
        ("elsewhere.onnx", ModelUnusable),  # with its weights in another file
        ("classifier.onnx", ModelUnusable),
    ],
)
def test_weights_that_are_unusable_are_refused(tmp_path: Path, name: str, error: type[RedactError]) -> None:
    path = tmp_path / name
    match name:
        case "text.pt" | "text.onnx":
            path.write_text("no weights")
        case "unnamed.onnx":
            spot_network(path, names=None)
        case "hostile_names.onnx":
            spot_network(path, names="__import__('os').getcwd()")
        case "others.onnx":
            spot_network(path, names="{0: 'dog', 1: 'cow', 2: 'pig'}")
        case "state.pt" | "state.onnx":
            torch.save({"model": {"weight": torch.zeros(3)}}, path)
        case "elsewhere.onnx":
            model = onnx.load(str(spot_network(path)))
            model.graph.initializer[0].data_location = TensorProto.EXTERNAL
            path.write_bytes(model.SerializeToString())
        case "classifier.onnx":
            spot_network(path, layout="classifier")
    with pytest.raises(error):
        yolo(path, ("face",))


def test_yolo_export_for_one_size_is_refused(tmp_path: Path) -> None:
    """Ultralytics exports for 640 x 640 by default."""
    path = spot_network(tmp_path / "a.onnx")
    model = onnx.load(str(path))
    (shape,) = [tensor for tensor in model.graph.initializer if tensor.name == "shape"]
    shape.CopyFrom(numpy_helper.from_array(np.array([1, 7, 400], np.int64), "shape"))
    onnx.save(model, str(path))
    sizes = model.graph.input[0].type.tensor_type.shape.dim
    sizes[2].dim_value, sizes[3].dim_value = 640, 640
    onnx.save(model, str(path))
    with pytest.raises(ModelUnusable, match="dynamic"):
        yolo(path, ("face",))


def test_yolo_layout_is_recognised_with_equal_rows(tmp_path: Path) -> None:
    """64 boxes of 6 numbers, and 60 classes: the shape fits either layout, one of them transposed."""
    names = str({number: f"other {number}" if number != 1 else "face" for number in range(60)})
    detector = yolo(spot_network(tmp_path / "a.onnx", layout="end_to_end", names=names), ("face",))
    picture = np.zeros((256, 256, 3), np.uint8)
    picture[64:96, 32:64, 1] = 255
    (found,) = detector.detect(batch(picture))
    assert found.boxes.tolist() == [[32, 64, 64, 96]]
