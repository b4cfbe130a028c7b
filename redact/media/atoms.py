"""Checks the atoms of a finished MP4 or MOV: it must contain what was written and nothing else.

An MP4 is a tree of atoms (ISO/IEC 14496-12 calls them boxes): 32-bit size, four-character kind, content. Players skip
atoms they do not know, so a master's tags could be carried over unnoticed in unknown or padding atoms. This check knows
every atom the muxer writes for our copies and accepts no other.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from fractions import Fraction
from typing import BinaryIO

from redact.errors import FrameCountMismatch

MAX_PADDING = 64
"""Most zero bytes allowed in a ``free`` or ``wide`` atom; the muxer's own have none."""

MAX_BRANDS = 64
"""Most bytes allowed in the ``ftyp`` atom, which C2PA excludes from its hash; the muxer's own has 20 to 28."""

MAX_MANIFEST = 64 << 20
"""Most bytes allowed in a C2PA manifest."""

_C2PA = bytes.fromhex("d8fec3d61b0e483c92975828877ec481") + bytes(4) + b"manifest\0" + bytes(8)
"""Start of the content of an atom with a C2PA manifest (C2PA specification 2.2, A.5.1): UUID, version and flags, its
purpose, and a zero offset, as there are no Merkle trees elsewhere. One JUMBF box follows."""

_SAMPLE_DESCRIPTION = "stsd"
_VIDEO_ENTRIES = frozenset({"avc1", "hvc1", "av01"})
_AUDIO_ENTRIES = frozenset({"mp4a", ".mp3", "ac-3", "ec-3", "Opus", "alac", "fLaC"})
_ENTRY_CHILDREN = frozenset(
    {"avcC", "hvcC", "av1C", "colr", "pasp", "btrt", "esds", "dac3", "dec3", "dOps", "dfLa", "alac", "chan", "wave"}
)
_CHILDREN: dict[str, frozenset[str]] = {
    "": frozenset({"ftyp", "moov", "mdat", "free", "wide"}),
    "moov": frozenset({"mvhd", "trak", "udta"}),
    "trak": frozenset({"tkhd", "edts", "mdia"}),
    "edts": frozenset({"elst"}),
    "mdia": frozenset({"mdhd", "hdlr", "minf"}),
    "minf": frozenset({"vmhd", "smhd", "hdlr", "dinf", "stbl"}),
    "dinf": frozenset({"dref"}),
    "stbl": frozenset({"stsd", "stts", "stss", "ctts", "stsc", "stsz", "stco", "co64", "sgpd", "sbgp", "sdtp", "cslg"}),
    # The muxer closes a "wave" with an atom of kind zero.
    "wave": frozenset({"frma", "mp4a", "esds", "dac3", "dec3", "alac", "\0\0\0\0"}),
    # The muxer writes udta/meta with an empty tag list even when there is no tag.
    "udta": frozenset({"meta"}),
    "meta": frozenset({"hdlr", "ilst"}),
    "ilst": frozenset(),
    _SAMPLE_DESCRIPTION: _VIDEO_ENTRIES | _AUDIO_ENTRIES,
}
# Bytes between an atom's header and its first child.
_PREFIX = {"meta": 4, _SAMPLE_DESCRIPTION: 8}
_VIDEO_PREFIX = 78
_AUDIO_PREFIX = {0: 28, 1: 28 + 16, 2: 28 + 36}


@dataclass(frozen=True, slots=True)
class Atom:
    """One atom, whose content is the bytes [``content``, ``end``) of the file."""

    kind: str
    content: int
    end: int


@dataclass(frozen=True, slots=True)
class Layout:
    """``media_bytes``: bytes of coded media; ``track_ends``: when each track ends, in seconds on the timeline."""

    media_bytes: int
    track_ends: tuple[Fraction, ...]


def read_layout(file: BinaryIO, size: int, *, signed: bool = False) -> Layout:
    """Check every atom of ``file``, an MP4 or MOV of ``size`` bytes, and return the layout.

    A ``signed`` file may contain one C2PA manifest, of which only the outer structure is checked. Raises
    :class:`~redact.errors.FrameCountMismatch` for an atom that the muxer does not write for a copy, padding that is not
    empty, and atoms that do not fill their parent exactly.
    """
    found: dict[str, list[Atom]] = {}
    allowed = _CHILDREN[""] | {"uuid"} if signed else None
    for atom in _atoms(file, Atom("", 0, size), allowed):
        found.setdefault(atom.kind, []).append(atom)
    for kind in ("ftyp", "moov", "mdat"):
        if len(found.get(kind, ())) != 1:
            raise _invalid(f'it has {len(found.get(kind, ()))} atoms of kind "{kind}" where one is expected')
    for padding in (*found.get("free", ()), *found.get("wide", ())):
        _check_padding(file, padding)
    if found["ftyp"][0].end - found["ftyp"][0].content > MAX_BRANDS:
        raise _invalid("it lists more brands than a copy has")
    _check_manifest(file, found.get("uuid", []))
    leaves = _leaves(file, found["moov"][0])
    scales = [_movie_scale(file, atom) for atom in leaves if atom.kind == "mvhd"]
    if len(scales) != 1 or scales[0] == 0:
        raise _invalid("it does not give its unit of time")
    ends = tuple(Fraction(_edits_length(file, atom), scales[0]) for atom in leaves if atom.kind == "elst")
    return Layout(found["mdat"][0].end - found["mdat"][0].content, ends)


def _leaves(file: BinaryIO, parent: Atom) -> list[Atom]:
    """The checked atoms under ``parent`` that contain no other atoms, in order."""
    leaves = []
    for child in _atoms(file, parent):
        if parent.kind == _SAMPLE_DESCRIPTION:
            _check_sample_entry(file, child)
        elif child.kind in _CHILDREN:
            leaves.extend(_leaves(file, child))
        else:
            leaves.append(child)
    return leaves


def _movie_scale(file: BinaryIO, mvhd: Atom) -> int:
    file.seek(mvhd.content)
    version = _read(file, 4)[0]
    _read(file, 16 if version else 8)
    return int(struct.unpack(">I", _read(file, 4))[0])


def _edits_length(file: BinaryIO, elst: Atom) -> int:
    """Total duration of an edit list in units of the movie's time scale, including an empty entry at the start."""
    file.seek(elst.content)
    version, entries = struct.unpack(">B3xI", _read(file, 8))
    layout = ">QqI" if version else ">IiI"
    if elst.end - elst.content != 8 + entries * struct.calcsize(layout):
        raise _invalid("an edit list has the wrong size")
    return sum(struct.unpack(layout, _read(file, struct.calcsize(layout)))[0] for _ in range(entries))


def _check_sample_entry(file: BinaryIO, entry: Atom) -> None:
    if entry.kind in _VIDEO_ENTRIES:
        prefix = _VIDEO_PREFIX
    else:
        # QuickTime's versions 1 and 2 of a sound entry are longer than the ISO one.
        file.seek(entry.content + 8)
        version = struct.unpack(">H", _read(file, 2))[0]
        if version not in _AUDIO_PREFIX:
            raise _invalid(f"its sound description has an unknown version ({version})")
        prefix = _AUDIO_PREFIX[version]
    for child in _atoms(file, Atom("entry", entry.content + prefix, entry.end), _ENTRY_CHILDREN):
        if child.kind == "wave":
            for _ in _atoms(file, child):
                pass


def _atoms(file: BinaryIO, parent: Atom, allowed: frozenset[str] | None = None) -> list[Atom]:
    """The children of ``parent``, which must all be of an allowed kind and fill it without gaps."""
    allowed = _CHILDREN[parent.kind] if allowed is None else allowed
    position = parent.content + _PREFIX.get(parent.kind, 0)
    children = []
    while position < parent.end:
        file.seek(position)
        size, raw_kind = struct.unpack(">I4s", _read(file, 8))
        header = 8
        if size == 1:
            size = struct.unpack(">Q", _read(file, 8))[0]
            header = 16
        kind = raw_kind.decode("latin-1")
        if size < header or position + size > parent.end:
            raise _invalid(f'its atom "{kind!a}" has an impossible size')
        if kind not in allowed:
            raise _invalid(f'it has an atom "{kind!a}" in "{parent.kind}" that does not belong in a copy')
        children.append(Atom(kind, position + header, position + size))
        position += size
    return children


def _check_padding(file: BinaryIO, atom: Atom) -> None:
    length = atom.end - atom.content
    if length > MAX_PADDING:
        raise _invalid(f"it has {length} bytes of padding")
    file.seek(atom.content)
    if any(_read(file, length)):
        raise _invalid("its padding is not empty")


def _check_manifest(file: BinaryIO, atoms: list[Atom]) -> None:
    if len(atoms) > 1:
        raise _invalid("it has more than one manifest")
    for atom in atoms:
        file.seek(atom.content)
        head, inner = file.read(len(_C2PA)), atom.content + len(_C2PA)
        size, kind = struct.unpack(">I4s", _read(file, 8))
        if head != _C2PA or kind != b"jumb" or inner + size != atom.end or size > MAX_MANIFEST:
            raise _invalid('it has a "uuid" atom that is not a C2PA manifest')


def _read(file: BinaryIO, length: int) -> bytes:
    data = file.read(length)
    if len(data) != length:
        raise _invalid("it ends in the middle of an atom")
    return data


def _invalid(what: str) -> FrameCountMismatch:
    return FrameCountMismatch(f"The written file is not valid: {what}.", "Please report this as a defect.")
