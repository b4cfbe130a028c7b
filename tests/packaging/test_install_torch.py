"""The build of torch installed on each kind of machine."""

from __future__ import annotations

import functools
import http.server
import importlib.util
import os
import subprocess
import sys
import threading
import venv
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import pytest

from tests.cli.runner import ROOT

SCRIPT = ROOT / "requirements" / "install_torch.py"


@pytest.fixture(scope="module")
def install_torch() -> ModuleType:
    spec = importlib.util.spec_from_file_location("install_torch", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Machine:
    """A machine with or without a card, and the torch versions available to pip."""

    def __init__(self, patch: pytest.MonkeyPatch, script: ModuleType) -> None:
        self.card = False
        self.index_answers = True
        self.offered: set[str] = set()
        """``cpu`` from pip's own sources, ``cpu index`` from PyTorch's, ``other`` from PyPI."""
        self.installed: list[str] = []
        patch.setattr(script, "card_present", lambda: self.card)
        patch.setattr(script, "cpu_index_answers", lambda: self.index_answers)
        patch.setattr(script, "pip_install", self.pip_install)
        self.present = ""
        patch.setattr(script, "installed", lambda: self.present)

    def pip_install(self, *arguments: str, quiet: bool = False) -> bool:
        cpu = any(argument.endswith("+cpu") and "!=" not in argument for argument in arguments)
        wanted = "other" if not cpu else "cpu index" if "--extra-index-url" in arguments else "cpu"
        if wanted in self.offered:
            self.installed.append(wanted)
        return wanted in self.offered


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch, install_torch: ModuleType) -> Machine:
    return Machine(monkeypatch, install_torch)


@pytest.mark.parametrize(
    ("build", "card", "index_answers", "offered", "installed"),
    [
        ("auto", False, True, {"cpu", "cpu index", "other"}, "cpu"),
        ("auto", False, True, {"cpu index", "other"}, "cpu index"),
        ("auto", False, False, {"cpu index", "other"}, "other"),
        ("auto", True, True, {"cpu", "cpu index", "other"}, "other"),
        ("cpu", True, True, {"cpu index", "other"}, "cpu index"),
        ("cuda", False, True, {"cpu", "cpu index", "other"}, "other"),
    ],
)
def test_torch_build_follows_card_and_available_indexes(  # noqa: PLR0917
    install_torch: ModuleType,
    machine: Machine,
    build: str,
    card: bool,
    index_answers: bool,
    offered: set[str],
    installed: str,
) -> None:
    machine.card, machine.index_answers, machine.offered = card, index_answers, offered
    assert install_torch.main(build) == 0
    assert machine.installed == [installed]


@pytest.mark.parametrize(
    ("build", "present", "stays"),
    [
        ("auto", "+cpu", True),
        ("auto", "", True),
        ("auto", "+cu126", True),
        ("cpu", "+cpu", True),
        ("cpu", "", False),
        ("cuda", "+cpu", False),
        ("cuda", "+cu126", True),
    ],
)
def test_installed_torch_stays_unless_other_build_is_requested(
    install_torch: ModuleType, machine: Machine, build: str, present: str, stays: bool
) -> None:
    machine.card, machine.offered = True, {"cpu", "other"}
    machine.present = install_torch.wanted_version() + present
    assert install_torch.main(build) == 0
    assert (machine.installed == []) is stays


def test_installed_torch_of_another_version_is_replaced(install_torch: ModuleType, machine: Machine) -> None:
    machine.present, machine.offered = "2.0.0+cpu", {"cpu"}
    assert install_torch.main("auto") == 0
    assert machine.installed == ["cpu"]


def test_installing_torch_fails_where_no_build_can_be_had(install_torch: ModuleType, machine: Machine) -> None:
    machine.index_answers = False
    assert install_torch.main("auto") == 1


def test_unreachable_index_is_given_up_quickly(install_torch: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(install_torch, "CPU_INDEX", "http://127.0.0.1:9/whl/cpu")
    assert install_torch.cpu_index_answers() is False
    assert install_torch.PATIENCE <= 10


@contextmanager
def served(folder: Path) -> Iterator[str]:
    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            pass

    handler = functools.partial(Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def make_wheel(folder: Path, version: str) -> None:
    """An empty wheel called torch, on a page like a package index."""
    folder.mkdir(parents=True)
    info = f"torch-{version}.dist-info"
    with zipfile.ZipFile(folder / f"torch-{version}-py3-none-any.whl", "w") as wheel:
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: torch\nVersion: {version}\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")


@pytest.mark.slow
def test_cpu_build_comes_from_cpu_index_without_card(install_torch: ModuleType, tmp_path: Path) -> None:
    if install_torch.card_present():
        pytest.skip("this machine has a card")
    version = install_torch.wanted_version()
    make_wheel(tmp_path / "web" / "cpu" / "torch", f"{version}+cpu")
    make_wheel(tmp_path / "web" / "simple" / "torch", version)
    venv.create(tmp_path / "env", with_pip=True)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PIP_")}
    with served(tmp_path / "web") as url:
        env = {**kept, "PIP_CONFIG_FILE": os.devnull, "PIP_INDEX_URL": f"{url}/simple", "TORCH_CPU_INDEX": f"{url}/cpu"}
        python = tmp_path / "env" / "bin" / "python"
        ended = subprocess.run([python, SCRIPT], env=env, capture_output=True, text=True, check=False)
        assert ended.returncode == 0, ended.stderr
        assert "the CPU build (no NVIDIA card was found)" in ended.stdout
        listed = subprocess.run([python, "-m", "pip", "list"], env=env, capture_output=True, text=True, check=True)
        assert f"{version}+cpu" in listed.stdout
        gone = {**env, "TORCH_CPU_INDEX": f"{url}/nothing"}
        subprocess.run([python, "-m", "pip", "uninstall", "-qy", "torch"], env=env, check=True)
        ended = subprocess.run([python, SCRIPT], env=gone, capture_output=True, text=True, check=False)
        assert ended.returncode == 0, ended.stderr
        assert "could not be had" in ended.stdout and "the build of pip's index" in ended.stdout


def test_script_refuses_a_build_it_does_not_know() -> None:
    ended = subprocess.run([sys.executable, SCRIPT, "rocm"], capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert "auto, cpu or cuda" in ended.stderr
