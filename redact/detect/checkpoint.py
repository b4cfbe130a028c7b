"""Converts trusted Ultralytics ``.pt`` checkpoints to ONNX, once, when they are added.

A checkpoint is a pickle: it lists what to call to rebuild the network. It is read with Ultralytics' restricted loader,
which only calls classes of torch and Ultralytics and a few of NumPy. That keeps out ordinary programs, but the file is
still more than data: these classes are called with arguments from the file, and some of them read files of its choice,
or download weights where torchvision is installed. So the user has to say that they trust the file before even this
loader opens it.
"""

from __future__ import annotations

import tempfile
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import helper

from redact.detect.runtime import OrtNetwork, plain_graph
from redact.detect.yolo import PIXELS, TRIAL
from redact.errors import ModelUnusable

if TYPE_CHECKING:
    from ultralytics.nn.tasks import DetectionModel

OPSET = 17
COARSEST = 32
"""Pixels per cell: the sides of pictures are multiples of this."""
BOX_TOLERANCE = (0.5, 2e-3)
"""Pixels, and share of the value, by which a box of the converted network may differ from the original's. Both compute
in single precision, but not in the same order."""
LOGIT_TOLERANCE = (0.4, 1e-3)
"""Allowed difference in the logit of a single score, and on average. Logits are compared because on noise a trained
network gives only scores near zero, which agree even when something is wrong. Untrained networks with steep scores
differ by 0.3 and 1e-4, as single and double precision do; a broken pooling layer by 3 and 0.2."""
SCORE_RANGE = (1e-5, 1 - 1e-4)
"""Beyond these, scores differ only in how the runtimes compute a sigmoid."""


def to_onnx(content: bytes, name: str) -> bytes:
    """The detection network of a checkpoint as ONNX, compared with the original network on random pictures.

    Call this only for a file that the user said they trust. Nothing is downloaded or installed.
    Raises :class:`ModelUnusable`.
    """
    network = _network(content, name)
    try:
        exported = _exported(network)
        same = _agree(network, exported)
    except Exception as error:  # torch, ONNX Runtime and the network's own code all have exception types of their own
        raise ModelUnusable(
            f"The network of {name} cannot be converted to ONNX here: {error}.",
            "Export it to ONNX where it was trained and add that file.",
        ) from error
    if not same:
        raise ModelUnusable(
            f"The network of {name} gives other results after conversion to ONNX.",
            "Export it to ONNX where it was trained and add that file.",
        )
    return exported


def _network(content: bytes, name: str) -> DetectionModel:
    from ultralytics.nn.modules.head import Detect, v10Detect
    from ultralytics.nn.tasks import DetectionModel, torch_safe_load

    # The loader accepts only paths, and searches the internet for some file names; hence a temporary file.
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "weights.pt"
        path.write_bytes(content)
        try:
            untrusted_checkpoint, _ = torch_safe_load(path, safe_only=True)
            network = untrusted_checkpoint.get("ema") or untrusted_checkpoint.get("model")
        except Exception as error:  # any of a dozen types, all with the same meaning for the user
            raise ModelUnusable(
                f"{name} is not an Ultralytics checkpoint, is damaged, or contains more than a network.",
                "Export it to ONNX where it was trained and add that file.",
            ) from error
    # Other heads return more than boxes, or another format.
    if not isinstance(network, DetectionModel) or type(head := network.model[-1]) not in (Detect, v10Detect):
        raise ModelUnusable(f"{name} is not a YOLO detection model.", "Other kinds are not supported.")
    # Use the branch with an output for every anchor: the other one gives at most 300 boxes and needs operators that not
    # every runtime has. The detector removes duplicates in either case.
    head.end2end = False
    if head.end2end or float(head.stride.max()) > COARSEST:
        raise ModelUnusable(
            f"{name} is a detection model of a kind that cannot be converted.",
            "Export it to ONNX where it was trained and add that file.",
        )
    head.export, head.dynamic, head.format = True, True, "onnx"
    return network.float().eval()


def _exported(network: DetectionModel) -> bytes:
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings(), torch.inference_mode():
        # The newer exporter needs a package that is not installed; torch warns about this on every use of the old one.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            network,
            (torch.zeros(1, 3, TRIAL, TRIAL),),
            path := Path(folder) / "network.onnx",
            dynamo=False,
            opset_version=OPSET,
            input_names=["images"],
            output_names=["output0"],
            dynamic_axes={"images": {0: "batch", 2: "height", 3: "width"}, "output0": {0: "batch", 2: "anchors"}},
        )
        model = onnx.load_model_from_string(path.read_bytes())
    names = {int(number): str(label) for number, label in dict(network.names).items()}
    helper.set_model_props(model, {"names": str(names)})
    return bytes(model.SerializeToString())


def _agree(network: DetectionModel, exported: bytes) -> bool:
    """Compare both on noise: at the size the graph was traced with, and at another size in a batch."""
    copy = OrtNetwork(plain_graph(exported), PIXELS)
    random = torch.Generator().manual_seed(1)
    for size in ((1, 3, TRIAL, TRIAL), (2, 3, 192, 320)):
        frames = torch.randint(0, 256, size, generator=random, dtype=torch.uint8)
        with torch.inference_mode():
            wanted = network(frames.float() / PIXELS.scale).numpy()
        (got,) = (output.numpy() for output in copy.run(frames))
        if got.shape != wanted.shape or not np.allclose(got[:, :4], wanted[:, :4], *BOX_TOLERANCE[::-1]):
            return False
        apart = np.abs(_logits(got[:, 4:]) - _logits(wanted[:, 4:]))
        single, average = LOGIT_TOLERANCE
        # Written this way round so that a score that is not a number fails.
        if not (apart.max() <= single and apart.mean() <= average):
            return False
    return True


def _logits(scores: NDArray[np.float32]) -> NDArray[np.float64]:
    clipped = scores.astype(np.float64).clip(*SCORE_RANGE)
    return np.asarray(np.log(clipped / (1 - clipped)), np.float64)
