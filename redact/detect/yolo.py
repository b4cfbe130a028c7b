"""Ultralytics YOLO detection networks in ONNX, exported by their owner or converted by ``redact models add``.

Non-maximum suppression is done here: torchvision's operators are not available with every build of torch.
"""

from __future__ import annotations

import ast

import numpy as np
import onnx
import torch
from numpy.typing import NDArray

from redact.detect.boxes import suppress
from redact.detect.entries import RegisteredModel
from redact.detect.runtime import Normalisation, load_network, parsed
from redact.detect.types import Detections, ModelRecord
from redact.errors import ModelNotTrusted, ModelUnusable

NMS_IOU = 0.5
MOST_CANDIDATES = 2000
PIXELS = Normalisation(scale=255.0)
PICKLES = (b"PK\x03\x04", b"\x80")
"""First bytes of a torch checkpoint: a zip archive or a bare pickle. No ONNX file begins like that."""
TRIAL = 256
"""Side, in pixels, of the picture used to find out the layout of the output."""


class YoloDetector:
    """One network, used for those of the wanted classes that it knows.

    Raises :class:`ModelNotTrusted` for a checkpoint, :class:`ModelUnusable` for anything that is not a detection
    network, and what :meth:`redact.detect.entries.RegisteredModel.verified_bytes` raises.
    """

    def __init__(self, model: RegisteredModel, wanted: tuple[str, ...], threshold: float, device: torch.device) -> None:
        content = model.verified_bytes()
        refuse_pickle(content, model.name)
        graph = parsed(content)
        classes = class_names(graph, model.name)
        unknown = [name for name in model.names if name not in classes]
        if unknown:
            raise ModelUnusable(
                f"{model.name} is registered with classes that its network does not have: {', '.join(unknown)}.",
                f"It has: {', '.join(classes)}. Correct its `names` in the registry.",
            )
        # A class that the registry does not name is not wanted, whatever the network calls it.
        labels = [model.names.get(name, "") if model.names else name for name in classes]
        self.all_labels = tuple(dict.fromkeys(label for label in labels if label))
        self._columns = [column for column, label in enumerate(labels) if label in wanted]
        self._names = [labels[column] for column in self._columns]
        self.labels = tuple(dict.fromkeys(self._names))
        if not self.labels:
            raise ModelUnusable(
                f"{model.name} finds none of the requested classes ({', '.join(wanted)}).",
                f"It finds: {', '.join(self.all_labels)}. Give some of these with --classes.",
            )
        self._rows = 4 + len(classes)
        self._threshold = threshold
        self._network = load_network(graph, PIXELS, device)
        self._end_to_end = self._is_end_to_end(model.name, device)
        self.record = ModelRecord(model.name, model.sha256, model.licence, self._network.runtime)

    def detect(self, frames: torch.Tensor) -> list[Detections]:
        """See :class:`redact.detect.types.Detector`; H and W must be multiples of 32."""
        outputs = self._network.run(frames)
        rows: NDArray[np.float32] = outputs[0].cpu().numpy() if outputs else np.empty(0, np.float32)
        fits = rows.ndim == 3 and (rows.shape[2] == 6 if self._end_to_end else rows.shape[1] == self._rows)
        if not fits or rows.shape[0] != len(frames) or not np.isfinite(rows).all():
            raise ModelUnusable("The YOLO network did not return boxes.", "Use the weights of a detection model.")
        return [self._sparse(row) if self._end_to_end else self._dense(row) for row in rows]

    def _is_end_to_end(self, name: str, device: torch.device) -> bool:
        """Whether the output is (n, 6), with duplicates removed, rather than (4 + classes, anchors).

        An output of (n, 6) may have 4 + classes rows by chance, but not the other way round: networks have an anchor
        for at least every 64 pixels, so a picture with sides of :data:`TRIAL` pixels has more than six.
        """
        try:
            outputs = self._network.run(torch.zeros((1, 3, TRIAL, TRIAL), dtype=torch.uint8, device=device))
            shape = tuple(outputs[0].shape)
        except Exception as error:  # each runtime has exception types of its own, and documents none
            raise ModelUnusable(
                f"{name} cannot be run on a picture of {TRIAL} x {TRIAL} pixels.",
                "Export it again with dynamic sizes (dynamic=True).",
            ) from error
        if len(shape) == 3 and (shape[2] == 6 or shape[1] == self._rows):
            return shape[2] == 6
        raise ModelUnusable(
            f"{name} returns a shape that is not a detection model's: {shape}.",
            "Segmentation, pose and oriented models are not supported.",
        )

    def _dense(self, row: NDArray[np.float32]) -> Detections:
        """(4 + classes, n): centre, size and one score per class for each anchor."""
        scores = row[4:][self._columns]
        label, anchor = np.nonzero(scores > self._threshold)
        values = scores[label, anchor]
        best = np.argsort(-values, kind="stable")[:MOST_CANDIDATES]
        label, anchor, values = label[best], anchor[best], values[best]
        centre, half = row[:2, anchor].T, row[2:4, anchor].T / 2
        return suppress(self._detections(np.hstack([centre - half, centre + half]), values, label), NMS_IOU)

    def _sparse(self, row: NDArray[np.float32]) -> Detections:
        """(n, 6): xyxy, score, class index, without duplicates."""
        row = row[row[:, 4] > self._threshold]
        columns = {column: position for position, column in enumerate(self._columns)}
        row = row[[int(c) in columns for c in row[:, 5]]] if len(row) else row
        return self._detections(row[:, :4], row[:, 4], np.array([columns[int(c)] for c in row[:, 5]], np.intp))

    def _detections(
        self, boxes: NDArray[np.float32], scores: NDArray[np.float32], label: NDArray[np.intp]
    ) -> Detections:
        solid = (boxes[:, 2:] > boxes[:, :2]).all(1)
        names = tuple(self._names[i] for i in label[solid])
        return Detections(
            boxes[solid].astype(np.float32), scores[solid].astype(np.float32), names, np.zeros(len(names), np.float32)
        )


def refuse_pickle(content: bytes, name: str) -> None:
    """Raise :class:`ModelNotTrusted` for a checkpoint, judged by its content and not by its name."""
    if content.startswith(PICKLES):
        raise ModelNotTrusted(
            f"{name} is a checkpoint: a pickle, which is a program that runs when the file is read.",
            "If you trust its origin, convert and register it with `redact models add FILE --trust`, or export it to"
            " ONNX where it was trained.",
        )


def class_names(model: onnx.ModelProto, name: str) -> list[str]:
    """The class names of an Ultralytics ONNX export, in the order of its scores. Raises :class:`ModelUnusable`."""
    # External weights would be read from whatever folder the workbench was started in.
    constants = [attribute.t for node in model.graph.node for attribute in node.attribute]
    if any(t.data_location == onnx.TensorProto.EXTERNAL for t in (*model.graph.initializer, *constants)):
        raise ModelUnusable(f"{name} has its weights in another file.", "Export it again as one file.")
    if any(d.dim_value for value in model.graph.input for d in value.type.tensor_type.shape.dim[2:]):
        raise ModelUnusable(
            f"{name} was exported for a single picture size.", "Export it again with dynamic sizes (dynamic=True)."
        )
    properties = {p.key: p.value for p in model.metadata_props}
    try:
        untrusted_names = ast.literal_eval(properties.get("names", ""))
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        untrusted_names = None
    if isinstance(untrusted_names, dict) and all(isinstance(key, int) for key in untrusted_names):
        untrusted_names = [untrusted_names[key] for key in sorted(untrusted_names)]
    if not (
        isinstance(untrusted_names, list | tuple)
        and untrusted_names
        and all(isinstance(n, str) and n for n in untrusted_names)
    ):
        raise ModelUnusable(f"{name} has no class names.", "Use an Ultralytics detection model.")
    return [str(n) for n in untrusted_names]
