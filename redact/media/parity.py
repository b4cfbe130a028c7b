"""Checks that a finished copy has exactly the master's frames and timestamps, the expected sound, and nothing else.

The file is read back from the disk before it gets its final name.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from redact.errors import FrameCountMismatch, NotMedia
from redact.media.atoms import Layout, read_layout
from redact.media.containers import open_media
from redact.media.types import FrameTable, MediaInfo

SOUND_TOLERANCE = Fraction(1, 20)
"""Seconds by which a sound track's start and end may differ, or one and a half packets if that is longer."""

_TAGS = frozenset(
    {"major_brand", "minor_version", "compatible_brands", "encoder", "handler_name", "vendor_id", "language"}
)
_HANDLERS = ("VideoHandler", "SoundHandler")
"""The muxer's own names; cameras put theirs here."""


@dataclass(frozen=True, slots=True)
class ExpectedSound:
    """Expected start and end of a sound track, in seconds on the container's timeline."""

    start: Fraction
    end: Fraction


@dataclass(slots=True)
class StreamContents:
    """The content of one stream of the copy: packet times, end and ``longest`` duration in seconds, ``payload`` in
    bytes."""

    times: list[Fraction]
    end: Fraction
    longest: Fraction
    payload: int


def timeline_shift(info: MediaInfo, table: FrameTable) -> Fraction:
    """Seconds by which the whole timeline of a copy is later than the master's: 0 unless frames precede time 0.

    An MP4 cannot show a frame before time 0. Picture and sound are then shifted together by whole ticks of the table's
    time base, so that the earliest of them is at 0 or less than a tick after it.
    """
    if len(table) == 0 or table.pts[0] >= 0:
        return Fraction(0)
    earliest = min([table.seconds(0), *(stream.start for stream in info.audio)])
    return -(earliest // table.time_base) * table.time_base


def verify_copy(path: Path, info: MediaInfo, table: FrameTable, expected_sound: Sequence[ExpectedSound]) -> None:
    """Raise :class:`~redact.errors.FrameCountMismatch` unless the copy at ``path`` is as expected.

    There must be one video stream with exactly the frames and timestamps of ``table`` (shifted by
    :func:`timeline_shift`) and the last frame's duration; one sound stream for each entry of ``expected_sound``, with
    its start and end; no other stream, chapter or tag; only atoms the muxer writes, and no media bytes outside the
    streams.
    """
    layout, found = read_contents(path)
    if len(found) != 1 + len(expected_sound):
        raise _mismatch(f"it has {len(found) - 1} sound tracks, not {len(expected_sound)}")
    shift = timeline_shift(info, table)
    _check_frames(found[0].times, shift, table)
    if len(layout.track_ends) != len(found):
        raise _mismatch("a track has no edit list")
    _check_last_frame(layout.track_ends[0], shift, table)
    for number, (track, expected) in enumerate(zip(found[1:], expected_sound, strict=True), start=1):
        _check_sound(number, track, expected)


def read_contents(path: Path, *, signed: bool = False) -> tuple[Layout, list[StreamContents]]:
    """The content of the copy at ``path``: the picture, then the sound tracks. A ``signed`` copy may have a C2PA
    manifest.

    Raises :class:`~redact.errors.FrameCountMismatch` if it contains anything else: a stream, chapter or tag, an atom
    that the muxer does not write, or media bytes outside the streams.
    """
    with path.open("rb") as file:
        layout = read_layout(file, path.stat().st_size, signed=signed)
    try:
        with open_media(path) as container:
            _check_streams(container)
            found = _read_packets(container)
    except (av.FFmpegError, ValueError, NotMedia) as error:
        raise _mismatch(f"it cannot be read back: {error}") from error
    if layout.media_bytes != sum(stream.payload for stream in found):
        raise _mismatch("it has media bytes outside its streams")
    return layout, found


def _check_streams(container: av.container.InputContainer) -> None:
    kinds = [stream.type for stream in container.streams]
    if kinds != ["video", *["audio"] * (len(kinds) - 1)]:
        raise _mismatch(f"it has the streams {', '.join(kinds)}")
    if container.chapters():
        raise _mismatch("it has chapters")
    for tags in (container.metadata, *(stream.metadata for stream in container.streams)):
        if unknown := set(tags) - _TAGS:
            raise _mismatch(f"it has the tags {', '.join(sorted(unknown))}")
    if any(stream.metadata.get("handler_name") not in _HANDLERS for stream in container.streams):
        raise _mismatch("its tracks have names")


def _read_packets(container: av.container.InputContainer) -> list[StreamContents]:
    found = [StreamContents([], Fraction(0), Fraction(0), 0) for _ in container.streams]
    for packet in container.demux():
        if packet.size == 0:
            continue
        if packet.pts is None or packet.time_base is None or packet.is_corrupt:
            raise _mismatch("it has a packet without a timestamp")
        stream = found[packet.stream.index]
        if packet.is_discard and packet.stream.type == "video":
            raise _mismatch("it has a frame that no player shows")
        time = packet.pts * packet.time_base
        duration = (packet.duration or 0) * packet.time_base
        stream.times.append(time)
        stream.end = max(stream.end, time + duration)
        stream.longest = max(stream.longest, duration)
        stream.payload += packet.size
    return found


def _check_frames(times: list[Fraction], shift: Fraction, table: FrameTable) -> None:
    if len(times) != len(table):
        raise _mismatch(f"it has {len(times)} frames, the master {len(table)}")
    for index, (time, pts) in enumerate(zip(sorted(times), table.pts.tolist(), strict=True)):
        if time != pts * table.time_base + shift:
            raise _mismatch(
                f"frame {index} is at {float(time):.6f} s, {float(table.seconds(index)):.6f} s in the master"
            )


def _check_last_frame(end: Fraction, shift: Fraction, table: FrameTable) -> None:
    expected = table.seconds(len(table) - 1) + table.last_duration * table.time_base + shift
    # One tick: a duration of 0 cannot be written, and the muxer rounds up.
    if abs(end - expected) > table.time_base:
        raise _mismatch(f"its picture ends at {float(end):.6f} s, not at {float(expected):.6f} s")


def _check_sound(number: int, track: StreamContents, expected: ExpectedSound) -> None:
    if not track.times:
        raise _mismatch(f"sound track {number} is empty")
    tolerance = max(SOUND_TOLERANCE, track.longest * Fraction(3, 2))
    # Samples before time 0 are an encoder's priming, which players skip.
    start = max(min(track.times), Fraction(0))
    for edge, is_at, should in (("starts", start, expected.start), ("ends", track.end, expected.end)):
        if abs(is_at - should) > tolerance:
            raise _mismatch(f"sound track {number} {edge} at {float(is_at):.3f} s, not at {float(should):.3f} s")
    if np.any(np.diff([float(time) for time in track.times]) <= 0):
        raise _mismatch(f"sound track {number} runs backwards")


def _mismatch(what: str) -> FrameCountMismatch:
    return FrameCountMismatch(f"The written copy does not match the master: {what}.", "Please report this as a defect.")
