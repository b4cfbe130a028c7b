"""Camera metadata in a file: tags, positions, times, and the silent pre-event footage from the camera's buffer.

It goes only into the footage record. All of it is untrusted: texts are cleaned and cut, numbers and times checked.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO

import av
import numpy as np

from redact.errors import RedactError
from redact.media.containers import open_media
from redact.media.sound_reader import SoundReader
from redact.media.types import AudioStream, MediaInfo
from redact.records.untrusted_text import clean
from redact.schema.tables import Json

MAX_TAGS, LONGEST_KEY, LONGEST_VALUE = 300, 100, 1000
MAX_ATOMS, MAX_BYTES = 100, 256
LONGEST_PRE_EVENT, SHORTEST_PRE_EVENT = 120.0, 1.0
"""Seconds. The lower limit is there because sound often starts a little after the picture in any recording."""
NOISE_FLOOR = 2.0**-11
"""Relative to full scale, about -66 dB: above digital silence after coarse codecs (8 of 32768 in A-law), below the
noise of any microphone."""
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
"""An earlier time means that the camera's clock was never set."""

# Matched against the end of a tag name, reduced to lower-case letters and digits. Lens tags are ignored.
_MEANINGS = {
    "make": ("make", "manufacturer"),
    "model": ("model", "modelname"),
    "serial": ("serial", "serialnumber", "serialno", "deviceid", "cameraid"),
    "firmware": ("firmware", "firmwareversion", "fwversion"),
}
_POSITION_WORDS = ("location", "iso6709", "xyz", "gps", "position")
# ISO 6709, annex H: latitude, longitude and optional altitude; in degrees, optionally with minutes and seconds.
_ISO6709 = re.compile(r"([+-]\d{1,6}(?:\.\d+)?)([+-]\d{1,7}(?:\.\d+)?)([+-]\d+(?:\.\d+)?)?(?:CRS[^/]*)?/?")
_PRINTABLE = re.compile(rb"[ -~]{4,}")
_READ_BY_FFMPEG = ("meta", "ilst")


def read_camera(info: MediaInfo) -> Json:
    """The metadata, JSON-ready: ``make``, ``model``, ``serial``, ``firmware``, ``created`` (UTC) if the file has them;
    ``positions``; all tags of the ``container`` and its ``streams``; and the atoms of MP4 user data (``boxes``)."""
    budget = [MAX_TAGS]
    with open_media(info.path) as container:
        tags = _cleaned(container.metadata, budget)
        streams: list[Json] = [
            {"index": stream.index, "kind": stream.type, "tags": _cleaned(stream.metadata, budget)}
            for stream in container.streams
        ]
    # The video stream describes the camera more reliably than other streams.
    streams.sort(key=lambda stream: stream["index"] != info.video.index)
    everything = [(key, value) for group in (tags, *(s["tags"] for s in streams)) for key, value in group.items()]
    camera: Json = {name: value for name, ends in _MEANINGS.items() if (value := _value_of(everything, ends))}
    if created := _created(everything):
        camera["created"] = created.isoformat()
    camera["positions"] = _positions(everything)
    camera["container"] = tags
    camera["streams"] = sorted((s for s in streams if s["tags"]), key=lambda stream: stream["index"])
    camera["boxes"] = _user_data(info.path) if info.container.startswith("mov") else []
    camera["more_tags"] = budget[0] <= 0
    return camera


def recorded_start(camera: Mapping[str, object]) -> datetime | None:
    """The start of the recording by the camera's clock, if the file gives it."""
    created = camera.get("created")
    return datetime.fromisoformat(created) if isinstance(created, str) else None


def silent_start(info: MediaInfo, first: Fraction) -> float:
    """Seconds of silence on every track from ``first``, the time of the first frame; 0 if it cannot be determined.

    Body-worn cameras keep the last seconds before the button is pressed (usually 30, at most 120), without sound. The
    length cannot be determined if no sound starts within that time, or if the sound is damaged.
    """
    starts = []
    limit = first + Fraction(LONGEST_PRE_EVENT) + 1
    for track in info.audio:
        try:
            start = _sound_starts(info.path, track, limit)
        except (RedactError, av.FFmpegError, ValueError):
            return 0.0
        if start is None:
            return 0.0
        if start < limit:
            starts.append(start)
    silence = float(min(starts) - first) if starts else 0.0
    return round(silence, 3) if SHORTEST_PRE_EVENT <= silence <= LONGEST_PRE_EVENT else 0.0


def _sound_starts(path: Path, track: AudioStream, limit: Fraction) -> Fraction | None:
    """The time of the first sound above the noise floor, ``limit`` if none starts before it, or None if unknown."""
    reader = SoundReader(path, track, end=track.start, fill_until=limit + 10)
    blocks = reader.blocks()
    try:
        for block in blocks:
            # NaN counts as sound.
            loud = np.flatnonzero(~(np.abs(block) <= NOISE_FLOOR).all(axis=0))
            if reader.undecodable or reader.jumps:
                return None
            at = reader.position - block.shape[1] + (int(loud[0]) if loud.size else block.shape[1])
            time = track.start + Fraction(at, track.sample_rate)
            if loud.size or time >= limit:
                return min(time, limit)
    finally:
        blocks.close()
        reader.close()
    return None if reader.undecodable or reader.jumps else limit


def _cleaned(untrusted_tags: Mapping[str, str], budget: list[int]) -> dict[str, str]:
    tags = {}
    for key, value in untrusted_tags.items():
        if budget[0] <= 0:
            break
        budget[0] -= 1
        tags[clean(key, LONGEST_KEY)] = clean(value, LONGEST_VALUE)
    return tags


def _flat(key: str) -> str:
    return re.sub(r"[^a-z0-9]", "", key.lower())


def _value_of(tags: list[tuple[str, str]], ends: tuple[str, ...]) -> str:
    for key, value in tags:
        flat = _flat(key)
        if value and flat.endswith(ends) and "lens" not in flat:
            return value
    return ""


def _created(tags: list[tuple[str, str]]) -> datetime | None:
    """The time of recording. QuickTime's own key is reliable; ``creation_time`` changes when a file is rewritten."""
    for wanted in ("comapplequicktimecreationdate", "creationtime"):
        for key, untrusted in tags:
            if _flat(key) == wanted and (moment := _moment(untrusted)):
                return moment
    return None


def _moment(untrusted: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(untrusted)
        # A time without a zone could be in any zone.
        if moment.tzinfo is None:
            return None
        moment = moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return moment if EARLIEST <= moment <= datetime.now(UTC) + timedelta(days=1) else None


def _positions(tags: list[tuple[str, str]]) -> list[Json]:
    """The distinct positions in the tags, in degrees and metres."""
    positions: list[Json] = []
    for key, value in tags:
        match = _ISO6709.fullmatch(value) if any(word in _flat(key) for word in _POSITION_WORDS) else None
        if match is None:
            continue
        latitude, longitude = _degrees(match[1], 2), _degrees(match[2], 3)
        if abs(latitude) <= 90 and abs(longitude) <= 180:
            position: Json = {"latitude": latitude, "longitude": longitude}
            if match[3]:
                position["altitude"] = float(match[3])
            if position not in positions:
                positions.append(position)
    return positions


def _degrees(text: str, digits: int) -> float:
    """Degrees from ``digits`` digits of degrees, then optionally two of minutes and two of seconds; the last may have
    decimals."""
    whole, _, decimals = text[1:].partition(".")
    rest = whole[digits:]
    parts = [whole[:digits], *(rest[i : i + 2] for i in range(0, len(rest), 2))]
    parts[-1] += f".{decimals or 0}"
    value = sum(float(part) / (1, 60, 3600)[i] for i, part in enumerate(parts))
    return round(-value if text[0] == "-" else value, 7)


def _user_data(path: Path) -> list[Json]:
    """The atoms in "udta" of an MP4 or QuickTime file, where camera makers put data that no standard covers."""
    atoms: list[Json] = []
    with path.open("rb") as file:
        end = path.stat().st_size
        for moov in _atoms_of_kind(file, 0, end, "moov"):
            groups = [("moov/udta", span) for span in _atoms_of_kind(file, *moov, "udta")]
            for trak in _atoms_of_kind(file, *moov, "trak"):
                groups += [("moov/trak/udta", span) for span in _atoms_of_kind(file, *trak, "udta")]
            for where, span in groups:
                for kind, start, stop in _atoms(file, *span):
                    if kind in _READ_BY_FFMPEG or len(atoms) >= MAX_ATOMS:
                        continue
                    file.seek(start)
                    untrusted = file.read(min(stop - start, MAX_BYTES))
                    atom: Json = {"where": clean(f"{where}/{kind}", LONGEST_KEY), "size": stop - start}
                    texts = [text.decode("ascii") for text in _PRINTABLE.findall(untrusted)]
                    atoms.append(atom | ({"text": " ".join(texts)} if texts else {"hex": untrusted.hex()}))
    return atoms


def _atoms_of_kind(file: BinaryIO, start: int, end: int, wanted: str) -> list[tuple[int, int]]:
    return [(a, b) for kind, a, b in _atoms(file, start, end) if kind == wanted]


def _atoms(file: BinaryIO, start: int, end: int) -> Iterator[tuple[str, int, int]]:
    """(kind, start and end of the content) of the atoms in a span (ISO/IEC 14496-12, 4.2), up to the first invalid
    one."""
    for _ in range(10_000):
        file.seek(start)
        head = file.read(min(16, end - start))
        if len(head) < 8:
            return
        size, header = int.from_bytes(head[:4], "big"), 8
        if size == 1:
            size, header = int.from_bytes(head[8:16], "big"), 16
        elif size == 0:
            size = end - start
        if size < header or start + size > end:
            return
        yield head[4:8].decode("latin-1"), start + header, start + size
        start += size
