"""``redact models``: lists, exit codes, and adding a model."""

from __future__ import annotations

from pathlib import Path

import pytest

from redact.home import home
from tests.cli.runner import redact
from tests.detect.test_yolo import spot_network


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDACT_HOME", str(tmp_path / "home"))


@pytest.mark.parametrize("command", ["list", "verify", "add"])
def test_models_help_has_an_example(command: str) -> None:
    ended = redact("models", command, "--help")
    assert ended.code == 0
    assert f"Example: redact models {command}" in ended.out


def test_models_add_list_and_verify(tmp_path: Path) -> None:
    path = spot_network(tmp_path / "own.onnx")
    ended = redact("models", "add", path, "--classes", "cat=badge", "--preset", "fast", "--licence", "[red]Own")
    assert ended.code == 0, ended.err
    assert "--classes badge" in ended.out
    for args in (("models", "list"), ("doctor",)):
        ended = redact(*args)
        assert "[red]Own" in ended.out
    (own, *others) = redact("models", "list", "--json").document["models"]
    assert (own["name"], own["classes"], own["presets"], own["state"]) == ("own", ["badge"], ["fast"], "ok")
    assert {model["name"] for model in others} >= {"centerface", "ppocr-text"}
    assert redact("models", "verify").code == 0

    weights = home() / "models" / "own.onnx"
    weights.write_bytes(weights.read_bytes() + b"\0")
    ended = redact("models", "verify", "--json")
    assert ended.code == 1
    assert [(failure["name"], failure["code"]) for failure in ended.document["failed"]] == [("own", "R402")]
    weights.unlink()
    ended = redact("models", "verify")
    assert ended.code == 1
    assert "missing" in ended.out
    ended = redact("doctor", "--json")
    assert [failure["what"] for failure in ended.document["failed"]] == ["weights own"]


def test_invalid_registry_stops_every_command(tmp_path: Path) -> None:
    (home() / "models").mkdir(parents=True)
    (home() / "models" / "registry.toml").write_text("[model.own]\nfamly = 1\n")
    for args in (("models", "verify"), ("run", tmp_path / "in.mp4", "-o", tmp_path / "out.mp4"), ("doctor",)):
        ended = redact(*args)
        assert ended.code == 1
        assert "lacks family" in ended.out + ended.err


@pytest.mark.parametrize("classes", ["", "a,,b", "=plate", "cat=", "cat=plate,cat=face"])
def test_models_add_refuses_bad_class_names(tmp_path: Path, classes: str) -> None:
    assert redact("models", "add", spot_network(tmp_path / "a.onnx"), "--classes", classes).code == 2


def test_checkpoint_without_trust_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "own.pt"
    path.write_bytes(b"\x80\x02}.")
    for args in (("models", "add", path), ("run", path, "-o", tmp_path / "out.mp4", "--model", path)):
        ended = redact(*args)
        assert ended.code == 1
        assert "R406" in ended.err
        assert "a pickle, which is a program" in ended.err
