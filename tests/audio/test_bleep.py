"""The tone over a span."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.signal import correlate

from redact.audio.bleep import FADE_SECONDS, TONE_HZ, TONE_LEVEL, Bleep
from tests.audio import speak


def bleep(rate: int, sound: NDArray[np.float32], block: int) -> NDArray[np.float32]:
    effect = Bleep(rate, sound.shape[0], sound.shape[1])
    parts = [effect.process(sound[:, at : at + block]) for at in range(0, sound.shape[1], block)]
    return np.concatenate([*parts, effect.flush()], axis=1)


@pytest.mark.parametrize("rate", [8000, 44100])
def test_bleep_is_steady_tone_with_soft_edges(rate: int) -> None:
    n = rate // 2
    tone = bleep(rate, np.zeros((2, n), np.float32), 333)
    assert tone.shape == (2, n)
    np.testing.assert_array_equal(tone[0], tone[1])
    expected = TONE_LEVEL * np.sin(2 * np.pi * TONE_HZ * np.arange(n) / rate)  # one phase across all block borders
    fade = int(FADE_SECONDS * rate) + 1
    np.testing.assert_allclose(tone[0, fade:-fade], expected[fade:-fade], atol=1e-6)
    assert np.all(np.abs(tone) <= TONE_LEVEL + 1e-6)
    slope = np.minimum(np.arange(n), np.arange(n, 0, -1)) / (FADE_SECONDS * rate)
    assert np.all(np.abs(tone[0]) <= TONE_LEVEL * slope + 1e-6)


def test_bleep_leaves_nothing_of_speech() -> None:
    rate = 16000
    speech = speak(2, rate, pitch=(90, 180)).sound
    tone = bleep(rate, speech[np.newaxis], 1000)[0]
    np.testing.assert_array_equal(tone, bleep(rate, np.full_like(speech, np.nan)[np.newaxis], 1000)[0])
    likeness = np.abs(correlate(tone, speech)) / (np.linalg.norm(tone) * np.linalg.norm(speech))
    assert likeness.max() < 0.05


def test_bleep_covers_span_shorter_than_fades() -> None:
    tone = bleep(48000, np.ones((1, 20), np.float32), 7)
    assert tone.shape == (1, 20)
    assert np.abs(tone).max() < TONE_LEVEL
