"""What tracks and edits come to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from redact.mask.edits.types import LoggedEdit
from redact.settings import SoundSpan
from redact.track.types import Track, TrackSet


class Origin(StrEnum):
    """Whose work a track is."""

    MACHINE = "machine"
    MANUAL = "manual"
    CORRECTED = "corrected"


class TrackKind(StrEnum):
    """What a track stands for."""

    OBJECT = "object"
    AREA = "area"
    """A fixed part of the picture."""
    FRAME = "frame"
    """The whole picture."""


@dataclass(frozen=True, slots=True)
class TrackState:
    """What is said of a track beside its boxes.

    ``subject`` is the same for linked tracks and no others: the smallest id among them. ``keyframes`` and ``outsides``
    are the frames of a person's marks; ``edits`` the ids of the edits that made the track what it is.
    """

    id: int
    kind: TrackKind
    origin: Origin
    label: str
    subject: int
    keyframes: tuple[int, ...]
    outsides: tuple[int, ...]
    edits: tuple[str, ...]
    deleted: str | None = None
    """The reason, if the track hides nothing any more."""
    merged_into: int | None = None


@dataclass(frozen=True, slots=True)
class Skipped:
    """An edit of the log that has no effect. ``reason`` is a sentence for people."""

    edit: str
    reason: str


@dataclass(frozen=True, slots=True)
class Edited:
    """``tracks`` is all that is to be hidden: areas and whole frames are tracks in it too. Tracks that are in sight
    nowhere are not in it, but are in ``states``, as are merged and deleted ones."""

    tracks: TrackSet
    states: Mapping[int, TrackState]
    deleted: Mapping[int, Track]
    """What deleted tracks would hide."""
    sounds: Mapping[int, SoundSpan]
    settled: Mapping[str, LoggedEdit]
    """Items of the risk queue, by key."""
    undone: frozenset[str]
    skipped: tuple[Skipped, ...]

    def of_kind(self, kind: TrackKind) -> tuple[Track, ...]:
        """The tracks of one kind that hide something."""
        return tuple(track for track in self.tracks.tracks if self.states[track.id].kind is kind)
