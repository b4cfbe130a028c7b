"""The tone that covers a span of sound."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

TONE_HZ = 1000.0
TONE_LEVEL = 0.125
"""Amplitude, -18 dB below full scale: clearly heard, never louder than loud speech."""
FADE_SECONDS = 0.005
"""Long enough that the edges of the tone do not click."""


class Bleep:
    """A sine tone of ``length`` samples, faded in and out within it. Nothing of the samples it is given is used.

    The tone is a moviepy clip asked for the times of the samples at hand, so that its phase runs on over block borders
    and nothing is held in memory.
    """

    def __init__(self, sample_rate: int, channels: int, length: int) -> None:
        # moviepy takes a third of a second to import, which only those who bleep should wait for.
        from moviepy.audio.AudioClip import AudioClip
        from moviepy.audio.fx import AudioFadeIn, AudioFadeOut

        self._sample_rate = sample_rate
        self._channels = channels
        self._position = 0
        tone = AudioClip(lambda t: TONE_LEVEL * np.sin(2 * math.pi * TONE_HZ * t), duration=length / sample_rate)
        # A clip faded in has forgotten its duration, so the fade that needs it comes first.
        self._clip = tone.with_effects([AudioFadeOut(FADE_SECONDS), AudioFadeIn(FADE_SECONDS)])

    def process(self, section: NDArray[np.float32]) -> NDArray[np.float32]:
        """As many samples of the tone as are given, the same on all channels, (channels, n)."""
        n = section.shape[1]
        times = np.arange(self._position, self._position + n) / self._sample_rate
        self._position += n
        tone = np.asarray(self._clip.get_frame(times), np.float32)
        return np.repeat(tone[np.newaxis], self._channels, axis=0)

    def flush(self) -> NDArray[np.float32]:
        """Nothing is held back."""
        return np.zeros((self._channels, 0), np.float32)
