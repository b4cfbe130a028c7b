"""Pictures of a master to work with, never to give away: a small file that browsers can play and step through, frame by
frame the master's own, and a strip of thumbnails."""

from __future__ import annotations

import io
from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
from PIL import Image

from redact.errors import MasterChanged
from redact.media.decode_start import Entry, entry_before
from redact.media.frame_conversion import Size
from redact.media.hashing import unchanged
from redact.media.parity import timeline_shift
from redact.media.part_file import write_whole
from redact.media.probe import probe
from redact.media.reader import Frame, VideoReader, scan
from redact.media.sound import SoundTrack
from redact.media.timeline import Cut
from redact.media.types import FrameTable, MediaInfo, PlanarImage, Scan, VideoStream
from redact.media.writer import CopyReport, CopyWriter, check_target
from redact.prefetch import ahead
from redact.progress import Progress, silent
from redact.settings import EncodeSettings, Interlaced, OnCorrupt

LONGEST_SIDE = 1280
"""Pixels. Larger pictures are made smaller, smaller ones stay."""
SHORTEST_SIDE = 16
GOP = 12
"""Frames from one keyframe to the next: a browser that jumps to a frame decodes so many at most."""
QUALITY = 24
AHEAD_FRAMES = 4
WIDEST = 4
"""A thumbnail is at most so many times as wide as it is high."""
JPEG_QUALITY = 82


def make_proxy(
    source: Path,
    target: Path,
    *,
    table: FrameTable | None = None,
    interlaced: Interlaced = Interlaced.DEINTERLACE,
    overwrite: bool = False,
    progress: Progress = silent,
) -> CopyReport:
    """Write a proxy of ``source`` to ``target``, verified before it gets that name.

    Its frames are those of ``table``, the master's frame table (made here if it is not given), at the same timestamps,
    all moved by :func:`proxy_shift`. The picture is upright, in square pixels, H.264 in 8 bit 4:2:0 without
    B-frames; frames that cannot be decoded soundly are black. Sound is AAC.

    Raises what probing, decoding and :class:`~redact.media.writer.CopyWriter` raise, :class:`MasterChanged` where the
    master does not decode to ``table``, and whatever ``progress`` raises. Nothing is left behind then.
    """
    check_target(source, target, overwrite=overwrite)
    with unchanged(source) as check:
        info = probe(source)
        if table is None:
            table = scan(info, interlaced=interlaced, on_corrupt=OnCorrupt.MASK, progress=progress)
        small = _small_stream(info.video)
        cut = _late(info, table)
        moved = replace(table, pts=table.pts + int(cut.shift / table.time_base)) if cut else table
        with (
            CopyWriter(
                target,
                replace(info, video=small),
                moved,
                EncodeSettings(quality=QUALITY),
                [SoundTrack(stream, None, copying=stream.codec == "aac") for stream in info.audio],
                overwrite=overwrite,
                cut=cut,
                options={"g": str(GOP), "bf": "0"},
            ) as writer,
            VideoReader(info, interlaced=interlaced, on_corrupt=OnCorrupt.MASK) as reader,
            ahead(_pictures(reader, info, table, (small.width, small.height)), AHEAD_FRAMES) as pictures,
        ):
            for index, picture in enumerate(pictures):
                writer.write(index, picture)
                progress("proxy", index + 1, len(table))
            return writer.finish(check)


def proxy_shift(info: MediaInfo, table: FrameTable) -> Fraction:
    """Seconds by which all frames of the proxy of the master ``info`` are later than the master's."""
    cut = _late(info, table)
    return cut.shift if cut else timeline_shift(info, table)


def thumbnail_strip(
    source: Path,
    table: FrameTable,
    target: Path,
    count: int = 12,
    height: int = 90,
    *,
    overwrite: bool = False,
) -> tuple[int, ...]:
    """Write a JPEG of ``count`` frames of ``source`` side by side, evenly spaced, each ``height`` pixels high; fewer if
    there are fewer. ``table`` is the frame table of ``source``. Gives the numbers of the frames.

    Quick where decoding may start anywhere (an MP4 of H.264 or HEVC, such as a proxy); else all is decoded once. Frames
    that cannot be decoded are black. Raises what probing and decoding raise, MasterChanged where the file does not
    decode to ``table``, OutputExists, OutputNotWritable and DiskFull.
    """
    info = probe(source)
    total = len(table)
    wanted = sorted({(2 * place + 1) * total // (2 * count) for place in range(count)})
    across, down = _square_size(info.video)
    width = max(1, min(round(height * across / down), WIDEST * height))
    strip = Image.new("RGB", (width * len(wanted), height))
    for place, frame in enumerate(_frames_at(info, table, wanted)):
        if not frame.corrupt:
            strip.paste(Image.fromarray(np.ascontiguousarray(frame.rgb((width, height)))), (place * width, 0))
    data = io.BytesIO()
    strip.save(data, "JPEG", quality=JPEG_QUALITY)
    write_whole(target, data.getvalue(), overwrite=overwrite)
    return tuple(wanted)


def _late(info: MediaInfo, table: FrameTable) -> Cut | None:
    """All of a master on whose timeline nothing is for a while, moved to the beginning of the proxy's; else None.

    A browser takes the file to be as long as what is in it, and does not show what lies beyond that.
    """
    first = min([table.seconds(0), *(stream.start for stream in info.audio)]) // table.time_base * table.time_base
    end = table.seconds(len(table) - 1) + table.last_duration * table.time_base
    return Cut(first, end, -first) if first > 0 else None


def _small_stream(video: VideoStream) -> VideoStream:
    """What the proxy's picture is, in the words of a master's."""
    width, height = _square_size(video)
    scale = min(1.0, LONGEST_SIDE / max(width, height))
    width, height = (max(SHORTEST_SIDE, 2 * round(side * scale / 2)) for side in (width, height))
    return replace(
        video,
        width=width,
        height=height,
        rotation=0,
        sample_aspect=Fraction(1),
        pix_fmt="yuv420p",
        bit_depth=8,
        scan=Scan.PROGRESSIVE,
    )


def _square_size(video: VideoStream) -> tuple[float, float]:
    """Width and height in square pixels, none of them fewer than there are."""
    aspect = float(video.sample_aspect)
    return video.upright_width * max(aspect, 1.0), video.upright_height / min(aspect, 1.0)


def _pictures(
    reader: VideoReader, info: MediaInfo, table: FrameTable, size: Size
) -> Generator[PlanarImage, None, None]:
    count = 0
    for frame in reader:
        _check_frame(info, table, frame)
        count += 1
        yield frame.small_planes(size)
    if count != len(table):
        raise _changed(info)


def _frames_at(info: MediaInfo, table: FrameTable, wanted: Sequence[int]) -> Iterator[Frame]:
    """The frames of the numbers ``wanted``, which rise. Each is to be converted before the next is asked for."""
    with ExitStack() as opened:
        reader, reached = _open(opened, info, None), -1
        for index in wanted:
            entry = entry_before(info, table.pts, max(0, index - 2))
            if entry is not None and entry.index > reached + 1:
                opened.close()
                reader = _open(opened, info, entry)
            frame = next((frame for frame in reader if frame.index == index), None)
            if frame is None:
                raise _changed(info)
            _check_frame(info, table, frame)
            reached = index
            yield frame


def _open(opened: ExitStack, info: MediaInfo, entry: Entry | None) -> VideoReader:
    return opened.enter_context(
        VideoReader(info, interlaced=Interlaced.DEINTERLACE, on_corrupt=OnCorrupt.MASK, entry=entry)
    )


def _check_frame(info: MediaInfo, table: FrameTable, frame: Frame) -> None:
    if frame.index >= len(table) or frame.pts != int(table.pts[frame.index]):
        raise _changed(info)


def _changed(info: MediaInfo) -> MasterChanged:
    return MasterChanged(f"{info.path.name} does not decode to the frames in its table.", "Add the footage anew.")
