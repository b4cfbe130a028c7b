"""Detects files that end before their own top-level structure says they should.

Demuxers are lenient: a file cut short while copying plays up to the cut and then simply ends. The outermost length
fields reveal it at no cost. Sources: ISO/IEC 14496-12 (atoms, there called boxes), RFC 9559 and RFC 8794 (Matroska,
EBML), Microsoft's RIFF/AVI and ASF specifications.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO

_MP4_ATOMS = {
    b"ftyp",
    b"moov",
    b"mdat",
    b"moof",
    b"free",
    b"skip",
    b"wide",
    b"uuid",
    b"styp",
    b"sidx",
    b"mfra",
    b"meta",
}
_EBML, _SEGMENT = b"\x1a\x45\xdf\xa3", b"\x18\x53\x80\x67"
_ASF_DATA = bytes.fromhex("3626b2758e66cf11a6d900aa0062ce6c")
_MAX_ELEMENTS = 1_000_000


def cut_short(path: Path, container: str) -> bool:
    """Whether an outermost element of ``path`` reaches past the end of the file.

    ``container`` is FFmpeg's demuxer name. MPEG-TS and MPEG-PS have no outer structure, live recordings in Matroska and
    ASF may leave lengths open, and fragmented MP4 may end after any fragment. A cut in those cannot be detected: False
    only means that nothing is known to be missing.
    """
    walk = {"mov": _mp4, "avi": _riff, "matroska": _matroska, "asf": _asf}.get(container.split(",", 1)[0])
    if walk is None:
        return False
    with path.open("rb") as file:
        return walk(file, os.fstat(file.fileno()).st_size)


def _mp4(file: BinaryIO, size: int) -> bool:
    at = 0
    for _ in range(_MAX_ELEMENTS):
        if at >= size:
            return False
        file.seek(at)
        head = file.read(16)
        kind, length = head[4:8], int.from_bytes(head[:4], "big")
        if kind not in _MP4_ATOMS:
            return False  # padding that some cameras leave after the last atom
        if length == 1:
            length = int.from_bytes(head[8:16], "big")
        elif length == 0:
            return False  # "to the end of the file"
        if length < 8 or at + length > size:
            return True
        at += length
    return False


def _riff(file: BinaryIO, size: int) -> bool:
    at = 0
    while at + 12 <= size:
        file.seek(at)
        head = file.read(12)
        if head[:4] != b"RIFF":
            return False
        length = int.from_bytes(head[4:8], "little")
        if at + 8 + length > size:
            return True
        at += 8 + length + length % 2
    return False


def _matroska(file: BinaryIO, size: int) -> bool:
    at = 0
    for wanted in (_EBML, _SEGMENT):
        file.seek(at)
        head = file.read(12)
        if head[:4] != wanted or len(head) < 12:
            return False
        width = 9 - head[4].bit_length()
        if width > 8:
            return False
        value = int.from_bytes(head[4 : 4 + width], "big") & ((1 << 7 * width) - 1)
        if value == (1 << 7 * width) - 1:
            return False  # unknown size: a live recording
        at += 4 + width + value
    return at > size


def _asf(file: BinaryIO, size: int) -> bool:
    at = 0
    for _ in range(_MAX_ELEMENTS):
        if at + 24 > size:
            return False
        file.seek(at)
        head = file.read(24)
        length = int.from_bytes(head[16:24], "little")
        if length < 24:
            return False  # a broadcast leaves the data object's length open
        if at + length > size:
            return True
        if head[:16] == _ASF_DATA:
            return False  # only indexes follow, which are not needed here
        at += length
    return False
