"""The editor of one sound track: samples stream through it and come out edited where spans say so."""

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
"""Sample index no track reaches."""

STRENGTH = {SoundEffect.DISGUISE: 1, SoundEffect.BLEEP: 2, SoundEffect.MUTE: 3}
"""Where spans overlap, the effect that hides more wins: silence tells least."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Samples ``start`` to ``stop`` (exclusive) of a track, counted from its first, and what is done to them."""

    start: int
    stop: int
    effect: SoundEffect


def make_editor(
    spans: Sequence[SoundSpan], *, mode: AudioMode, sample_rate: int, channels: int, origin: Fraction
) -> SoundEditor | None:
    """Editor for one track, or None where nothing of it changes and its packets may be copied.

    ``origin`` is the time of the track's first sample in seconds from the first frame of the picture, and may be
    negative. Sample ``k`` is heard at ``origin + k / sample_rate``; exactly the samples heard within [start, end) of a
    span are edited. One exception: a span that starts at zero also takes the sound a track has before the first frame,
    because no time a person can write names it. Where spans overlap, mute beats bleep and bleep beats disguise.
    ``mode`` MUTE silences the whole track, whatever the spans say.

    Raises:
        BadSpan: a span makes no sense.
    """
    whole = [Piece(0, FOREVER, SoundEffect.MUTE)] if mode is AudioMode.MUTE else []
    pieces = _resolve(whole + [_place(span, sample_rate, origin) for span in spans])
    return SpanEditor(pieces, sample_rate=sample_rate, channels=channels) if pieces else None


def _place(span: SoundSpan, sample_rate: int, origin: Fraction) -> Piece:
    """The first sample at or after an edge is the first one on its far side: hence ceil for start and end alike."""
    start, end = exact_edges(span)
    first = math.ceil((start - origin) * sample_rate) if start else 0
    stop = math.ceil((end - origin) * sample_rate)
    return Piece(max(first, 0), max(stop, 0), span.effect)


def _resolve(pieces: Sequence[Piece]) -> list[Piece]:
    """Ordered pieces that do not overlap; touching ones of equal effect are joined, empty ones are gone."""
    edges = sorted({edge for piece in pieces for edge in (piece.start, piece.stop)})
    resolved: list[Piece] = []
    for start, stop in itertools.pairwise(edges):
        over = [piece.effect for piece in pieces if piece.start <= start and stop <= piece.stop]
        if not over:
            continue
        effect = max(over, key=STRENGTH.__getitem__)
        if resolved and resolved[-1].stop == start and resolved[-1].effect is effect:
            start = resolved.pop().start  # noqa: PLW2901
        resolved.append(Piece(start, stop, effect))
    return resolved


class SpanEditor:
    """Passes samples through bit for bit, except for ``pieces``, which must be ordered and must not overlap.

    Blocks may have any length. A piece never sees samples outside of it, and holds samples back only until it ends, so
    sample ``k`` out always stands for sample ``k`` in, and memory does not grow with the length of pieces.
    """

    def __init__(self, pieces: Sequence[Piece], *, sample_rate: int, channels: int) -> None:
        self._pieces = list(reversed(pieces))
        self._sample_rate = sample_rate
        self._channels = channels
        self._position = 0
        self._effect: SoundEditor | None = None
        # One for the whole track: with new secrets for every span, a voice could be averaged out of many spans.
        self._secret = Secret.fresh()

    def process(self, block: NDArray[np.float32]) -> NDArray[np.float32]:
        """Take float32 samples (channels, n), give (channels, m) with m = n plus or minus what is held back.

        Raises:
            ValueError: the block has another number of channels or another type of samples than float32.
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
            if self._pieces and self._position == self._pieces[-1].stop:
                done.append(self.flush())
                self._pieces.pop()
        return np.concatenate(done, axis=1)

    def flush(self) -> NDArray[np.float32]:
        """What the piece under way holds back, as (channels, m). To be called at the end of the track."""
        held = self._effect.flush() if self._effect else np.zeros((self._channels, 0), np.float32)
        self._effect = None
        return held

    def _until_next_edge(self) -> int:
        """Samples from here to the next edge of a piece; enters the piece that starts here."""
        if not self._pieces:
            return FOREVER
        piece = self._pieces[-1]
        if self._position < piece.start:
            return piece.start - self._position
        if self._effect is None:
            self._effect = self._begin(piece)
        return piece.stop - self._position

    def _begin(self, piece: Piece) -> SoundEditor:
        """What edits one piece: an editor of its own, which is given the samples of the piece and no others."""
        length = piece.stop - piece.start
        match piece.effect:
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
        """As many zeros as samples are given, (channels, n)."""
        return np.zeros_like(section)

    def flush(self) -> NDArray[np.float32]:
        """Nothing is held back."""
        return np.zeros((self._channels, 0), np.float32)
