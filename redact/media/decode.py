"""Sends packets through the decoder to :class:`redact.media.frame_order.Order` and keeps every sign of damage."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import closing
from fractions import Fraction

import av
from av.container import InputContainer
from av.packet import Packet
from av.stream import Discard, Stream
from av.video.frame import PictureType, VideoFrame
from av.video.stream import VideoStream as AvVideoStream

from redact.errors import MasterChanged, TruncatedFile, UnsupportedMedia
from redact.media.containers import open_media, packets_of
from redact.media.decode_start import Entry
from redact.media.frame_order import Order, Received, Sent, Slot
from redact.media.probe import MAX_SIDE, turn_of
from redact.media.types import MediaInfo

# Decoders that conceal errors and flag the frame. The others must be set to fail, or damage would go unnoticed.
_FLAGS_ERRORS = frozenset({"h264", "mpeg4", "mpeg2video", "mpeg1video", "h263"})
_WITHOUT_PTS = ("avi",)
# Streams without frame boundaries. They may start within a frame, before the first timestamp; that is not a frame.
_PARSED = ("mpegts", "mpeg")
_NVOP_SIZE = 19
"""Bytes up to which an MPEG-4 packet is a "nothing changed" marker (FFmpeg's MAX_NVOP_SIZE)."""
_DURATION_SLACK = Fraction(1)
"""Seconds by which a container's stated duration may exceed its content: some writers count the last frame twice."""


class Decoder:
    """Decodes all frames of a file, or those from ``entry`` on, in presentation order as :class:`Slot` s.

    Decoding is always in software, even on a card with its own decoder (NVDEC), because hardware decoding hides damage:
    FFmpeg then parses headers only, skips all of its error marking (``er_supported`` and ``ff_er_add_slice`` in its
    error_resilience.c return at once), and its nvdec.c never asks the card whether a picture was decoded without errors
    (``cuvidGetDecodeStatus``). A frame with a broken slice would come back unmarked and could reach a copy unmasked. If
    only the analysis used the card, `redact detect` would no longer stop at frames that `redact apply` refuses.

    Two kinds of damage cannot be detected: damage that is still valid syntax (arithmetic-coded H.264 and HEVC, VP9)
    decodes without a sign, and a transport stream that was cut between two packets looks complete.
    """

    def __init__(self, info: MediaInfo, entry: Entry | None = None) -> None:
        self._info = info
        self._entry = entry
        self._container: InputContainer = open_media(info.path)
        try:
            self._stream = self._find_stream()
            if entry is not None:
                self._container.seek(entry.seek, stream=self._stream)
        except BaseException:
            self._container.close()
            raise

    @property
    def name(self) -> str:
        """FFmpeg's name for the decoder, for example ``h264``, and where it runs."""
        return f"{self._stream.codec_context.name}, in software"

    def close(self) -> None:
        """Stop the decoder's threads, then close the file."""
        # A decoder's threads may still be running when a consumer stops early, and they need Python's lock to release
        # objects that packets carry. Flushing waits for them without that lock; freeing the decoder would hold it and
        # wait for ever.
        if self._stream.codec_context.is_open:
            self._stream.codec_context.flush_buffers()
        self._container.close()

    def _find_stream(self) -> AvVideoStream:
        wanted = self._info.video
        streams = self._container.streams
        stream = streams[wanted.index] if wanted.index < len(streams) else None
        if (
            not isinstance(stream, AvVideoStream)
            or stream.codec_context is None
            or stream.time_base != wanted.time_base
        ):
            raise MasterChanged(f"{self._info.path.name} is not the file that was probed.", "Start again.")
        if any(entry.pos + entry.size > self._info.size_bytes for entry in stream.index_entries):
            raise TruncatedFile(
                f"{self._info.path.name} has an index that lists frames beyond its end.",
                "Copy it from its source again.",
            )
        return stream

    def slots(self) -> Generator[Slot[VideoFrame], None, None]:
        """Every frame once. Raises :class:`TruncatedFile` or :class:`UnsupportedMedia`; damage is marked in the
        slots."""
        return _Pass(self._info, self._container, self._stream, self._entry).run()


class _Pass:
    def __init__(self, info: MediaInfo, container: InputContainer, stream: AvVideoStream, entry: Entry | None) -> None:
        self._info, self._video, self._container, self._stream = info, info.video, container, stream
        self._entry = entry
        self._set_up()
        self._order: Order[VideoFrame] | None = None
        self._seq = 0
        self._angle: int | None = None
        self._packets = 0
        self._end = Fraction(0)

    def _set_up(self) -> None:
        context, codec = self._stream.codec_context, self._video.codec
        context.copy_opaque = True
        # One packet in, its outcome out. With frame threads, errors appear at a later packet, PyAV drops an error that
        # comes together with a finished frame, and H.264's damage flags are sometimes set too late to be read
        # (measured: in one run in five on a damaged last frame), so two passes over a file could disagree.
        context.thread_type = "SLICE"
        if codec in _FLAGS_ERRORS:
            context.thread_count = 1  # slice threads disable the error flags
        options = {"max_pixels": str(MAX_SIDE * MAX_SIDE)}
        if codec not in _FLAGS_ERRORS:
            options["err_detect"] = "explode"
        if context.name == "libdav1d":
            options["max_frame_delay"] = "1"  # it uses its own threads, but without delay
        context.options = options
        # Other streams matter only where their ends are needed to check the container's duration.
        if not self._checks_duration():
            for other in self._container.streams:
                if other is not self._stream:
                    other.discard = Discard.all

    def _checks_duration(self) -> bool:
        # Matroska only: MP4 and AVI are checked by their index, and for the others FFmpeg guesses the duration.
        return self._info.container.startswith("matroska")

    def run(self) -> Generator[Slot[VideoFrame], None, None]:
        with closing(self._slots()) as slots:
            for slot in slots:
                # In HEVC, pictures decoded after an IDR picture may be shown before it.
                if self._entry is None or slot.pts >= self._entry.pts:
                    yield slot

    def _slots(self) -> Generator[Slot[VideoFrame], None, None]:
        demuxed = packets_of(self._container, None if self._checks_duration() else self._stream)
        try:
            for packet in self._read(demuxed):
                self._decode(packet)
                if self._order is not None:
                    yield from self._order.ready()
        finally:
            demuxed.close()
        self._decode(None)
        order = self._order if self._order is not None else self._start(by_dts=False)
        yield from order.finish()
        if self._entry is None:
            self._check_complete()

    def _read(self, demuxed: Iterator[Packet[Stream]]) -> Iterator[Packet[Stream]]:
        while True:
            try:
                packet = next(demuxed, None)
            except av.FFmpegError as error:
                raise self._truncated("cannot be read to its end") from error
            if packet is None:
                return
            time = packet.pts if packet.pts is not None else packet.dts
            if time is not None and packet.time_base:
                self._end = max(self._end, (time + (packet.duration or 0)) * packet.time_base)
            if packet.stream_index != self._stream.index:
                continue
            # An empty packet repeats the last picture (AVI) or, without a time, is PyAV's end marker. It contains no
            # frame, and sending it to the decoder would end decoding.
            self._packets += packet.size > 0 or time is not None
            if packet.size == 0:
                continue
            if self._packets > self._info.size_bytes:
                raise UnsupportedMedia("The container lists more frames than it has bytes.", "Remux it to MKV first.")
            if self._order is None and packet.pts is None and self._info.container in _PARSED:
                continue
            yield packet

    def _decode(self, packet: Packet[Stream] | None) -> None:
        seq = self._seq
        if packet is not None:
            self._seq += 1
            shown = not packet.is_discard
            packet = packet if shown else _without_discard(packet)
            self._note(seq, packet, shown=shown)
        try:
            frames = self._stream.codec_context.decode(packet)
        except av.BlockingIOError:
            # The decoder is stuck on an older packet. Reset it: the packets inside are lost and will be marked as lost.
            self._stream.codec_context.flush_buffers()
            self._failed(seq)
            return
        except av.FFmpegError:
            self._failed(seq)
            return
        for frame in frames:
            self._take(frame)

    def _failed(self, seq: int) -> None:
        if self._order is not None:
            self._order.mark_damaged(seq)

    def _note(self, seq: int, packet: Packet[Stream], *, shown: bool) -> None:
        sent = Sent(
            seq=seq,
            pts=packet.pts,
            dts=packet.dts,
            duration=max(0, packet.duration or 0),
            keyframe=packet.is_keyframe,
            optional=_may_hold_nothing(self._video.codec, packet),
            shown=shown,
        )
        if self._order is None:
            self._start(by_dts=packet.pts is None or self._info.container in _WITHOUT_PTS)
        assert self._order is not None
        # FFmpeg carries this from packet to frame. PyAV stores it by its address, so it must be a separate object
        # (equal small integers are one object, and releasing one would release it for all).
        packet.opaque = sent
        self._order.sent(sent)
        if packet.is_corrupt:
            self._order.mark_damaged(seq)
            if self._info.container in _PARSED:
                # A parser finds a frame's end in the next packet, so the mark of a gap can land on the wrong frame.
                self._order.mark_damaged(seq + 1)

    def _start(self, *, by_dts: bool) -> Order[VideoFrame]:
        tick, rate = self._video.time_base, self._video.average_rate
        self._order = Order(
            by_dts=by_dts,
            delay=self._stream.codec_context.reorder_depth if by_dts else 0,
            field_time=int(Fraction(6, 10) / (rate or 25) / tick),
            second=max(1, int(1 / tick)),
        )
        return self._order

    def _take(self, frame: VideoFrame) -> None:
        video = self._video
        if (frame.width, frame.height, frame.format.name) != (video.width, video.height, video.pix_fmt):
            raise UnsupportedMedia(
                f"The picture changes from {video.width} x {video.height} {video.pix_fmt} to "
                f"{frame.width} x {frame.height} {frame.format.name} mid-stream.",
                "Split the footage at the change.",
            )
        if self._angle is None and turn_of(frame) == video.rotation:
            self._angle = frame.rotation
        # turn_of() is not called for every frame: PyAV's view of side data and its frame refer to each other, and the
        # pictures would stay in memory until Python collects cycles.
        if frame.rotation != self._angle:
            raise UnsupportedMedia("The picture's rotation changes mid-stream.", "Split the footage at the change.")
        assert self._order is not None
        sent = frame.opaque
        self._order.received(
            sent.seq if isinstance(sent, Sent) else self._seq - 1,
            Received(
                picture=frame,
                pts=frame.pts,
                duration=frame.duration,
                clean_start=frame.key_frame and frame.pict_type == PictureType.I and not frame.is_corrupt,
                corrupt=frame.is_corrupt,
                interlaced=frame.interlaced_frame,
            ),
        )

    def _check_complete(self) -> None:
        """Compare the container's index or duration with what was read."""
        if self._info.container.startswith(("mov", "avi")) and self._packets < len(self._stream.index_entries):
            raise self._truncated(f"lists {len(self._stream.index_entries)} frames but contains {self._packets}")
        stated = self._info.duration
        if self._checks_duration() and stated is not None and self._end + _DURATION_SLACK < stated:
            raise self._truncated(f"states a length of {float(stated):.1f} s but contains {float(self._end):.1f} s")

    def _truncated(self, how: str) -> TruncatedFile:
        return TruncatedFile(f"{self._info.path.name} {how}.", "Copy it from its source again.")


def _without_discard(packet: Packet[Stream]) -> Packet[Stream]:
    """A copy of a packet that an edit list removes, without that flag. FFmpeg would drop its frame, but we need the
    frame to know whether those that depend on it are damaged."""
    copy: Packet[Stream] = Packet(bytes(packet))
    copy.stream, copy.time_base = packet.stream, packet.time_base
    copy.pts, copy.dts, copy.duration = packet.pts, packet.dts, packet.duration
    copy.is_keyframe, copy.is_corrupt = packet.is_keyframe, packet.is_corrupt
    for data in packet.iter_sidedata():
        copy.set_sidedata(data)
    return copy


def _may_hold_nothing(codec: str, packet: Packet[Stream]) -> bool:
    """Whether a valid packet may give no frame: a picture used only for reference, or a repetition."""
    if codec == "mpeg4":
        return packet.size <= _NVOP_SIZE
    if codec in ("vp8", "vp9"):
        data = memoryview(packet)
        first, last = data[0], data[-1]
        if codec == "vp8":
            return not first & 0x10  # show_frame: RFC 6386, 9.1
        # show_existing_frame and show_frame, unless several frames are joined: VP9 specification, 6.2 and annex B
        return last & 0xE0 != 0xC0 and not first & 0x0A
    return False
