"""Copies a clip picture by picture with the writer alone, for the tests of writing.

Reads the master with PyAV directly, so that a reading fault can neither break these tests nor hide their failures.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import torch
from numpy.typing import NDArray

from redact.media.sound import SoundEditor, SoundTrack
from redact.media.types import AudioStream, ColourTags, FrameTable, MediaInfo, PlanarImage, Scan, VideoStream
from redact.media.writer import CopyReport, CopyWriter
from redact.settings import EncodeSettings


def describe(path: Path) -> tuple[MediaInfo, FrameTable]:
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert stream.time_base is not None
        frames = [(frame.pts, frame.duration) for frame in container.decode(stream)]
        context = stream.codec_context
        assert context.format is not None
        video = VideoStream(
            index=stream.index,
            codec=context.name,
            width=stream.width,
            height=stream.height,
            rotation=0,
            sample_aspect=stream.sample_aspect_ratio or Fraction(1),
            pix_fmt=context.format.name,
            bit_depth=context.format.components[0].bits,
            time_base=stream.time_base,
            average_rate=stream.average_rate,
            scan=Scan.PROGRESSIVE,
            colour=ColourTags(context.color_primaries, context.color_trc, context.colorspace, context.color_range == 2),
        )
        audio = tuple(_sound(track) for track in container.streams.audio)
        info = MediaInfo(path, container.format.name, path.stat().st_size, None, video, audio)
    count = len(frames)
    pts = np.array([pts for pts, _ in frames], np.int64)
    return info, FrameTable(pts, np.ones(count, bool), np.zeros(count, bool), video.time_base, frames[-1][1])


def _sound(track: av.AudioStream) -> AudioStream:
    assert track.time_base is not None
    context = track.codec_context
    start = max(Fraction(0), (track.start_time or 0) * track.time_base)
    return AudioStream(
        index=track.index,
        codec=context.codec.canonical_name,
        sample_rate=context.sample_rate,
        channels=len(context.layout.channels),
        layout=context.layout.name,
        time_base=track.time_base,
        start=start,
    )


def pictures(info: MediaInfo) -> Iterator[PlanarImage]:
    with av.open(str(info.path)) as container:
        for frame in container.decode(video=0):
            dtype = np.uint8 if info.video.bit_depth == 8 else np.int16
            planes = [
                torch.from_numpy(np.frombuffer(memoryview(p), dtype).reshape(p.height, -1)[:, : p.width].copy())
                for p in frame.planes
            ]
            halved = frame.format.chroma_width(64) < 64, frame.format.chroma_height(64) < 64
            yield PlanarImage((planes[0], planes[1], planes[2]), info.video.bit_depth, (int(halved[0]), int(halved[1])))


def tracks(info: MediaInfo, editors: Sequence[SoundEditor | None] = ()) -> list[SoundTrack]:
    chosen = [*editors, *[None] * (len(info.audio) - len(editors))]
    return [SoundTrack(stream, editor) for stream, editor in zip(info.audio, chosen, strict=True)]


def write_copy(
    source: Path,
    target: Path,
    settings: EncodeSettings | None = None,
    editors: Sequence[SoundEditor | None] = (),
    *,
    overwrite: bool = False,
) -> CopyReport:
    info, table = describe(source)
    sound = tracks(info, editors)
    with CopyWriter(target, info, table, settings or EncodeSettings(), sound, overwrite=overwrite) as writer:
        for index, image in enumerate(pictures(info)):
            writer.write(index, image)
        return writer.finish()


def times(path: Path) -> list[Fraction]:
    """Presentation times of all pictures a player shows, in seconds."""
    with av.open(str(path)) as container:
        return [(f.pts or 0) * (f.time_base or Fraction(0)) for f in container.decode(video=0)]


def payloads(path: Path, number: int = 0) -> list[bytes]:
    """The payloads of all packets of sound track ``number``."""
    with av.open(str(path)) as container:
        return [bytes(packet) for packet in container.demux(audio=number) if packet.size]


def heard(path: Path, number: int = 0) -> tuple[NDArray[np.float64], int]:
    """Sound track ``number`` as samples (n,) of its first channel from time 0 on, and its rate in Hz."""
    with av.open(str(path)) as container:
        stream = container.streams.audio[number]
        rate = stream.codec_context.sample_rate
        resampler = av.AudioResampler(format="fltp")
        parts: list[tuple[int, NDArray[np.float64]]] = []
        for frame in container.decode(stream):
            at = round((frame.pts or 0) * (frame.time_base or Fraction(0)) * rate)
            parts.extend((at, out.to_ndarray()[0].astype(np.float64)) for out in resampler.resample(frame))
    samples = np.zeros(max(at + part.size for at, part in parts))
    for at, part in parts:
        kept = part[max(0, -at) :]
        samples[max(at, 0) : max(at, 0) + kept.size] = kept
    return samples, rate


def leftovers(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name.endswith(".redact-part"))
