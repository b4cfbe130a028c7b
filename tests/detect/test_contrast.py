"""Contrast stretching: dark corners beside lamps become readable, with the same result on every device."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from redact.detect import contrast
from redact.detect.contrast import MOST_GAIN, stretch_contrast
from tests.detect.contract import batch
from tests.devices import DEVICES


def _street() -> torch.Tensor:
    """Dark with faint stripes, and a lamp in one corner."""
    picture = np.full((300, 500, 3), 20, np.uint8)
    picture[:, np.arange(500) // 7 % 2 == 1] = 26
    picture[:60, :60] = 255
    return batch(picture)


def test_contrast_stretching_brings_out_faint_objects_beside_lamp() -> None:
    before, after = _street(), stretch_contrast(_street())
    dark = (slice(None), slice(None), slice(200, 300), slice(300, 500))
    assert before[dark].float().std() == pytest.approx(3, abs=0.1)
    assert after[dark].float().std() == pytest.approx(3 * MOST_GAIN, abs=0.5)
    assert after[0, :, 20, 20].min() > 200


def test_contrast_stretching_keeps_picture_with_full_range() -> None:
    rng = np.random.default_rng(1)
    picture = batch(np.repeat(rng.integers(5, 245, (192, 288, 1), np.uint8), 3, 2))
    assert (stretch_contrast(picture).float() - picture.float()).std() < 5


@pytest.mark.parametrize("shape", [(32, 32), (96, 96), (97, 200), (544, 960)])
def test_contrast_stretching_works_for_any_size_and_batch(shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(2)
    pictures = batch(*(rng.integers(0, 60, (*shape, 3), np.uint8) for _ in range(2)))
    together = stretch_contrast(pictures)
    assert together.shape == pictures.shape
    assert together.dtype == torch.uint8
    assert torch.equal(together[1:], stretch_contrast(pictures[1:]))


@pytest.mark.parametrize("device", DEVICES)
def test_contrast_stretching_agrees_between_devices(device: str, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = stretch_contrast(_street()).float()
    # On the CPU, with a card's arithmetic.
    monkeypatch.setattr(contrast, "HOST", "none")
    assert (stretch_contrast(_street().to(device)).float().cpu() - wanted).abs().max() <= 2
