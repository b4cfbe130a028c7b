"""Disguises a voice: speech is reduced to coarse band levels and resynthesised.

The method is a channel vocoder (H. Dudley, "Remaking Speech", J. Acoust. Soc. Am. 11, 1939). Only the level in a few
wide bands of the sound is measured, about a hundred times a second, and applied to a synthetic carrier: a buzz of fixed
pitch at low frequencies and noise at high ones. Pitch, phase and all fine structure of the voice are not altered but
absent from the result, so no pitch shift can restore them. R. V. Shannon et al. showed that a few bands are enough to
understand words ("Speech recognition with primarily temporal cues", Science 270, 1995).

Band levels alone still outline the speaker's vocal tract. Formants are therefore moved along the frequency axis, and
the long-term spectrum is tilted, by secret amounts that drift (:mod:`redact.audio.disguise_secret`). Enough remains to
understand speech: words, pace, loudness and accent.

All channels get the same disguised sound, made from the mean of their powers. Disguising each channel separately would
give several versions of one voice, and their differences would show where each speaker stood; mixing samples instead of
powers would lose voices that reach the channels with opposite sign.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from redact.audio.disguise_secret import TILT_KNOTS, WARP_KNOTS, Secret

Samples = NDArray[np.float32]

HOP_SECONDS = 0.010
OVERLAP = 4
"""Windows of 40 ms. Their spectrum ends below 75 Hz, so levels do not follow single periods of any normal voice."""
BANDS = 16
LOWEST_HZ = 70.0
"""Rumble and wind below this are left out; the lowest band would turn them into a loud buzz."""
FIRST_BAND_HZ = 300.0
"""Everything below is one band, which contains the pitch of both deep and high voices."""
HIGHEST_HZ = 7500.0
"""Higher frequencies are not needed to understand words."""
BEND_HZ = 1500.0
"""Well below this frequency bands have equal width, above it equal ratio. On auditory scales the low bands would be
narrower, narrow enough to resolve single harmonics of high voices and so their pitch."""
PITCH_HZ = 110.0
NOISE_FROM_HZ, NOISE_ONLY_HZ = 1500.0, 5000.0
"""The carrier changes from buzz to noise between these frequencies."""
NOISE_FLOOR = 0.2
"""Share of noise in the carrier's amplitude at low frequencies; a pure buzz is tiring to listen to."""
FADE_SECONDS = 0.005
BATCH = 64
"""Frames processed at once, so that a large block needs no more memory than 0.6 s of sound."""
LOUDEST = 4.0
"""Input beyond this (full scale is 1) is a decoder fault and is clipped, so that one sample cannot dominate a frame."""


class Disguise:
    """Disguises a span of ``length`` samples. Holds back up to 40 ms; output is aligned with input.

    ``secret`` continues to drift from one span of a track to the next.
    """

    def __init__(self, sample_rate: int, channels: int, length: int, secret: Secret) -> None:
        self._channels = channels
        self._length = length
        self._fade = max(1, round(FADE_SECONDS * sample_rate))
        self._hop = max(1, round(HOP_SECONDS * sample_rate))
        self._lead = (OVERLAP - 1) * self._hop
        self._envelope = Envelope(sample_rate, self._hop * OVERLAP, secret)
        self._carrier = VocoderCarrier(sample_rate, self._hop, secret.noise)
        # Frame 0 ends with the first hop of the span; silence stands in for the sound before the span.
        self._waiting: Samples = np.zeros((channels, self._lead), np.float32)
        self._unfinished: Samples = np.zeros(self._lead, np.float32)
        self._to_skip = self._lead
        self._taken = 0
        self._given = 0

    def process(self, section: Samples) -> Samples:
        """Take samples (channels, n) of the span, return disguised ones (channels, m)."""
        self._taken += section.shape[1]
        clean = np.clip(np.nan_to_num(section, nan=0.0, posinf=0.0, neginf=0.0), -LOUDEST, LOUDEST)
        return self._advance(clean)

    def flush(self) -> Samples:
        """The disguised samples still held back, (channels, m)."""
        missing = self._taken - self._given
        return self._advance(np.zeros((self._channels, self._lead + self._hop), np.float32))[:, :missing]

    def _advance(self, section: Samples) -> Samples:
        self._waiting = np.concatenate((self._waiting, section), axis=1)
        done = [np.zeros(0, np.float32)]
        while (frames := min(BATCH, self._waiting.shape[1] // self._hop - OVERLAP + 1)) > 0:
            done.append(self._synthesise(frames))
            self._waiting = self._waiting[:, frames * self._hop :]
        voice = np.concatenate(done)
        skipped = min(self._to_skip, voice.size)
        self._to_skip -= skipped
        voice = self._faded(voice[skipped:])
        return np.repeat(np.clip(voice, -1.0, 1.0)[np.newaxis], self._channels, axis=0)

    def _synthesise(self, frames: int) -> Samples:
        """The next ``frames`` hops of sound, shape (frames * hop,), by overlap-add."""
        hop = self._hop
        span = self._waiting[:, : (frames + OVERLAP - 1) * hop]
        gains = self._envelope.measure(_overlapping(span, hop))
        shaped = self._carrier.shape(gains)
        total = np.zeros((frames + OVERLAP - 1) * hop, np.float32)
        total[: self._lead] = self._unfinished
        rows = total.reshape(-1, hop)
        for part in range(OVERLAP):
            rows[part : part + frames] += shaped[:, part * hop : (part + 1) * hop]
        self._unfinished = total[frames * hop :]
        return total[: frames * hop]

    def _faded(self, voice: Samples) -> Samples:
        """Fade in at the start of the span and out at its end, so that neither clicks."""
        position = np.arange(self._given, self._given + voice.size)
        self._given += voice.size
        nearest_edge = np.minimum(position + 1, self._length - position)
        return voice * np.clip(nearest_edge / self._fade, 0.0, 1.0).astype(np.float32)


class Envelope:
    """Measures levels in wide bands, shifts them by the secret, and spreads them over the bins of a spectrum."""

    def __init__(self, sample_rate: int, size: int, secret: Secret) -> None:
        self._secret = secret
        self._window = _hann(size)
        frequencies = np.fft.rfftfreq(size, 1 / sample_rate)
        highest = min(HIGHEST_HZ, 0.45 * sample_rate)
        centres = np.linspace(np.log1p(FIRST_BAND_HZ / BEND_HZ), np.log1p(highest / BEND_HZ), BANDS)
        self._first, self._step = centres[0], centres[1] - centres[0]
        position = self._band_position(frequencies)
        triangles = np.clip(1 - np.abs(position[:, np.newaxis] - np.arange(BANDS)), 0.0, 1.0)
        audible = (frequencies >= LOWEST_HZ) & (frequencies <= highest)
        self._spread = (triangles * audible[:, np.newaxis]).T.astype(np.float32)
        total = self._spread.sum(axis=1) * np.float32(np.square(self._window).sum())
        self._weights = (self._spread / np.maximum(total, 1e-9)[:, np.newaxis]).T
        self._band_hz = BEND_HZ * np.expm1(centres)
        self._warp_basis = _basis(WARP_KNOTS, self._band_hz)
        self._tilt_basis = _basis(TILT_KNOTS, self._band_hz)

    def _band_position(self, frequencies: NDArray[np.floating]) -> NDArray[np.float64]:
        """Positions of frequencies (Hz) in units of bands: 0 is the centre of the first band and everything below."""
        position = (np.log1p(frequencies / BEND_HZ) - self._first) / self._step
        clipped: NDArray[np.float64] = np.clip(position, 0.0, BANDS - 1.0).astype(np.float64)
        return clipped

    def measure(self, frames: Samples) -> Samples:
        """Amplitudes for a flat carrier, (frames, bins), from samples (channels, frames, size)."""
        spectra = np.fft.rfft(frames * self._window)
        power = np.mean(np.square(spectra.real) + np.square(spectra.imag), axis=0, dtype=np.float32)
        amplitudes: Samples = self._disguise(np.sqrt(power @ self._weights)) @ self._spread
        return amplitudes

    def _disguise(self, levels: Samples) -> Samples:
        """Shift and tilt band amplitudes (frames, bands). They are only mixed and scaled, so silence stays silence."""
        count = levels.shape[0]
        factor = np.exp(self._secret.warp.take(count) @ self._warp_basis)
        tilt = 10 ** (self._secret.tilt_db.take(count) @ self._tilt_basis / 20)
        source = self._band_position(self._band_hz / factor)
        below = np.minimum(source.astype(np.intp), BANDS - 2)
        part = source - below
        rows = np.arange(count)[:, np.newaxis]
        moved = levels[rows, below] * (1 - part) + levels[rows, below + 1] * part
        disguised: Samples = (moved * tilt).astype(np.float32)
        return disguised


class VocoderCarrier:
    """The vocoder's carrier: a flat spectrum of variance 1, independent of the input, buzz below and noise above."""

    def __init__(self, sample_rate: int, hop: int, noise: np.random.Generator) -> None:
        self._hop = hop
        self._noise = noise
        size = hop * OVERLAP
        # The product of analysis and synthesis window is a Hann window; four of them, overlapping, add up to two.
        self._window: Samples = np.sqrt(_hann(size))
        self._period = round(sample_rate / PITCH_HZ)
        self._buzz = _one_period(self._period, sample_rate)
        self._phase = 0
        self._noise_share = _noise_share(np.fft.rfftfreq(size, 1 / sample_rate))
        self._recent: Samples = np.zeros((OVERLAP - 1) * hop, np.float32)

    def shape(self, gains: Samples) -> Samples:
        """The next frames (frames, size) of the carrier, shaped by ``gains`` (frames, bins), ready for overlap-add."""
        count = gains.shape[0]
        fresh = self._noise.standard_normal(count * self._hop, np.float32)
        hiss = np.concatenate((self._recent, fresh))
        self._recent = hiss[count * self._hop :]
        buzz = self._buzz[(self._phase + np.arange(hiss.size)) % self._period]
        self._phase = (self._phase + count * self._hop) % self._period
        spectrum = np.fft.rfft(_overlapping(buzz, self._hop) * self._window)
        spectrum += np.fft.rfft(_overlapping(hiss, self._hop) * self._window) * self._noise_share
        frames = np.fft.irfft(spectrum * gains, n=self._window.size)
        windowed: Samples = (frames * (self._window / 2)).astype(np.float32)
        return windowed


def _hann(size: int) -> Samples:
    """Periodic Hann window."""
    window: Samples = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(size) / size)).astype(np.float32)
    return window


def _overlapping(samples: Samples, hop: int) -> Samples:
    """View of (..., n) samples as (..., frames, OVERLAP * hop), one frame per hop."""
    return np.lib.stride_tricks.sliding_window_view(samples, OVERLAP * hop, axis=-1)[..., ::hop, :]


def _basis(knots: tuple[float, ...], frequencies: NDArray[np.float64]) -> NDArray[np.float64]:
    """Matrix (knots, frequencies) that interpolates values at the knots over the logarithm of frequency."""
    unit = np.eye(len(knots))
    return np.stack([np.interp(np.log(frequencies), np.log(knots), row) for row in unit])


def _noise_share(frequencies: NDArray[np.floating]) -> Samples:
    """Share of noise in the carrier's amplitude, by frequency."""
    rise = np.clip((frequencies - NOISE_FROM_HZ) / (NOISE_ONLY_HZ - NOISE_FROM_HZ), 0.0, 1.0)
    part: Samples = np.maximum(NOISE_FLOOR, np.sin(0.5 * np.pi * rise)).astype(np.float32)
    return part


def _one_period(period: int, sample_rate: int) -> Samples:
    """One period of the buzz: harmonics as strong as white noise of variance 1, less the noise share.

    Phases follow M. R. Schroeder, "Synthesis of low-peak-factor signals", IEEE Trans. Inf. Theory 16, 1970: with equal
    phases, the buzz would be a click train and clip at levels where speech does not.
    """
    number = np.arange(1, (period - 1) // 2 + 1)
    pitch = sample_rate / period
    amplitude = 2 / np.sqrt(period) * np.sqrt(1 - _noise_share(number * pitch).astype(np.float64) ** 2)
    phase = -np.pi * number * (number - 1) / number.size
    angle = 2 * np.pi * np.outer(np.arange(period) / period, number) + phase
    period_samples: Samples = (np.cos(angle) @ amplitude).astype(np.float32)
    return period_samples
