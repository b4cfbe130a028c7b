"""Annotated pictures from folders in YOLO format and from a force's own reviewed footage."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from redact.errors import TrainingUnusable
from redact.media.hashing import hash_file
from redact.media.probe import probe
from redact.media.reader import VideoReader
from redact.settings import Interlaced, OnCorrupt
from redact.track.file import load
from redact_models.train.scenes import AnnotatedPicture, make_scene

SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp")
HELD_OUT = 10
"""One picture in this many, the last ones of each ride, is held out from training."""
SECONDS_BETWEEN = 1.0
"""Frames of footage closer together than this add little."""
PLATE = "plate"
DRAWN_SEED = 1
"""Different from the seeds of all recipes."""
DRAWN_SIZE = (1280, 720)


@dataclass(frozen=True, slots=True)
class PictureFile:
    """A picture file and its plates, (n, 4) xyxy pixels."""

    path: Path
    boxes: NDArray[np.float32]

    def load(self) -> AnnotatedPicture:
        """Read and decode. Raises :class:`redact.errors.TrainingUnusable`."""
        image = cv2.imread(str(self.path), cv2.IMREAD_COLOR)
        if image is None:
            raise TrainingUnusable(f"{self.path.name} is not a picture that can be read.", "Remove it from the folder.")
        return AnnotatedPicture(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), self.boxes)


@dataclass(frozen=True, slots=True)
class DrawnScene:
    """A scene by its number, made without real pictures, so that it may be published."""

    number: int

    def load(self) -> AnnotatedPicture:
        """Draw the scene. Ignored areas are painted over."""
        scene = make_scene(np.random.default_rng([DRAWN_SEED, self.number]), (), DRAWN_SIZE)
        image = scene.image.copy()
        for left, top, right, bottom in scene.ignore.round().astype(int):
            image[max(top, 0) : bottom, max(left, 0) : right] = 0
        return AnnotatedPicture(image, scene.boxes)


Sample = PictureFile | DrawnScene


def yolo_folder(folder: Path) -> list[PictureFile]:
    """The pictures in ``folder/images`` with their plates from ``folder/labels``, one line ``class x y w h`` (shares of
    the picture) for each. Any class counts as a plate. A picture without a label file has no plates.

    Raises :class:`redact.errors.TrainingUnusable` for a folder without pictures and for labels in another format.
    """
    found = []
    for path in sorted((folder / "images").glob("*"), key=_natural):
        if path.suffix.lower() in SUFFIXES:
            found.append(PictureFile(path, _labels(folder / "labels" / f"{path.stem}.txt", path)))
    if not found:
        raise TrainingUnusable(
            f"There are no pictures in {folder / 'images'}.", "Give a folder with images/ and labels/."
        )
    return found


def split(pictures: list[PictureFile]) -> tuple[list[PictureFile], list[PictureFile]]:
    """The training pictures and the held-out ones: the last of each ride (files whose names differ by a final number),
    because neighbouring frames are almost the same picture."""
    train: list[PictureFile] = []
    held: list[PictureFile] = []
    for _, ride in groupby(pictures, lambda p: re.sub(r"\d+$", "", p.path.stem)):
        rows = list(ride)
        last = len(rows) // HELD_OUT
        train += rows[: len(rows) - last]
        held += rows[len(rows) - last :]
    return train, held


def footage(video: Path, tracks: Path) -> Iterator[AnnotatedPicture]:
    """One frame per second of reviewed footage, with the plates of its corrected tracks.

    Raises what reading footage and tracks raises, and :class:`redact.errors.TrainingUnusable` if the tracks are not of
    this footage.
    """
    info = probe(video)
    known = load(tracks)
    if hash_file(video) != known.media.sha256:
        raise TrainingUnusable(f"{tracks.name} was not made from {video.name}.", "Give the tracks of this file.")
    plates = [track for track in known.tracks if track.label == PLATE]
    due = -np.inf
    with VideoReader(info, interlaced=Interlaced.DEINTERLACE, on_corrupt=OnCorrupt.STOP) as reader:
        for frame in reader:
            seconds = float(frame.pts * info.video.time_base)
            if seconds < due:
                continue
            due = seconds + SECONDS_BETWEEN
            rows = [track.boxes[track.frames == frame.index] for track in plates]
            boxes = np.concatenate(rows) if rows else np.zeros((0, 4), np.float32)
            yield AnnotatedPicture(np.ascontiguousarray(frame.rgb()), boxes)


def _labels(path: Path, picture: Path) -> NDArray[np.float32]:
    lines = path.read_text("utf-8").splitlines() if path.is_file() else []
    try:
        rows = np.array([[float(v) for v in line.split()[1:5]] for line in lines if line.strip()], np.float32)
        rows = rows.reshape(-1, 4)
    except ValueError as error:
        raise TrainingUnusable(f"{path.name} is not in YOLO format.", "Write lines of class x y w h.") from error
    if not (np.isfinite(rows).all() and (rows >= 0).all() and (rows <= 1).all()):
        raise TrainingUnusable(f"{path.name} has a box outside its picture.", "Coordinates are shares from 0 to 1.")
    if not len(rows):
        return rows
    size = _size(picture)
    centre, half = rows[:, :2] * size, rows[:, 2:] * size / 2
    return np.hstack([centre - half, centre + half]).astype(np.float32)


def _size(picture: Path) -> NDArray[np.float32]:
    image = cv2.imread(str(picture), cv2.IMREAD_COLOR)
    if image is None:
        raise TrainingUnusable(f"{picture.name} is not a picture that can be read.", "Remove it from the folder.")
    return np.array([image.shape[1], image.shape[0]], np.float32)


def _natural(path: Path) -> list[tuple[int, int | str]]:
    return [(0, int(part)) if part.isdigit() else (1, part) for part in re.split(r"(\d+)", path.stem)]
