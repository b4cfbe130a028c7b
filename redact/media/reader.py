"""Reads the master's frames one by one in presentation order and in bounded memory."""

from __future__ import annotations

from array import array
from collections.abc import Generator, Iterator
from fractions import Fraction
from types import TracebackType
from typing import Self

import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from redact.errors import CorruptFrames, NoVideo
from redact.media.decode import Decoder
from redact.media.decode_start import Entry
from redact.media.deinterlace import Deinterlacer
from redact.media.frame_conversion import Converter, Size
from redact.media.frame_order import Slot
from redact.media.types import FrameTable, MediaInfo, PlanarImage, Scan
from redact.progress import Progress, silent
from redact.settings import Interlaced, OnCorrupt
from redact.timecode import timecode


class Frame:
    """One decoded frame of the master. The methods convert its picture and may be called any number of times.

    Frames of one reader share scalers: convert them from one thread at a time. A frame object keeps its picture in
    memory. The picture of a ``corrupt`` frame is whatever the decoder produced, or black, and must be masked whole.
    """

    __slots__ = ("_converter", "_picture", "corrupt", "index", "keyframe", "pts")

    def __init__(self, index: int, slot: Slot[VideoFrame], picture: VideoFrame | None, converter: Converter) -> None:
        self.index = index
        self.pts = slot.pts
        self.keyframe = slot.keyframe
        self.corrupt = slot.corrupt
        self._picture = picture
        self._converter = converter

    def rgb(self, size: Size | None = None) -> NDArray[np.uint8]:
        """The upright picture as (h, w, 3) uint8 RGB, at ``size`` = (w, h) pixels if given. Rows may be padded."""
        return self._converter.rgb(self._picture, size)

    def grey(self, size: Size) -> NDArray[np.uint8]:
        """The upright picture's luma as (h, w) uint8, scaled to ``size`` = (w, h) pixels. Rows may be padded."""
        return self._converter.grey(self._picture, size)

    def planes(self, *, pinned: bool = False) -> PlanarImage:
        """The upright picture at full size as 4:2:0 planes in their own memory: 8-bit, or 10-bit for sources of more
        than 8 bits. ``pinned``, which needs a graphics card, page-locks the memory so that the card can read it."""
        return self._converter.planes(self._picture, pinned=pinned)

    def small_planes(self, size: Size) -> PlanarImage:
        """The upright picture at ``size`` = (w, h) pixels (even) as 8-bit 4:2:0 planes in their own memory; black for
        a ``corrupt`` frame."""
        return self._converter.small_planes(None if self.corrupt else self._picture, size)


class VideoReader:
    """Iterates once over all :class:`Frame` s of the video, or over those from ``entry`` on; use as a context manager.

    ``interlaced`` says whether interlaced footage is deinterlaced; this changes neither timestamps nor the number of
    frames. At a damaged frame, ``on_corrupt`` STOP raises :class:`CorruptFrames` with its index and time; MASK yields
    it, and all frames that depend on it up to the next keyframe, with ``corrupt`` set.

    Raises while iterating: :class:`TruncatedFile` if the container's index or duration lists more than the file
    contains (whatever ``on_corrupt`` says: the times of the missing frames are unknown), :class:`UnsupportedMedia` if
    the picture size, format or rotation changes mid-stream or the timestamps cannot be put in order, :class:`NoVideo`
    if there are no frames. A transport stream, live MKV or fragmented MP4 that was cut short looks complete.
    """

    def __init__(
        self, info: MediaInfo, *, interlaced: Interlaced, on_corrupt: OnCorrupt, entry: Entry | None = None
    ) -> None:
        self._info = info
        self._entry = entry
        self._on_corrupt = on_corrupt
        self._deinterlace = info.video.scan is Scan.INTERLACED and interlaced is Interlaced.DEINTERLACE
        self._decoder: Decoder | None = None
        self._frames: Generator[Frame, None, None] | None = None
        self._pts, self._keyframe, self._corrupt = array("q"), array("b"), array("b")
        self._last_duration = 0
        self._table: FrameTable | None = None

    def __enter__(self) -> Self:
        self._decoder = Decoder(self._info, self._entry)
        self._frames = self._read(self._decoder)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # Close the generators, outermost first, before the file they read from.
        if self._frames is not None:
            self._frames.close()
        if self._decoder is not None:
            self._decoder.close()

    def __iter__(self) -> Iterator[Frame]:
        if self._frames is None:
            raise RuntimeError("a VideoReader is read inside a with block")
        return self._frames

    @property
    def decoder(self) -> str:
        """The decoder's name and where it runs, for the log. Available only inside the ``with`` block."""
        if self._decoder is None:
            raise RuntimeError("a VideoReader has its decoder inside a with block")
        return self._decoder.name

    @property
    def table(self) -> FrameTable:
        """The frame table; available only after every frame has been read, starting with the first."""
        if self._table is None:
            raise RuntimeError("the frame table is complete only after the last frame")
        return self._table

    def _read(self, decoder: Decoder) -> Generator[Frame, None, None]:
        converter = Converter(self._info.video)
        slots = decoder.slots()
        try:
            if self._deinterlace:
                yield from self._through_filter(slots, converter)
            else:
                for slot in slots:
                    yield Frame(self._register(slot), slot, slot.picture, converter)
        finally:
            slots.close()
        if self._entry is None:
            self._table = self._make_table()

    def _through_filter(self, slots: Iterator[Slot[VideoFrame]], converter: Converter) -> Iterator[Frame]:
        deinterlacer: Deinterlacer[tuple[int, Slot[VideoFrame]]] = Deinterlacer()
        for slot in slots:
            index = self._register(slot)
            for picture, (at, done) in deinterlacer.push(slot.picture, (index, slot)):
                yield Frame(at, done, picture, converter)
        for picture, (at, done) in deinterlacer.finish():
            yield Frame(at, done, picture, converter)

    def _register(self, slot: Slot[VideoFrame]) -> int:
        index = len(self._pts) + (self._entry.index if self._entry else 0)
        self._pts.append(slot.pts)
        self._keyframe.append(slot.keyframe)
        self._corrupt.append(slot.corrupt)
        self._last_duration = slot.duration
        if slot.corrupt and self._on_corrupt is OnCorrupt.STOP:
            origin = self._entry.origin if self._entry else self._pts[0]
            time = (slot.pts - origin) * self._info.video.time_base
            raise CorruptFrames(
                f"{self._info.path.name}: frame {index}, {timecode(time)} after the first, is damaged.",
                "To mask it and the frames that depend on it completely instead, use --on-corrupt mask.",
            )
        return index

    def _make_table(self) -> FrameTable:
        if not self._pts:
            raise NoVideo(f"{self._info.path.name} has a video track without any frames.", "Check that it plays.")
        pts = np.array(self._pts, np.int64)
        duration = self._last_duration
        if duration <= 0:
            duration = int(np.median(np.diff(pts))) if pts.size > 1 else round(_frame_time(self._info))
        return FrameTable(
            pts=pts,
            keyframe=np.array(self._keyframe, np.bool_),
            corrupt=np.array(self._corrupt, np.bool_),
            time_base=self._info.video.time_base,
            last_duration=max(1, duration),
        )


def scan(info: MediaInfo, *, interlaced: Interlaced, on_corrupt: OnCorrupt, progress: Progress = silent) -> FrameTable:
    """The frame table alone: every frame is decoded but not converted. Raises what :class:`VideoReader` raises."""
    total = info.expected_frames
    # Deinterlacing changes neither the number of frames nor their times, so the filter is not run here.
    with VideoReader(info, interlaced=Interlaced.KEEP, on_corrupt=on_corrupt) as reader:
        for frame in reader:
            progress("scan", frame.index + 1, total)
        return reader.table


def _frame_time(info: MediaInfo) -> Fraction:
    return 1 / (info.video.average_rate or Fraction(25)) / info.video.time_base
