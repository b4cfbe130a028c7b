"""Times deface, the peer for comparisons of speed, with its default settings in a separate process."""

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
    """``seconds``: wall time of the whole deface process."""

    name: str
    version: str
    seconds: float


def check_deface() -> str:
    """The installed version of deface. Raises :class:`SetupIncomplete` if it is not installed."""
    try:
        version = metadata.version("deface")
    except metadata.PackageNotFoundError:
        version = ""
    if not version or util.find_spec("deface") is None:
        raise SetupIncomplete(
            "deface is not installed, so it cannot be compared with.",
            "Install it with `pip install deface==1.5.0`, or leave out --against.",
        )
    return version


def time_deface(source: Path, folder: Path, progress: Progress) -> DefaceFigures:
    """Measure how long deface takes to make a copy of ``source`` in ``folder``.

    Raises :class:`SetupIncomplete` if it is not installed or makes no copy, and whatever ``progress`` raises.
    """
    version = check_deface()
    copy, log = folder / "deface.mp4", folder / "deface.log"
    # -P: modules in the current folder must not take the place of its own.
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
    # It exits with code 0 after most failures, and does not report an unknown file type even on stderr.
    if process.returncode or not copy.is_file() or not copy.stat().st_size:
        output = log.read_text(errors="replace").strip().splitlines() or ["no message"]
        raise SetupIncomplete(
            f"deface made no copy of {source.name} (exit code {process.returncode}; {output[-1]}).",
            "Leave out --against, or use a clip that deface supports.",
        )
    return DefaceFigures("deface", version, seconds)


def _wait(process: subprocess.Popen[bytes], progress: Progress) -> None:
    while True:
        ended = process.poll() is not None
        # Also called after its end: if Ctrl-C ended both processes, the user cancelled and deface did not fail.
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
