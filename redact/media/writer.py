"""Writes a copy: pictures encoded at exactly the master's timestamps, the sound tracks, and nothing else.

The copy is written under another name, read back and verified before it is renamed to the target.
"""

from __future__ import annotations

import contextlib
import hashlib
import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Self

import av
import numpy as np
from av.container import OutputContainer

from redact import environment
from redact.errors import (
    BadUsage,
    EncodeFailed,
    FrameCountMismatch,
    OutputExists,
    OutputNotWritable,
    RedactError,
    SameFile,
)
from redact.media.encoder import encoder_for, ordinary_priority
from redact.media.encoder_frames import FORMATS, even, to_frame
from redact.media.parity import timeline_shift, verify_copy
from redact.media.part_file import PartFile, remove_stale_parts, write_error
from redact.media.sound import (
    FILL_BEYOND_PICTURE_SECONDS,
    CopiedSound,
    EncodedSound,
    SoundTrack,
    SoundWriter,
    aac_rate,
    survey_sound,
)
from redact.media.timeline import ClipInterval
from redact.media.types import FrameTable, MediaInfo, PlanarImage
from redact.settings import EncodeSettings, VideoCodec

SUFFIXES = (".mp4", ".mov")
_CODEC_NAMES = {VideoCodec.H264: "H.264", VideoCodec.HEVC: "HEVC", VideoCodec.AV1: "AV1"}

_MAX_SCALE = 2**31 - 1
"""MP4 counts time in units of 1/n second; n is a 32-bit number, which FFmpeg reads as signed."""
_ROOMY_GAP = 2**26
"""Ticks between frames up to which no 32-bit field of an MP4 can overflow, whatever the encoder's reordering."""
_MUXER_BUFFER = 1 << 18
_SHORT_CLIP = 8


@dataclass(frozen=True, slots=True)
class CopyReport:
    """A finished, verified copy. ``settings`` are the encoder's options; ``notes`` are for the log."""

    path: Path
    codec: VideoCodec
    encoder: str
    settings: Mapping[str, str]
    frames: int
    size_bytes: int
    sha256: str
    notes: tuple[str, ...]
    width: int
    height: int
    time_base: Fraction
    """Unit of the timestamps in the file, in seconds."""


def check_target(source: Path, target: Path, *, overwrite: bool) -> None:
    """Raise unless ``target`` may become the copy of ``source``. Writes and changes nothing.

    Raises SameFile (also for another name of the same file), BadUsage for a suffix other than .mp4 and .mov,
    OutputExists, and OutputNotWritable if the folder is missing or read-only or the target is not a regular file.
    """
    if target.suffix.lower() not in SUFFIXES:
        raise BadUsage(
            f'"{target.name}" is neither an .mp4 nor a .mov file.', "Give the copy a name with one of these endings."
        )
    if target.absolute() == source.absolute() or (target.exists() and source.exists() and target.samefile(source)):
        raise SameFile(f'"{target}" is the master itself.', "Choose another name for the copy.")
    folder = target.parent
    if not folder.is_dir():
        raise OutputNotWritable(f'The folder "{folder}" does not exist.', "Create it, or choose another one.")
    if os.path.lexists(target):
        if target.is_dir() or (target.exists() and not target.is_file()):
            raise OutputNotWritable(f'"{target}" is not a regular file.', "Choose another name for the copy.")
        if not overwrite:
            raise OutputExists(f'"{target}" already exists.', "Choose another name, or add --overwrite.")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise OutputNotWritable(f'The folder "{folder}" is not writable.', "Choose another one.")


def media_time_base(table: FrameTable) -> Fraction:
    """The time base in which a copy of ``table`` is written: the table's own, or a coarser one that loses nothing.

    Raises EncodeFailed if an MP4 cannot store the table's timestamps exactly.
    """
    gaps = np.diff(table.pts, append=table.pts[-1] + max(table.last_duration, 0))
    common = int(np.gcd.reduce([*table.pts.tolist(), *gaps.tolist()])) or 1
    for base in (table.time_base, table.time_base * common):
        largest = int(gaps.max()) * table.time_base / base
        if base.denominator <= _MAX_SCALE and base.numerator <= _MAX_SCALE and largest * base.numerator <= _ROOMY_GAP:
            return base
    raise EncodeFailed(
        f"The master's timestamps (in units of {table.time_base} s) are too fine, or too far apart, for an MP4."
    )


class CopyWriter:
    """Writes one copy. Use it as a context manager, ``write`` every frame in order, then call ``finish``.

    Leaving the context without ``finish``, or with an exception, removes everything that was written. Pictures are
    upright and of the size in ``info.video``. With ``card``, the graphics card's encoder is used if available; the
    report's notes say whether it was, or why not. ``options`` are added to the encoder's. With ``cut``, ``table``
    starts at 0, and only the sound within the cut is written, always re-encoded (see :class:`EncodedSound`).

    Raises on entering: what :func:`check_target` raises, BadUsage for encoder settings, EncodeFailed. While writing and
    finishing: DiskFull, EncodeFailed, and FrameCountMismatch if frames are missing or the finished file is not valid.
    """

    def __init__(
        self,
        target: Path,
        info: MediaInfo,
        table: FrameTable,
        settings: EncodeSettings,
        sound: Sequence[SoundTrack],
        *,
        overwrite: bool = False,
        card: bool = False,
        cut: ClipInterval | None = None,
        options: Mapping[str, str] | None = None,
    ) -> None:
        self._target, self._info, self._table, self._settings = target, info, table, settings
        self._tracks, self._overwrite, self._cut = tuple(sound), overwrite, cut
        self._encoder = encoder_for(info, settings, card=card)
        self._options = {**self._encoder.options, **(options or {})}
        if settings.codec is VideoCodec.AV1 and target.suffix.lower() == ".mov":
            raise BadUsage("A .mov file cannot hold AV1.", "Name the copy .mp4 or choose another codec.")
        if len(table) == 0:
            raise EncodeFailed("The master has no frames.")
        self._time_base = media_time_base(table)
        self._shift = timeline_shift(info, table)
        self._sound_shift = cut.shift if cut else self._shift
        self._bit_depth = self._encoder.bit_depth
        self._next = 0
        self._pending: av.Packet[av.VideoStream] | None = None
        self._notes: list[str] = [self._encoder.note] if self._encoder.note else []
        self._sounds: list[SoundWriter] = []
        self._sound_numbers: list[int] = []
        self._part: PartFile | None = None
        self._first_dts: int | None = None
        starts = [self._ticks(table.seconds(index) + self._shift) for index in range(len(table))]
        self._end = starts[-1] + self._ticks(max(table.last_duration, 0) * table.time_base)
        self._ends = dict(zip(starts, [*starts[1:], self._end], strict=True))
        """End of each frame that is not muxed yet, by its start; both in ticks."""

    def __enter__(self) -> Self:
        check_target(self._info.path, self._target, overwrite=self._overwrite)
        remove_stale_parts(self._target)
        self._part = PartFile(self._target)
        try:
            with self._failures():
                self._open(self._part)
        except BaseException:
            self._discard()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._discard()

    def write(self, index: int, image: PlanarImage) -> None:
        """Encode ``image`` as frame ``index`` of the table. The image may be reused afterwards."""
        if index != self._next or index >= len(self._table):
            raise FrameCountMismatch(f"Frame {index} was given where frame {self._next} was expected.")
        video = self._info.video
        if (image.width, image.height) != (video.upright_width, video.upright_height):
            raise EncodeFailed(
                f"Frame {index} is {image.width}x{image.height} pixels, the master "
                f"{video.upright_width}x{video.upright_height}."
            )
        time = self._table.seconds(index)
        with self._failures():
            frame = to_frame(image, self._bit_depth)
            frame.time_base = self._time_base
            frame.pts = self._ticks(time + self._shift)
            for packet in self._video.encode(frame):
                self._mux(packet)
            for track in self._sounds:
                track.pull(time + self._shift - self._sound_shift)
        self._next += 1

    def finish(self, check: Callable[[], None] | None = None) -> CopyReport:
        """Write the remaining packets, verify the file, rename it to the target, and report on it.

        ``check`` is called just before the renaming; if it raises, the file is not renamed.
        """
        assert self._part is not None
        if self._next != len(self._table):
            raise FrameCountMismatch(f"Only {self._next} of {len(self._table)} frames were written.")
        with self._failures():
            for packet in self._video.encode(None):
                self._mux(packet)
            self._mux_last()
            expected = [track.finish() for track in self._sounds]
            self._time_base_written = self._video.time_base or self._time_base
            self._out.close()
        for number, track in zip(self._sound_numbers, self._sounds, strict=True):
            self._notes.extend(f"sound track {number}: {note}" for note in track.notes())
        self._part.sync()
        verify_copy(self._part.path, self._info, self._table, expected)
        with self._part.path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        size = self._part.path.stat().st_size
        if check is not None:
            check()
        self._part.publish(overwrite=self._overwrite)
        return CopyReport(
            path=self._target,
            codec=self._settings.codec,
            encoder=self._encoder.name,
            settings=dict(self._options),
            width=even(self._info.video.upright_width),
            height=even(self._info.video.upright_height),
            time_base=self._time_base_written,
            frames=len(self._table),
            size_bytes=size,
            sha256=digest,
            notes=tuple(self._notes),
        )

    def _open(self, part: PartFile) -> None:
        suffix = self._target.suffix.lower()
        self._out: OutputContainer = av.open(
            part.raw,
            "w",
            format=suffix[1:],
            # Without "bitexact" the muxer adds dates and its version; "faststart" moves the index to the front, so that
            # browsers can start playing at once.
            container_options={
                "fflags": "+bitexact",
                "movflags": "+faststart",
                "movie_timescale": str(self._movie_scale()),
            },
            buffer_size=_MUXER_BUFFER,
        )
        self._video = self._open_video()
        self._note_picture()
        for number, track in enumerate(self._tracks, start=1):
            self._open_sound(number, track, suffix)

    def _open_video(self) -> av.VideoStream:
        video, codec = self._info.video, self._settings.codec
        encoder, options = self._encoder, dict(self._options)
        if encoder.name == "libx264":
            # With mbtree, x264's threads race and the same pictures do not always give the same file. Turning it off
            # costs next to nothing: 1 % smaller, 0.3 dB less and 6 % faster on a 720p clip at "veryfast".
            options["x264-params"] = "mbtree=0"
        if encoder.name == "libx265":
            # In clips of fewer frames than it reorders, x265 leaves decoding times undefined.
            short = ":bframes=0" if len(self._table) <= _SHORT_CLIP else ""
            options["x265-params"] = f"log-level=error{short}"
        if encoder.name == "libsvtav1":
            # Otherwise the library prints a long banner; only the environment can turn it off.
            os.environ.setdefault(environment.SVT_LOG, "1")
            # Its temporal filter blends pictures with their neighbours, which is not wanted in evidence.
            options["svtav1-params"] = "enable-tf=0"
        stream = self._out.add_stream(encoder.name, rate=self._rate(), options=options)
        assert isinstance(stream, av.VideoStream)
        context = stream.codec_context
        context.width, context.height = even(video.upright_width), even(video.upright_height)
        context.pix_fmt = FORMATS[self._bit_depth]
        context.time_base = stream.time_base = self._time_base
        context.sample_aspect_ratio = video.sample_aspect
        context.color_primaries, context.color_trc = video.colour.primaries, video.colour.transfer
        context.colorspace, context.color_range = video.colour.matrix, 2 if video.colour.full_range else 1
        # PyAV's default, threads within a frame, makes x264 split pictures into slices: larger, and no faster.
        context.thread_type = "AUTO"
        if codec is VideoCodec.HEVC:
            # Apple's players accept HEVC only with this tag.
            context.codec_tag = "hvc1"
        if encoder.name == "libsvtav1":
            with ordinary_priority():
                context.open()
        return stream

    def _open_sound(self, number: int, track: SoundTrack, suffix: str) -> None:
        copying = track.copying and track.editor is None and self._cut is None
        survey = survey_sound(self._info.path, track.stream, suffix, copying=copying)
        if survey.end is None:
            self._notes.append(f"sound track {number}: empty, left out")
            return
        problem = survey.copy_problem
        if not problem and (self._shift / track.stream.time_base).denominator != 1:
            problem = "the timeline had to be moved"
        self._sound_numbers.append(number)
        if copying and not problem:
            self._sounds.append(CopiedSound(self._out, self._info.path, track.stream, survey, self._shift))
            return
        reason = "edited" if track.editor is not None else "cut with the picture" if self._cut else problem
        why = f" ({reason})" if reason else ""
        self._notes.append(f"sound track {number}: {survey.codec} re-encoded to AAC{why}")
        last = self._cut.end if self._cut else self._table.seconds(len(self._table) - 1)
        self._sounds.append(
            EncodedSound(
                self._out,
                self._info.path,
                track,
                survey,
                shift=self._sound_shift,
                fill_until=last + FILL_BEYOND_PICTURE_SECONDS,
                cut=self._cut,
            )
        )

    def _note_picture(self) -> None:
        video = self._info.video
        if video.bit_depth > self._bit_depth:
            name = _CODEC_NAMES[self._settings.codec]
            self._notes.append(f"{video.bit_depth}-bit master written as {self._bit_depth}-bit {name}")
        if video.upright_width % 2 or video.upright_height % 2:
            self._notes.append(
                f"picture padded to even size: {even(video.upright_width)}x{even(video.upright_height)} "
                f"from {video.upright_width}x{video.upright_height}"
            )
        if self._shift:
            self._notes.append(f"timeline moved by {float(self._shift):.6f} s: the master starts before time 0")

    def _rate(self) -> Fraction:
        """Frames per second for the encoder's rate control; timestamps do not depend on it."""
        span = int(self._table.pts[-1] - self._table.pts[0]) + max(self._table.last_duration, 0)
        mean = Fraction(len(self._table), 1) / (span * self._table.time_base) if span else Fraction(25)
        return min(max(mean, Fraction(1)), Fraction(240)).limit_denominator(1001)

    def _movie_scale(self) -> int:
        """Units per second, fine enough for the start of every track, which the muxer writes rounded down."""
        scale = self._time_base.denominator
        for track in self._tracks:
            finer = math.lcm(scale, aac_rate(track.stream.sample_rate), track.stream.sample_rate)
            scale = finer if finer <= _MAX_SCALE else scale
        return scale * max(1, -(-1000 // scale))

    def _ticks(self, time: Fraction) -> int:
        ticks = time / self._time_base
        if ticks.denominator != 1:
            raise FrameCountMismatch(f"The time {time} s cannot be stored exactly.")
        return int(ticks)

    def _mux(self, packet: av.Packet[av.VideoStream]) -> None:
        if packet.pts is None or packet.dts is None or packet.pts not in self._ends:
            raise FrameCountMismatch(f"The encoder returned a frame at {packet.pts} that the master does not have.")
        # Encoders guess durations from the frame rate; the muxer derives the end of the picture from them.
        packet.duration = self._ends.pop(packet.pts) - packet.pts
        if self._first_dts is None:
            self._first_dts = packet.dts
        if self._pending is not None:
            self._out.mux(self._pending)
        self._pending = packet

    def _mux_last(self) -> None:
        packet = self._pending
        if packet is None or self._ends or self._first_dts is None:
            raise FrameCountMismatch(f"The encoder dropped {len(self._ends)} frames.")
        assert packet.pts is not None and packet.dts is not None
        # The muxer ends the track with the last packet, which need not hold the last frame. Its duration is set so that
        # the track ends where the last frame does.
        if packet.pts + (packet.duration or 0) != self._end:
            first = self._ticks(self._table.seconds(0) + self._shift)
            length = (self._end - first) - (packet.dts - self._first_dts)
            packet.duration = max(1, min(length, self._end - packet.pts))
        self._out.mux(packet)

    @contextlib.contextmanager
    def _failures(self) -> Iterator[None]:
        """Turn failures of the encoder and muxer into DiskFull or EncodeFailed."""
        try:
            yield
        except RedactError:
            raise
        except (av.FFmpegError, OSError, ValueError, RuntimeError) as error:
            raise write_error(self._target, error) from error

    def _discard(self) -> None:
        for track in self._sounds:
            track.close()
        self._sounds = []
        if self._part is not None:
            self._part.discard()
            self._part = None
