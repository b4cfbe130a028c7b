"""The tone that covers a span of sound."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

TONE_HZ = 1000.0
TONE_LEVEL = 0.125
"""Amplitude, 18 dB below full scale: clearly audible, and never louder than loud speech."""
FADE_SECONDS = 0.005
"""Long enough that the edges of the tone do not click."""


class Bleep:
    """A sine tone of ``length`` samples, faded in and out within that length. The input samples are not used.

    The tone is a moviepy clip evaluated at the times of the current samples, so that its phase is continuous across
    blocks and nothing is kept in memory.
    """

    def __init__(self, sample_rate: int, channels: int, length: int) -> None:
        # moviepy takes a third of a second to import, so only the bleep effect imports it.
        from moviepy.audio.AudioClip import AudioClip
        from moviepy.audio.fx import AudioFadeIn, AudioFadeOut

        self._sample_rate = sample_rate
        self._channels = channels
        self._position = 0
        tone = AudioClip(lambda t: TONE_LEVEL * np.sin(2 * math.pi * TONE_HZ * t), duration=length / sample_rate)
        # A fade-in loses the clip's duration, so the fade-out, which needs it, comes first.
        self._clip = tone.with_effects([AudioFadeOut(FADE_SECONDS), AudioFadeIn(FADE_SECONDS)])

    def process(self, section: NDArray[np.float32]) -> NDArray[np.float32]:
        """The tone in place of the given samples, the same on all channels, (channels, n)."""
        n = section.shape[1]
        times = np.arange(self._position, self._position + n) / self._sample_rate
        self._position += n
        tone = np.asarray(self._clip.get_frame(times), np.float32)
        return np.repeat(tone[np.newaxis], self._channels, axis=0)

    def flush(self) -> NDArray[np.float32]:
        """Nothing: this effect holds no samples back."""
        return np.zeros((self._channels, 0), np.float32)
