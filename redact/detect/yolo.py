"""Ultralytics YOLO weights that a user names: ``.pt`` checkpoints or ``.onnx`` exports of a detection model.

A checkpoint is a pickle, and a pickle is code. It is read with Ultralytics' restricted loader, which builds known
network
classes only and refuses everything else; nothing is fetched. Suppression is done here: torchvision's operators are not
available with every build of torch.
"""

from __future__ import annotations

import ast
import hashlib
from pathlib import Path

import numpy as np
import onnx
import torch
from numpy.typing import NDArray

from redact.detect.boxes import suppress
from redact.detect.runtime import Network, Normalisation, load_network
from redact.detect.types import Detections, ModelRecord
from redact.errors import InputMissing, ModelUnusable

NMS_IOU = 0.5
MOST_CANDIDATES = 2000
PIXELS = Normalisation(scale=255.0)


class _CheckpointNetwork:
    """A restored ``.pt`` network as a :class:`redact.detect.runtime.Network`; half precision on CUDA."""

    def __init__(self, module: torch.nn.Module, device: torch.device) -> None:
        self._half = device.type == "cuda"
        self._device = device
        module = module.float().eval().to(device)
        self._module = module.half() if self._half else module

    @property
    def runtime(self) -> str:
        return f"torch {torch.__version__} {self._device.type} {'fp16' if self._half else 'fp32'}"

    @torch.inference_mode()
    def run(self, frames: torch.Tensor) -> list[torch.Tensor]:
        x = frames.to(self._device)
        answer = self._module((x.half() if self._half else x.float()) / PIXELS.scale)
        return [(answer[0] if isinstance(answer, tuple | list) else answer).float()]


class YoloDetector:
    """One file of YOLO weights, for those of the wanted classes that it knows."""

    def __init__(self, path: Path, wanted: tuple[str, ...], threshold: float, device: torch.device) -> None:
        if not path.is_file():
            raise InputMissing(f"There is no model file {path}.", "Check the path given with --model.")
        if path.suffix == ".onnx":
            self._network, names = _from_onnx(path, device)
        elif path.suffix == ".pt":
            self._network, names = _from_checkpoint(path, device)
        else:
            raise ModelUnusable(f"{path.name} is neither a .pt nor an .onnx file.", "Name Ultralytics YOLO weights.")
        self.all_labels = tuple(names)
        self.labels = tuple(name for name in names if name in wanted)
        if not self.labels:
            raise ModelUnusable(
                f"{path.name} knows none of the classes asked for ({', '.join(wanted)}).",
                f"It knows: {', '.join(names)}. Name some of these with --classes.",
            )
        self._columns = [names.index(name) for name in self.labels]
        self._classes = len(names)
        self._threshold = threshold
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        self.record = ModelRecord(path.name, digest, "unknown", self._network.runtime)

    def detect(self, frames: torch.Tensor) -> list[Detections]:
        """See :class:`redact.detect.types.Detector`; H and W must be multiples of 32."""
        (answer,) = self._network.run(frames)[:1]
        rows = answer.cpu().numpy()
        if rows.ndim != 3 or rows.shape[0] != len(frames) or not np.isfinite(rows).all():
            raise ModelUnusable("The YOLO network did not answer with boxes.", "Use weights of a detection model.")
        if rows.shape[1] == 4 + self._classes:
            return [self._dense(row) for row in rows]
        if rows.shape[2] == 6:
            return [self._end_to_end(row) for row in rows]
        raise ModelUnusable(
            f"The YOLO network answers in a shape that is not a detection model's: {rows.shape}.",
            "Segmentation, pose and oriented models are not supported.",
        )

    def _dense(self, row: NDArray[np.float32]) -> Detections:
        """(4 + classes, n): centre, size and one score a class for every anchor."""
        scores = row[4:][self._columns]
        label, anchor = np.nonzero(scores > self._threshold)
        values = scores[label, anchor]
        best = np.argsort(-values, kind="stable")[:MOST_CANDIDATES]
        label, anchor, values = label[best], anchor[best], values[best]
        centre, half = row[:2, anchor].T, row[2:4, anchor].T / 2
        return suppress(self._found(np.hstack([centre - half, centre + half]), values, label), NMS_IOU)

    def _end_to_end(self, row: NDArray[np.float32]) -> Detections:
        """(n, 6): xyxy, score, class index, already free of duplicates."""
        row = row[row[:, 4] > self._threshold]
        columns = {column: position for position, column in enumerate(self._columns)}
        row = row[[int(c) in columns for c in row[:, 5]]] if len(row) else row
        return self._found(row[:, :4], row[:, 4], np.array([columns[int(c)] for c in row[:, 5]], np.intp))

    def _found(self, boxes: NDArray[np.float32], scores: NDArray[np.float32], label: NDArray[np.intp]) -> Detections:
        solid = (boxes[:, 2:] > boxes[:, :2]).all(1)
        names = tuple(self.labels[i] for i in label[solid])
        return Detections(
            boxes[solid].astype(np.float32), scores[solid].astype(np.float32), names, np.zeros(len(names), np.float32)
        )


def _class_names(untrusted_names: object, path: Path) -> list[str]:
    if isinstance(untrusted_names, dict):
        untrusted_names = [untrusted_names[key] for key in sorted(untrusted_names)]
    if not (
        isinstance(untrusted_names, list | tuple)
        and untrusted_names
        and all(isinstance(n, str) for n in untrusted_names)
    ):
        raise ModelUnusable(
            f"{path.name} does not say what its classes are called.", "Use an Ultralytics detection model."
        )
    return [str(name) for name in untrusted_names]


def _from_checkpoint(path: Path, device: torch.device) -> tuple[Network, list[str]]:
    from ultralytics.nn.tasks import DetectionModel, torch_safe_load

    try:
        checkpoint, _ = torch_safe_load(path, safe_only=True)
        module = checkpoint.get("ema") or checkpoint.get("model")
    except Exception as error:  # any of a dozen types, all meaning the same to the reader
        raise ModelUnusable(
            f"{path.name} is not an Ultralytics checkpoint, is damaged, or holds more than a network.",
            "Export it to ONNX where it was trained and name that file.",
        ) from error
    if not isinstance(module, DetectionModel):
        raise ModelUnusable(f"{path.name} is not a detection model.", "Name Ultralytics YOLO detection weights.")
    return _CheckpointNetwork(module, device), _class_names(module.names, path)


def _from_onnx(path: Path, device: torch.device) -> tuple[Network, list[str]]:
    content = path.read_bytes()
    network = load_network(content, PIXELS, device)
    model = onnx.load_model_from_string(content)
    if any(d.dim_value for value in model.graph.input for d in value.type.tensor_type.shape.dim[2:]):
        raise ModelUnusable(
            f"{path.name} was exported for one picture size only.", "Export it again with dynamic sizes (dynamic=True)."
        )
    properties = {p.key: p.value for p in model.metadata_props}
    try:
        names = ast.literal_eval(properties.get("names", ""))
    except (ValueError, SyntaxError):
        names = None
    return network, _class_names(names, path)
