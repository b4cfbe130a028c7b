"""``redact doctor``: check the installation and say how to fix it."""

from __future__ import annotations

import platform
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from enum import StrEnum
from importlib import metadata
from pathlib import Path
from typing import Annotated

import typer

from redact import __version__
from redact.cli.shared import options as opt
from redact.cli.shared.output import CommandReport, failure_record
from redact.errors import SetupIncomplete
from redact.jobs.failures import as_failure

REINSTALL = "pip install --force-reinstall --no-deps {}"
ENCODERS = ("libx264", "libx265", "libsvtav1", "aac")
DECODERS = ("h264", "hevc", "mpeg4", "mjpeg", "vp9", "av1", "aac", "mp3", "ac3", "opus", "pcm_s16le", "wmav2")
LOW_SPACE = 2 * 2**30
"""Bytes: about one hour of footage."""


class CheckState(StrEnum):
    """Result of a check."""

    OK = "ok"
    NOTE = "note"
    """Worth knowing; nothing needs it."""
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the report."""

    what: str
    state: CheckState
    found: str
    remedy: str = ""


def doctor(
    *,
    ask_provider: Annotated[
        bool, typer.Option("--ask-provider", help="Also contact the sign-in provider in oidc.toml over the network.")
    ] = False,
    as_json: opt.Json = False,
) -> None:
    """Check devices, runtimes, OpenCV, codecs, model weights, disk space and sign-in.

    Example: redact doctor --json
    """
    with CommandReport("doctor", as_json) as report:
        checks = [*all_checks(), *(guarded(sign_in_provider) if ask_provider else ())]
        report.print_table(("what", "state", "found"), [(check.what, check.state, check.found) for check in checks])
        bad = [check for check in checks if check.state is CheckState.BAD]
        remedies = [check for check in checks if check.remedy]
        if remedies:
            report.print("")
        for check in remedies:
            report.print(f"{check.what}: {check.remedy}")
        failed = [failure_record(SetupIncomplete(f"{c.what}: {c.found}.", c.remedy), what=c.what) for c in bad]
        report.finish({"version": __version__, "checks": [asdict(check) for check in checks]}, failed)


def all_checks() -> Iterator[Check]:
    """Every check. A check that raises is reported as bad instead of ending the report."""
    for group in (python, processor, cuda, card_video, runtimes, opencv, codecs, weights, space, sign_in):
        yield from guarded(group)


def guarded(group: Callable[[], Iterator[Check]]) -> Iterator[Check]:
    """The checks in ``group``, plus a bad one if it raised."""
    try:
        yield from group()
    except Exception as error:
        failure = as_failure(error)
        if isinstance(failure, SetupIncomplete):
            yield Check(group.__name__, CheckState.BAD, failure.happened.rstrip("."), failure.todo)
        else:
            remedy = "Reinstall the workbench. In a checkout: make clean setup"
            yield Check(group.__name__, CheckState.BAD, f"{type(error).__name__}: {error}", remedy)


def python() -> Iterator[Check]:  # noqa: D103
    yield Check("Python", CheckState.OK, f"{platform.python_version()} on {platform.system()} {platform.machine()}")


def processor() -> Iterator[Check]:  # noqa: D103
    import torch

    from redact.detect.runtime import cores

    yield Check("processor", CheckState.OK, f"{cores()} cores usable, torch uses {torch.get_num_threads()} threads")


def cuda() -> Iterator[Check]:  # noqa: D103
    import torch

    if torch.cuda.is_available():
        for index in range(torch.cuda.device_count()):
            facts = torch.cuda.get_device_properties(index)
            yield Check(f"CUDA device {index}", CheckState.OK, f"{facts.name}, {facts.total_memory / 2**30:.0f} GiB")
        return
    built = torch.version.cuda
    why = f"torch is built for CUDA {built}, but no device responds" if built else "torch is built without CUDA"
    remedy = "redact uses the CPU. " + (
        "To use CUDA, install the NVIDIA driver."
        if built
        else "To use CUDA, install the CUDA build of torch; in a checkout: make setup TORCH=cuda"
    )
    yield Check("CUDA", CheckState.NOTE, why, remedy)


def card_video() -> Iterator[Check]:  # noqa: D103
    import torch

    from redact.media.encoder import CARD_ENCODERS, card_problem

    yield Check("decoding", CheckState.OK, "in software: a GPU decoder (NVDEC) does not report damaged frames")
    if not torch.cuda.is_available():
        yield Check("encoding", CheckState.OK, "in software")
        return
    for name in CARD_ENCODERS.values():
        problem = card_problem(name)
        found = f"used with --device cuda and auto{'' if not problem else f'; not here: {problem}'}"
        yield Check(f"encoder {name}", CheckState.NOTE if problem else CheckState.OK, found)


def runtimes() -> Iterator[Check]:  # noqa: D103
    import onnxruntime
    import openvino
    import torch

    yield Check("torch", CheckState.OK, torch.__version__)
    yield Check(
        "OpenVINO", CheckState.OK, f"{openvino.__version__}; devices {', '.join(openvino.Core().available_devices)}"
    )
    yield Check(
        "ONNX Runtime", CheckState.OK, f"{onnxruntime.__version__}; {', '.join(onnxruntime.get_available_providers())}"
    )
    for name in ("ultralytics", "moviepy"):
        yield Check(name, CheckState.OK, metadata.version(name))


def opencv() -> Iterator[Check]:  # noqa: D103
    import cv2

    yield Check("OpenCV", CheckState.OK, cv2.__version__)


def codecs() -> Iterator[Check]:  # noqa: D103
    import av

    for names, mode, kind in ((ENCODERS, "w", "encoders"), (DECODERS, "r", "decoders")):
        missing = [name for name in names if not has_codec(name, mode)]
        remedy = REINSTALL.format(f"av=={av.__version__}") if missing else ""
        found = f"missing: {', '.join(missing)}" if missing else ", ".join(names)
        yield Check(kind, CheckState.BAD if missing else CheckState.OK, f"PyAV {av.__version__}; {found}", remedy)


def has_codec(name: str, mode: str) -> bool:
    """Whether PyAV can encode (``w``) or decode (``r``) with this codec."""
    import av

    try:
        av.Codec(name, "w" if mode == "w" else "r")
    except av.codec.codec.UnknownCodecError:
        return False
    return True


def weights() -> Iterator[Check]:  # noqa: D103
    from redact.detect.entries import WeightState
    from redact.detect.registry import all_models

    for model in all_models().models:
        state = model.state()
        remedy = "" if state is WeightState.OK else model.place.remedy
        origin = f"{model.place}, {model.licence}; SHA-256 {model.sha256[:16]}"
        found = f"{'' if state is WeightState.OK else f'{state}; '}finds {', '.join(model.classes)}; {origin}"
        yield Check(
            f"weights {model.name}", CheckState.OK if state is WeightState.OK else CheckState.BAD, found, remedy
        )


def sign_in() -> Iterator[Check]:  # noqa: D103
    from redact.errors import ProviderMisconfigured
    from redact.server.oidc_file import load_provider

    try:
        provider = load_provider()
    except ProviderMisconfigured as error:
        yield Check("sign-in", CheckState.BAD, error.happened.rstrip("."), error.todo)
        return
    found = f"passwords, and {provider.name} ({provider.issuer})" if provider else "passwords"
    yield Check("sign-in", CheckState.OK, found)


def sign_in_provider() -> Iterator[Check]:  # noqa: D103
    from redact.errors import ProviderUnusable
    from redact.server.oidc import Provider
    from redact.server.oidc_file import load_provider

    settings = load_provider()
    if settings is None:
        yield Check("sign-in provider", CheckState.NOTE, "no oidc.toml in the home folder")
        return
    try:
        Provider(settings).check()
    except ProviderUnusable as error:
        yield Check("sign-in provider", CheckState.BAD, error.happened.rstrip("."), "Check the issuer and the network.")
    else:
        yield Check("sign-in provider", CheckState.OK, f"{settings.issuer} responds correctly")


def space() -> Iterator[Check]:  # noqa: D103
    for name, folder in (("working folder", Path.cwd()), ("temporary folder", Path(tempfile.gettempdir()))):
        free = shutil.disk_usage(folder).free
        low = free < LOW_SPACE
        remedy = f"Free space on the disk that holds {folder}, or write copies to another disk." if low else ""
        yield Check(
            f"space, {name}",
            CheckState.NOTE if low else CheckState.OK,
            f"{free / 2**30:.1f} GiB free in {folder}",
            remedy,
        )
