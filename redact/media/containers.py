"""The containers that are accepted, and opening untrusted files.

FFmpeg follows a playlist, fetches a URL or opens another file if its input tells it to. Here it may open only one
regular local file, by its absolute path, with a demuxer from a short list of those that read nothing else.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Generator
from pathlib import Path
from typing import cast

import av
from av.container import InputContainer
from av.packet import Packet
from av.stream import Stream

from redact.errors import EmptyFile, InputMissing, NotMedia

VIDEO_DEMUXERS = ("mov", "avi", "matroska", "webm", "mpegts", "mpeg", "asf")
# Accepted only to distinguish sound files (NoVideo) from files that are not media at all (NotMedia).
AUDIO_DEMUXERS = ("wav", "mp3", "aac", "flac", "ogg", "amr", "aiff")
# fmt: off
FOOTAGE_SUFFIXES = frozenset((
    ".mp4", ".m4v", ".mov", ".qt", ".3gp", ".avi", ".divx", ".mkv", ".webm", ".ts", ".m2ts", ".mts", ".m2t", ".mpg",
    ".mpeg", ".vob", ".asf", ".wmv", ".flv", ".mxf", ".ogv", ".mjpg", ".mjpeg", ".h264", ".264", ".hevc", ".h265",
    ".265", ".ivf",
))
# fmt: on
"""Suffixes that mark a file as footage in a folder; formats that are not accepted then count as failed, not skipped."""

_GEN_PTS = 1
"""AVFMT_FLAG_GENPTS"""
_OPTIONS = {
    "protocol_whitelist": "file",
    "format_whitelist": ",".join(VIDEO_DEMUXERS + AUDIO_DEMUXERS),
    # MOV data references can name other files. Both are FFmpeg's defaults, set here because safety depends on them.
    "enable_drefs": "0",
    "use_absolute_path": "0",
}


def file_size(path: Path) -> int:
    """Size in bytes of a regular, readable, non-empty file; raises :class:`InputMissing` or :class:`EmptyFile`."""
    try:
        status = path.stat()
    except OSError as error:
        raise InputMissing(f"{path.name}: {error.strerror}.", "Check the path.") from error
    if not stat.S_ISREG(status.st_mode):
        raise InputMissing(f"{path.name} is not a regular file.", "Give the path of a video file.")
    if not os.access(path, os.R_OK):
        raise InputMissing(f"{path.name} cannot be read: permission denied.", "Check the file's permissions.")
    if status.st_size == 0:
        raise EmptyFile(f"{path.name} is empty.", "Copy the footage from its source again.")
    return status.st_size


def open_media(path: Path) -> InputContainer:
    """Open ``path`` for demuxing. Raises :class:`InputMissing`, :class:`EmptyFile` or :class:`NotMedia`."""
    file_size(path)
    try:
        # "file:" prevents a name like "concat:a|b" or "http:..." from being taken for a protocol.
        container = av.open(
            f"file:{path.absolute()}", "r", options=_OPTIONS, metadata_encoding="utf-8", metadata_errors="replace"
        )
    except (av.FFmpegError, UnicodeError, ValueError) as error:
        raise NotMedia(
            f"{path.name} cannot be opened: it is not an MP4, MOV, AVI, MKV, TS or ASF file, or its index is missing.",
            "If it is footage, copy it from its source again or repair it with the camera maker's tool.",
        ) from error
    # PyAV asks FFmpeg to invent missing timestamps, which gives H.264 frames in AVI the times of other frames.
    container.flags &= ~_GEN_PTS
    return container


def packets_of(container: InputContainer, stream: Stream | None = None) -> Generator[Packet[Stream], None, None]:
    """Packets of ``stream``, or of all streams; an empty packet ends each stream.

    PyAV's generator holds FFmpeg's read buffer: close it before the container.
    """
    packets = container.demux(stream) if stream is not None else container.demux()
    return cast("Generator[Packet[Stream], None, None]", packets)
