"""Annotated folders and reviewed footage as they are read for training."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from redact.errors import TrainingUnusable
from redact.media.hashing import hash_file
from redact.track.file import save
from redact.track.types import MediaRef, Source, Track, TrackSet
from redact_models.train.pictures import footage, split, yolo_folder
from tests.media.clips import make_clip


def _folder(path: Path, labels: dict[str, str]) -> Path:
    for name in ("images", "labels"):
        (path / name).mkdir()
    for stem, text in labels.items():
        cv2.imwrite(str(path / "images" / f"{stem}.png"), np.zeros((50, 100, 3), np.uint8))
        (path / "labels" / f"{stem}.txt").write_text(text)
    return path


def test_yolo_folder_is_read(tmp_path: Path) -> None:
    folder = _folder(tmp_path, {"a_2": "0 0.5 0.5 0.2 0.1\n3 0.1 0.1 0.2 0.2\n", "a_10": ""})
    first, second = yolo_folder(folder)
    assert [first.path.stem, second.path.stem] == ["a_2", "a_10"]
    assert np.abs(first.boxes - [[40, 22.5, 60, 27.5], [0, 0, 20, 10]]).max() < 1e-4
    assert second.boxes.shape == (0, 4)
    assert first.load().image.shape == (50, 100, 3)


@pytest.mark.parametrize("line", ["0 0.5 0.5 0.2", "0 a b c d", "0 0.5 0.5 1.2 0.1", "0 nan 0.5 0.1 0.1"])
def test_yolo_labels_of_another_form_are_refused(tmp_path: Path, line: str) -> None:
    with pytest.raises(TrainingUnusable):
        yolo_folder(_folder(tmp_path, {"a": line}))


def test_yolo_folder_without_pictures_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TrainingUnusable):
        yolo_folder(tmp_path)


def test_split_holds_out_end_of_every_ride(tmp_path: Path) -> None:
    folder = _folder(tmp_path, {f"{ride}_{n}": "" for ride in ("day", "night") for n in range(1, 21)})
    train, held = split(yolo_folder(folder))
    assert [p.path.stem for p in held] == ["day_19", "day_20", "night_19", "night_20"]
    assert len(train) == 36


def test_footage_gives_one_picture_a_second(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "in.mp4", frames=60)
    boxes = np.array([[10, 10, 30, 16]], np.float32)
    track = Track(
        1,
        "plate",
        np.array([25], np.int32),
        boxes,
        np.ones(1, np.float32),
        np.zeros(1, np.float32),
        np.array([Source.DETECTOR], np.uint8),
    )
    from redact.media.probe import probe
    from redact.media.reader import VideoReader
    from redact.settings import Interlaced, OnCorrupt

    info = probe(clip)
    with VideoReader(info, interlaced=Interlaced.DEINTERLACE, on_corrupt=OnCorrupt.STOP) as reader:
        for _ in reader:
            pass
        table = reader.table
    media = MediaRef(
        hash_file(clip),
        info.video.upright_width,
        info.video.upright_height,
        table.time_base,
        table.pts,
        table.last_duration,
    )
    save(TrackSet(media, (track,), (), {}), tmp_path / "t.json", overwrite=False)
    pictures = list(footage(clip, tmp_path / "t.json"))
    assert [len(p.boxes) for p in pictures] == [0, 1, 0]
    assert pictures[1].boxes.tolist() == boxes.tolist()
    other = make_clip(tmp_path / "other.mp4", frames=5)
    with pytest.raises(TrainingUnusable):
        next(footage(other, tmp_path / "t.json"))
