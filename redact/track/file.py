"""The tracks file: versioned JSON, documented in ``FORMAT.md`` and ``tracks.schema.json``.

Input is not trusted: every value is called ``untrusted_...`` until a check has returned it.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from redact.errors import InputMissing, OutputExists, OutputNotWritable, TracksMismatch, TracksUnreadable
from redact.media.part_file import write_whole
from redact.track.types import MediaRef, Source, Track, TrackSet

FORMAT = "redact-tracks/1"
MAX_BYTES = 256 * 2**20
"""Larger files are refused unread. This is enough for 5 million boxes: four people in view for twelve hours."""
MAX_FRAMES = 2**24
MAX_ID = 2**53 - 1
"""Largest integer that every JSON reader represents exactly."""
MAX_COORDINATE = 1e6
MAX_ANGLE = 1e6
MAX_SIDE = 2**16
MAX_LABEL = 100

SOURCE_NAMES = {Source.DETECTOR: "detector", Source.PROPAGATED: "propagated", Source.FILLED: "filled"}
_LETTERS = np.full(256, ord("?"), np.uint8)
_CODES = np.full(256, 255, np.uint8)
for _source, _name in SOURCE_NAMES.items():
    _LETTERS[_source] = ord(_name[0])
    _CODES[ord(_name[0])] = _source

_TODO = "Use an undamaged copy of the file, or create it again."


def save(tracks: TrackSet, path: Path, *, overwrite: bool = False) -> None:
    """Write ``tracks`` to ``path`` in one step: at every moment, ``path`` is either the old file or the complete new
    one.

    The same tracks always give the same bytes. Raises what :func:`write_file` raises, and ``ValueError`` for tracks
    that :func:`load` would refuse (a programming error; nothing is written in that case either).
    """
    write_file(path, encode(tracks), overwrite=overwrite)


def load(path: Path) -> TrackSet:
    """Read a tracks file.

    Raises :class:`InputMissing`, or :class:`TracksUnreadable` with a text that says where in the file the fault is.
    """
    untrusted = read_file(path)
    try:
        return decode(untrusted)
    except TracksUnreadable as error:
        raise TracksUnreadable(f"{path}: {error.happened}", error.todo) from error


def check_matches(tracks: TrackSet, sha256: str) -> None:
    """Raise :class:`TracksMismatch` unless ``tracks`` were made from the file of this SHA-256 (lower-case hex)."""
    if tracks.media.sha256 != sha256:
        raise TracksMismatch(
            f"These tracks were made from the file with SHA-256 {tracks.media.sha256[:16]}..., "
            f"not from this one ({sha256[:16]}...).",
            "Give the footage that the tracks were made from, or create new tracks for this footage.",
        )


def encode(tracks: TrackSet) -> bytes:
    """The file's bytes, one line per track. Raises ``ValueError`` for tracks that :func:`decode` would refuse."""
    media = tracks.media
    steps = np.diff(media.pts)
    head = {
        "format": FORMAT,
        "media": {
            "sha256": media.sha256,
            "width": media.width,
            "height": media.height,
            "time_base": [media.time_base.numerator, media.time_base.denominator],
            "frames": int(media.pts.size),
            "first_pts": int(media.pts[0]),
            "pts_steps": [[int(steps[i]), n] for i, n in _runs(np.flatnonzero(np.diff(steps)) + 1, steps.size)],
            "last_duration": media.last_duration,
        },
        "cuts": [int(cut) for cut in tracks.cuts],
        "provenance": dict(tracks.provenance),
    }
    # Only the keys of provenance are sorted, as their order is arbitrary; the others are in an order for human readers.
    members = [f"{_dump(key)}:{_dump(value, sort=key == 'provenance')}" for key, value in head.items()]
    rows = ",\n".join(_dump(_track_members(track)) for track in tracks.tracks)
    data = ("{\n" + ",\n".join([*members, f'"tracks":[\n{rows}\n]']) + "\n}\n").encode()
    try:
        decode(data)
    except TracksUnreadable as error:
        raise ValueError(f"tracks that cannot be written: {error.happened}") from error
    return data


def _dump(value: object, *, sort: bool = False) -> str:
    return json.dumps(value, separators=(",", ":"), sort_keys=sort, allow_nan=False)


def _track_members(track: Track) -> dict[str, object]:
    frames = track.frames
    breaks = np.flatnonzero(np.diff(frames) != 1) + 1
    columns = {name: exact_floats(track.boxes[:, i]) for i, name in enumerate(("left", "top", "right", "bottom"))}
    return {
        "id": int(track.id),
        "label": track.label,
        "frames": [[int(frames[i]), n] for i, n in _runs(breaks, frames.size)],
        **columns,
        "angles": exact_floats(track.angles),
        "scores": exact_floats(track.scores),
        "sources": _LETTERS[track.sources].tobytes().decode("ascii"),
    }


def _runs(breaks: NDArray[np.intp], size: int) -> list[tuple[int, int]]:
    """(start, length) of the runs in ``size`` items; ``breaks`` are the starts of all runs but the first."""
    if not size:
        return []
    edges = [0, *breaks.tolist(), size]
    return [(a, b - a) for a, b in pairwise(edges)]


def exact_floats(column: NDArray[np.float32]) -> list[float]:
    """Doubles with few decimal digits that give exactly ``column`` when rounded to float32."""
    exact = column.astype(np.float64)
    short = column.astype("U32").astype(np.float64)
    # In rare cases, the shortest decimal of a float32, read as a double, rounds to the neighbouring float32.
    return np.where(short.astype(np.float32) == column, short, exact).tolist()  # type: ignore[no-any-return]


def decode(untrusted: bytes) -> TrackSet:
    """Check and parse the bytes of a tracks file. Raises :class:`TracksUnreadable`."""
    top = _top_members(parse_json(untrusted))
    media = _media(top["media"])
    count = media.pts.size
    cuts = integers(top["cuts"], "cuts", 1, count - 1)
    if any(b <= a for a, b in pairwise(cuts)):
        raise unreadable("cuts", "is not in increasing order")
    provenance = top["provenance"]
    if not isinstance(provenance, dict):
        raise unreadable("provenance", "is not an object")
    ids: set[int] = set()
    tracks = []
    for i, item in enumerate(listing(top["tracks"], "tracks")):
        track = _track(item, f"tracks[{i}]", count)
        if track.id in ids:
            raise unreadable(f"tracks[{i}].id", f"is {track.id}, the id of an earlier track")
        ids.add(track.id)
        tracks.append(track)
    return TrackSet(media, tuple(tracks), tuple(cuts), provenance)


def _top_members(untrusted: object) -> dict[str, object]:
    version = untrusted.get("format") if isinstance(untrusted, dict) else None
    found = re.fullmatch(r"redact-tracks/([0-9]{1,9})", version) if isinstance(version, str) else None
    if not found:
        raise TracksUnreadable("This is not a tracks file: it does not name its format.", "Give a file made by redact.")
    if version != FORMAT:
        raise TracksUnreadable(
            f"The tracks file has version {found[1]}, which this release does not support.",
            "Update redact and try again.",
        )
    return members(untrusted, "the file", ("format", "media", "cuts", "provenance", "tracks"))


def _media(untrusted: object) -> MediaRef:
    names = ("sha256", "width", "height", "time_base", "frames", "first_pts", "pts_steps", "last_duration")
    item = members(untrusted, "media", names)
    sha256 = item["sha256"]
    if not isinstance(sha256, str) or not re.fullmatch(r"[0-9a-f]{64}", sha256):
        raise unreadable("media.sha256", "is not 64 lower-case hexadecimal digits")
    base = integers(item["time_base"], "media.time_base", 1, 2**31 - 1)
    if len(base) != 2:
        raise unreadable("media.time_base", "is not a numerator and a denominator")
    frames = integer(item["frames"], "media.frames", 1, MAX_FRAMES)
    first = integer(item["first_pts"], "media.first_pts", -(2**62), 2**62)
    runs = _pairs(item["pts_steps"], "media.pts_steps", (1, 2**40), (1, MAX_FRAMES))
    if sum(n for _, n in runs) != frames - 1:
        raise unreadable("media.pts_steps", f"does not describe the {frames - 1} steps between {frames} frames")
    if first + sum(step * n for step, n in runs) > 2**62:
        raise unreadable("media.pts_steps", "leads to timestamps that are too large")
    table = np.array(runs, np.int64).reshape(-1, 2)
    pts = np.cumsum(np.concatenate([np.array([first], np.int64), np.repeat(table[:, 0], table[:, 1])]))
    return MediaRef(
        sha256,
        integer(item["width"], "media.width", 1, MAX_SIDE),
        integer(item["height"], "media.height", 1, MAX_SIDE),
        Fraction(*base),
        pts,
        integer(item["last_duration"], "media.last_duration", 0, 2**40),
    )


def _track(untrusted: object, where: str, count: int) -> Track:
    sides = ("left", "top", "right", "bottom")
    item = members(untrusted, where, ("id", "label", "frames", *sides, "angles", "scores", "sources"))
    number = integer(item["id"], f"{where}.id", 0, MAX_ID)
    label = check_label(item["label"], f"{where}.label")
    runs = _pairs(item["frames"], f"{where}.frames", (0, count - 1), (1, count))
    ends = [first + n for first, n in runs]
    if not runs or ends[-1] > count or any(b[0] < end for end, b in zip(ends, runs[1:], strict=False)):
        raise unreadable(f"{where}.frames", f"is not a rising list of runs within the {count} frames of the footage")
    n = sum(length for _, length in runs)
    boxes = np.stack([_column(item[s], f"{where}.{s}", n, MAX_COORDINATE) for s in sides], axis=1)
    flat = np.flatnonzero(np.any(boxes[:, 2:] <= boxes[:, :2], axis=1))
    if flat.size:
        raise unreadable(where, f"has a box without width or height, at position {flat[0]} of its columns")
    codes = item["sources"]
    if not isinstance(codes, str) or len(codes) != n or not codes.isascii():
        raise unreadable(f"{where}.sources", f"is not a string of {n} letters")
    sources = _CODES[np.frombuffer(codes.encode("ascii"), np.uint8)]
    if np.any(sources == 255):
        raise unreadable(f"{where}.sources", "has a letter other than d, p and f")
    return Track(
        id=number,
        label=label,
        frames=np.concatenate(
            [np.arange(first, end, dtype=np.int32) for (first, _), end in zip(runs, ends, strict=True)]
        ),
        boxes=boxes,
        angles=_column(item["angles"], f"{where}.angles", n, MAX_ANGLE),
        scores=_column(item["scores"], f"{where}.scores", n, MAX_COORDINATE),
        sources=sources,
    )


def parse_json(untrusted: bytes) -> object:
    """Parse strict JSON (:rfc:`8259`): no NaN, no duplicate keys, no nesting that would exhaust the stack."""
    try:
        return json.loads(untrusted.decode("utf-8"), parse_constant=_refuse, object_pairs_hook=_unique)
    except json.JSONDecodeError as error:
        raise unreadable(f"line {error.lineno}, column {error.colno}", f"is not JSON ({error.msg})") from error
    except UnicodeDecodeError as error:
        raise unreadable(f"byte {error.start}", "is not UTF-8 text") from error
    except (ValueError, RecursionError) as error:
        text = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise TracksUnreadable(f"The file cannot be read as JSON: {text}.", _TODO) from error


def _refuse(untrusted_constant: str) -> object:
    raise ValueError(f"{untrusted_constant} is not a number")


def _unique(untrusted_pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(untrusted_pairs)
    if len(found) != len(untrusted_pairs):
        raise ValueError("an object has the same key twice")
    return found


def unreadable(where: str, what: str) -> TracksUnreadable:
    """The error for a fault at ``where``; ``what`` describes it."""
    return TracksUnreadable(f"In the file, {where} {what}.", _TODO)


def members(untrusted: object, where: str, names: Sequence[str]) -> dict[str, object]:
    """``untrusted`` as an object with exactly these members.

    Members that this version does not know are refused, not skipped: they may describe something to redact.
    """
    if not isinstance(untrusted, dict):
        raise unreadable(where, "is not an object")
    for name in names:
        if name not in untrusted:
            raise unreadable(where, f"lacks the member {name!r}")
    for name in untrusted:
        if name not in names:
            raise unreadable(where, f"has the unknown member {name[:40]!r}")
    return untrusted


def listing(untrusted: object, where: str) -> list[object]:
    """``untrusted`` as a list."""
    if not isinstance(untrusted, list):
        raise unreadable(where, "is not a list")
    return untrusted


def integer(untrusted: object, where: str, low: int, high: int) -> int:
    """``untrusted`` as an integer within [low, high]; true and 1.0 are refused."""
    if type(untrusted) is not int or not low <= untrusted <= high:
        raise unreadable(where, f"is not a whole number from {low} to {high}")
    return untrusted


def integers(untrusted: object, where: str, low: int, high: int) -> list[int]:
    """``untrusted`` as a list of integers within [low, high]."""
    return [integer(item, f"{where}[{i}]", low, high) for i, item in enumerate(listing(untrusted, where))]


def real(untrusted: object, where: str, limit: float) -> float:
    """``untrusted`` as a finite number within [-limit, limit]."""
    if type(untrusted) not in (int, float) or not -limit <= untrusted <= limit:  # type: ignore[operator]
        raise unreadable(where, f"is not a number from {-limit:g} to {limit:g}")
    return float(untrusted)  # type: ignore[arg-type]


def check_label(untrusted: object, where: str) -> str:
    """``untrusted`` as a class name: one printable line without leading or trailing spaces."""
    if not isinstance(untrusted, str) or not 0 < len(untrusted) <= MAX_LABEL:
        raise unreadable(where, f"is not a class name of 1 to {MAX_LABEL} characters")
    if not untrusted.isprintable() or untrusted.strip() != untrusted:
        raise unreadable(where, "has leading or trailing spaces, or characters that cannot be printed")
    return untrusted


def _pairs(untrusted: object, where: str, a: tuple[int, int], b: tuple[int, int]) -> list[tuple[int, int]]:
    pairs = []
    for i, item in enumerate(listing(untrusted, where)):
        pair = listing(item, f"{where}[{i}]")
        if len(pair) != 2:
            raise unreadable(f"{where}[{i}]", "is not a pair")
        pairs.append((integer(pair[0], f"{where}[{i}][0]", *a), integer(pair[1], f"{where}[{i}][1]", *b)))
    return pairs


def _column(untrusted: object, where: str, n: int, limit: float) -> NDArray[np.float32]:
    items = listing(untrusted, where)
    if len(items) != n:
        raise unreadable(where, f"has {len(items)} values where the track has {n} frames")
    # There may be millions of values: check them all at once, and one by one only to find where the fault is.
    if not set(map(type, items)) <= {int, float} or not all(-limit <= v <= limit for v in items):  # type: ignore[operator]
        for i, item in enumerate(items):
            real(item, f"{where}[{i}]", limit)
    return np.array(items, np.float64).astype(np.float32)


def read_file(path: Path) -> bytes:
    """All bytes of an input file of at most :data:`MAX_BYTES`."""
    try:
        with path.open("rb") as stream:
            untrusted = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise InputMissing(
            f"{path} cannot be read ({error.strerror}).", "Check the path and the permissions."
        ) from error
    if len(untrusted) > MAX_BYTES:
        raise TracksUnreadable(
            f"{path} is larger than {MAX_BYTES // 2**20} MiB, more than the tracks of any recording need.",
            "Check that it is the right file.",
        )
    return untrusted


def check_target(path: Path, *, overwrite: bool) -> None:
    """Raise :class:`OutputExists` or :class:`OutputNotWritable` if ``path`` may not become a new file."""
    if os.path.isdir(path):  # noqa: PTH112 - unlike Path.is_dir, returns False if a parent folder is not accessible
        raise OutputNotWritable(f"{path} is a folder.", "Give the name of a file.")
    if not overwrite and os.path.lexists(path):
        raise OutputExists(f"{path} already exists.", "Give another name, or add --overwrite.")


def write_file(path: Path, data: bytes, *, overwrite: bool) -> None:
    """Write a file beside ``path`` under another name and rename it in one step once it is on the disk.

    Raises :class:`OutputExists`, :class:`OutputNotWritable` or :class:`~redact.errors.DiskFull`; ``path`` is then
    unchanged.
    """
    check_target(path, overwrite=overwrite)
    write_whole(path, data, overwrite=overwrite)
