"""The clips used to measure the project's figures."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from tests.virtual_camera.camera import VirtualCamera, make_clip
from tests.virtual_camera.imaging import Condition
from tests.virtual_camera.stills import Still, shared_stills

PLATES_OF_EACH = 20
SEEDS = 1000
"""Seed offset between parts."""


@dataclass(frozen=True, slots=True)
class StandardClip:
    """One clip of 1280x720, 25 frames a second, 6 seconds."""

    name: str
    label: str
    still: Still
    seed: int
    condition: Condition

    def camera(self) -> VirtualCamera:
        return VirtualCamera(self.still.picture, self.still.boxes, seed=self.seed, condition=self.condition)

    def build(self, folder: Path) -> Path:
        """Path of the clip in ``folder``, created if missing; its truth is beside it."""
        path = folder / f"{self.name}.mp4"
        if not path.exists():
            part = path.with_suffix(f".{os.getpid()}.part.mp4")
            make_clip(self.still.picture, self.still.boxes, part, seed=self.seed, condition=self.condition)
            part.with_suffix(".txt").replace(path.with_suffix(".txt"))
            part.replace(path)
        return path


def standard_clips(shared: Path, part: int = 0) -> list[StandardClip]:
    """Every face still by day and in low light; 20 stills of each kind of plate, day and low light in turn.

    The first ``part`` was used to choose the project's settings. Others have other plates, and the same faces under
    other camera movements.
    """
    clips = []
    for number, still in enumerate(shared_stills(shared, "faces", "face")):
        for condition in (Condition.DAY, Condition.LOW_LIGHT):
            seed = SEEDS * part + 100 + 2 * number + (condition is Condition.LOW_LIGHT)
            clips.append(StandardClip(_name("faces", part, number, condition), "face", still, seed, condition))
    for kind, first in (("plates_us", 200), ("plates_br", 300)):
        for number, still in enumerate(shared_stills(shared, kind, "plate", PLATES_OF_EACH, part)):
            condition = (Condition.DAY, Condition.LOW_LIGHT)[number % 2]
            seed = SEEDS * part + first + number
            clips.append(StandardClip(_name(kind, part, number, condition), "plate", still, seed, condition))
    return clips


def _name(kind: str, part: int, number: int, condition: Condition) -> str:
    return f"{kind}_{f'{part}.' if part else ''}{number:02}_{condition}"
