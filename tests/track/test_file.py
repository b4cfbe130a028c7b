"""The tracks file: exact round trips, the published schema, and every kind of faulty file."""

from __future__ import annotations

import errno
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
from hypothesis import given, settings

import redact.track.file as tracks_file
from redact.errors import (
    DiskFull,
    InputMissing,
    OutputExists,
    OutputNotWritable,
    TracksMismatch,
    TracksUnreadable,
)
from redact.track.file import check_matches, decode, encode, load, save
from redact.track.types import Source, TrackSet
from tests.track.factory import SHA, an_hour, assert_same, media, track, track_sets

SCHEMA = json.loads(Path(tracks_file.__file__).with_name("tracks.schema.json").read_text())
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


def small() -> TrackSet:
    one = track(
        7,
        "face",
        [0, 1, 4],
        [[1.5, 2, 3, 4], [1, 2, 3.1, 4], [-5, 2, 700, 9]],
        [0, 12.5, -90],
        [Source.DETECTOR, Source.PROPAGATED, Source.FILLED],
    )
    return TrackSet(media(10), (one, track(2, "plate", [9], [[0, 0, 1, 1]])), (4,), {"models": ["a"], "device": "cpu"})


@given(track_sets())
@settings(max_examples=150, deadline=None)
def test_tracks_file_round_trip_is_exact(tracks: TrackSet) -> None:
    data = encode(tracks)
    again = decode(data)
    assert_same(tracks, again)
    assert encode(again) == data
    VALIDATOR.validate(json.loads(data))


def test_tracks_file_has_documented_layout() -> None:
    data = json.loads(encode(small()))
    assert data["media"] == {
        "sha256": SHA,
        "width": 640,
        "height": 480,
        "time_base": [1, 90000],
        "frames": 10,
        "first_pts": 0,
        "pts_steps": [[3600, 9]],
        "last_duration": 3600,
    }
    assert data["tracks"][0] == {
        "id": 7,
        "label": "face",
        "frames": [[0, 2], [4, 1]],
        "left": [1.5, 1.0, -5.0],
        "top": [2.0, 2.0, 2.0],
        "right": [3.0, 3.1, 700.0],
        "bottom": [4.0, 4.0, 9.0],
        "angles": [0.0, 12.5, -90.0],
        "scores": [1.0, 1.0, 1.0],
        "sources": "dpf",
    }


def test_tracks_file_ignores_order_of_provenance() -> None:
    tracks = small()
    turned = TrackSet(tracks.media, tracks.tracks, tracks.cuts, {"device": "cpu", "models": ["a"]})
    assert encode(tracks) == encode(turned)


def test_tracks_file_of_an_hour_loads_in_seconds(tmp_path: Path) -> None:
    tracks = an_hour()
    path = tmp_path / "hour.tracks.json"
    start = time.process_time()
    save(tracks, path, overwrite=False)
    saved = time.process_time()
    again = load(path)
    loaded = time.process_time()
    assert_same(tracks, again)
    # About 3 s and 1 s of processor time; the bounds only catch a lapse into per-value work.
    assert saved - start < 20
    assert loaded - saved < 8


def edit(change: Callable[[dict[str, Any]], object]) -> bytes:
    data = json.loads(encode(small()))
    change(data)
    return json.dumps(data).encode()


def put(*path: str | int, value: object) -> bytes:
    """The small file with one value replaced."""

    def change(data: dict[str, Any]) -> None:
        at: Any = data
        for key in path[:-1]:
            at = at[key]
        at[path[-1]] = value

    return edit(change)


T = ("tracks", 0)
HOSTILE: list[tuple[bytes, str]] = [
    # not a tracks file at all
    (b"", "line 1"),
    (b"hello", "line 1"),
    (b"\xff\xfe{}", "UTF-8"),
    (b"[]", "not a tracks file"),
    (b"null", "not a tracks file"),
    (b'{"format": 1}', "not a tracks file"),
    (put("format", value="redact-tracks/2"), "version 2"),  # the next version
    (encode(small())[:-200], "is not JSON"),  # a copy that broke off
    (b'{"format":"redact-tracks/1","tracks":' + b"[" * 200_000, "nested too deeply"),
    (b'{"format":"redact-tracks/1","format":"redact-tracks/1"}', "same key twice"),
    (b'{"format":' + b"9" * 5000 + b"}", "cannot be read as JSON"),  # more digits than Python converts
    # members
    (edit(lambda d: d.pop("cuts")), "lacks the member 'cuts'"),
    (put("blur", value=1), "unknown member 'blur'"),
    (put(*T, "hidden", value=1), "tracks[0] has the unknown member"),
    (put("tracks", value={}), "tracks is not a list"),
    (put("tracks", value=[1]), "tracks[0] is not an object"),
    (put("provenance", value=[]), "provenance is not an object"),
    # media
    (put("media", "sha256", value=SHA.upper()), "media.sha256"),
    (put("media", "sha256", value=SHA + "\n"), "media.sha256"),
    (put("media", "width", value=0), "media.width"),
    (put("media", "width", value=True), "media.width"),
    (put("media", "height", value=480.0), "media.height"),
    (put("media", "time_base", value=[1, 0]), "media.time_base[1]"),
    (put("media", "time_base", value=[1]), "media.time_base"),
    (put("media", "frames", value=11), "media.pts_steps"),
    (put("media", "frames", value=10**12), "media.frames"),
    (put("media", "pts_steps", value=[[3600, 10**12]]), "media.pts_steps[0][1]"),  # would be terabytes
    (put("media", "pts_steps", value=[[0, 9]]), "media.pts_steps[0][0]"),  # two frames at one time
    (put("media", "pts_steps", value=[[-1, 9]]), "media.pts_steps[0][0]"),
    (put("media", "pts_steps", value=[[3600]]), "media.pts_steps[0] is not a pair"),
    (put("media", "first_pts", value=2**63), "media.first_pts"),
    # cuts
    (put("cuts", value=[0]), "cuts[0]"),  # frame 0 follows no cut
    (put("cuts", value=[10]), "cuts[0]"),  # one past the last frame
    (put("cuts", value=[4, 4]), "cuts is not in increasing order"),
    # a track's head
    (put(*T, "id", value=-1), "tracks[0].id"),
    (put(*T, "id", value=2**53), "tracks[0].id"),
    (put(*T, "id", value=2), "tracks[1].id is 2"),
    (put(*T, "label", value=""), "tracks[0].label"),
    (put(*T, "label", value="fa\nce"), "tracks[0].label"),
    (put(*T, "label", value="x" * 101), "tracks[0].label"),
    (put(*T, "label", value=None), "tracks[0].label"),
    # frames
    (put(*T, "frames", value=[]), "tracks[0].frames"),
    (put(*T, "frames", value=[[-1, 3]]), "tracks[0].frames[0][0]"),
    (put(*T, "frames", value=[[8, 3]]), "tracks[0].frames"),  # the last would be frame 10 of 10
    (put(*T, "frames", value=[[0, 2], [1, 1]]), "tracks[0].frames"),  # frame 1 twice
    (put(*T, "frames", value=[[4, 1], [0, 2]]), "tracks[0].frames"),
    (put(*T, "frames", value=[[0, 10**15]]), "tracks[0].frames[0][1]"),
    (put(*T, "frames", value=[[0, 2]]), "has 3 values where the track has 2 frames"),
    # numbers
    (put(*T, "left", value=[1, 2]), "has 2 values where the track has 3 frames"),
    (put(*T, "left", value=[1.5, 1, float("nan")]), "NaN is not a number"),
    (put(*T, "left", value=[1.5, 1, float("-inf")]), "-Infinity is not a number"),
    (encode(small()).replace(b"-5.0", b"-1e999"), "tracks[0].left[2]"),  # infinite only once it is read
    (put(*T, "left", value=[1.5, 1, -1e7]), "tracks[0].left[2]"),
    (put(*T, "left", value=[1.5, "1", -5]), "tracks[0].left[1]"),
    (put(*T, "left", value=[1.5, True, -5]), "tracks[0].left[1]"),
    (put(*T, "left", value=[1.5, None, -5]), "tracks[0].left[1]"),
    (put(*T, "left", value=[1.5, 10**400, -5]), "tracks[0].left[1]"),
    (put(*T, "left", value=[[1.5], 1, -5]), "tracks[0].left[0]"),
    (put(*T, "left", value=[1.5, 3.1, -5]), "without width or height, at position 1"),
    (put(*T, "right", value=[3, 3.1, -5.00000001]), "without width or height, at position 2"),  # equal as float32
    (put(*T, "bottom", value=[2, 4, 9]), "without width or height, at position 0"),
    (put(*T, "angles", value=[0, 0, 1e7]), "tracks[0].angles[2]"),
    (put(*T, "scores", value=[0, 0, "high"]), "tracks[0].scores[2]"),
    # sources
    (put(*T, "sources", value="dp"), "tracks[0].sources"),
    (put(*T, "sources", value="dpx"), "other than d, p and f"),
    (put(*T, "sources", value="dpé"), "tracks[0].sources"),
    (put(*T, "sources", value=[0, 1, 2]), "tracks[0].sources"),
]


@pytest.mark.parametrize(("data", "where"), HOSTILE)
def test_tracks_file_with_fault_is_refused_with_its_place(tmp_path: Path, data: bytes, where: str) -> None:
    path = tmp_path / "x.tracks.json"
    path.write_bytes(data)
    with pytest.raises(TracksUnreadable) as caught:
        load(path)
    assert where in caught.value.text
    assert str(path) in caught.value.text


def test_tracks_file_over_size_limit_is_refused_unread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "big.tracks.json"
    data = encode(small())
    path.write_bytes(data)
    monkeypatch.setattr(tracks_file, "MAX_BYTES", len(data))
    load(path)
    monkeypatch.setattr(tracks_file, "MAX_BYTES", len(data) - 1)
    with pytest.raises(TracksUnreadable, match="larger than"):
        load(path)


def test_tracks_file_missing_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputMissing):
        load(tmp_path / "none.json")
    with pytest.raises(InputMissing):
        load(tmp_path)  # a folder


@pytest.mark.parametrize(
    "bad",
    [
        TrackSet(media(10), (track(-1, "face", [0], [[0, 0, 1, 1]]),)),
        TrackSet(media(10), (track(1, "fa\nce", [0], [[0, 0, 1, 1]]),)),
        TrackSet(media(10), (track(1, "face", [0], [[0, 0, 1, 1e7]]),)),
        TrackSet(media(10), (), (10,)),
        TrackSet(media(10), (), (), {"rate": float("nan")}),
    ],
)
def test_tracks_that_cannot_be_read_back_are_not_written(tmp_path: Path, bad: TrackSet) -> None:
    with pytest.raises(ValueError):
        save(bad, tmp_path / "x.json", overwrite=True)
    assert list(tmp_path.iterdir()) == []


def test_tracks_file_is_kept_without_overwrite(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text("mine")
    with pytest.raises(OutputExists):
        save(small(), path, overwrite=False)
    assert path.read_text() == "mine"
    save(small(), path, overwrite=True)
    assert_same(load(path), small())
    assert [p.name for p in tmp_path.iterdir()] == ["x.json"]


def test_tracks_file_that_appears_during_write_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.json"
    monkeypatch.setattr(os, "fsync", lambda _handle: path.write_text("theirs"))
    with pytest.raises(OutputExists):
        save(small(), path, overwrite=False)
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [("x.json", "theirs")]


def test_tracks_file_target_is_checked_before_writing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.json"
    path.write_text("mine")
    monkeypatch.setattr(os, "fsync", lambda _handle: pytest.fail("wrote first"))
    with pytest.raises(OutputExists):
        save(small(), path, overwrite=False)


def test_tracks_file_reports_unwritable_folders(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "none" / "x.json", tmp_path / "file" / "x.json", tmp_path / ("x" * 300), tmp_path):
        with pytest.raises(OutputNotWritable):
            save(small(), path, overwrite=True)


@pytest.mark.parametrize(
    ("code", "expected"), [(errno.ENOSPC, DiskFull), (errno.EDQUOT, DiskFull), (errno.EROFS, OutputNotWritable)]
)
def test_tracks_file_is_unchanged_after_failed_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, expected: type[Exception]
) -> None:
    path = tmp_path / "x.json"
    path.write_text("old")

    def fail(_handle: int) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(expected):
        save(small(), path, overwrite=True)
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["x.json"]


def test_tracks_of_another_file_are_refused() -> None:
    check_matches(small(), SHA)
    with pytest.raises(TracksMismatch, match="0123456789abcdef"):
        check_matches(small(), "f" * 64)


def test_float_digits_are_exact() -> None:
    rng = np.random.default_rng(3)
    bits = rng.integers(0, 2**32, 200_000, dtype=np.uint64).astype(np.uint32)
    bits[0] = 0x15AE43FD  # 7.038531e-26: as a double exactly half-way to the next float32, and rounds to that one
    values = bits.view(np.float32)
    values = values[np.isfinite(values)]
    np.testing.assert_array_equal(np.array(tracks_file.exact_floats(values), np.float64).astype(np.float32), values)
