"""Reads one sound track of a master as a continuous stream of samples, each at its place on the timeline."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.container import InputContainer
from av.stream import Discard
from numpy.typing import NDArray

from redact.errors import EncodeFailed
from redact.media.containers import open_media
from redact.media.types import AudioStream

Samples = NDArray[np.float32]
"""Shape (channels, n), full scale -1 to 1."""

GAP_SECONDS = Fraction(1, 100)
"""Timestamp jumps shorter than this are jitter of a coarse time base; longer ones mean missing or repeated sound."""
JUMP_BACK_SECONDS = 1
"""Timestamps that go back by more than this are wrong rather than repeated sound."""

_USUAL_LAYOUTS = {1: "mono", 2: "stereo", 3: "3.0", 4: "4.0", 5: "5.0", 6: "5.1", 8: "7.1"}


def open_track(path: Path, index: int) -> tuple[InputContainer, av.AudioStream]:
    """Open the master at ``path`` for one pass over sound stream ``index``; all other streams are skipped."""
    container = open_media(path)
    stream = container.streams[index]
    if not isinstance(stream, av.AudioStream):
        container.close()
        raise EncodeFailed(f"Stream {index} of the master is no longer an audio stream.")
    for other in container.streams:
        if other.index != index:
            other.discard = Discard.all
    return container, stream


def read_packets(container: InputContainer, stream: av.AudioStream) -> Generator[av.Packet[av.AudioStream], None, None]:
    """All packets of ``stream``. At a read error the stream ends, as it does in players.

    Close the generator before the container: PyAV's own generator holds FFmpeg's read buffer.
    """
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets, None)
        except av.FFmpegError:
            return
        if packet is None:
            return
        if packet.size:
            yield packet


class SoundReader:
    """One track as a continuous stream of samples; sample k is heard at ``track.start`` + k / rate.

    Missing and undecodable sound becomes silence, repeated sound is dropped. No silence is added after ``fill_until``.
    ``position`` counts the samples returned so far.
    """

    def __init__(self, path: Path, track: AudioStream, end: Fraction, fill_until: Fraction) -> None:
        self._container, self._stream = open_track(path, track.index)
        self._track = track
        self._decoder = self._stream.codec_context
        self._end = self._sample(end)
        self._fill_until = self._sample(fill_until)
        self._resampler: av.AudioResampler | None = None
        self._resampler_input: tuple[str, str, int] | None = None
        self.position = 0
        self.undecodable = 0
        self.jumps = 0

    def _sample(self, time: Fraction) -> int:
        return round((time - self._track.start) * self._track.sample_rate)

    def blocks(self) -> Generator[Samples, None, None]:
        """The whole track, block by block. Close it before the reader."""
        for packet in read_packets(self._container, self._stream):
            yield from self._decode(packet)
        yield from self._decode(None)
        if self._end - self.position > GAP_SECONDS * self._track.sample_rate:
            yield from self._silence(min(self._end, self._fill_until) - self.position)

    def _decode(self, packet: av.Packet[av.AudioStream] | None) -> Iterator[Samples]:
        try:
            frames = self._decoder.decode(packet)
        except EOFError:
            return
        except av.FFmpegError:
            self.undecodable += 1
            return
        for frame in frames:
            at = self.position if frame.pts is None else self._sample(frame.pts * (frame.time_base or Fraction(0)))
            try:
                blocks = self._convert(frame)
            except av.FFmpegError:
                if len(frame.layout.channels) == self._track.channels:
                    raise
                # A damaged packet switched the decoder to another channel layout, and it would keep that layout.
                self.undecodable += 1
                self._decoder = self._fresh_decoder()
                continue
            for block in blocks:
                yield from self._place(at, block)
                at += block.shape[1]

    def _fresh_decoder(self) -> av.AudioCodecContext:
        settings = self._stream.codec_context
        fresh = av.CodecContext.create(settings.codec, "r")
        assert isinstance(fresh, av.AudioCodecContext)
        fresh.extradata = settings.extradata
        fresh.sample_rate, fresh.layout = self._track.sample_rate, named_layout(self._track)
        return fresh

    def _convert(self, frame: av.AudioFrame) -> list[Samples]:
        """``frame`` as planar float32 at the track's rate and channel count; damaged packets may have others."""
        same = len(frame.layout.channels) == self._track.channels
        described = (frame.format.name, frame.layout.name, frame.sample_rate)
        if self._resampler is None or described != self._resampler_input:
            layout = frame.layout.name if same else named_layout(self._track)
            self._resampler = av.AudioResampler(format="fltp", layout=layout, rate=self._track.sample_rate)
            self._resampler_input = described
        return [out.to_ndarray().astype(np.float32, copy=False) for out in self._resampler.resample(frame)]

    def _place(self, at: int, block: Samples) -> Iterator[Samples]:
        rate = self._track.sample_rate
        gap = at - self.position
        if at > self._fill_until or gap < -JUMP_BACK_SECONDS * rate:
            self.jumps += 1
        elif gap > GAP_SECONDS * rate:
            yield from self._silence(gap)
        elif gap < -GAP_SECONDS * rate:
            block = block[:, -gap:]
        if block.shape[1]:
            self.position += block.shape[1]
            yield block

    def _silence(self, samples: int) -> Iterator[Samples]:
        while samples > 0:
            part = min(samples, self._track.sample_rate)
            samples -= part
            self.position += part
            yield np.zeros((self._track.channels, part), np.float32)

    def close(self) -> None:
        """Close the master."""
        self._container.close()


def named_layout(stream: AudioStream) -> str:
    """A named channel layout for ``stream``: its own if FFmpeg knows it, else the usual one for its channel count."""
    try:
        layout = av.AudioLayout(stream.layout)
        if layout.nb_channels == stream.channels and " channels" not in layout.name:
            return layout.name
    except ValueError:
        pass
    if stream.channels not in _USUAL_LAYOUTS:
        raise EncodeFailed(f"Sound with {stream.channels} channels cannot be written.")
    return _USUAL_LAYOUTS[stream.channels]
