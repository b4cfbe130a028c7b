"""``redact convert`` and ``redact evaluate``, which need no footage."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest

from redact.track import file
from redact.track.types import TrackSet
from tests.cli.runner import listing, redact
from tests.media.clips import make_clip
from tests.track.factory import media, track


@pytest.fixture
def tracks_file(tmp_path: Path) -> Path:
    """A face on frames 2 to 7 of 10, 40 pixels a side."""
    boxes = [[100.0 + 4 * i, 80.0, 140.0 + 4 * i, 120.0] for i in range(6)]
    path = tmp_path / "t.json"
    file.save(TrackSet(media(10), (track(1, "face", list(range(2, 8)), boxes),)), path, overwrite=False)
    return path


@pytest.mark.parametrize("kind", ["mot", "cvat", "coco"])
def test_convert_round_trips_tracks(tracks_file: Path, tmp_path: Path, kind: str) -> None:
    out, back = tmp_path / "out.dat", tmp_path / "back.json"
    ended = redact("convert", tracks_file, "-o", out, "--to", kind, "--json")
    assert (ended.code, ended.document["tracks"]) == (0, {"face": 1})
    ended = redact("convert", out, "-o", back, "--from", kind, "--reference", tracks_file)
    assert ended.code == 0, ended.err
    assert file.load(back).tracks[0].frames.tolist() == list(range(2, 8))


def test_convert_takes_media_from_footage(tracks_file: Path, tmp_path: Path) -> None:
    """A clip as the reference instead of a tracks file: upright, and with its own timestamps."""
    clip, out = make_clip(tmp_path / "in.mp4", pts=[0, 40, 90, 100], rotation=90), tmp_path / "back.json"
    (tmp_path / "gt.txt").write_text("1,1,10,10,20,20,1,1,1\n4,1,10,10,20,20,1,1,1\n")
    ended = redact("convert", tmp_path / "gt.txt", "-o", out, "--from", "mot", "--reference", clip)
    assert ended.code == 0, ended.err
    media = file.load(out).media
    assert (media.width, media.height) == (96, 160)
    assert [int(pts) * media.time_base for pts in media.pts] == [Fraction(ms, 1000) for ms in (0, 40, 90, 100)]
    assert media.sha256 == listing(tmp_path)["in.mp4"]


def test_convert_keeps_existing_output(tracks_file: Path, tmp_path: Path) -> None:
    (tmp_path / "out.xml").write_text("precious")
    ended = redact("convert", tracks_file, "-o", tmp_path / "out.xml", "--to", "cvat")
    assert (ended.code, ended.err[:4]) == (1, "R110")
    assert (tmp_path / "out.xml").read_text() == "precious"


def test_evaluate_names_leaking_frame(tracks_file: Path, tmp_path: Path) -> None:
    truth = tmp_path / "gt.txt"
    rows = [f"{frame + 1},1,{100 + 4 * (frame - 2)},80,40,40,1,1,1" for frame in range(2, 8)]
    truth.write_text("\n".join([*rows, "10,2,400,300,40,40,1,1,1"]) + "\n")
    ended = redact("evaluate", tracks_file, "--truth", truth, "--json")
    assert ended.code == 0, ended.err
    assert (ended.document["total"]["objects"], ended.document["total"]["exposed"]) == (2, 1)
    assert [(leak["frame"], leak["object_id"]) for leak in ended.document["leaks"]] == [(9, 2)]
    table = redact("evaluate", tracks_file, "--truth", truth).out
    assert "00:00:00.360" in table
    assert "over-masking" in table


def test_evaluate_refuses_truth_of_other_footage(tracks_file: Path, tmp_path: Path) -> None:
    (tmp_path / "gt.txt").write_text("11,1,0,0,9,9\n")
    ended = redact("evaluate", tracks_file, "--truth", tmp_path / "gt.txt")
    assert (ended.code, ended.err[:4]) == (1, "R502")
