"""The result of applying edits to tracks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from redact.mask.edits.types import LoggedEdit
from redact.settings import SoundSpan
from redact.track.types import Track, TrackSet


class Origin(StrEnum):
    """Who made a track."""

    MACHINE = "machine"
    MANUAL = "manual"
    CORRECTED = "corrected"


class TrackKind(StrEnum):
    """The kind of region that a track hides."""

    OBJECT = "object"
    AREA = "area"
    """A fixed part of the picture."""
    FRAME = "frame"
    """The whole picture."""


@dataclass(frozen=True, slots=True)
class TrackState:
    """A track's properties other than its boxes.

    ``subject`` is the smallest id among linked tracks, and so is the same for these and no others. ``keyframes`` and
    ``outsides`` are the frames of the reviewer's marks; ``edits`` are the ids of all edits that affected the track.
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
    """The reason, if the track was deleted."""
    merged_into: int | None = None


@dataclass(frozen=True, slots=True)
class Skipped:
    """An edit in the log that has no effect. ``reason`` is a sentence shown to users."""

    edit: str
    reason: str


@dataclass(frozen=True, slots=True)
class Edited:
    """Edited tracks. ``tracks`` is everything to be masked, including areas and whole frames. ``states`` also has
    tracks that are visible nowhere, merged and deleted ones."""

    tracks: TrackSet
    states: Mapping[int, TrackState]
    deleted: Mapping[int, Track]
    """Deleted tracks that would otherwise be masked."""
    sounds: Mapping[int, SoundSpan]
    settled: Mapping[str, LoggedEdit]
    """Settled items of the review queue, by key."""
    undone: frozenset[str]
    skipped: tuple[Skipped, ...]

    def of_kind(self, kind: TrackKind) -> tuple[Track, ...]:
        """The tracks of one kind that are masked somewhere."""
        return tuple(track for track in self.tracks.tracks if self.states[track.id].kind is kind)
