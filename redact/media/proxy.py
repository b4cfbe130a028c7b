"""The review proxy and the thumbnail strip of a master, for review only and never for release.

The proxy is a small file that browsers can play and step through, with exactly the master's frames."""

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
from redact.media.timeline import ClipInterval
from redact.media.types import FrameTable, MediaInfo, PlanarImage, Scan, VideoStream
from redact.media.writer import CopyReport, CopyWriter, check_target
from redact.prefetch import prefetched
from redact.progress import Progress, silent
from redact.settings import EncodeSettings, Interlaced, OnCorrupt

LONGEST_SIDE = 1280
"""Pixels. Larger pictures are scaled down; smaller ones are kept."""
SHORTEST_SIDE = 16
GOP = 12
"""Frames from one keyframe to the next: the most a browser has to decode to jump to a frame."""
QUALITY = 24
AHEAD_FRAMES = 4
WIDEST = 4
"""Largest ratio of a thumbnail's width to its height."""
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
    """Write a proxy of ``source`` to ``target``. The file is verified before it gets that name.

    Its frames are those of ``table``, the master's frame table (computed here if not given), at the same timestamps
    shifted by :func:`proxy_shift`. The picture is upright with square pixels, 8-bit 4:2:0 H.264 without B-frames;
    damaged frames are black. Sound is AAC.

    Raises what probing, decoding and :class:`~redact.media.writer.CopyWriter` raise, :class:`MasterChanged` if the
    master does not decode to ``table``, and whatever ``progress`` raises. No file is left behind in that case.
    """
    check_target(source, target, overwrite=overwrite)
    with unchanged(source) as check:
        info = probe(source)
        if table is None:
            table = scan(info, interlaced=interlaced, on_corrupt=OnCorrupt.MASK, progress=progress)
        small = _small_stream(info.video)
        cut = _late_start_cut(info, table)
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
            prefetched(_pictures(reader, info, table, (small.width, small.height)), AHEAD_FRAMES) as pictures,
        ):
            for index, picture in enumerate(pictures):
                writer.write(index, picture)
                progress("proxy", index + 1, len(table))
            return writer.finish(check)


def proxy_shift(info: MediaInfo, table: FrameTable) -> Fraction:
    """Seconds by which the frames of the proxy of ``info`` are later than the master's."""
    cut = _late_start_cut(info, table)
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
    """Write a JPEG with ``count`` evenly spaced frames of ``source`` side by side, each ``height`` pixels high.

    Shorter footage gives fewer. ``table`` is the frame table of ``source``. Returns the frame numbers.

    Fast where decoding can start at any keyframe (an MP4 with H.264 or HEVC, such as a proxy); otherwise the whole file
    is decoded once. Frames that cannot be decoded are black. Raises what probing and decoding raise, MasterChanged if
    the file does not decode to ``table``, OutputExists, OutputNotWritable and DiskFull.
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


def _late_start_cut(info: MediaInfo, table: FrameTable) -> ClipInterval | None:
    """The cut that removes the gap before the first frame of a late-starting master; None for other masters.

    Browsers compute a file's length from its contents and do not play beyond it.
    """
    first = min([table.seconds(0), *(stream.start for stream in info.audio)]) // table.time_base * table.time_base
    end = table.seconds(len(table) - 1) + table.last_duration * table.time_base
    return ClipInterval(first, end, -first) if first > 0 else None


def _small_stream(video: VideoStream) -> VideoStream:
    """The proxy's picture, described like a master's."""
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
    """Width and height in square pixels; neither is smaller than in the file."""
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
    """The frames numbered ``wanted``, in rising order. Convert each before taking the next."""
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
    return MasterChanged(f"{info.path.name} does not decode to the frames in its table.", "Add the footage again.")
