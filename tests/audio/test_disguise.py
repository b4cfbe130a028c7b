"""The voice disguise: what is removed, what is kept, and that a pitch shift cannot undo it.

Every measure is also applied to a control (a plain pitch shift, or the speech itself) to show that it is sensitive.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d
from scipy.signal import correlate, stft

from redact.audio.disguise import PITCH_HZ, Disguise
from redact.audio.disguise_secret import FRAMES_PER_KNOT, WARP_DRIFT, WARP_SHIFT, WARP_SPREAD, Drift, Secret
from tests.audio import Speech, speak

RATE = 16000
Sound = NDArray[np.float32]
Values = NDArray[np.float64]


def disguise(sound: Sound, seed: int = 0, rate: int = RATE) -> Sound:
    """Disguise (channels, n) samples, or (n,) of one channel."""
    channels = np.atleast_2d(sound)
    hidden, noise = np.random.default_rng(seed), np.random.default_rng(seed + 1000)
    effect = Disguise(rate, channels.shape[0], channels.shape[1], Secret.from_generators(hidden, noise))
    parts = [effect.process(channels[:, at : at + 1024]) for at in range(0, channels.shape[1], 1024)]
    return np.concatenate([*parts, effect.flush()], axis=1).reshape(sound.shape)


@cache
def deep_speaker() -> Speech:
    return speak(8, RATE, pitch=(85, 160), tract=1.0, seed=1)


@cache
def high_speaker() -> Speech:
    return speak(8, RATE, pitch=(170, 300), tract=1.18, seed=2)


def shifted(sound: Sound, ratio: float) -> Sound:
    """Pitch times ``ratio`` at unchanged duration: grains of 60 ms, resampled about their centres and added up."""
    half, step = int(0.03 * RATE), int(0.015 * RATE)
    window = np.hanning(2 * half)
    padded = np.pad(sound, 3 * half).astype(np.float64)
    result = np.zeros(padded.size)
    for centre in range(3 * half, padded.size - 3 * half, step):
        at = centre + np.arange(-half, half) * ratio
        result[centre - half : centre + half] += window * np.interp(at, np.arange(padded.size), padded)
    return result[3 * half : -3 * half].astype(np.float32)


def estimated_pitch(sound: Sound) -> Values:
    """Pitch in Hz (70 to 350) at every 10 ms: peak of the autocorrelation of 50 ms, formants flattened."""
    frames = np.lib.stride_tricks.sliding_window_view(sound, RATE // 20)[:: RATE // 100]
    spectrum = np.abs(np.fft.rfft(frames * np.hanning(frames.shape[1]), n=2048, axis=1)) ** 0.5
    lags = np.fft.irfft(spectrum, axis=1)[:, : RATE // 70]
    return np.asarray(RATE / (RATE // 350 + np.argmax(lags[:, RATE // 350 :], axis=1)))


def at_frames(values: NDArray[np.float64] | NDArray[np.bool_]) -> Values:
    """Values at the frames of :func:`estimated_pitch`."""
    return values[RATE // 40 : values.size - RATE // 40 + 1 : RATE // 100].astype(np.float64)


@pytest.mark.parametrize("speaker", [deep_speaker, high_speaker])
def test_disguise_has_fixed_pitch(speaker: Callable[[], Speech]) -> None:
    speech = speaker()
    voiced, pitch = at_frames(speech.voiced) > 0, at_frames(speech.pitch)
    for noticed, ratio in ((speech.sound, 1.0), (shifted(speech.sound, 1.2), 1.2)):
        assert np.mean(np.abs(estimated_pitch(noticed) / pitch / ratio - 1)[voiced] < 0.05) > 0.9
    estimate = estimated_pitch(disguise(speech.sound))[voiced]
    np.testing.assert_allclose(estimate, PITCH_HZ, rtol=0.02)
    assert np.unique(estimate).size <= 2  # neighbouring lags: nothing of the speaker's melody remains


def waveform_likeness(one: Sound, two: Sound) -> float:
    """Greatest normalised cross-correlation within 20 ms either way."""
    lags = correlate(one, two, method="fft")
    middle = two.size - 1
    near = lags[middle - RATE // 50 : middle + RATE // 50 + 1]
    return float(np.abs(near).max() / (np.linalg.norm(one) * np.linalg.norm(two)))


def fine_structure(sound: Sound) -> Values:
    """Log spectrum of every frame minus its smooth outline, which leaves any harmonics. (bins, frames)"""
    _, _, spectrum = stft(sound, RATE, nperseg=1024, noverlap=768, boundary=None)
    low = np.log(np.abs(spectrum[: 1024 * 2500 // RATE]) + 1e-5)
    return np.asarray(low - gaussian_filter1d(low, 8, axis=0))


def test_disguise_is_not_undone_by_pitch_shift() -> None:
    speech = deep_speaker()
    original, secret = speech.sound, disguise(speech.sound)
    voiced = np.interp(np.arange(512, original.size - 511, 256), np.arange(original.size), speech.voiced) > 0.5
    fine = fine_structure(original)[:, voiced]

    def likeness(sound: Sound) -> float:
        return float(np.corrcoef(fine.ravel(), fine_structure(sound)[:, voiced].ravel())[0, 1])

    undone = shifted(shifted(original, 1.25), 0.8)  # what undoing a plain pitch shift recovers
    assert likeness(undone) > 0.45
    assert waveform_likeness(original, shifted(original, 1.02)) > 0.8
    for ratio in np.arange(0.6, 1.7, 0.05):
        attempt = shifted(secret, ratio)
        assert waveform_likeness(original, attempt) < 0.15, ratio
        assert abs(likeness(attempt)) < 0.2, ratio


def band_levels(sound: Sound) -> Values:
    """Log levels in 16 bands of a third of an octave from 200 Hz, (bands, frames of 16 ms), smoothed a little."""
    frequencies, _, spectrum = stft(sound, RATE, nperseg=512, noverlap=256, boundary=None)
    edges = 200 * 2 ** (np.arange(17) / 3)
    power = np.square(np.abs(spectrum))
    bands = [power[(frequencies >= low) & (frequencies < high)].sum(0) for low, high in zip(edges, edges[1:])]  # noqa: B905, RUF007
    return np.asarray(gaussian_filter1d(np.log10(np.stack(bands) + 1e-6), 1.0, axis=1))


@pytest.mark.parametrize("seed", range(4))
def test_disguise_keeps_band_levels_of_words(seed: int) -> None:
    """Formants are moved by at most a band or so: each band follows the original's, or a neighbour of it."""
    speech, secret = band_levels(high_speaker().sound), band_levels(disguise(high_speaker().sound, seed))
    other = band_levels(deep_speaker().sound)

    def kept(reference: Values) -> float:
        bands = range(1, 14)
        rows = [max(np.corrcoef(secret[band], reference[band + step])[0, 1] for step in (-1, 0, 1)) for band in bands]
        return float(np.mean(rows))

    assert kept(speech) > 0.75
    assert kept(other) < 0.4


def test_disguise_moves_formants_by_secret_amount() -> None:
    """A hum around 1500 Hz moves, in varying directions."""
    generator = np.random.default_rng(5)
    spectrum = np.fft.rfft(generator.standard_normal(4 * RATE))
    frequencies = np.fft.rfftfreq(4 * RATE, 1 / RATE)
    hum = np.fft.irfft(spectrum * (np.abs(frequencies - 1500) < 100)).astype(np.float32) * 0.2
    moved = []
    for seed in range(12):
        power = np.square(np.abs(np.fft.rfft(disguise(hum, seed))))
        moved.append(np.log((power * frequencies).sum() / power.sum() / 1500))
    assert min(np.abs(moved)) > WARP_SHIFT[0] - WARP_SPREAD - WARP_DRIFT
    assert min(moved) < -0.1
    assert max(moved) > 0.1
    assert len({round(move, 2) for move in moved}) > 6


def test_disguise_secrets_drift_within_bounds() -> None:
    drift = Drift(np.array([1.0, -1.0]), 0.25, np.random.default_rng(0))
    values = np.concatenate([drift.take(frames) for frames in (1, 64, 3 * FRAMES_PER_KNOT, 5, 2000)])
    assert np.all(np.abs(values - [1.0, -1.0]) <= 0.25)
    assert np.abs(np.diff(values, axis=0)).max() < 0.25 * np.pi / FRAMES_PER_KNOT * 1.01
    assert values.std(axis=0).min() > 0.05
    one, two = Secret.fresh(), Secret.fresh()
    assert not np.allclose(one.warp.take(1), two.warp.take(1))
    assert not np.allclose(one.tilt_db.take(1), two.tilt_db.take(1))
    assert one.noise.random() != two.noise.random()


@pytest.mark.parametrize("rate", [8000, 44100, 48000])
def test_disguise_keeps_level_and_timing(rate: int) -> None:
    sound = np.zeros(rate, np.float32)
    burst = slice(rate * 4 // 10, rate * 5 // 10)
    sound[burst] = 0.2 * np.random.default_rng(4).standard_normal(rate // 10)
    if rate > 16000:  # sound above speech is dropped and must not count as lost level
        spectrum = np.fft.rfft(sound)
        spectrum[7000:] = 0
        sound[burst] = np.fft.irfft(spectrum).astype(np.float32)[burst]
    ratios, delays = [], []
    for seed in range(8):
        secret = disguise(sound, seed, rate)
        power, expected = np.square(secret, dtype=np.float64), np.square(sound, dtype=np.float64)
        time = np.arange(rate) / rate
        delays.append((power * time).sum() / power.sum() - (expected * time).sum() / expected.sum())
        ratios.append(10 * np.log10(power.sum() / expected.sum()))
        assert np.abs(secret[: burst.start - rate // 20]).max() < 1e-4
        assert np.abs(secret[burst.stop + rate // 20 :]).max() < 1e-4
    assert abs(np.mean(delays)) < 0.002
    assert np.max(np.abs(ratios)) < 7.5
    assert abs(np.mean(ratios)) < 3


def test_disguise_keeps_silence_and_quiet() -> None:
    assert not disguise(np.zeros(RATE, np.float32)).any()
    quiet = (1e-4 * np.random.default_rng(0).standard_normal(RATE)).astype(np.float32)
    assert disguise(quiet).std() < 2.5e-4


def test_disguise_mixes_channels_that_cancel() -> None:
    speech = deep_speaker().sound[: 2 * RATE]
    heard = disguise(np.stack([speech, -speech]))
    np.testing.assert_array_equal(heard[0], heard[1])
    np.testing.assert_allclose(heard[0], disguise(speech), atol=1e-5)


def test_disguise_has_soft_edges_and_survives_decoder_faults() -> None:
    sound = np.full(RATE, 0.5, np.float32) * np.sign(np.sin(np.arange(RATE) * 0.4)).astype(np.float32)
    sound[[100, 5000, 9000]] = (np.nan, np.inf, -1e30)
    heard = disguise(sound)
    assert np.all(np.isfinite(heard))
    assert np.abs(heard).max() <= 1
    assert np.abs(heard[[0, -1]]).max() < 0.02
