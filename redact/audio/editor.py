"""The editor of one sound track: samples stream through it and are edited within the given spans."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from redact.audio.bleep import Bleep
from redact.audio.disguise import Disguise
from redact.audio.disguise_secret import Secret
from redact.audio.spans import exact_edges
from redact.media.sound import SoundEditor
from redact.settings import AudioMode, SoundEffect, SoundSpan

FOREVER = 2**63 - 1
"""A sample index that no track reaches."""

STRENGTH = {SoundEffect.DISGUISE: 1, SoundEffect.BLEEP: 2, SoundEffect.MUTE: 3}
"""Rank of the effects: where spans overlap, the effect that hides more wins; silence hides most."""


@dataclass(frozen=True, slots=True)
class SampleSpan:
    """Samples ``start`` to ``stop`` (exclusive) of a track, counted from its first, and the effect on them."""

    start: int
    stop: int
    effect: SoundEffect


def make_editor(
    spans: Sequence[SoundSpan], *, mode: AudioMode, sample_rate: int, channels: int, origin: Fraction
) -> SoundEditor | None:
    """The editor for one track, or None if nothing in it changes and its packets may be copied.

    ``origin`` is the time of the track's first sample in seconds from the first frame of the picture, and may be
    negative. Sample ``k`` is heard at ``origin + k / sample_rate``; exactly the samples heard within [start, end) of a
    span are edited. One exception: a span that starts at zero also includes sound before the first frame, because users
    cannot enter a time for it. Where spans overlap, mute takes precedence over bleep and bleep over disguise. ``mode``
    MUTE silences the whole track, whatever the spans say.

    Raises:
        BadSpan: a span is not valid.
    """
    whole = [SampleSpan(0, FOREVER, SoundEffect.MUTE)] if mode is AudioMode.MUTE else []
    resolved = _resolve(whole + [_place(span, sample_rate, origin) for span in spans])
    return SpanEditor(resolved, sample_rate=sample_rate, channels=channels) if resolved else None


def _place(span: SoundSpan, sample_rate: int, origin: Fraction) -> SampleSpan:
    """The first sample at or after an edge is the first one beyond it, hence ceil for both start and end."""
    start, end = exact_edges(span)
    first = math.ceil((start - origin) * sample_rate) if start else 0
    stop = math.ceil((end - origin) * sample_rate)
    return SampleSpan(max(first, 0), max(stop, 0), span.effect)


def _resolve(spans: Sequence[SampleSpan]) -> list[SampleSpan]:
    """Ordered spans that do not overlap; adjacent ones of equal effect are joined, empty ones are dropped."""
    edges = sorted({edge for span in spans for edge in (span.start, span.stop)})
    resolved: list[SampleSpan] = []
    for start, stop in itertools.pairwise(edges):
        over = [span.effect for span in spans if span.start <= start and stop <= span.stop]
        if not over:
            continue
        effect = max(over, key=STRENGTH.__getitem__)
        if resolved and resolved[-1].stop == start and resolved[-1].effect is effect:
            start = resolved.pop().start  # noqa: PLW2901
        resolved.append(SampleSpan(start, stop, effect))
    return resolved


class SpanEditor:
    """Passes samples through bit for bit, except within ``spans``, which must be ordered and must not overlap.

    Blocks may have any length. An effect never gets samples outside its span, and holds samples back only until the
    span ends. Output sample ``k`` therefore always replaces input sample ``k``, and memory does not grow with span
    length.
    """

    def __init__(self, spans: Sequence[SampleSpan], *, sample_rate: int, channels: int) -> None:
        self._spans = list(reversed(spans))
        self._sample_rate = sample_rate
        self._channels = channels
        self._position = 0
        self._effect: SoundEditor | None = None
        # One secret for the whole track: with a new one for each span, a voice could be recovered by averaging spans.
        self._secret = Secret.fresh()

    def process(self, block: NDArray[np.float32]) -> NDArray[np.float32]:
        """Take float32 samples (channels, n), return (channels, m); m differs from n by the samples held back.

        Raises:
            ValueError: the block has the wrong number of channels, or samples that are not float32.
        """
        if block.ndim != 2 or block.shape[0] != self._channels or block.dtype != np.float32:
            raise ValueError(
                f"expected float32 samples of shape ({self._channels}, n), got {block.dtype} {block.shape}"
            )
        done: list[NDArray[np.float32]] = [block[:, :0]]
        while block.shape[1]:
            section = block[:, : self._until_next_edge()]
            block = block[:, section.shape[1] :]
            done.append(self._effect.process(section) if self._effect else section)
            self._position += section.shape[1]
            if self._spans and self._position == self._spans[-1].stop:
                done.append(self.flush())
                self._spans.pop()
        return np.concatenate(done, axis=1)

    def flush(self) -> NDArray[np.float32]:
        """The samples that the current span holds back, as (channels, m). Call it at the end of the track."""
        held = self._effect.flush() if self._effect else np.zeros((self._channels, 0), np.float32)
        self._effect = None
        return held

    def _until_next_edge(self) -> int:
        """Samples from here to the next edge of a span; begins the span that starts here."""
        if not self._spans:
            return FOREVER
        span = self._spans[-1]
        if self._position < span.start:
            return span.start - self._position
        if self._effect is None:
            self._effect = self._begin(span)
        return span.stop - self._position

    def _begin(self, span: SampleSpan) -> SoundEditor:
        """A new editor for one span, which is given only the samples of that span."""
        length = span.stop - span.start
        match span.effect:
            case SoundEffect.MUTE:
                return Mute(self._channels)
            case SoundEffect.BLEEP:
                return Bleep(self._sample_rate, self._channels, length)
            case SoundEffect.DISGUISE:
                return Disguise(self._sample_rate, self._channels, length, self._secret)


class Mute:
    """Digital silence."""

    def __init__(self, channels: int) -> None:
        self._channels = channels

    def process(self, section: NDArray[np.float32]) -> NDArray[np.float32]:
        """Zeros in place of the given samples, (channels, n)."""
        return np.zeros_like(section)

    def flush(self) -> NDArray[np.float32]:
        """Nothing: this effect holds no samples back."""
        return np.zeros((self._channels, 0), np.float32)
