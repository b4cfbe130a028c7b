"""Speech-like sound for the tests of the sound edits: no recordings are shipped."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

VOWELS = ((700, 1220, 2600), (300, 2200, 2950), (320, 900, 2250), (500, 1800, 2500), (560, 950, 2450))
"""First three formants in Hz of an adult male's a, i, u, e, o."""


@dataclass(frozen=True)
class Speech:
    """``sound`` (n,) float32, with the pitch in Hz of each sample (n,), and which samples are voiced (n,)."""

    sound: NDArray[np.float32]
    pitch: NDArray[np.float64]
    voiced: NDArray[np.bool_]


def speak(seconds: float, rate: int, *, pitch: tuple[float, float], tract: float = 1.0, seed: int = 0) -> Speech:
    """Syllables of a fricative and a vowel, with pauses, at a pitch that wanders within ``pitch`` in Hz.

    Vowels are pulses through resonators; ``tract`` scales all formants (above 1: a shorter vocal tract).
    """
    generator = np.random.default_rng(seed)
    n = int(seconds * rate)
    knots = generator.uniform(np.log(pitch[0]), np.log(pitch[1]), int(seconds * 4) + 3)
    contour = np.exp(np.interp(np.arange(n) / rate * 4, np.arange(knots.size), knots))
    pulses = np.diff(np.floor(np.cumsum(contour) / rate), prepend=0.0)
    source = lfilter([0.1], [1, -0.9], pulses)
    sound = np.zeros(n)
    voiced = np.zeros(n, np.bool_)
    at = int(0.05 * rate)
    while at + rate // 2 < n:
        hiss, vowel, pause = (int(generator.uniform(*span) * rate) for span in ((0.05, 0.1), (0.15, 0.25), (0.03, 0.2)))
        noise = lfilter([1, -0.95], [1], generator.standard_normal(hiss))
        sound[at : at + hiss] = 0.05 * noise * np.hanning(hiss)
        at += hiss
        formants = VOWELS[generator.integers(len(VOWELS))]
        shaped = _resonate(source[at : at + vowel], formants, tract, rate)
        sound[at : at + vowel] = 0.2 * shaped / (np.std(shaped) + 1e-9) * np.hanning(vowel)
        voiced[at + vowel // 5 : at + vowel - vowel // 5] = True
        at += vowel + pause
    return Speech(sound.astype(np.float32), contour, voiced)


def _resonate(source: NDArray[np.float64], formants: tuple[int, ...], tract: float, rate: int) -> NDArray[np.float64]:
    for formant, width in zip((*formants, 3500), (80, 100, 140, 200), strict=True):
        radius = np.exp(-np.pi * width / rate)
        poles = [1, -2 * radius * np.cos(2 * np.pi * formant * tract / rate), radius**2]
        source = np.asarray(lfilter([sum(poles)], poles, source))
    return source
