"""Describes the content of a file: the video stream to redact, its sound tracks, and what copies will leave out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import cast

import av
from av.audio.stream import AudioStream as AvAudioStream
from av.container import InputContainer
from av.sidedata.sidedata import SideData
from av.stream import Disposition, Stream
from av.video.frame import VideoFrame
from av.video.stream import VideoStream as AvVideoStream

from redact.errors import NotMedia, NoVideo, TruncatedFile, UnsupportedMedia
from redact.media.containers import VIDEO_DEMUXERS, file_size, open_media, packets_of
from redact.media.truncation import cut_short
from redact.media.types import AudioStream, ColourTags, MediaInfo, Scan, VideoStream

MIN_SIDE, MAX_SIDE = 16, 8192
"""Smallest and largest side of the coded picture, in pixels."""

_STILL = Disposition.attached_pic | Disposition.timed_thumbnails | Disposition.still_image
_SAMPLE_FRAMES, _SAMPLE_PACKETS = 4, 300
_FULL_RANGE = 2
_RGB_MATRIX, _BT709 = 0, 1
_FIELD_ORDERS = range(2, 6)


def probe(path: Path) -> MediaInfo:
    """Describe the footage in ``path`` from its headers and its first few frames.

    Raises :class:`InputMissing`, :class:`EmptyFile`, :class:`NotMedia` (not an accepted container, or an MP4 without
    its index), :class:`NoVideo` (sound or cover art only), :class:`TruncatedFile` (the container is longer than the
    file) and :class:`UnsupportedMedia` (size, encryption, mirrored or slanted display, a codec without a decoder).
    """
    size = file_size(path)
    with open_media(path) as container:
        name = container.format.name
        if name.split(",")[0] in VIDEO_DEMUXERS and cut_short(path, name):
            raise TruncatedFile(
                f"{path.name} is shorter than its own structure says: it was cut short while written or copied.",
                "Copy it from its source again.",
            )
        try:
            stream = _choose_video(container, path)
            return MediaInfo(
                path=path,
                container=name,
                size_bytes=size,
                duration=Fraction(container.duration, 1_000_000) if container.duration else None,
                video=_describe_video(container, stream, path),
                audio=tuple(_describe_audio(s) for s in container.streams.audio if _is_usable_sound(s)),
                dropped=_dropped(container, stream),
            )
        except (av.FFmpegError, UnicodeError, ValueError, OverflowError, ZeroDivisionError) as error:
            raise NotMedia(
                f"{path.name} has headers that contradict themselves.", "Copy it from its source again."
            ) from error


def turn_of(frame: VideoFrame) -> int | None:
    """Degrees (0, 90, 180, 270) ``frame`` must be turned counter-clockwise; None if it is mirrored or slanted.

    The display matrix is nine 32-bit numbers a b u c d v x y w (ISO/IEC 14496-12, 6.2.2): x' = ax + cy, y' = bx + dy,
    with y downwards. Its scale is ignored, as players do.
    """
    try:
        data = cast("Mapping[str, SideData]", frame.side_data)["DISPLAYMATRIX"]
    except KeyError:
        return 0
    except ValueError:  # the frame has side data of a kind PyAV does not know, such as EXIF
        angle = frame.rotation % 360
        return angle if angle % 90 == 0 else None
    matrix = memoryview(bytes(data)).cast("i")
    a, b, c, d = matrix[0], matrix[1], matrix[3], matrix[4]
    if a * d - b * c <= 0:
        return None
    if b == c == 0:
        return 0 if a > 0 else 180
    if a == d == 0:
        return 270 if b > 0 else 90
    return None


def _choose_video(container: InputContainer, path: Path) -> AvVideoStream:
    moving = [s for s in container.streams.video if not s.disposition & _STILL]
    if not moving:
        raise NoVideo(f"{path.name} has no video track.", "Give a file with a video track.")
    if container.format.name.split(",")[0] not in VIDEO_DEMUXERS:
        raise UnsupportedMedia(f"Video in a {container.format.name} file is not supported.", "Convert it to MKV first.")
    best = container.streams.best("video")
    return best if isinstance(best, AvVideoStream) and best in moving else moving[0]


@dataclass(frozen=True, slots=True)
class _FirstFrames:
    """Properties of the first decoded frames, which take precedence over the headers."""

    first: VideoFrame | None
    interlaced: bool
    encrypted: bool


def _first_frames(container: InputContainer, stream: AvVideoStream) -> _FirstFrames:
    first, interlaced, encrypted, frame_count = None, False, False, 0
    # One thread: no decoder thread may still run when the container is closed after a few frames.
    stream.codec_context.thread_count = 1
    packets = packets_of(container, stream)
    for _ in range(_SAMPLE_PACKETS):
        try:
            packet = next(packets, None)
            encrypted = encrypted or (packet is not None and packet.has_sidedata("encryption_info"))
            frames = stream.codec_context.decode(packet) if packet is not None else []
        except av.FFmpegError:
            continue  # damage is reported when the file is read
        for frame in frames:
            first = first or frame
            interlaced = interlaced or frame.interlaced_frame
            frame_count += 1
        if packet is None or frame_count >= _SAMPLE_FRAMES:
            break
    packets.close()
    return _FirstFrames(first, interlaced, encrypted)


def _describe_video(container: InputContainer, stream: AvVideoStream, path: Path) -> VideoStream:
    context = stream.codec_context
    if context is None:
        raise UnsupportedMedia(
            "The video's codec has no decoder here.", "Convert the file with the camera maker's tool."
        )
    _check_size(context.width, context.height)  # before anything is decoded: a size is a memory allocation
    shown = _first_frames(container, stream)
    if shown.encrypted:
        raise UnsupportedMedia(f"The video in {path.name} is encrypted.", "Export it without protection.")
    first = shown.first
    width, height = (first.width, first.height) if first else (context.width, context.height)
    _check_size(width, height)
    rotation = turn_of(first) if first else 0
    if rotation is None:
        raise UnsupportedMedia(
            f"{path.name} is displayed mirrored or at an angle.", "Convert it to an upright file first."
        )
    form = first.format if first else context.format
    if form is None or not form.components or stream.time_base is None:
        raise UnsupportedMedia(f"The pictures in {path.name} cannot be decoded.", "Check that the file plays.")
    aspect = _aspect(stream.sample_aspect_ratio)
    return VideoStream(
        index=stream.index,
        codec=context.codec.canonical_name,
        width=width,
        height=height,
        rotation=rotation,
        sample_aspect=1 / aspect if rotation in (90, 270) else aspect,
        pix_fmt=form.name,
        bit_depth=max(component.bits for component in form.components),
        time_base=stream.time_base,
        average_rate=stream.average_rate if stream.average_rate and stream.average_rate > 0 else None,
        scan=Scan.INTERLACED if shown.interlaced or context.field_order in _FIELD_ORDERS else Scan.PROGRESSIVE,
        colour=_colour(first if first is not None else context, form.name, form.is_rgb),
    )


def _check_size(width: int, height: int) -> None:
    if not (MIN_SIDE <= width <= MAX_SIDE and MIN_SIDE <= height <= MAX_SIDE):
        raise UnsupportedMedia(
            f"The picture is {width} x {height} pixels; sides must be {MIN_SIDE} to {MAX_SIDE} pixels.",
            "Scale the footage first, and keep the original.",
        )


def _aspect(untrusted_aspect: Fraction | None) -> Fraction:
    """A usable sample aspect ratio: absent or impossible ones count as square, as in players."""
    if untrusted_aspect is None or not Fraction(1, 16) <= untrusted_aspect <= 16:
        return Fraction(1)
    return untrusted_aspect


def _colour(of: VideoFrame | av.VideoCodecContext, pix_fmt: str, is_rgb: bool) -> ColourTags:
    # RGB footage is redacted and encoded as BT.709 limited range: 4:2:0 cannot be tagged as having no matrix.
    return ColourTags(
        primaries=of.color_primaries,
        transfer=of.color_trc,
        matrix=_BT709 if is_rgb or of.colorspace == _RGB_MATRIX else of.colorspace,
        full_range=not is_rgb and (pix_fmt.startswith("yuvj") or of.color_range == _FULL_RANGE),
    )


def _is_usable_sound(stream: AvAudioStream) -> bool:
    context = stream.codec_context
    return context is not None and context.sample_rate > 0 and context.channels > 0 and stream.time_base is not None


def _describe_audio(stream: AvAudioStream) -> AudioStream:
    time_base = stream.time_base or Fraction(1, stream.codec_context.sample_rate)
    return AudioStream(
        index=stream.index,
        codec=stream.codec_context.codec.canonical_name,
        sample_rate=stream.codec_context.sample_rate,
        channels=stream.codec_context.channels,
        layout=stream.codec_context.layout.name,
        time_base=time_base,
        start=(stream.start_time or 0) * time_base,
    )


def _tag_of(stream: Stream) -> str:
    """The stream's four-character code as printable ASCII, or an empty string."""
    try:
        tag = stream.codec_tag.strip("\0 ")
    except (UnicodeError, AttributeError):
        return ""
    return tag if tag.isascii() and tag.isprintable() else ""


def _dropped(container: InputContainer, kept: AvVideoStream) -> tuple[str, ...]:
    """Descriptions of what copies leave out, made from codec names and numbers only, never from text in the file."""
    descriptions = []
    for stream in container.streams:
        if stream is kept or (isinstance(stream, AvAudioStream) and _is_usable_sound(stream)):
            continue
        kind = {"subtitle": "subtitles", "data": "data", "attachment": "attachment", "audio": "sound"}.get(stream.type)
        if isinstance(stream, AvVideoStream):
            kind = "cover art" if stream.disposition & _STILL else "further video"
        detail = stream.codec_context.codec.canonical_name if stream.codec_context is not None else _tag_of(stream)
        descriptions.append(f"{kind or 'unknown'} (stream {stream.index}{', ' + detail if detail else ''})")
    if chapters := len(container.chapters()):
        descriptions.append(f"chapters ({chapters})")
    return tuple(descriptions)
