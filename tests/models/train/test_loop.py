"""Training reduces the loss, a stopped run resumes to the same result, and the command writes weights and card."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from redact.errors import TrainingUnusable
from redact_models.train import __main__ as command
from redact_models.train.loop import CHECKPOINT, train
from redact_models.train.recipe import RECIPES, Recipe

TINY = Recipe(scenes=8, batch=2, width=128, height=96, rate=2e-3)
CPU = torch.device("cpu")


class _KilledError(Exception):
    pass


def test_training_resumes_after_stop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from redact_models.train import loop

    monkeypatch.setattr(loop, "STEPS_BETWEEN", 2)
    whole = train([], TINY, tmp_path, CPU, 0)
    other = tmp_path / "other"
    other.mkdir()
    save = loop._TrainingState.save

    def save_and_die(self: loop._TrainingState, path: Path) -> None:
        save(self, path)
        raise _KilledError

    with monkeypatch.context() as patch:
        patch.setattr(loop._TrainingState, "save", save_and_die)
        with pytest.raises(_KilledError):
            train([], TINY, other, CPU, 0)
    resumed = train([], TINY, other, CPU, 0)
    for name, weights in whole.state_dict().items():
        torch.testing.assert_close(resumed.state_dict()[name], weights, msg=name)


def test_training_refuses_checkpoint_of_another_recipe(tmp_path: Path) -> None:
    train([], replace(TINY, scenes=2), tmp_path, CPU, 0)
    assert (tmp_path / CHECKPOINT).is_file()
    with pytest.raises(TrainingUnusable):
        train([], TINY, tmp_path, CPU, 0)


def test_training_reduces_loss(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from redact_models.train import loop

    monkeypatch.setattr(loop, "STEPS_BETWEEN", 8)
    train([], replace(TINY, scenes=128, batch=4, rate=5e-3), tmp_path, CPU, 0)
    losses = [float(line.split("loss ")[1].split(" +")[0]) for line in capsys.readouterr().out.splitlines()]
    assert losses[-1] < 0.6 * losses[0]


def test_training_command_writes_weights_and_card(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(RECIPES, "small", TINY)
    monkeypatch.setattr(command, "DRAWN_SCENES", 2)
    data = tmp_path / "streets"
    for name in ("images", "labels"):
        (data / name).mkdir(parents=True)
    for number in range(10):
        cv2.imwrite(str(data / "images" / f"s_{number}.png"), np.full((96, 128, 3), 90, np.uint8))
        (data / "labels" / f"s_{number}.txt").write_text("0 0.5 0.5 0.3 0.1")
    out, work = tmp_path / "out", tmp_path / "work"
    options = ["--data", data, "--recipe", "small", "--workers", "0", "--work", work, "-o", out, "--name", "p"]
    assert command.main([str(option) for option in options]) == 0
    assert sorted(p.name for p in out.iterdir()) == ["p.curve.png", "p.md", "p.onnx", "p.worst.jpg"]
    assert "streets, held out | all | 1 |" in (out / "p.md").read_text()
    assert command.main(["--data", str(tmp_path / "nowhere"), "--work", str(work), "-o", str(out)]) == 1
