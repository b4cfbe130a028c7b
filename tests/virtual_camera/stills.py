"""Annotated stills of the shared folder, which is not part of the repository."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

Box = tuple[str, float, float, float, float]
"""Label, x1, y1, x2, y2 in pixels of the still."""


@dataclass(frozen=True, slots=True)
class Still:
    name: str
    picture: NDArray[np.uint8]
    boxes: list[Box]


def shared_data() -> Path | None:
    """The folder of real pictures, if present on this machine."""
    default = Path(__file__).resolve().parents[3] / "shared" / "data"
    folder = Path(os.environ.get("REDACT_SHARED_DATA", default))
    return folder if folder.is_dir() else None


def require_shared_data() -> Path:
    folder = shared_data()
    if folder is None:
        pytest.skip("the real pictures of shared/data are not on this machine (REDACT_SHARED_DATA names the folder)")
    return folder


def shared_stills(folder: Path, kind: str, label: str, limit: int | None = None, part: int = 0) -> list[Still]:
    """Stills of ``folder/kind`` with their YOLO truth; ``limit`` selects that many, evenly spread over the names; each
    ``part`` selects others while available."""
    paths = sorted((folder / kind / "images").glob("*.jpg"))
    if limit is not None and limit < len(paths):
        paths = [paths[(i * len(paths) // limit + part) % len(paths)] for i in range(limit)]
    return [_read_still(path, label) for path in paths]


def _read_still(path: Path, label: str) -> Still:
    picture = np.asarray(Image.open(path).convert("RGB"))
    height, width = picture.shape[:2]
    truth = path.parents[1] / "labels" / f"{path.stem}.txt"
    boxes: list[Box] = []
    for line in truth.read_text().splitlines():
        _, x, y, w, h = map(float, line.split())
        boxes.append((label, (x - w / 2) * width, (y - h / 2) * height, (x + w / 2) * width, (y + h / 2) * height))
    return Still(path.stem, picture, boxes)
