"""Shared code of the exchange formats: numbers as text, boxes as corner and size, and collecting rows into tracks."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from redact.errors import TracksMismatch, TracksUnreadable
from redact.track.file import MAX_COORDINATE, MAX_ID, check_label, exact_floats, unreadable
from redact.track.types import MediaRef, Source, Track

MAX_BOXES = 2**23
"""Most boxes in an imported file: a file of a few bytes can ask for interpolation over millions of frames."""

_INTEGER = re.compile(r"[+-]?[0-9]{1,18}")
_REAL = re.compile(r"[+-]?(?:[0-9]{1,40}\.?[0-9]{0,40}|\.[0-9]{1,40})(?:[eE][+-]?[0-9]{1,3})?")


def integer_text(untrusted: str, where: str, low: int, high: int) -> int:
    """A whole number in ASCII digits; Python's ``int`` would also accept ``1_0`` and digits of other scripts."""
    text = untrusted.strip()
    if not _INTEGER.fullmatch(text) or not low <= int(text) <= high:
        raise unreadable(where, f"is not a whole number from {low} to {high}: {untrusted[:40]!r}")
    return int(text)


def real_text(untrusted: str, where: str, limit: float = MAX_COORDINATE) -> float:
    """A decimal number within [-limit, limit]; ``nan`` and ``inf`` are refused."""
    text = untrusted.strip()
    if not _REAL.fullmatch(text) or not -limit <= float(text) <= limit:
        raise unreadable(where, f"is not a number from {-limit:g} to {limit:g}: {untrusted[:40]!r}")
    return float(text)


def corner_and_size(boxes: NDArray[np.float32]) -> list[tuple[float, float, float, float]]:
    """xyxy boxes as (left, top, width, height), from which :func:`corners` recovers exactly ``boxes``.

    Exact for coordinates of 0 and of 1/4096 to 2**15 pixels, positive or negative, the precision of a double. Closer to
    0, the second corner is accurate to 1e-11 of a pixel.
    """
    columns = []
    for low, high in ((boxes[:, 0], boxes[:, 2]), (boxes[:, 1], boxes[:, 3])):
        start = low.astype(np.float64)
        size = high.astype(np.float64) - start
        short = np.array(exact_floats(size.astype(np.float32)), np.float64)
        columns.append((exact_floats(low), np.where((start + short).astype(np.float32) == high, short, size).tolist()))
    (left, width), (top, height) = columns
    return list(zip(left, top, width, height, strict=True))


def corners(left: float, top: float, width: float, height: float) -> tuple[float, float, float, float]:
    """(left, top, width, height) as xyxy. The corner is rounded to float32 first, as in :func:`corner_and_size`."""
    x, y = float(np.float32(left)), float(np.float32(top))
    return x, y, x + width, y + height


def hulls(boxes: NDArray[np.float32], angles: NDArray[np.float32]) -> NDArray[np.float32]:
    """Upright boxes (n, 4) that enclose ``boxes`` rotated by ``angles`` about their centres; others are unchanged."""
    b, turn = boxes.astype(np.float64), np.radians(angles.astype(np.float64))
    cos, sin = np.abs(np.cos(turn)), np.abs(np.sin(turn))
    centre, half = (b[:, :2] + b[:, 2:]) / 2, (b[:, 2:] - b[:, :2]) / 2
    reach = np.stack([half[:, 0] * cos + half[:, 1] * sin, half[:, 0] * sin + half[:, 1] * cos], axis=1)
    hull = np.concatenate([centre - reach, centre + reach], axis=1).astype(np.float32)
    return np.where((angles == 0)[:, None], boxes, hull)


@dataclass(frozen=True, slots=True)
class Columns:
    """The boxes of one imported track in any order: (n,), (n, 4) xyxy, (n,) degrees, (n,), (n,) of Source."""

    frames: NDArray[np.int64]
    boxes: NDArray[np.float64]
    angles: NDArray[np.float64]
    scores: NDArray[np.float64]
    sources: NDArray[np.uint8]


def build_track(media: MediaRef, number: int, label: str, columns: Columns) -> Track:
    """Check the columns of an imported track and build it.

    Raises :class:`TracksMismatch` for a frame that the footage does not have, and :class:`TracksUnreadable` for two
    boxes on one frame or a box without width or height. These are not dropped, as they may stand for something to
    redact.
    """
    order = np.argsort(columns.frames, kind="stable")
    frames, boxes = columns.frames[order], columns.boxes[order].astype(np.float32)
    if frames[-1] >= media.pts.size:
        raise TracksMismatch(
            f"Track {number} has a box on frame {frames[-1]} (from 0), but the footage has {media.pts.size} frames.",
            "Give the footage the file was made from.",
        )
    twice = np.flatnonzero(np.diff(frames) == 0)
    if twice.size:
        raise unreadable(f"track {number}", f"has two boxes on frame {frames[twice[0]]} (counted from 0)")
    flat = np.flatnonzero(~np.all(boxes[:, 2:] > boxes[:, :2], axis=1))
    if flat.size:
        raise unreadable(
            f"track {number}", f"has a box without width or height on frame {frames[flat[0]]} (counted from 0)"
        )
    return Track(
        id=number,
        label=label,
        frames=frames.astype(np.int32),
        boxes=boxes,
        angles=columns.angles[order].astype(np.float32),
        scores=columns.scores[order].astype(np.float32),
        sources=columns.sources[order],
    )


@dataclass(slots=True)
class _TrackGroup:
    label: str
    frames: list[int] = field(default_factory=list)
    boxes: list[tuple[float, float, float, float]] = field(default_factory=list)
    angles: list[float] = field(default_factory=list)
    scores: list[float] = field(default_factory=list)
    sources: list[int] = field(default_factory=list)


class TrackGatherer:
    """Collects boxes that come one per row, as in MOTChallenge and COCO, into tracks."""

    def __init__(self, media: MediaRef) -> None:
        self._media = media
        self._groups: dict[int, _TrackGroup] = {}
        self._strays: list[_TrackGroup] = []
        self._count = 0

    def add(
        self,
        number: int | None,
        label: str,
        frame: int,
        where: str,
        *,
        box: tuple[float, float, float, float],
        angle: float,
        score: float,
        source: Source,
    ) -> None:
        """Add one xyxy box; ``number`` is None if the file gives it no track id."""
        self._count += 1
        if self._count > MAX_BOXES:
            raise too_many()
        if number is None:
            self._strays.append(group := _TrackGroup(label))
        elif number in self._groups:
            group = self._groups[number]
        else:
            group = self._groups[number] = _TrackGroup(label)
        if group.label != label:
            raise unreadable(where, f"gives track {number} the class {label!r}, which was {group.label!r} before")
        group.frames.append(frame)
        group.boxes.append(box)
        group.angles.append(angle)
        group.scores.append(score)
        group.sources.append(source)

    def tracks(self) -> tuple[Track, ...]:
        """The tracks in the order of their first boxes; then the boxes without a track id, each as its own track."""
        last = max(self._groups, default=-1)
        if last + len(self._strays) > MAX_ID:
            raise unreadable("a track id", "is so large that boxes without an id cannot be numbered")
        groups = [*self._groups.items(), *enumerate(self._strays, start=last + 1)]
        return tuple(self._track(number, group) for number, group in groups)

    def _track(self, number: int, group: _TrackGroup) -> Track:
        columns = Columns(
            np.array(group.frames, np.int64),
            np.array(group.boxes, np.float64),
            np.array(group.angles, np.float64),
            np.array(group.scores, np.float64),
            np.array(group.sources, np.uint8),
        )
        return build_track(self._media, number, group.label, columns)


def too_many() -> TracksUnreadable:
    """The error for a file with more than :data:`MAX_BOXES` boxes."""
    return TracksUnreadable(f"The file has more than {MAX_BOXES} boxes.", "Check that it is the right file.")


def label_list(labels: tuple[str, ...]) -> tuple[str, ...]:
    """The distinct class names in order of first appearance."""
    return tuple(check_label(label, "a track's label") for label in dict.fromkeys(labels))


def turn_within_half(angle: float) -> float:
    """``angle`` in degrees, reduced to (-180, 180]."""
    turned = math.remainder(angle, 360.0)
    return 180.0 if turned == -180.0 else turned


def frames_described(media: MediaRef, first: int, last: int, count: int) -> dict[str, object]:
    """Provenance entry for a file that covers fewer frames than the footage has; empty if it covers all of them."""
    if count == media.pts.size:
        return {}
    return {"frames_described": {"first": first, "last": last, "count": count, "of": int(media.pts.size)}}
