"""The sound editor: which samples change, which do not, and that block sizes make no difference."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction

import numpy as np
import pytest
from numpy.typing import NDArray

from redact.audio.disguise_secret import Secret
from redact.audio.editor import make_editor
from redact.errors import BadSpan
from redact.media.sound import SoundEditor
from redact.settings import AudioMode, SoundEffect, SoundSpan

MUTE, BLEEP, DISGUISE = SoundEffect.MUTE, SoundEffect.BLEEP, SoundEffect.DISGUISE
RATE = 8000
Sound = NDArray[np.float32]


@pytest.fixture(autouse=True)
def known_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    def known() -> Secret:
        return Secret.from_generators(np.random.default_rng(1), np.random.default_rng(2))

    monkeypatch.setattr(Secret, "fresh", known)


def noise(n: int, channels: int = 1, seed: int = 0) -> Sound:
    return (0.1 * np.random.default_rng(seed).standard_normal((channels, n))).astype(np.float32)


def editor(
    *spans: tuple[float, float, SoundEffect], rate: int = RATE, channels: int = 1, origin: Fraction = Fraction(0)
) -> SoundEditor:
    made = make_editor(
        [SoundSpan(*span) for span in spans], mode=AudioMode.KEEP, sample_rate=rate, channels=channels, origin=origin
    )
    assert made is not None
    return made


def stream(made: SoundEditor, sound: Sound, cuts: Iterable[int] = ()) -> Sound:
    blocks = np.split(sound, list(cuts), axis=1)
    return np.concatenate([*(made.process(block) for block in blocks), made.flush()], axis=1)


@pytest.mark.parametrize("rate", [44100, 48000])
@pytest.mark.parametrize(
    ("start", "end", "origin"),
    [
        (0.1, 0.2, Fraction(0)),  # floats just above the intended decimals
        (0.3, 0.7, Fraction(0)),  # 0.3 is just below
        (0.1 + 1 / 3, 0.5 + 1e-9, Fraction(0)),  # edges between samples
        (10.3, 10.4, Fraction(10)),  # 10.3 as a float is more than 10.3: its sample must still be included
        (0.25, 0.5, Fraction(1024, 48000)),  # sound that starts after the picture
        (0.25, 0.5, -Fraction(1, 3)),  # and before it
        (0.1, 0.4, Fraction(1, 5)),  # the span begins before the sound
        (0.1, 0.1 + 1 / 44100, Fraction(1, 7)),  # the whole span is before the sound, or contains one sample at most
    ],
)
def test_editor_changes_exactly_the_samples_of_span(rate: int, start: float, end: float, origin: Fraction) -> None:
    n = int(rate * 0.9)
    first, last = Fraction(repr(start)), Fraction(repr(end))
    expected = np.array([first <= origin + Fraction(k, rate) < last for k in range(n)])
    made = make_editor([SoundSpan(start, end, MUTE)], mode=AudioMode.KEEP, sample_rate=rate, channels=1, origin=origin)
    assert (made is None) == (not expected.any())
    if made is not None:
        heard = stream(made, np.ones((1, n), np.float32))[0]
        np.testing.assert_array_equal(heard == 0, expected)


def test_editor_cuts_where_decimals_say() -> None:
    heard = stream(editor((10.3, 10.4, MUTE), rate=48000, origin=Fraction(10)), np.ones((1, 48000), np.float32))[0]
    assert np.flatnonzero(heard == 0).tolist() == list(range(14400, 19200))


def test_editor_span_from_zero_includes_earlier_sound() -> None:
    made = editor((0, 0.1, MUTE), origin=-Fraction(1, 4))
    heard = stream(made, np.ones((1, RATE), np.float32))[0]
    assert np.flatnonzero(heard)[0] == RATE * 35 // 100


def test_editor_prefers_stronger_effect_on_overlap() -> None:
    made = editor((0.1, 0.6, DISGUISE), (0.2, 0.5, MUTE), (0.3, 0.8, BLEEP), (0.45, 0.55, MUTE))
    sound = noise(RATE)
    alone = {
        DISGUISE: stream(editor((0.1, 0.2, DISGUISE)), sound),
        BLEEP: stream(editor((0.55, 0.8, BLEEP)), sound),
    }
    heard = stream(made, sound)
    expected = sound.copy()
    expected[:, 800:1600] = alone[DISGUISE][:, 800:1600]
    expected[:, 1600:4400] = 0
    expected[:, 4400:6400] = alone[BLEEP][:, 4400:6400]
    np.testing.assert_array_equal(heard, expected)


@pytest.mark.parametrize("effect", list(SoundEffect))
def test_editor_is_independent_of_blocks(effect: SoundEffect) -> None:
    spans = ((0.05, 0.051, effect), (0.1003, 0.5001, effect), (0.6, 9.0, effect))  # the last outlasts the track
    sound = noise(RATE, channels=2)
    sound[:, 7] = (np.nan, 5.0)  # unusual samples outside spans are kept
    whole = stream(editor(*spans, channels=2), sound)
    assert whole.shape == sound.shape
    inside = np.zeros(RATE, np.bool_)
    for start, end in ((400, 408), (803, 4001), (4800, RATE)):
        inside[start:end] = True
    assert whole[:, ~inside].tobytes() == sound[:, ~inside].tobytes()
    assert np.mean(whole[:, inside] == sound[:, inside]) < 0.01
    generator = np.random.default_rng(3)
    random_cuts = np.sort(generator.integers(0, RATE, 40))  # some blocks are empty
    for cuts in (range(1, RATE), random_cuts, (803, 4001)):
        np.testing.assert_allclose(stream(editor(*spans, channels=2), sound, cuts), whole, atol=1e-6)


@pytest.mark.parametrize("effect", list(SoundEffect))
def test_editor_holds_back_little(effect: SoundEffect) -> None:
    made = editor((0.5, 3600, effect))
    taken = given = 0
    for size in (1, 4000, 777, RATE * 10, 1, 1, 333):
        taken += size
        given += made.process(noise(size)).shape[1]
        assert 0 <= taken - given <= 0.05 * RATE
    assert given + made.flush().shape[1] == taken


@pytest.mark.parametrize("effect", list(SoundEffect))
def test_editor_span_is_independent_of_surrounding_sound(effect: SoundEffect) -> None:
    """Otherwise a muted word could still be heard in the levels of an adjacent disguise."""
    inside = slice(RATE // 4, RATE // 2)
    sound, other = noise(RATE), noise(RATE, seed=1)
    other[:, inside] = sound[:, inside]
    one, two = (stream(editor((0.25, 0.5, effect)), track)[:, inside] for track in (sound, other))
    np.testing.assert_array_equal(one, two)


def test_editor_is_none_for_unchanged_tracks() -> None:
    def made(mode: AudioMode, *spans: SoundSpan, origin: Fraction = Fraction(0)) -> SoundEditor | None:
        return make_editor(spans, mode=mode, sample_rate=RATE, channels=1, origin=origin)

    assert made(AudioMode.KEEP) is None
    assert made(AudioMode.KEEP, SoundSpan(1, 2, MUTE), origin=Fraction(2)) is None  # over before the track begins
    assert made(AudioMode.KEEP, SoundSpan(1, 2, MUTE), origin=Fraction(1999, 1000)) is not None
    assert made(AudioMode.MUTE) is not None


def test_editor_mute_mode_silences_whole_track() -> None:
    made = make_editor(
        [SoundSpan(0.2, 0.4, DISGUISE)], mode=AudioMode.MUTE, sample_rate=RATE, channels=2, origin=-Fraction(1)
    )
    assert made is not None
    heard = stream(made, noise(RATE * 3, channels=2), (5, 5000))
    assert heard.shape == (2, RATE * 3)
    assert not heard.any()


def test_editor_refuses_invalid_spans_and_blocks() -> None:
    with pytest.raises(BadSpan):
        editor((2, 1, MUTE))
    made = editor((0, 1, MUTE), channels=2)
    with pytest.raises(ValueError, match="float32"):
        made.process(noise(10, channels=1))
    with pytest.raises(ValueError, match="float32"):
        made.process(noise(10, channels=2).astype(np.float64))
