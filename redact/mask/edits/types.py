"""What a person can do to the tracks: one frozen class for each act, each checked on construction.

All frames are indices on the master, both ends of a range included; boxes are xyxy in upright pixels, angles degrees
clockwise about the box's centre. New ids are given in the act itself, so that a replay gives the same ids everywhere.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from redact.settings import SoundEffect

MAX_FACTOR = 4.0
"""How far one act of growing or shrinking may go either way."""
WHOLE_FRAME_LABEL = "frame"


class Box(NamedTuple):
    """A rectangle in upright pixels; it may reach past the picture."""

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
        raise ValueError("a box needs an extent")


def _check_range(first: int, last: int) -> None:
    if not 0 <= first <= last:
        raise ValueError("a range of frames ends before it starts")


def _check_reason(reason: str) -> None:
    if not reason.strip():
        raise ValueError("a reason is needed")


@dataclass(frozen=True, slots=True)
class Draw:
    """A new track: ``box`` on ``frame``, standing still there until ``last`` unless something moves it."""

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
    """A fixed area: ``box`` on all frames from ``first`` to ``last``. Of an area that exists, all of it is replaced."""

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
    """The whole picture is hidden from ``first`` to ``last``. It is a track too, and can be trimmed and deleted."""

    track: int
    first: int
    last: int

    def __post_init__(self) -> None:
        _check_range(self.first, self.last)


@dataclass(frozen=True, slots=True)
class Keyframe:
    """On ``frame`` the track is exactly here, and it is in sight from there on."""

    track: int
    frame: int
    box: Box
    angle: float = 0.0

    def __post_init__(self) -> None:
        _check_box(self.box, self.angle)


@dataclass(frozen=True, slots=True)
class Outside:
    """The track is out of sight from ``frame`` until the next keyframe."""

    track: int
    frame: int


@dataclass(frozen=True, slots=True)
class RemoveKeyframe:
    """Takes back the keyframe, or the end of visibility, that stands on ``frame``."""

    track: int
    frame: int


@dataclass(frozen=True, slots=True)
class Merge:
    """``other`` becomes part of ``track``; where both are in sight, the hull of both is hidden."""

    track: int
    other: int

    def __post_init__(self) -> None:
        if self.track == self.other:
            raise ValueError("a track cannot be merged with itself")


@dataclass(frozen=True, slots=True)
class Split:
    """From ``frame`` on, ``track`` is a track of its own with the id ``new``."""

    track: int
    frame: int
    new: int

    def __post_init__(self) -> None:
        if self.track == self.new:
            raise ValueError("the new track needs another id")


@dataclass(frozen=True, slots=True)
class Delete:
    """The track hides nothing any more."""

    track: int
    reason: str

    def __post_init__(self) -> None:
        _check_reason(self.reason)


@dataclass(frozen=True, slots=True)
class Restore:
    """Takes a deletion back; what the track was then, it is again."""

    track: int


@dataclass(frozen=True, slots=True)
class SetSpan:
    """The track is in sight from ``first`` to ``last`` and nowhere else; beyond its ends of before it stands still."""

    track: int
    first: int
    last: int

    def __post_init__(self) -> None:
        _check_range(self.first, self.last)


@dataclass(frozen=True, slots=True)
class Resize:
    """Grows or shrinks the track about its centre by ``factor``, on a range of frames or, without one, on all."""

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
    """The track shows something of another class."""

    track: int
    label: str


@dataclass(frozen=True, slots=True)
class Link:
    """These tracks show the same person or thing, as do all that any of them is linked with already."""

    tracks: tuple[int, ...]

    def __post_init__(self) -> None:
        if len(self.tracks) < 2 or len(set(self.tracks)) != len(self.tracks):
            raise ValueError("two or more different tracks can be linked")


@dataclass(frozen=True, slots=True)
class Unlink:
    """The track shows someone of its own."""

    track: int


@dataclass(frozen=True, slots=True)
class AddBoxes:
    """What a re-track job found: it takes the machine's place on these frames, and never a human keyframe's.

    ``rows`` are in order of frames. A job that starts from a keyframe gives the keyframe's own frame too.
    """

    track: int
    rows: tuple[PlacedBox, ...]

    def __post_init__(self) -> None:
        if not self.rows:
            raise ValueError("there are no boxes")
        table = np.array(self.rows, np.float64)
        boxes = table[:, 1:5].astype(np.float32)
        if not np.isfinite(table).all() or np.any(boxes[:, 2:] - boxes[:, :2] <= 0):
            raise ValueError("a box needs finite numbers and an extent")
        if self.rows[0].frame < 0 or any(b.frame <= a.frame for a, b in pairwise(self.rows)):
            raise ValueError("boxes go in order of their frames, one for each")


@dataclass(frozen=True, slots=True)
class AddSound:
    """A span of sound to hide, in seconds from the first frame of the picture."""

    span: int
    start: float
    end: float
    effect: SoundEffect

    def __post_init__(self) -> None:
        if not (math.isfinite(self.end) and 0 <= self.start < self.end):
            raise ValueError("a span of sound ends after it starts")


@dataclass(frozen=True, slots=True)
class ChangeSound(AddSound):
    """A span that exists, now with these edges and this effect."""


@dataclass(frozen=True, slots=True)
class RemoveSound:
    """The span hides nothing any more."""

    span: int
    reason: str

    def __post_init__(self) -> None:
        _check_reason(self.reason)


@dataclass(frozen=True, slots=True)
class Settle:
    """An item of the risk queue was looked at and is in order; ``key`` is the queue's name for it."""

    key: str
    reason: str


@dataclass(frozen=True, slots=True)
class Undo:
    """The edit ``edit`` counts as never made. What was built on it is skipped, and said to be."""

    edit: str


@dataclass(frozen=True, slots=True)
class Redo:
    """The undone edit ``edit`` counts again, in its old place."""

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
    """One entry of the log. ``id`` is the client's, so that an entry sent twice is known again; ``revision`` counts the
    footage's entries from 1; ``at`` is ISO 8601 in UTC."""

    id: str
    revision: int
    actor: str
    at: str
    edit: Edit
