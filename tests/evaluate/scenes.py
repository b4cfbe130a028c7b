"""Hand-made tracks and truth on a picture of 200 x 100 pixels."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from redact.evaluate import Truth, TruthObject
from redact.mask.mask_plan import Margin, MaskPolicy
from redact.mask.shapes import ShapeKind
from redact.track.types import MediaRef, Track, TrackSet

WIDTH, HEIGHT = 200, 100
TIGHT = MaskPolicy(
    {
        "face": Margin(ShapeKind.ELLIPSE, 0.0, 0.0, pixels=0.0, motion=0.0),
        "plate": Margin(ShapeKind.RECTANGLE, 0.0, 0.0, pixels=0.0, motion=0.0),
    }
)
"""Masks that are exactly the tracks' boxes."""

Rows = dict[int, tuple[float, float, float, float]]
"""Frame to xyxy."""


def media(frames: int = 4) -> MediaRef:
    return MediaRef("0" * 64, WIDTH, HEIGHT, Fraction(1, 25), np.arange(frames, dtype=np.int64))


def tracks(*things: tuple[str, Rows], angle: float = 0.0, ref: MediaRef | None = None) -> TrackSet:
    made = []
    for number, (label, rows) in enumerate(things, start=1):
        n = len(rows)
        made.append(
            Track(
                number,
                label,
                np.array(list(rows), np.int32),
                np.array(list(rows.values()), np.float32),
                np.full(n, angle, np.float32),
                np.ones(n, np.float32),
                np.zeros(n, np.uint8),
            )
        )
    return TrackSet(ref or media(), tuple(made))


def truth(*things: tuple[str, Rows], angle: float = 0.0, counted: bool = True) -> Truth:
    return Truth(
        tuple(
            TruthObject(
                number,
                label,
                np.array(list(rows), np.int32),
                np.array(list(rows.values()), np.float64),
                np.full(len(rows), angle),
                np.full(len(rows), counted),
            )
            for number, (label, rows) in enumerate(things, start=1)
        )
    )
