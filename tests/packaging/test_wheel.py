"""The wheel in an environment of its own, outside the checkout."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.cli.runner import QUICK, ROOT
from tests.media.clips import make_clip
from tests.packaging.conftest import Built

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Install:
    """An environment with the wheel, and a working folder with packages called ``ui`` and ``models``."""

    bin: Path
    folder: Path

    def run(self, *command: str | Path) -> subprocess.CompletedProcess[str]:
        """Run a program of the environment in the working folder."""
        program, *arguments = map(str, command)
        kept = {name: os.environ[name] for name in ("OMP_NUM_THREADS", "LANG") if name in os.environ}
        env = {**kept, "HOME": str(self.folder / "home"), "PATH": f"{self.bin}:/usr/bin:/bin"}
        return subprocess.run(
            [str(self.bin / program), *arguments], cwd=self.folder, env=env, capture_output=True, text=True, check=False
        )


@pytest.fixture(scope="module")
def install(built: Built, tmp_path_factory: pytest.TempPathFactory) -> Install:
    top = tmp_path_factory.mktemp("install")
    venv.create(top / "env", with_pip=False)
    python = top / "env" / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "-q", "--no-deps", "--no-index"]
    subprocess.run([*pip, str(built.wheel)], check=True, capture_output=True)
    # The dependencies are those of the running environment. Its own .pth files, which point to the checkout, are not
    # read when its folder is added this way.
    (site,) = (top / "env" / "lib").glob("python*/site-packages")
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    folder = top / "folder"
    (folder / "home").mkdir(parents=True)
    for name in ("ui", "models"):
        (folder / name).mkdir()
        (folder / name / "__init__.py").write_text(
            f"raise AssertionError('{name} of the working folder was imported')\n"
        )
    return Install(python.parent, folder)


def test_wheel_holds_three_typed_packages_and_nothing_else(built: Built) -> None:
    with zipfile.ZipFile(built.wheel) as archive:
        names = archive.namelist()
    top = {name.split("/")[0] for name in names}
    assert {name for name in top if not name.endswith(".dist-info")} == {"redact", "redact_ui", "redact_models"}
    assert {"redact/py.typed", "redact_ui/py.typed", "redact_models/py.typed"} <= set(names)


def test_wheel_is_imported_from_its_environment(install: Install) -> None:
    script = "import redact, redact_ui, redact_models as m; print(redact.__file__, redact_ui.__file__, m.__file__)"
    ended = install.run("python", "-c", script)
    assert ended.returncode == 0, ended.stderr
    assert str(ROOT) not in ended.stdout
    assert ended.stdout.count(str(install.bin.parent)) == 3


def test_wheel_passes_doctor_and_verifies_its_models(install: Install) -> None:
    ended = install.run("redact", "doctor", "--json")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    ended = install.run("redact", "models", "verify")
    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_wheel_lists_models_beside_other_packages_of_common_names(install: Install) -> None:
    ended = install.run("python", "-m", "redact", "models", "list", "--json")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert {model["name"] for model in json.loads(ended.stdout)["models"]} == {"centerface", "plates", "ppocr-text"}


def test_wheel_redacts_a_clip(install: Install) -> None:
    make_clip(install.folder / "clip.mp4", frames=10)
    ended = install.run("redact", "run", "clip.mp4", "-o", "copy.mp4", *QUICK, "--json")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert (install.folder / "copy.mp4").stat().st_size > 0
    assert json.loads(ended.stdout)["ok"] is True


def test_wheel_loads_server_and_pages(install: Install) -> None:
    ended = install.run("python", "-c", "import redact_ui.mount, redact.server.app; print('ok')")
    assert ended.returncode == 0, ended.stderr


def test_wheel_is_typed_for_callers(install: Install) -> None:
    (install.folder / "caller.py").write_text("import redact\n\nnumber: int = redact.read_tracks\n")
    checker = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", os.devnull]
    command = [*checker, "--python-executable", str(install.bin / "python"), "caller.py"]
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    ended = subprocess.run(command, cwd=install.folder, env=env, capture_output=True, text=True, check=False)
    assert ended.stdout.count("error:") == 1, ended.stdout + ended.stderr
    assert '"Callable[[Path], TrackSet]"' in ended.stdout, ended.stdout
