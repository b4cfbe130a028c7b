"""The mask plan: which shapes are drawn on which frame. A pure function of tracks and policy, used for rendering and
for measurement."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from redact.mask.shapes import Shape, ShapeKind
from redact.track.types import TrackSet


@dataclass(frozen=True, slots=True)
class Margin:
    """The extension of a mask past its track's box.

    Each side is extended by ``width`` or ``height`` as a share of the box, plus ``pixels``, plus ``motion`` times the
    distance that the box moves from the previous or to the next frame (whichever is larger), along each axis.
    """

    form: ShapeKind
    width: float
    height: float
    pixels: float = 2.0
    motion: float = 0.5


DEFAULT_MARGINS: Mapping[str, Margin] = {
    "face": Margin(ShapeKind.ELLIPSE, 0.26, 0.14),
    "plate": Margin(ShapeKind.RECTANGLE, 0.08, 0.12),
    "text": Margin(ShapeKind.RECTANGLE, 0.06, 0.15),
}
NEAR_BORDER = 0.1
"""A box that ends within this share of its size from the picture's border counts as cut off there."""
PAST_BORDER = 0.25
"""Extension of such a box past the border, as a share of its size."""
FORMS = tuple(ShapeKind)
OTHER_MARGIN = Margin(ShapeKind.RECTANGLE, 0.12, 0.12)
"""Margin for classes that only a user's own model has."""


@dataclass(frozen=True, slots=True)
class MaskPolicy:
    """The mask margins of each class."""

    margins: Mapping[str, Margin] = field(default_factory=lambda: DEFAULT_MARGINS)


def _speed(frames: NDArray[np.int32], boxes: NDArray[np.float32]) -> NDArray[np.float32]:
    """(n, 2) speed of the box centre along x and y in pixels per frame, the larger of before and after."""
    centres = (boxes[:, :2] + boxes[:, 2:]) / 2
    speed = np.zeros_like(centres)
    if len(frames) > 1:
        step = np.abs(np.diff(centres, axis=0)) / np.diff(frames)[:, None]
        speed[:-1] = step
        speed[1:] = np.maximum(speed[1:], step)
    return speed.astype(np.float32)


class MaskPlan:
    """The shapes on every frame of a master. Memory is proportional to the number of boxes."""

    def __init__(self, tracks: TrackSet, policy: MaskPolicy | None = None) -> None:
        margins = (policy or MaskPolicy()).margins
        frames, rows, forms = [], [], []
        for track in tracks.tracks:
            margin = margins.get(track.label, OTHER_MARGIN)
            boxes, cut = _past_border(track.boxes, tracks.media.width, tracks.media.height)
            size = boxes[:, 2:] - boxes[:, :2]
            centre = (boxes[:, :2] + boxes[:, 2:]) / 2
            reach = size * np.array([margin.width, margin.height], np.float32) + margin.pixels
            reach += margin.motion * _turned(_speed(track.frames, track.boxes), track.angles)
            form = np.full(len(track), FORMS.index(margin.form), np.uint8)
            if margin.form is ShapeKind.ELLIPSE:
                # The visible part of a face at the border fills the corners of its box too.
                form[cut] = FORMS.index(ShapeKind.RECTANGLE)
            rows.append(np.column_stack([centre, size + 2 * reach, track.angles]).astype(np.float32))
            forms.append(form)
            frames.append(track.frames)
        every = np.concatenate(frames) if frames else np.zeros(0, np.int32)
        order = np.argsort(every, kind="stable")
        self._rows = np.concatenate(rows)[order] if rows else np.zeros((0, 5), np.float32)
        self._forms = np.concatenate(forms)[order] if forms else np.zeros(0, np.uint8)
        self._starts = np.searchsorted(every[order], np.arange(tracks.media.pts.size + 1))

    def columns(self, first: int, stop: int) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        """The masks of frames ``first`` (included) to ``stop`` (excluded), in the order of :meth:`shapes`: (n,) indices
        into :data:`FORMS`, and (n, 5) centre, size and angle."""
        rows = slice(int(self._starts[first]), int(self._starts[stop]))
        return self._forms[rows], self._rows[rows]

    def shapes(self, frame: int) -> list[Shape]:
        """The masks of one frame in the order of the tracks."""
        rows = slice(int(self._starts[frame]), int(self._starts[frame + 1]))
        return [
            Shape(FORMS[form], *(float(v) for v in row))
            for form, row in zip(self._forms[rows], self._rows[rows], strict=True)
        ]


def _past_border(boxes: NDArray[np.float32], width: int, height: int) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Boxes with those that end at the picture's border extended past it, and (n,) bool: which ones these are.

    A detector sees only the part of an object that is in the picture, so its box does not cover the rest.
    """
    size = np.tile(boxes[:, 2:] - boxes[:, :2], 2)
    border = np.array([0, 0, width, height], np.float32)
    outward = np.array([-1, -1, 1, 1], np.float32)
    beyond = (boxes - border) * outward
    near = beyond > -NEAR_BORDER * size
    reach = np.where(near, np.maximum(beyond, PAST_BORDER * size), beyond)
    return (border + reach * outward).astype(np.float32), np.any(near, axis=1)


def _turned(speed: NDArray[np.float32], angles: NDArray[np.float32]) -> NDArray[np.float32]:
    """Upper bounds of speeds along the axes of boxes rotated by ``angles`` degrees, from speeds along the picture's."""
    cos, sin = np.abs(np.cos(np.radians(angles))), np.abs(np.sin(np.radians(angles)))
    return np.column_stack([cos * speed[:, 0] + sin * speed[:, 1], sin * speed[:, 0] + cos * speed[:, 1]])
