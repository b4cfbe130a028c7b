"""The master's frames, one after another, in presentation order and in bounded memory."""

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
    """One frame of the master. Its picture is decoded; the methods convert it and may be called any number of times.

    Frames of one reader share scalers: convert them from one thread at a time. Each frame kept keeps its picture.
    A ``corrupt`` frame's picture is whatever the decoder made of it, or black, and must be masked whole.
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
        """The upright picture at full size, 4:2:0, 8 bit or (sources over 8 bit) 10 bit, in memory of its own, which a
        card can read by itself if ``pinned`` (then there must be one)."""
        return self._converter.planes(self._picture, pinned=pinned)

    def small_planes(self, size: Size) -> PlanarImage:
        """The upright picture at ``size`` = (w, h) pixels (even), 4:2:0 and 8 bit, in memory of its own; black for a
        ``corrupt`` frame."""
        return self._converter.small_planes(None if self.corrupt else self._picture, size)


class VideoReader:
    """Iterates over all :class:`Frame` s of the video once, or those from ``entry`` on; use as a context manager.

    ``interlaced`` says whether interlaced footage is turned into whole pictures; it changes no timestamp and no count.
    At a frame that cannot be decoded soundly, ``on_corrupt`` STOP raises :class:`CorruptFrames` with its index and
    time, MASK yields it with ``corrupt`` set; so are the frames that depend on it, up to the next keyframe.

    Raises while iterating: :class:`TruncatedFile` when the container's index or duration promises more than the file
    holds (whatever ``on_corrupt`` says: the missing frames' times are unknown), :class:`UnsupportedMedia` when picture
    size, format or rotation change in mid-stream or the timestamps cannot be put in order, :class:`NoVideo` when there
    is not one frame. A transport stream, a live MKV or a fragmented MP4 that was cut cannot be told from a whole one.
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
        # The generators are closed from the outside in, before the file they read from.
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
        """For the log: what decodes, and where; only there inside the ``with`` block."""
        if self._decoder is None:
            raise RuntimeError("a VideoReader has its decoder inside a with block")
        return self._decoder.name

    @property
    def table(self) -> FrameTable:
        """All frames; only there when every frame has been read, from the first one on."""
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
                f"{self._info.path.name}: frame {index}, {timecode(time)} after the first, cannot be decoded soundly.",
                "To have it and those that depend on it masked whole instead, use --on-corrupt mask.",
            )
        return index

    def _make_table(self) -> FrameTable:
        if not self._pts:
            raise NoVideo(f"{self._info.path.name} has a video track without a single frame.", "Check that it plays.")
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
    """The frame table alone: every frame is decoded, none converted. Raises what :class:`VideoReader` raises."""
    total = info.expected_frames
    # Deinterlacing changes neither count nor times, so the filter is not run here.
    with VideoReader(info, interlaced=Interlaced.KEEP, on_corrupt=on_corrupt) as reader:
        for frame in reader:
            progress("scan", frame.index + 1, total)
        return reader.table


def _frame_time(info: MediaInfo) -> Fraction:
    return 1 / (info.video.average_rate or Fraction(25)) / info.video.time_base
