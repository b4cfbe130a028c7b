"""Small clips for tests, made with PyAV on the fly. Every frame shows its number in black and white cells.

The default picture is a grid of four columns and three rows of cells that fills the *upright* frame: the first cell is
white, the last black (so a turned or mirrored picture cannot be read), the ten between are the frame's number in Gray
code, highest bit first (one cell changes per frame, so encoders cannot skip frames). :func:`read_index` reads it back
from an upright picture of any size.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.container import OutputContainer
from av.stream import Disposition, Stream
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from redact.media.encoder import ordinary_priority

COLUMNS, ROWS = 4, 3
BITS = COLUMNS * ROWS - 2

Picture = Callable[[int, tuple[int, int]], NDArray[np.uint8]]
"""(frame number, (width, height) upright) to an upright RGB picture of shape (height, width, 3)."""


@dataclass(frozen=True)
class AudioSpec:
    """One sound track: a sine of ``frequency`` Hz from ``start`` seconds on, ``seconds`` long (None: as the video)."""

    codec: str = "aac"
    rate: int = 48000
    layout: str = "mono"
    frequency: float = 440.0
    start: Fraction = Fraction(0)
    seconds: Fraction | None = None
    language: str = "und"


@dataclass(frozen=True)
class Extras:
    """Streams and tags that must never be copied. Each is omitted if None or empty."""

    subtitle: str | None = None
    """Codec of one subtitle stream (``mov_text`` for MP4, ``subrip`` for MKV)."""
    cover: bool = False
    data: bytes = b""
    attachment: bytes = b""
    """MKV only."""
    chapters: bool = False


def index_picture(index: int, size: tuple[int, int]) -> NDArray[np.uint8]:
    """The default picture: (height, width, 3) uint8 for ``size`` = (width, height)."""
    if not 0 <= index < 1 << BITS:
        raise ValueError(f"frame number {index} does not fit {BITS} bits")
    width, height = size
    code = index ^ (index >> 1)
    cells = [1, *((code >> bit) & 1 for bit in range(BITS - 1, -1, -1)), 0]
    column = np.arange(width) * COLUMNS // width
    row = np.arange(height) * ROWS // height
    grey = np.where(np.array(cells).reshape(ROWS, COLUMNS)[row[:, None], column[None, :]] == 1, 235, 16)
    return np.repeat(grey.astype(np.uint8)[:, :, None], 3, axis=2)


def read_index(rgb: NDArray[np.uint8]) -> int:
    """Frame number from an upright picture of shape (H, W, 3) or (H, W), of any size. ValueError if it is not one."""
    grey = rgb.mean(axis=2) if rgb.ndim == 3 else rgb.astype(np.float64)
    height, width = grey.shape
    cells = []
    for row in range(ROWS):
        for column in range(COLUMNS):
            y0, x0 = (row + 0.25) * height / ROWS, (column + 0.25) * width / COLUMNS
            cell = grey[int(y0) : int(y0 + height / ROWS / 2) + 1, int(x0) : int(x0 + width / COLUMNS / 2) + 1]
            value = cell.mean()
            if 80 < value < 176:
                raise ValueError(f"cell {row},{column} is neither black nor white: {value:.0f}")
            cells.append(int(value >= 128))
    if cells[0] != 1 or cells[-1] != 0:
        raise ValueError("the picture is rotated, mirrored or not a test picture")
    index = 0
    for bit in cells[1:-1]:
        index = index << 1 | (bit ^ (index & 1))
    return index


def make_clip(
    path: Path,
    *,
    codec: str = "libx264",
    pix_fmt: str = "yuv420p",
    size: tuple[int, int] = (160, 96),
    frames: int = 12,
    rate: int | Fraction = 25,
    pts: Sequence[int] | None = None,
    time_base: Fraction | None = None,
    rotation: int = 0,
    sar: Fraction | int = 1,
    gop: int = 12,
    bframes: int = 0,
    interlaced: bool = False,
    colour: tuple[int, int, int, int] | None = None,
    audio: Sequence[AudioSpec] = (),
    extras: Extras | None = None,
    metadata: Mapping[str, str] | None = None,
    options: Mapping[str, str] | None = None,
    container_options: Mapping[str, str] | None = None,
    container_format: str | None = None,
    picture: Picture = index_picture,
) -> Path:
    """Write a clip and return ``path``.

    ``size`` is (width, height) of the *coded* picture; ``rotation`` the degrees it must be turned counter-clockwise to
    stand upright (so at 90 and 270 ``picture`` is asked for (height, width)). Timestamps: ``frames`` frames at
    ``rate``, or ``pts`` in ``time_base`` (default milliseconds), strictly increasing, one frame each. ``bframes`` and
    ``gop`` go to the encoder, and ``options`` over them; ``colour`` is (primaries, transfer, matrix, range) as FFmpeg's
    integers (range 1 limited, 2 full). ``interlaced`` marks the frames so (libx264); the picture is not woven for you.
    Sound is written after the picture is encoded, so interleaving is up to the muxer.
    """
    tick = (time_base or Fraction(1, 1000)) if pts is not None else 1 / Fraction(rate)
    stamps = list(pts) if pts is not None else list(range(frames))
    encoder = dict(options or {})
    if codec == "libx264":
        encoder.setdefault("preset", "veryfast")
        encoder.setdefault("x264-params", "scenecut=0" + (":tff=1" if interlaced else ""))
    elif codec == "libx265":
        encoder.setdefault("preset", "ultrafast")
        encoder.setdefault("x265-params", f"log-level=none:scenecut=0:bframes={bframes}:keyint={gop}")
    elif codec == "libsvtav1":
        encoder.setdefault("preset", "8")  # faster ones average neighbouring frames
        encoder.setdefault("crf", "20")
        encoder.setdefault("svtav1-params", "enable-tf=0")
    extras = extras or Extras()
    with (
        ordinary_priority(),
        av.open(str(path), "w", format=container_format, options=dict(container_options or {})) as out,
    ):
        out.metadata.update(metadata or {})
        video = out.add_stream(codec, rate=Fraction(rate), options=encoder)
        assert isinstance(video, av.VideoStream)
        video.width, video.height = size
        video.pix_fmt = pix_fmt
        context = video.codec_context
        context.time_base = tick
        context.gop_size = gop
        context.thread_count = 1
        if codec not in ("mjpeg", "libsvtav1", "libvpx-vp9", "libx265"):
            context.max_b_frames = bframes
        context.sample_aspect_ratio = Fraction(sar)
        if colour is not None:
            context.color_primaries, context.color_trc, context.colorspace, context.color_range = colour
        if rotation:
            video.set_display_rotation(rotation)
        sound = [out.add_stream(a.codec, rate=a.rate, layout=a.layout) for a in audio]
        for spec, track in zip(audio, sound, strict=True):
            track.metadata["language"] = spec.language
        extra_packets = _add_extras(out, extras)
        for index, stamp in enumerate(stamps):
            out.mux(video.encode(_frame(index, stamp, tick, size, pix_fmt, rotation, colour, picture)))
        out.mux(video.encode(None))
        end = (stamps[-1] - stamps[0] + 1) * tick if stamps else Fraction(0)
        for spec, track in zip(audio, sound, strict=True):
            assert isinstance(track, av.AudioStream)
            _write_sound(out, track, spec, spec.seconds if spec.seconds is not None else end)
        for packet in extra_packets:
            out.mux(packet)
    return path


def _frame(  # noqa: PLR0917
    index: int,
    stamp: int,
    tick: Fraction,
    size: tuple[int, int],
    pix_fmt: str,
    rotation: int,
    colour: tuple[int, int, int, int] | None,
    picture: Picture,
) -> VideoFrame:
    upright = picture(index, size[::-1] if rotation in (90, 270) else size)
    coded = np.ascontiguousarray(np.rot90(upright, -rotation // 90))
    matrix, full = (colour[2], colour[3] == 2) if colour else (5, False)
    full = full or pix_fmt.startswith("yuvj")
    frame = VideoFrame.from_ndarray(coded, format="rgb24").reformat(
        format=pix_fmt,
        dst_colorspace={1: "ITU709", 9: "BT2020"}.get(matrix, "ITU601"),
        dst_color_range="JPEG" if full else "MPEG",
        src_color_range="JPEG",
        interpolation="BILINEAR",
    )
    frame.pts, frame.time_base = stamp, tick
    if colour is not None:
        frame.color_primaries, frame.color_trc, frame.colorspace, frame.color_range = colour
    return frame


def sine(spec: AudioSpec, seconds: Fraction) -> NDArray[np.float32]:
    """The samples of one channel of ``spec``, shape (n,), amplitude 0.4."""
    return (0.4 * np.sin(2 * np.pi * spec.frequency * np.arange(int(seconds * spec.rate)) / spec.rate)).astype(
        np.float32
    )


def _write_sound(out: OutputContainer, track: av.AudioStream, spec: AudioSpec, seconds: Fraction) -> None:
    wave = sine(spec, seconds)
    channels = track.codec_context.channels
    resampler = av.AudioResampler(
        format=track.codec_context.format, layout=spec.layout, rate=spec.rate, frame_size=track.codec_context.frame_size
    )
    step = 1024
    for begin in range(0, wave.size, step):
        part = np.repeat(wave[None, begin : begin + step], channels, axis=0)
        frame = AudioFrame.from_ndarray(np.ascontiguousarray(part), format="fltp", layout=spec.layout)
        frame.sample_rate = spec.rate
        frame.time_base = Fraction(1, spec.rate)
        frame.pts = begin + int(spec.start * spec.rate)
        for ready in resampler.resample(frame):
            out.mux(track.encode(ready))
    for ready in resampler.resample(None):
        out.mux(track.encode(ready))
    out.mux(track.encode(None))


def _add_extras(out: OutputContainer, extras: Extras) -> list[av.Packet[Stream]]:
    packets = []
    if extras.subtitle:
        stream = out.add_mux_stream(extras.subtitle)
        text = b"secret words"
        if extras.subtitle == "mov_text":
            text = len(text).to_bytes(2, "big") + text
        packets.append(_packet(stream, text))
    if extras.cover:
        stream = out.add_mux_stream("mjpeg", width=16, height=16)
        stream.disposition = Disposition.attached_pic
        packets.append(_packet(stream, _jpeg()))
    if extras.data:
        packets.append(_packet(out.add_data_stream("bin_data"), extras.data))
    if extras.attachment:
        out.add_attachment("secret.bin", "application/octet-stream", extras.attachment)
    if extras.chapters:
        out.set_chapters(
            [{"id": 1, "start": 0, "end": 200, "time_base": Fraction(1, 1000), "metadata": {"title": "secret chapter"}}]
        )
    return packets


def _packet(stream: Stream, payload: bytes) -> av.Packet[Stream]:
    packet: av.Packet[Stream] = av.Packet(payload)
    packet.stream = stream
    packet.time_base = Fraction(1, 1000)
    packet.pts = packet.dts = 0
    packet.duration = 100
    packet.is_keyframe = True
    return packet


def _jpeg() -> bytes:
    context = av.CodecContext.create("mjpeg", "w")
    assert isinstance(context, av.VideoCodecContext)
    context.width = context.height = 16
    context.pix_fmt = "yuvj420p"
    context.time_base = Fraction(1, 25)
    frame = VideoFrame(16, 16, "yuvj420p")
    frame.pts = 0
    return b"".join(bytes(p) for p in [*context.encode(frame), *context.encode(None)])
