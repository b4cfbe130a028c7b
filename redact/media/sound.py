"""Writes the sound tracks of a copy: packets are copied where that is safe, else decoded, edited and encoded as AAC.

Each track is read from the master in a separate pass that keeps pace with the picture, so memory stays bounded. Each
sample keeps its place on the container's timeline: gaps become silence and nothing is ever shifted.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Protocol

import av
import numpy as np
from av.container import InputContainer, OutputContainer

from redact.errors import EncodeFailed
from redact.media.parity import ExpectedSound
from redact.media.sound_reader import GAP_SECONDS, Samples, SoundReader, named_layout, open_track, read_packets
from redact.media.timeline import ClipInterval
from redact.media.types import AudioStream

FILL_BEYOND_PICTURE_SECONDS = 10
"""The most silence added after the end of the picture: a damaged timestamp must not add hours of it."""

_FOREVER = 2**63 - 1
"""A sample number that no track reaches."""

_AAC_RATES = (32000, 44100, 48000, 64000, 88200, 96000)
"""AAC has lower rates, but with too few bits per second: 16000 Hz speech is 11 dB cleaner at 32000 Hz."""
_AAC_BITS_PER_SAMPLE = 6
"""The maximum: 6144 bits per channel and frame of 1024 samples (ISO/IEC 14496-3). Unedited sound should come through
unchanged, and it is small beside the picture."""
# Noise substitution and intensity stereo save bits by inventing sound, which this bit rate does not need.
_AAC_OPTIONS = {"aac_pns": "0", "aac_is": "0"}

# Sizes of decoder settings ("extradata") too small to hide anything else, by codec and container.
_MP4_EXTRADATA = {
    "aac": range(17),
    "mp3": range(1),
    "ac3": range(1),
    "eac3": range(1),
    "opus": range(19, 32),
    "alac": range(36, 37),
    "flac": range(34, 35),
}
_COPYABLE = {
    ".mp4": _MP4_EXTRADATA,
    ".mov": {codec: _MP4_EXTRADATA[codec] for codec in ("aac", "mp3", "ac3", "eac3", "alac")},
}


class SoundEditor(Protocol):
    """Changes the samples of one track as they stream through, but not their number or place."""

    def process(self, block: Samples) -> Samples:
        """Take (channels, n) samples and return (channels, m), which may lag behind the input."""
        ...

    def flush(self) -> Samples:
        """Return the samples still held back. In total, as many come out as went in, sample k in the place of k."""
        ...


@dataclass(frozen=True, slots=True)
class SoundTrack:
    """A track to write. Without an ``editor``, its packets are copied if the copy's container supports them, else
    re-encoded.

    An editor gets float32 samples at the stream's own rate and channel count; the first is heard at ``stream.start``.
    If ``copying`` is False, packets are never copied.
    """

    stream: AudioStream
    editor: SoundEditor | None
    copying: bool = True


@dataclass(frozen=True, slots=True)
class SoundSurvey:
    """The result of a first pass over all packets of a track.

    ``end`` is in seconds on the container's timeline, None if the track has no packets; ``copy_problem`` says why its
    packets cannot be copied unchanged, or is empty.
    """

    end: Fraction | None
    copy_problem: str
    codec: str
    language: str


class SoundWriter(Protocol):
    """Writes one track."""

    def pull(self, until: Fraction) -> None:
        """Write the sound up to ``until`` seconds on the master's timeline."""
        ...

    def finish(self) -> ExpectedSound:
        """Write the rest and return where the track starts and ends on the copy's timeline."""
        ...

    def close(self) -> None:
        """Close the master."""
        ...

    def notes(self) -> list[str]:
        """Notes on this track for the log, after :meth:`finish`."""
        ...


def survey_sound(path: Path, track: AudioStream, suffix: str, *, copying: bool) -> SoundSurvey:
    """Examine every packet of ``track``, and decode them all if they may be copied. ``suffix`` (".mp4" or ".mov") is
    that of the copy."""
    container, stream = open_track(path, track.index)
    with container:
        if stream.codec_context is None or stream.time_base is None:
            raise EncodeFailed(f"There is no decoder for the sound of stream {track.index} ({track.codec}).")
        codec = stream.codec_context.codec.canonical_name
        problem = "" if codec in _COPYABLE[suffix] else f"not supported in {suffix[1:].upper()}"
        if not problem and stream.codec_context.extradata_size not in _COPYABLE[suffix][codec]:
            problem = "its settings have an unusual size"
        untrusted_language = stream.language or ""
        language = untrusted_language if re.fullmatch("[a-z]{3}", untrusted_language) else "und"
        packet_problem, end = _examine_packets(container, stream, decode=copying and not problem)
    return SoundSurvey(end, problem or packet_problem, codec, language)


def _examine_packets(container: InputContainer, stream: av.AudioStream, *, decode: bool) -> tuple[str, Fraction | None]:
    """Why the packets of ``stream`` cannot be copied, or "", and when the last of them ends, in seconds.

    ``decode`` also tests whether all of them can be decoded, as long as nothing else is wrong.
    """
    problems: list[str] = []
    end: Fraction | None = None
    expected: Fraction | None = None
    durations: set[Fraction] = set()
    last: Fraction | None = None
    kinds: set[tuple[int, int]] = set()
    tick = stream.time_base or Fraction(0)
    for packet in read_packets(container, stream):
        if packet.pts is None or packet.dts is None:
            problems.append("a packet has no timestamp")
            continue
        start, duration = packet.pts * tick, (packet.duration or 0) * tick
        # The encoder's priming packets may have any duration, or none; only what follows is regular.
        priming = start < 0 or (end is None and packet.has_sidedata("skip_samples"))
        problems.extend(_packet_problem(packet, start, duration))
        if decode and not problems:
            problems.extend(_decoding_problem(packet, stream, kinds))
        if not priming:
            if duration <= 0 or (expected is not None and abs(start - expected) > GAP_SECONDS):
                problems.append("its timestamps have gaps")
            if last is not None:
                durations.add(last)
            last = duration
        expected = None if priming else start + duration
        if not packet.is_discard:
            end = start + duration if end is None else max(end, start + duration)
        del problems[1:]
    # An MP4 expresses a gap by the duration of the packet before it. The very last packet may be shorter.
    if durations and max(durations) - min(durations) > GAP_SECONDS:
        problems.append("its timestamps have gaps")
    return next(iter(problems), ""), end


def _decoding_problem(
    packet: av.Packet[av.AudioStream], stream: av.AudioStream, kinds: set[tuple[int, int]]
) -> Iterator[str]:
    """``kinds`` collects the channel counts and rates of all frames: the header of a copy can describe only one."""
    try:
        frames = stream.codec_context.decode(packet)
    except av.FFmpegError:
        # The muxer rejects some such packets; the others could contain anything.
        yield "a packet is damaged"
        return
    kinds.update((len(frame.layout.channels), frame.sample_rate) for frame in frames)
    if len(kinds) > 1:
        yield "its settings change mid-stream"


def _packet_problem(packet: av.Packet[av.AudioStream], start: Fraction, duration: Fraction) -> Iterator[str]:
    if packet.is_corrupt:
        yield "a packet is damaged"
    if packet.has_sidedata("new_extradata"):
        yield "its settings change mid-stream"
    # AAC and Opus begin with a few priming packets before time 0; more is sound that an edit list hides.
    if start < -max(Fraction(1, 10), 3 * duration) or (packet.is_discard and start >= 0):
        yield "an edit list hides part of it"


class CopiedSound:
    """Copies the payloads and timestamps of packets and none of their side data."""

    def __init__(
        self, out: OutputContainer, path: Path, track: AudioStream, survey: SoundSurvey, shift: Fraction
    ) -> None:
        self._out = out
        self._source, source_stream = open_track(path, track.index)
        self._stream = out.add_stream_from_template(source_stream)
        self._stream.metadata["language"] = survey.language
        assert source_stream.time_base is not None
        self._tick = source_stream.time_base
        self._shift = int(shift / self._tick)
        self._packets = read_packets(self._source, source_stream)
        self._next = next(self._packets, None)
        assert survey.end is not None
        self._expected = ExpectedSound(track.start + shift, survey.end + shift)

    def pull(self, until: Fraction) -> None:
        """See :class:`SoundWriter`."""
        while self._next is not None and (self._next.pts or 0) * self._tick <= until:
            self._mux(self._next)
            self._next = next(self._packets, None)

    def _mux(self, source: av.Packet[av.AudioStream]) -> None:
        assert source.pts is not None and source.dts is not None
        # A new packet, because the original may carry side data.
        packet = av.Packet(bytes(source))
        packet.stream = self._stream
        packet.time_base = self._tick
        packet.pts, packet.dts = source.pts + self._shift, source.dts + self._shift
        packet.duration = source.duration or 0
        packet.is_keyframe = True
        self._out.mux(packet)

    def finish(self) -> ExpectedSound:
        """See :class:`SoundWriter`."""
        while self._next is not None:
            self._mux(self._next)
            self._next = next(self._packets, None)
        return self._expected

    def close(self) -> None:
        """See :class:`SoundWriter`."""
        self._packets.close()
        self._source.close()

    def notes(self) -> list[str]:
        """See :class:`SoundWriter`."""
        return []


class EncodedSound:
    """Decodes a track, passes it through its editor if it has one, and encodes it as AAC.

    With ``cut``, exactly the samples within it are written, and silence wherever the track has none: before them, under
    a slate, and after them until the cut ends.
    """

    def __init__(
        self,
        out: OutputContainer,
        path: Path,
        track: SoundTrack,
        survey: SoundSurvey,
        *,
        shift: Fraction,
        fill_until: Fraction,
        cut: ClipInterval | None,
    ) -> None:
        stream = track.stream
        rate = self._rate = aac_rate(stream.sample_rate)
        self._layout = named_layout(stream)
        self._out = out
        self._stream = out.add_stream("aac", rate=rate, options=dict(_AAC_OPTIONS))
        self._stream.metadata["language"] = survey.language
        context = self._stream.codec_context
        context.layout = self._layout
        context.time_base = Fraction(1, rate)
        context.bit_rate = _AAC_BITS_PER_SAMPLE * rate * stream.channels
        assert survey.end is not None
        self._track = stream
        self._editor = track.editor
        self._reader = SoundReader(path, stream, survey.end, fill_until)
        self._blocks = self._reader.blocks()
        # From here on, samples are counted on the copy's timeline.
        self._first = self._next = round((stream.start + shift) * stream.sample_rate)
        self._window = _Window.whole() if cut is None else _Window.of(cut, stream, self._first)
        self._ended = False

    def pull(self, until: Fraction) -> None:
        """See :class:`SoundWriter`."""
        while self._track.start + Fraction(self._reader.position, self._track.sample_rate) <= until:
            if not self._advance():
                return

    def finish(self) -> ExpectedSound:
        """See :class:`SoundWriter`. Raises EncodeFailed if the editor lost or added samples."""
        while self._advance():
            pass
        start, end = max(self._first, 0), self._next
        if self._window.total is not None:
            start, end = 0, self._window.total
            self._silence(end)
        self._out.mux(self._stream.encode(None))
        return ExpectedSound(Fraction(start, self._track.sample_rate), Fraction(end, self._track.sample_rate))

    def _advance(self) -> bool:
        """Take the next block from the master; False when nothing is left for the copy."""
        if self._ended or self._next >= self._window.stop:
            return False
        block = next(self._blocks, None)
        if block is not None:
            self._write(self._editor.process(block) if self._editor else block)
            return True
        self._ended = True
        if self._editor:
            self._write(self._editor.flush())
        if self._next - self._first != self._reader.position:
            raise EncodeFailed(
                f"A sound edit turned {self._reader.position} samples into {self._next - self._first}.",
                "Please report this as a defect.",
            )
        return False

    def _write(self, samples: Samples) -> None:
        if samples.shape[0] != self._track.channels:
            raise EncodeFailed(f"A sound edit turned {self._track.channels} channels into {samples.shape[0]}.")
        at = self._next
        self._next += samples.shape[1]
        start, stop = max(at, self._window.start), min(self._next, self._window.stop)
        if start < stop:
            self._silence(start)
            self._encode(samples[:, start - at : stop - at], start)

    def _silence(self, until: int) -> None:
        """Write silence in a cut track, from the last sample written up to ``until``."""
        while self._window.filled is not None and self._window.filled < until:
            count = min(until - self._window.filled, self._track.sample_rate)
            self._encode(np.zeros((self._track.channels, count), np.float32), self._window.filled)

    def _encode(self, samples: Samples, at: int) -> None:
        frame = av.AudioFrame.from_ndarray(
            np.ascontiguousarray(samples, dtype=np.float32), format="fltp", layout=self._layout
        )
        frame.sample_rate = self._track.sample_rate
        frame.time_base = Fraction(1, self._track.sample_rate)
        frame.pts = at
        self._out.mux(self._stream.encode(frame))
        if self._window.filled is not None:
            self._window.filled = at + samples.shape[1]

    def close(self) -> None:
        """See :class:`SoundWriter`."""
        self._blocks.close()
        self._reader.close()

    def notes(self) -> list[str]:
        """See :class:`SoundWriter`."""
        notes = []
        if self._rate != self._track.sample_rate:
            notes.append(f"written at {self._rate} Hz, not {self._track.sample_rate} Hz")
        if self._reader.undecodable:
            notes.append(f"{self._reader.undecodable} packets could not be decoded and became silence")
        if self._reader.jumps:
            notes.append("timestamps far out of place were ignored")
        if self._first < 0 and self._window.total is None:
            notes.append("sound before time 0 was left out")
        return notes


@dataclass(slots=True)
class _Window:
    """The samples of a track to write, counted on the copy's timeline: ``start`` (included) to ``stop`` (not included).
    For a cut track, also the ``total`` number with the silence around them, and how many have been ``filled`` so
    far."""

    start: int
    stop: int
    total: int | None = None
    filled: int | None = None

    @classmethod
    def whole(cls) -> _Window:
        """All samples from time 0 on: an MP4 cannot play anything before it."""
        return cls(0, _FOREVER)

    @classmethod
    def of(cls, cut: ClipInterval, stream: AudioStream, first: int) -> _Window:
        """The samples of ``cut`` in a track whose first sample has number ``first`` in the copy.

        The first sample at or after an edge is the first one beyond it, hence ceil for both edges."""
        start, stop = (first + math.ceil((edge - stream.start) * stream.sample_rate) for edge in (cut.start, cut.end))
        total = max(1, round((cut.end + cut.shift) * stream.sample_rate))
        return cls(max(start, 0), min(stop, total), total, filled=0)


def aac_rate(sample_rate: int) -> int:
    """The AAC sample rate for sound of ``sample_rate``: the same, else the next higher one, else the highest."""
    return next((rate for rate in _AAC_RATES if rate >= sample_rate), _AAC_RATES[-1])
