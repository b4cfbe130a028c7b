"""What a camera wrote into its file: tags, places, times, and the silent span its buffer puts before a recording.

All of it goes into the record of the footage and nowhere else. None of it is vouched for: texts are cleaned and cut,
numbers and times are checked before anything is made of them.
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
from redact.media.sound_reader import SoundReader
from redact.media.types import AudioStream, MediaInfo
from redact.media.untrusted_file import open_media
from redact.records.untrusted_text import clean
from redact.schema.tables import Json

MOST_TAGS, LONGEST_KEY, LONGEST_VALUE = 300, 100, 1000
MOST_ATOMS, MOST_BYTES = 100, 256
LONGEST_PRE_EVENT, LEAST_PRE_EVENT = 120.0, 1.0
"""Seconds. Sound often starts a little after the picture, which is not a camera's buffer."""
NOISE_FLOOR = 2.0**-11
"""Of full scale, about -66 dB: above what coarse codecs make of digital silence (8 of 32768 in A-law), below the noise
of any microphone."""
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
"""Times before are of a camera whose clock was never set."""

# By the end of a tag's name, in small letters and digits only; tags of a lens are not those of the camera.
_MEANINGS = {
    "make": ("make", "manufacturer"),
    "model": ("model", "modelname"),
    "serial": ("serial", "serialnumber", "serialno", "deviceid", "cameraid"),
    "firmware": ("firmware", "firmwareversion", "fwversion"),
}
_POSITION_WORDS = ("location", "iso6709", "xyz", "gps", "position")
# ISO 6709, annex H: latitude, longitude, perhaps altitude, as degrees, degrees and minutes, or these and seconds.
_ISO6709 = re.compile(r"([+-]\d{1,6}(?:\.\d+)?)([+-]\d{1,7}(?:\.\d+)?)([+-]\d+(?:\.\d+)?)?(?:CRS[^/]*)?/?")
_PRINTABLE = re.compile(rb"[ -~]{4,}")
_READ_BY_FFMPEG = ("meta", "ilst")


def read_camera(info: MediaInfo) -> Json:
    """JSON-ready: ``make``, ``model``, ``serial``, ``firmware``, ``created`` (UTC) where the file tells them;
    ``positions``; all tags of the ``container`` and its ``streams``; and the ``boxes`` of an MP4's user data."""
    budget = [MOST_TAGS]
    with open_media(info.path) as container:
        tags = _cleaned(container.metadata, budget)
        streams: list[Json] = [
            {"index": stream.index, "kind": stream.type, "tags": _cleaned(stream.metadata, budget)}
            for stream in container.streams
        ]
    # The picture's stream speaks of the camera with more right than others.
    streams.sort(key=lambda stream: stream["index"] != info.video.index)
    everything = [(key, value) for group in (tags, *(s["tags"] for s in streams)) for key, value in group.items()]
    told: Json = {name: value for name, ends in _MEANINGS.items() if (value := _value_of(everything, ends))}
    if created := _created(everything):
        told["created"] = created.isoformat()
    told["positions"] = _positions(everything)
    told["container"] = tags
    told["streams"] = sorted((s for s in streams if s["tags"]), key=lambda stream: stream["index"])
    told["boxes"] = _user_data(info.path) if info.container.startswith("mov") else []
    told["more_tags"] = budget[0] <= 0
    return told


def recorded_start(camera: Mapping[str, object]) -> datetime | None:
    """When the recording starts by the camera's clock, as its file has it."""
    created = camera.get("created")
    return datetime.fromisoformat(created) if isinstance(created, str) else None


def silent_start(info: MediaInfo, first: Fraction) -> float:
    """Seconds from ``first``, the time of the first frame, in which no track has any sound; 0 where that is not sure.

    Body-worn cameras keep the last seconds (30 by default, 120 at most) before somebody presses the button, without
    sound. Not sure it is when no sound ever starts within that time, or sound is damaged: then nobody knows whether it
    was silent.
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
    return round(silence, 3) if LEAST_PRE_EVENT <= silence <= LONGEST_PRE_EVENT else 0.0


def _sound_starts(path: Path, track: AudioStream, limit: Fraction) -> Fraction | None:
    """When the first sound above the noise floor is heard, ``limit`` if none is before it; None if nobody can tell."""
    reader = SoundReader(path, track, end=track.start, fill_until=limit + 10)
    blocks = reader.blocks()
    try:
        for block in blocks:
            # What is not a number is no silence either.
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
    """QuickTime's own key is the time of the recording; ``creation_time`` often is, but that of a file written anew."""
    for wanted in ("comapplequicktimecreationdate", "creationtime"):
        for key, untrusted in tags:
            if _flat(key) == wanted and (moment := _moment(untrusted)):
                return moment
    return None


def _moment(untrusted: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(untrusted)
        # A time without a zone may be of any zone.
        if moment.tzinfo is None:
            return None
        moment = moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return moment if EARLIEST <= moment <= datetime.now(UTC) + timedelta(days=1) else None


def _positions(tags: list[tuple[str, str]]) -> list[Json]:
    """Every place the tags name once, in degrees and metres."""
    found: list[Json] = []
    for key, value in tags:
        match = _ISO6709.fullmatch(value) if any(word in _flat(key) for word in _POSITION_WORDS) else None
        if match is None:
            continue
        latitude, longitude = _degrees(match[1], 2), _degrees(match[2], 3)
        if abs(latitude) <= 90 and abs(longitude) <= 180:
            place: Json = {"latitude": latitude, "longitude": longitude}
            if match[3]:
                place["altitude"] = float(match[3])
            if place not in found:
                found.append(place)
    return found


def _degrees(text: str, digits: int) -> float:
    """``digits`` of degrees, then perhaps two of minutes, then perhaps two of seconds; the last may have decimals."""
    whole, _, decimals = text[1:].partition(".")
    rest = whole[digits:]
    parts = [whole[:digits], *(rest[i : i + 2] for i in range(0, len(rest), 2))]
    parts[-1] += f".{decimals or 0}"
    value = sum(float(part) / (1, 60, 3600)[i] for i, part in enumerate(parts))
    return round(-value if text[0] == "-" else value, 7)


def _user_data(path: Path) -> list[Json]:
    """The boxes of "udta" in an MP4 or QuickTime file: camera makers put there what no standard has a name for."""
    found: list[Json] = []
    with path.open("rb") as file:
        end = path.stat().st_size
        for moov in _atoms_of_kind(file, 0, end, "moov"):
            groups = [("moov/udta", span) for span in _atoms_of_kind(file, *moov, "udta")]
            for trak in _atoms_of_kind(file, *moov, "trak"):
                groups += [("moov/trak/udta", span) for span in _atoms_of_kind(file, *trak, "udta")]
            for where, span in groups:
                for kind, start, stop in _atoms(file, *span):
                    if kind in _READ_BY_FFMPEG or len(found) >= MOST_ATOMS:
                        continue
                    file.seek(start)
                    untrusted = file.read(min(stop - start, MOST_BYTES))
                    box: Json = {"where": clean(f"{where}/{kind}", LONGEST_KEY), "size": stop - start}
                    texts = [part.decode("ascii") for part in _PRINTABLE.findall(untrusted)]
                    found.append(box | ({"text": " ".join(texts)} if texts else {"hex": untrusted.hex()}))
    return found


def _atoms_of_kind(file: BinaryIO, start: int, end: int, wanted: str) -> list[tuple[int, int]]:
    return [(a, b) for kind, a, b in _atoms(file, start, end) if kind == wanted]


def _atoms(file: BinaryIO, start: int, end: int) -> Iterator[tuple[str, int, int]]:
    """(kind, start and end of the content) of the boxes in a span (ISO/IEC 14496-12, 4.2), up to the first that makes
    no sense."""
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
