"""Runs networks on a device, with one interface for three runtimes.

CPU: OpenVINO, or ONNX Runtime if OpenVINO is not installed. CUDA: torch, in half precision.
"""

from __future__ import annotations

import os
import queue
import threading
from dataclasses import dataclass
from importlib import metadata, util
from typing import Any, Protocol

import numpy as np
import onnx
import torch
from numpy.typing import NDArray

from redact.detect.onnx_torch import OnnxModule
from redact.errors import DeviceMissing, ModelUnusable
from redact.settings import DeviceChoice

MOST_SIDE_BY_SIDE = 4

_FIRST = threading.Lock()
_begun = threading.Event()


@dataclass(frozen=True, slots=True)
class Normalisation:
    """Network input = (pixel - ``mean``) / ``scale``, channels as RGB or, with ``bgr``, swapped."""

    mean: float = 0.0
    scale: float = 1.0
    bgr: bool = False


class Network(Protocol):
    """A loaded network. On the CPU, :func:`side_by_side` threads may run it at once."""

    @property
    def runtime(self) -> str:
        """Name, version, device and precision, for the log."""
        ...

    def run(self, frames: torch.Tensor) -> list[torch.Tensor]:
        """uint8 RGB (B, 3, H, W), H and W multiples of 32 -> every output of the graph, float32, on the same device."""
        ...


def choose_device(choice: DeviceChoice) -> torch.device:
    """The requested device. Raises :class:`DeviceMissing` if it is not available; there is no fallback."""
    if choice is DeviceChoice.CUDA and not torch.cuda.is_available():
        raise DeviceMissing(
            "A CUDA device was requested, but torch cannot find one.",
            "Use --device cpu, or install a driver and a CUDA build of torch.",
        )
    return torch.device("cuda" if choice is not DeviceChoice.CPU and torch.cuda.is_available() else "cpu")


def parsed(content: bytes) -> onnx.ModelProto:
    """Parse an ONNX file. Raises :class:`ModelUnusable`."""
    try:
        return onnx.load_model_from_string(content)
    except Exception as error:  # protobuf's own exception types are not public
        raise ModelUnusable("The weights are not a readable ONNX file.", "Check that it is the right file.") from error


def plain_graph(content: bytes | onnx.ModelProto) -> onnx.ModelProto:
    """An ONNX model whose weights are not inputs and whose batch, height and width are free. A parsed model is
    modified.

    Weights listed as inputs prevent every runtime from folding constants, which makes CenterFace two to three times
    slower.
    """
    model = parsed(content) if isinstance(content, bytes) else content
    weights = {tensor.name for tensor in model.graph.initializer}
    images = [value for value in model.graph.input if value.name not in weights]
    if len(images) != 1:
        raise ModelUnusable(f"The network has {len(images)} inputs; it must have one picture.", "Use another model.")
    del model.graph.input[:]
    model.graph.input.extend(images)
    del model.graph.value_info[:]
    for value in (*model.graph.input, *model.graph.output):
        for axis, dim in enumerate(value.type.tensor_type.shape.dim):
            if axis != 1:
                dim.dim_param = f"{value.name}_{axis}"
    return model


class OpenVinoNetwork:
    """OpenVINO on the CPU; compiled once per frame size."""

    def __init__(self, model: onnx.ModelProto, normalisation: Normalisation) -> None:
        import openvino

        self._ov = openvino
        self._core = openvino.Core()
        self._model = self._core.read_model(model.SerializeToString())
        steps = openvino.preprocess.PrePostProcessor(self._model)
        steps.input().tensor().set_element_type(openvino.Type.u8).set_layout(openvino.Layout("NHWC"))
        steps.input().model().set_layout(openvino.Layout("NCHW"))
        chain = steps.input().preprocess().convert_element_type(openvino.Type.f32)
        if normalisation.bgr:
            chain.reverse_channels()
        chain.mean(normalisation.mean).scale(normalisation.scale)
        self._model = steps.build()
        self._requests: dict[tuple[int, int], queue.SimpleQueue[Any]] = {}
        self._compiling = threading.Lock()
        # OpenVINO uses bfloat16 on processors with instructions for it, which halves the time.
        self._precision = str(self._core.get_property("CPU", "INFERENCE_PRECISION_HINT"))

    @property
    def runtime(self) -> str:
        """See :class:`Network`."""
        precision = "bf16" if "bfloat16" in self._precision or "bf16" in self._precision else "fp32"
        return f"openvino {metadata.version('openvino')} cpu {precision}"

    def run(self, frames: torch.Tensor) -> list[torch.Tensor]:
        """See :class:`Network`."""
        requests = self._compiled(int(frames.shape[2]), int(frames.shape[3]))
        rows = frames.permute(0, 2, 3, 1).contiguous().numpy()
        request = requests.get()
        try:
            results = [_infer(request, row) for row in rows]
        finally:
            requests.put(request)
        return [torch.cat(rows) if len(rows) > 1 else rows[0] for rows in zip(*results, strict=True)]

    def _compiled(self, height: int, width: int) -> queue.SimpleQueue[Any]:
        """The idle requests; there are as many requests as threads that may run the network at once.

        Several frames at once, on one or a few cores each, are faster than one frame at a time on all cores: threads
        that share a frame wait for each other at every layer, and all of them wait while the frame is processed outside
        the network.
        """
        with self._compiling:
            if (height, width) not in self._requests:
                model = self._model.clone()
                model.reshape([1, height, width, 3])
                options = {
                    "PERFORMANCE_HINT": "THROUGHPUT",
                    "NUM_STREAMS": side_by_side(),
                    "INFERENCE_NUM_THREADS": cores(),
                    "ENABLE_CPU_PINNING": False,
                }
                compiled = self._core.compile_model(model, "CPU", options)
                made = [compiled.create_infer_request() for _ in range(side_by_side())]
                _begin(made[0], np.zeros((height, width, 3), np.uint8))
                requests: queue.SimpleQueue[Any] = queue.SimpleQueue()
                for request in made:
                    requests.put(request)
                self._requests[height, width] = requests
            return self._requests[height, width]


def cores() -> int:
    """Number of processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def side_by_side() -> int:
    """Number of frames that networks on the CPU process at once. Each needs memory for its feature maps."""
    return min(cores(), MOST_SIDE_BY_SIDE)


def _begin(request: Any, row: NDArray[np.uint8]) -> None:
    """Run the first inference of the process alone: it initialises OpenVINO's binding, and two threads that do so at
    once deadlock."""
    with _FIRST:
        if not _begun.is_set():
            _infer(request, row)
            _begun.set()


def _infer(request: Any, row: NDArray[np.uint8]) -> list[torch.Tensor]:
    request.infer({0: row[None]}, share_inputs=True)
    return [torch.from_numpy(np.array(tensor.data)) for tensor in request.output_tensors]


class OrtNetwork:
    """ONNX Runtime on the CPU."""

    def __init__(self, model: onnx.ModelProto, normalisation: Normalisation) -> None:
        import onnxruntime

        onnxruntime.set_default_logger_severity(3)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = cores() // side_by_side()
        self._session = onnxruntime.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
        self._normalisation = normalisation

    @property
    def runtime(self) -> str:
        """See :class:`Network`."""
        return f"onnxruntime {metadata.version('onnxruntime')} cpu fp32"

    def run(self, frames: torch.Tensor) -> list[torch.Tensor]:
        """See :class:`Network`."""
        name = self._session.get_inputs()[0].name
        x: NDArray[np.float32] = _normalised(frames, self._normalisation, torch.float32).contiguous().numpy()
        return [torch.from_numpy(y) for y in self._session.run(None, {name: x})]


class TorchNetwork:
    """The graph as torch operations, in half precision on CUDA and single precision on the CPU.

    The memory layout is channels last, which a card's half-precision units use directly.
    """

    def __init__(self, model: onnx.ModelProto, normalisation: Normalisation, device: torch.device) -> None:
        half = device.type == "cuda"
        if half:
            # There are few different sizes (see redact.detect.batches), so trying every method once for each pays off.
            torch.backends.cudnn.benchmark = True
        self._dtype = torch.float16 if half else torch.float32
        module = OnnxModule(model).eval()
        self._module = module.to(device=device, dtype=self._dtype).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._normalisation = normalisation
        self._device = device

    @property
    def runtime(self) -> str:
        """See :class:`Network`."""
        precision = "fp16" if self._dtype is torch.float16 else "fp32"
        return f"torch {torch.__version__} {self._device.type} {precision}"

    @torch.inference_mode()
    def run(self, frames: torch.Tensor) -> list[torch.Tensor]:
        """See :class:`Network`."""
        x = _normalised(frames.to(self._device, non_blocking=True), self._normalisation, self._dtype)
        outputs = [y.float() for y in self._module(x.contiguous(memory_format=torch.channels_last))]
        if not torch.stack([y.isfinite().all() for y in outputs]).all():
            # An overflow of half precision must not look like a picture with nothing in it.
            raise ModelUnusable("A network returned values that are not numbers.", "Use --device cpu.")
        return outputs


def _normalised(frames: torch.Tensor, normalisation: Normalisation, dtype: torch.dtype) -> torch.Tensor:
    x = frames.flip(1) if normalisation.bgr else frames
    return (x.to(dtype) - normalisation.mean) / normalisation.scale


def load_network(content: bytes | onnx.ModelProto, normalisation: Normalisation, device: torch.device) -> Network:
    """Load ONNX weights on a device. Raises :class:`ModelUnusable` if they are not a detection graph."""
    model = plain_graph(content)
    if device.type != "cpu":
        return TorchNetwork(model, normalisation, device)
    if util.find_spec("openvino") is not None:
        return OpenVinoNetwork(model, normalisation)
    return OrtNetwork(model, normalisation)
