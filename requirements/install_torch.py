"""Installs the build of PyTorch that suits this machine into the running environment.

    python requirements/install_torch.py [auto|cpu|cuda]

``auto`` takes the CUDA build where there is an NVIDIA card, and the CPU build elsewhere: it saves about four gigabytes.
The CPU build comes from wherever pip is told to look (PIP_FIND_LINKS, PIP_INDEX_URL, PIP_EXTRA_INDEX_URL), or from
PyTorch's own index. Where neither has it, the build of PyPI is installed, which runs on the CPU as well. The version is
the one that ``pyproject.toml`` asks for.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
import urllib.request
from importlib import metadata
from pathlib import Path

CPU_INDEX = os.environ.get("TORCH_CPU_INDEX", "https://download.pytorch.org/whl/cpu")
PATIENCE = 5.0
"""Seconds the CPU index has to answer. pip itself would try for minutes."""


def wanted_version() -> str:
    """The version that ``pyproject.toml`` pins, such as ``2.13.0``."""
    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())["project"]
    pins = [found[1] for text in project["dependencies"] if (found := re.fullmatch(r"torch==([\d.]+)", text))]
    return str(pins[0])


def card_present() -> bool:
    """Whether the NVIDIA driver knows of a card."""
    cards = Path("/proc/driver/nvidia/gpus")
    if cards.is_dir() and any(cards.iterdir()):
        return True
    try:
        listed = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return listed.returncode == 0 and "GPU" in listed.stdout


def cpu_index_answers() -> bool:
    """Whether PyTorch's CPU index can be reached, asked the way pip would ask it: proxies and certificates included."""
    if certificates := os.environ.get("PIP_CERT"):
        os.environ.setdefault("SSL_CERT_FILE", certificates)
    try:
        with urllib.request.urlopen(f"{CPU_INDEX}/torch/", timeout=PATIENCE):
            return True
    except (OSError, ValueError):
        return False


def installed() -> str:
    """The version of torch in this environment, or an empty text."""
    try:
        return metadata.version("torch")
    except metadata.PackageNotFoundError:
        return ""


def pip_install(*arguments: str, quiet: bool = False) -> bool:
    """Run ``pip install`` and return whether it worked. ``quiet`` hides its errors, for a step that has a fallback."""
    command = [sys.executable, "-m", "pip", "install", "-q", "--no-compile", "--no-warn-conflicts", *arguments]
    return subprocess.run(command, stderr=subprocess.DEVNULL if quiet else None, check=False).returncode == 0


def install_cpu(version: str) -> bool:
    """Install the CPU build and return whether that worked. What it depends on is in the lock files."""
    wanted = ("--no-deps", f"torch=={version}+cpu")
    # What the machine's own sources offer needs no network.
    if pip_install(*wanted, quiet=True):
        return True
    return cpu_index_answers() and pip_install(*wanted, "--extra-index-url", CPU_INDEX)


def main(build: str) -> int:
    """Install torch, and print which build was chosen and why. Returns 1 if none could be installed."""
    version = wanted_version()
    if suits(installed(), version, build):
        return 0
    card = build != "cpu" and card_present()
    why = "as asked" if build != "auto" else "an NVIDIA card was found" if card else "no NVIDIA card was found"
    print(f"Installing torch {version} ...", flush=True)
    if build == "cpu" or (build == "auto" and not card and sys.platform == "linux"):
        if install_cpu(version):
            print(f"torch {version}: the CPU build ({why}).")
            return 0
        print(f"The CPU build of torch could not be had from pip's own sources or from {CPU_INDEX}.")
        print(
            "Installing the build of pip's index instead. It also runs on the CPU, but is several gigabytes larger.",
            flush=True,
        )
    # With its dependencies: the CUDA libraries are in no lock file.
    if not pip_install(f"torch=={version},!={version}+cpu"):
        return 1
    print(f"torch {version}: the build of pip's index ({why}).")
    return 0


def suits(present: str, version: str, build: str) -> bool:
    """Whether the installed version ``present`` can stay. With ``auto``, any build of the right version can."""
    if present.partition("+")[0] != version:
        return False
    return build == "auto" or present.endswith("+cpu") == (build == "cpu")


if __name__ == "__main__":
    asked = sys.argv[1] if len(sys.argv) > 1 else "auto"
    if asked not in ("auto", "cpu", "cuda"):
        sys.exit(f"TORCH is auto, cpu or cuda, not {asked!r}.")
    sys.exit(main(asked))
