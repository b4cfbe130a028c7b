from __future__ import annotations

import struct
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from redact.canonical_json import canonical
from redact.evidence.camera_metadata import LONGEST_VALUE, MAX_TAGS, read_camera, recorded_start, silent_start
from redact.media.probe import probe
from tests.media import clips
from tests.media.clips import AudioSpec, make_clip

TAGS = {
    "creation_time": "2026-05-01T10:11:12Z",
    "make": "Acme",
    "model": "BW-9",
    "location": "+51.5074-000.1278+035.5/",
    "com.acme.lens.serial": "not the camera's",
    "com.acme.camera.serial-number": "SN 0042",
    "firmware": "1.2.3",
}
KEYS = {"movflags": "use_metadata_tags"}


def camera_of(path: Path, tags: dict[str, str], **more: Any) -> dict[str, Any]:
    return read_camera(probe(make_clip(path, frames=2, metadata=tags, **more)))


@pytest.mark.parametrize(
    ("name", "options"), [("a.mov", KEYS), ("a.mp4", KEYS), ("a.mkv", {})], ids=["QuickTime", "MP4", "Matroska"]
)
def test_camera_tags_are_read(tmp_path: Path, name: str, options: dict[str, str]) -> None:
    camera = camera_of(tmp_path / name, TAGS, container_options=options)
    named = {key: camera[key] for key in ("make", "model", "serial", "firmware")}
    assert named == {"make": "Acme", "model": "BW-9", "serial": "SN 0042", "firmware": "1.2.3"}
    assert camera["positions"] == [{"latitude": 51.5074, "longitude": -0.1278, "altitude": 35.5}]
    start = recorded_start(camera)
    assert start is not None and start.isoformat() == "2026-05-01T10:11:12+00:00"
    assert "Acme" in camera["container"].values()


@pytest.mark.parametrize(
    ("text", "position"),
    [
        ("+51.5074-000.1278/", (51.5074, -0.1278)),
        ("+5130.444-00007.668/", (51.5074, -0.1278)),  # degrees and minutes
        ("-513026.64+0000740.08/", (-51.5074, 0.1278)),  # and seconds
        ("+90-180/", (90.0, -180.0)),
        ("+51.5074-000.1278+0CRSWGS_84/", (51.5074, -0.1278)),
        ("+90.1-000.1/", None),
        ("+51-180.1/", None),
        ("51.5074,-0.1278", None),
        ("+51.5074", None),
    ],
)
def test_iso_6709_positions_are_parsed(tmp_path: Path, text: str, position: tuple[float, float] | None) -> None:
    found = camera_of(tmp_path / "a.mkv", {"location": text})["positions"]
    assert [(p["latitude"], p["longitude"]) for p in found] == ([pytest.approx(position, abs=1e-6)] if position else [])


@pytest.mark.parametrize(
    ("tags", "start"),
    [
        ({"com.apple.quicktime.creationdate": "2026-05-01T12:11:12+0200"}, "2026-05-01T10:11:12+00:00"),
        # The file may have been rewritten since: the time of recording counts.
        (
            {"creation_time": "2026-05-03T00:00:00Z", "com.apple.quicktime.creationdate": "2026-05-01T12:11:12+0200"},
            "2026-05-01T10:11:12+00:00",
        ),
        ({"com.apple.quicktime.creationdate": "2026-05-01T12:11:12"}, None),  # zone unknown
        ({"com.apple.quicktime.creationdate": "1999-12-31T23:59:59Z"}, None),  # a clock that was never set
        ({"com.apple.quicktime.creationdate": "2126-05-01T12:11:12Z"}, None),  # in the future
        ({"com.apple.quicktime.creationdate": "9999-12-31T23:59:59-2359"}, None),
        ({"com.apple.quicktime.creationdate": "yesterday"}, None),
        ({}, None),
    ],
)
def test_recording_start_is_read(tmp_path: Path, tags: dict[str, str], start: str | None) -> None:
    found = recorded_start(camera_of(tmp_path / "a.mov", tags, container_options=KEYS))
    assert (found.isoformat() if found else None) == start


def test_hostile_tags_are_cleaned_and_limited(tmp_path: Path) -> None:
    tags = {f"tag{n:04}": "x" for n in range(2 * MAX_TAGS)} | {"make": "\x1b[31m\u202eevil" + "y" * 5000}
    camera = camera_of(tmp_path / "a.mkv", dict(reversed(tags.items())))
    assert camera["make"].startswith("\ufffd[31m\ufffdevilyyy")
    assert len(camera["make"]) == LONGEST_VALUE
    assert (
        camera["more_tags"]
        and sum(len(s["tags"]) for s in [{"tags": camera["container"]}, *camera["streams"]]) <= MAX_TAGS
    )
    assert canonical(camera)


def atom(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(content), kind) + content


def test_vendor_atoms_are_recorded(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "a.mp4", frames=2)
    data = clip.read_bytes()
    moov = data.index(b"moov") - 4
    size = int.from_bytes(data[moov : moov + 4], "big")
    assert moov + size == len(data)  # moov is last, so no byte offset changes
    added = atom(b"udta", atom(b"SNUM", b"\0\1SN-0042\0") + atom(b"KEY ", bytes(range(128, 144))) + b"\0\0\xff\xffbad ")
    clip.write_bytes(data[:moov] + struct.pack(">I", size + len(added)) + data[moov + 4 :] + added)
    atoms = {a["where"]: a for a in read_camera(probe(clip))["boxes"]}
    assert atoms["moov/udta/SNUM"] == {"where": "moov/udta/SNUM", "size": 10, "text": "SN-0042"}
    assert atoms["moov/udta/KEY"]["hex"] == bytes(range(128, 144)).hex()
    assert len([name for name in atoms if name.startswith("moov/udta")]) == 2


def wave(silent: float, seconds: float, level: float = 0.1) -> NDArray[np.float32]:
    """``silent`` seconds of silence, then a tone, at 8 kHz."""
    samples = np.arange(int(seconds * 8000))
    return np.where(samples < silent * 8000, 0, level * np.sin(samples)).astype(np.float32)


LOUD = wave(0, 6)
# The sounds of the tracks, their start times, and the expected length of the silent start.
SILENCES: dict[str, tuple[list[NDArray[np.float32]], list[int], float]] = {
    "two and a half seconds": ([wave(2.5, 6)], [0], 2.5),
    "sound from the start": ([LOUD], [0], 0),
    "less than a second": ([wave(0.9, 6)], [0], 0),
    "no packets at first": ([LOUD], [3], 3),
    "silence in late packets": ([wave(1, 6)], [2], 3),
    "both tracks": ([wave(4, 6), wave(2, 6)], [0, 0], 2),
    "one track silent throughout": ([wave(9, 6), wave(2, 6)], [0, 0], 2),
    "one track without silence": ([LOUD, wave(2, 6)], [0, 0], 0),
    "nothing but silence": ([wave(9, 6)], [0], 0),
    "no sound": ([], [], 0),
    "the longest possible": ([wave(120, 122)], [0], 120),
    "longer than possible": ([wave(120.5, 122)], [0], 0),
    "noise of a quiet room": ([wave(0, 6, 0.002)], [0], 0),
    "near silence at first": ([np.concatenate([wave(0, 2, 0.0002), LOUD])], [0], 2),
}


CODED = ("two and a half seconds", "sound from the start", "one track silent throughout", "no packets at first")


@pytest.mark.parametrize(
    ("which", "codec", "name"),
    [
        *((which, "pcm_s16le", "a.mkv") for which in SILENCES),
        *((which, "pcm_alaw", "a.mov") for which in CODED),  # does not preserve digital silence
        *((which, "aac", "a.mp4") for which in CODED),
    ],
)
def test_silent_start_is_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, which: str, codec: str, name: str
) -> None:
    waves, starts, silence = SILENCES[which]
    left = list(waves)
    monkeypatch.setattr(clips, "sine", lambda spec, seconds: left.pop(0))
    specs = [AudioSpec(codec=codec, rate=8000, start=Fraction(start)) for start in starts]
    info = probe(make_clip(tmp_path / name, frames=2, audio=specs))
    # Block-based coders make sounds start a little earlier.
    tolerance = 0.15 if codec == "aac" else 0.002
    assert silent_start(info, Fraction(0)) == pytest.approx(silence, abs=tolerance if silence else 0)


def test_damaged_sound_does_not_count_as_silence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clips, "sine", lambda spec, seconds: wave(2, 6))
    clip = make_clip(tmp_path / "a.mkv", frames=2, audio=[AudioSpec(codec="flac", rate=8000)])
    assert silent_start(probe(clip), Fraction(0)) == pytest.approx(2, abs=0.002)
    data = bytearray(clip.read_bytes())
    first = data.index(b"\xff\xf8", data.index(b"\x1f\x43\xb6\x75"))  # a frame's sync code, in the first cluster
    data[first : first + 12] = bytes(12)
    clip.write_bytes(data)
    assert silent_start(probe(clip), Fraction(0)) == 0
