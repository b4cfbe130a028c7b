"""Mask shapes, as the mask plan passes them to the compositor."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class ShapeKind(StrEnum):
    """Outline of a mask."""

    ELLIPSE = "ellipse"
    RECTANGLE = "rectangle"
    FULL = "full"


@dataclass(frozen=True, slots=True)
class Shape:
    """One mask on one frame: ``w`` x ``h`` upright pixels around (``cx``, ``cy``), rotated ``angle`` degrees clockwise.

    Pixel centres are at half-integers (pixel 0 spans 0 to 1). ``FULL`` ignores the geometry and covers the frame.
    """

    form: ShapeKind
    cx: float = 0.0
    cy: float = 0.0
    w: float = 0.0
    h: float = 0.0
    angle: float = 0.0
