"""The edits a reviewer can make: one frozen class per operation, validated on construction.

All frames are indices on the master, with both ends of a range included; boxes are xyxy in upright pixels, angles are
clockwise degrees about the box's centre. Edits contain the ids of new tracks, so that every replay gives the same ids.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from redact.settings import SoundEffect

MAX_FACTOR = 4.0
"""Largest factor by which one edit may enlarge or shrink a mask."""
WHOLE_FRAME_LABEL = "frame"


class Box(NamedTuple):
    """A rectangle in upright pixels; it may extend past the picture."""

    left: float
    top: float
    right: float
    bottom: float


class PlacedBox(NamedTuple):
    """One row of a re-track job's result."""

    frame: int
    left: float
    top: float
    right: float
    bottom: float
    angle: float


def _check_box(box: Box, angle: float) -> None:
    if not all(map(math.isfinite, (*box, angle))):
        raise ValueError("a box needs finite numbers")
    left, top, right, bottom = np.asarray(box, np.float32)
    if not (right - left > 0 and bottom - top > 0):
        raise ValueError("a box needs a width and a height")


def _check_range(first: int, last: int) -> None:
    if not 0 <= first <= last:
        raise ValueError("a range of frames ends before it starts")


def _check_reason(reason: str) -> None:
    if not reason.strip():
        raise ValueError("a reason is needed")


@dataclass(frozen=True, slots=True)
class Draw:
    """Adds a track: ``box`` on ``frame``, which stays there until ``last`` unless another edit moves it."""

    track: int
    label: str
    frame: int
    last: int
    box: Box
    angle: float = 0.0

    def __post_init__(self) -> None:
        _check_box(self.box, self.angle)
        _check_range(self.frame, self.last)


@dataclass(frozen=True, slots=True)
class SetArea:
    """Adds a fixed area: ``box`` on all frames from ``first`` to ``last``. An existing area is replaced completely."""

    track: int
    label: str
    first: int
    last: int
    box: Box
    angle: float = 0.0

    def __post_init__(self) -> None:
        _check_box(self.box, self.angle)
        _check_range(self.first, self.last)


@dataclass(frozen=True, slots=True)
class HideFrames:
    """Hides the whole picture from ``first`` to ``last``. This adds a track, which can be trimmed and deleted."""

    track: int
    first: int
    last: int

    def __post_init__(self) -> None:
        _check_range(self.first, self.last)


@dataclass(frozen=True, slots=True)
class Keyframe:
    """Places the track exactly here on ``frame``; it is visible from there on."""

    track: int
    frame: int
    box: Box
    angle: float = 0.0

    def __post_init__(self) -> None:
        _check_box(self.box, self.angle)


@dataclass(frozen=True, slots=True)
class Outside:
    """Ends the track's visibility from ``frame`` until the next keyframe."""

    track: int
    frame: int


@dataclass(frozen=True, slots=True)
class RemoveKeyframe:
    """Removes the keyframe or end of visibility on ``frame``."""

    track: int
    frame: int


@dataclass(frozen=True, slots=True)
class Merge:
    """Makes ``other`` part of ``track``; where both are visible, the hull of both is hidden."""

    track: int
    other: int

    def __post_init__(self) -> None:
        if self.track == self.other:
            raise ValueError("a track cannot be merged with itself")


@dataclass(frozen=True, slots=True)
class Split:
    """Splits ``track`` at ``frame``; from there on it is a separate track with the id ``new``."""

    track: int
    frame: int
    new: int

    def __post_init__(self) -> None:
        if self.track == self.new:
            raise ValueError("the new track needs another id")


@dataclass(frozen=True, slots=True)
class Delete:
    """Deletes the track, so that it hides nothing."""

    track: int
    reason: str

    def __post_init__(self) -> None:
        _check_reason(self.reason)


@dataclass(frozen=True, slots=True)
class Restore:
    """Restores a deleted track as it was."""

    track: int


@dataclass(frozen=True, slots=True)
class SetSpan:
    """Makes the track visible from ``first`` to ``last`` and nowhere else; beyond its former ends it stands still."""

    track: int
    first: int
    last: int

    def __post_init__(self) -> None:
        _check_range(self.first, self.last)


@dataclass(frozen=True, slots=True)
class Resize:
    """Resizes the track about its centre by ``factor``, on a range of frames or, without one, on all frames."""

    track: int
    factor: float
    first: int | None = None
    last: int | None = None

    def __post_init__(self) -> None:
        if not 1 / MAX_FACTOR <= self.factor <= MAX_FACTOR:
            raise ValueError(f"a mask can be resized by a factor of {1 / MAX_FACTOR:g} to {MAX_FACTOR:g} at a time")
        if (self.first is None) != (self.last is None):
            raise ValueError("a range of frames needs both ends")
        if self.first is not None and self.last is not None:
            _check_range(self.first, self.last)


@dataclass(frozen=True, slots=True)
class SetClass:
    """Changes the class of the track."""

    track: int
    label: str


@dataclass(frozen=True, slots=True)
class Link:
    """Links tracks of the same person or object, and all tracks already linked with any of them."""

    tracks: tuple[int, ...]

    def __post_init__(self) -> None:
        if len(self.tracks) < 2 or len(set(self.tracks)) != len(self.tracks):
            raise ValueError("two or more different tracks can be linked")


@dataclass(frozen=True, slots=True)
class Unlink:
    """Removes all links of the track with others."""

    track: int


@dataclass(frozen=True, slots=True)
class AddBoxes:
    """The result of a re-track job. It replaces machine boxes on these frames, but never a reviewer's keyframe.

    ``rows`` are in order of frames. A job that starts from a keyframe includes the keyframe's own frame.
    """

    track: int
    rows: tuple[PlacedBox, ...]

    def __post_init__(self) -> None:
        if not self.rows:
            raise ValueError("there are no boxes")
        table = np.array(self.rows, np.float64)
        boxes = table[:, 1:5].astype(np.float32)
        if not np.isfinite(table).all() or np.any(boxes[:, 2:] - boxes[:, :2] <= 0):
            raise ValueError("a box needs finite numbers, a width and a height")
        if self.rows[0].frame < 0 or any(b.frame <= a.frame for a, b in pairwise(self.rows)):
            raise ValueError("boxes must be in order of their frames, one for each frame")


@dataclass(frozen=True, slots=True)
class AddSound:
    """Adds a span of sound to redact, in seconds from the first frame of the picture."""

    span: int
    start: float
    end: float
    effect: SoundEffect

    def __post_init__(self) -> None:
        if not (math.isfinite(self.end) and 0 <= self.start < self.end):
            raise ValueError("a span of sound must end after it starts")


@dataclass(frozen=True, slots=True)
class ChangeSound(AddSound):
    """Changes the edges and effect of an existing span."""


@dataclass(frozen=True, slots=True)
class RemoveSound:
    """Removes a span of sound."""

    span: int
    reason: str

    def __post_init__(self) -> None:
        _check_reason(self.reason)


@dataclass(frozen=True, slots=True)
class Settle:
    """Settles an item of the review queue that was checked and is in order; ``key`` identifies the item."""

    key: str
    reason: str


@dataclass(frozen=True, slots=True)
class Undo:
    """Undoes the edit with the id ``edit``. Edits that depend on it are skipped and listed as such."""

    edit: str


@dataclass(frozen=True, slots=True)
class Redo:
    """Redoes the undone edit with the id ``edit``, in its original place."""

    edit: str


TrackEdit = (
    Draw
    | SetArea
    | HideFrames
    | Keyframe
    | Outside
    | RemoveKeyframe
    | Merge
    | Split
    | Delete
    | Restore
    | SetSpan
    | Resize
    | SetClass
    | Unlink
    | AddBoxes
)
Edit = TrackEdit | Link | AddSound | ChangeSound | RemoveSound | Settle | Undo | Redo


@dataclass(frozen=True, slots=True)
class LoggedEdit:
    """One entry of the edit log. The client chooses ``id``, so that an entry sent twice is recognised; ``revision``
    counts the entries of the footage from 1; ``at`` is ISO 8601 in UTC."""

    id: str
    revision: int
    actor: str
    at: str
    edit: Edit
