"""Ultralytics ``.pt`` checkpoints to ONNX, once, for weights that a person vouches for.

A checkpoint is a pickle: it lists what to call to get the network back. It is read with Ultralytics' restricted
loader, which refuses to call anything but classes of torch and Ultralytics and a few of NumPy. That keeps plain
programs out. It does not make the file mere data: these classes are called with whatever arguments the file gives, and
among them are some that read files of its choice, or that fetch weights where torchvision works. So a person has to
say that they trust it before even this loader sees it.
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
"""Pixels a cell: pictures come in multiples of this."""
BOX_TOLERANCE = (0.5, 2e-3)
"""Pixels, and share of the value, by which a box of the conversion may differ from the network's own. Both compute in
single precision, but not in the same order."""
LOGIT_TOLERANCE = (0.4, 1e-3)
"""By which the logit of a single score may differ, and all of them on average. Logits, because on noise a trained
network gives nothing but scores near zero, which agree whatever went wrong. Untrained networks with steep scores show
0.3 and 1e-4, as between single and double precision; a pooling layer gone wrong shows 3 and 0.2."""
MEANT = (1e-5, 1 - 1e-4)
"""Scores beyond these are told apart by the runtimes' ways to compute a sigmoid only."""


def to_onnx(content: bytes, name: str) -> bytes:
    """The detection network of a checkpoint as ONNX, checked against the network itself on random pictures.

    Only call this for a file that a person said they trust. Nothing is fetched or installed.
    Raises :class:`ModelUnusable`.
    """
    network = _network(content, name)
    try:
        exported = _exported(network)
        same = _agree(network, exported)
    except Exception as error:  # torch, ONNX Runtime and the network's own code each have their types
        raise ModelUnusable(
            f"The network of {name} cannot be written as ONNX here: {error}.",
            "Export it to ONNX where it was trained and add that file.",
        ) from error
    if not same:
        raise ModelUnusable(
            f"The network of {name}, written as ONNX, does not give the same answers.",
            "Export it to ONNX where it was trained and add that file.",
        )
    return exported


def _network(content: bytes, name: str) -> DetectionModel:
    from ultralytics.nn.modules.head import Detect, v10Detect
    from ultralytics.nn.tasks import DetectionModel, torch_safe_load

    # The loader takes paths only, and does more with them than opening: it searches the internet for some names.
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "weights.pt"
        path.write_bytes(content)
        try:
            untrusted_checkpoint, _ = torch_safe_load(path, safe_only=True)
            network = untrusted_checkpoint.get("ema") or untrusted_checkpoint.get("model")
        except Exception as error:  # any of a dozen types, all meaning the same to the reader
            raise ModelUnusable(
                f"{name} is not an Ultralytics checkpoint, is damaged, or holds more than a network.",
                "Export it to ONNX where it was trained and add that file.",
            ) from error
    # Other heads answer with more than boxes, or in another form.
    if not isinstance(network, DetectionModel) or type(head := network.model[-1]) not in (Detect, v10Detect):
        raise ModelUnusable(f"{name} is not a YOLO detection model.", "Other kinds are not supported.")
    # The branch that answers for every anchor: the other one gives 300 boxes at most, and needs operators that not
    # every runtime has. Duplicates are removed by the detector in any case.
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
        # The newer exporter needs a package that is not installed; torch says so each time the other one is used.
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
    """On noise of the size the graph was traced at, and of another one, in a batch."""
    copy = OrtNetwork(plain_graph(exported), PIXELS)
    random = torch.Generator().manual_seed(1)
    for size in ((1, 3, TRIAL, TRIAL), (2, 3, 192, 320)):
        frames = torch.randint(0, 256, size, generator=random, dtype=torch.uint8)
        with torch.inference_mode():
            wanted = network(frames.float() / PIXELS.scale).numpy()
        (got,) = (answer.numpy() for answer in copy.run(frames))
        if got.shape != wanted.shape or not np.allclose(got[:, :4], wanted[:, :4], *BOX_TOLERANCE[::-1]):
            return False
        apart = np.abs(_logits(got[:, 4:]) - _logits(wanted[:, 4:]))
        single, average = LOGIT_TOLERANCE
        # Not the other way round: a score that is not a number is past every tolerance.
        if not (apart.max() <= single and apart.mean() <= average):
            return False
    return True


def _logits(scores: NDArray[np.float32]) -> NDArray[np.float64]:
    clipped = scores.astype(np.float64).clip(*MEANT)
    return np.asarray(np.log(clipped / (1 - clipped)), np.float64)
