"""The review queue: the places where masks are most likely wrong, most serious first. A pure function of tracks, edits
and the frame table.

Places with a reviewer's keyframe have been checked and are left out. So are settled items, as long as they are about
the same span of the same track.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from redact.frame_ranges import frame_ranges
from redact.mask.edits.result import Edited, Origin, TrackKind, TrackState
from redact.media.types import FrameTable
from redact.track.tracker import OTHER_TRUST, TRUST
from redact.track.types import Source, Track

Span = tuple[int, int]
"""First and last frame."""

GAP_SECONDS = 0.5
"""Detectors do not run on every frame, so shorter filled gaps are normal."""
WEAK_SECONDS = 0.5
NEAR_EDGE = 0.12
"""Distance from the picture's border, as a share of the box's size, within which tracks normally begin and end."""
JUMP = 0.6
"""Movement from one frame to the next, as a share of the box's size."""
GROWTH = 1.5
"""Factor by which a side grows or shrinks from one frame to the next."""
CLUSTER_SECONDS = 0.5
"""Jumps that follow each other within this time form one item."""


class RiskKind(StrEnum):
    """The reason for an item of the review queue."""

    DAMAGED = "damaged"
    GAP = "gap"
    WEAK = "weak"
    BIRTH = "birth"
    DEATH = "death"
    JUMP = "jump"
    SINGLE = "single"


_BASE = {
    RiskKind.DEATH: 0.6,
    RiskKind.BIRTH: 0.6,
    RiskKind.JUMP: 0.55,
    RiskKind.GAP: 0.4,
    RiskKind.DAMAGED: 0.35,
    RiskKind.WEAK: 0.3,
    RiskKind.SINGLE: 0.2,
}
"""Score of the mildest case of each kind; the worst case scores :data:`_RANGE` more. A track that begins or ends in the
middle of the picture, or changes from one object to another, leaves someone unmasked; a false alarm only hides too
much."""
_RANGE = 0.4


@dataclass(frozen=True, slots=True)
class Risk:
    """An item of the review queue. ``track`` is None for the whole picture; ``score`` is 0 to 1; ``text`` is shown to
    users."""

    kind: RiskKind
    track: int | None
    first: int
    last: int
    score: float
    text: str

    @property
    def key(self) -> str:
        """The key by which the item is settled."""
        return f"{self.kind}:{0 if self.track is None else self.track}:{self.first}"


@dataclass(frozen=True, slots=True, eq=False)
class TrackRisks:
    """All risks of one version of a track, settled or not."""

    track: Track
    state: TrackState
    risks: tuple[Risk, ...]


def risk_queue(edited: Edited, table: FrameTable) -> tuple[Risk, ...]:
    """The items still to be reviewed, in order. ``table`` is the frame table of the tracks' footage."""
    return unsettled(risks_by_track(edited, table, {}), edited, table)


def risks_by_track(edited: Edited, table: FrameTable, before: Mapping[int, TrackRisks]) -> Mapping[int, TrackRisks]:
    """The risks of all tracks by track id. Only tracks that differ from ``before``, an earlier result for the same
    tracks of the same footage, are computed again."""
    shots = _Shots(edited.tracks.cuts, len(table))
    size = (edited.tracks.media.width, edited.tracks.media.height)
    seconds = table.pts.astype(np.float64) * float(table.time_base)
    found = {}
    for track in edited.of_kind(TrackKind.OBJECT):
        state, known = edited.states[track.id], before.get(track.id)
        if known is None or known.track is not track or known.state != state:
            risks = _of_track(track, seconds, shots, size) if state.origin is not Origin.MANUAL else ()
            known = TrackRisks(track, state, tuple(risk for risk in risks if not _checked(risk, state)))
        found[track.id] = known
    return found


def unsettled(found: Mapping[int, TrackRisks], edited: Edited, table: FrameTable) -> tuple[Risk, ...]:
    """The unsettled risks of tracks and of the whole picture, in order."""
    every = [*_damaged(table), *(risk for one in found.values() for risk in one.risks)]
    left = [risk for risk in every if risk.key not in edited.settled]
    return tuple(sorted(left, key=lambda risk: (-risk.score, risk.first, risk.track or 0, risk.kind)))


def filled_spans(track: Track, seconds: NDArray[np.float64]) -> list[Span]:
    """Spans without detections that were filled in from both sides, of :data:`GAP_SECONDS` and longer.

    ``seconds``: (frames,) the time of every frame of the footage.
    """
    return [span for span in _spans(track, track.sources == Source.FILLED) if _lasts(span, seconds) >= GAP_SECONDS]


def weak_spans(track: Track, seconds: NDArray[np.float64]) -> list[Span]:
    """Spans in which all detections have low scores, from the first to the last of them, of :data:`WEAK_SECONDS` and
    longer."""
    detected = np.flatnonzero(track.sources == Source.DETECTOR)
    if not detected.size:
        return []
    doubtful = track.scores[detected] < TRUST.get(track.label, OTHER_TRUST).sure
    groups = np.split(np.arange(detected.size), np.flatnonzero(np.diff(doubtful)) + 1)
    rows = [(detected[group[0]], detected[group[-1]]) for group in groups if doubtful[group[0]]]
    spans = [(int(track.frames[first]), int(track.frames[last])) for first, last in rows]
    return [span for span in spans if _lasts(span, seconds) >= WEAK_SECONDS]


class _Shots:
    """First and last frames of shots, where tracks normally begin and end."""

    def __init__(self, cuts: tuple[int, ...], frames: int) -> None:
        self.firsts = frozenset((0, *cuts))
        self.lasts = frozenset((*(cut - 1 for cut in cuts), frames - 1))


def _of_track(track: Track, seconds: NDArray[np.float64], shots: _Shots, size: tuple[int, int]) -> Iterator[Risk]:
    for first, last in filled_spans(track, seconds):
        frames = last - first + 1
        yield _risk(RiskKind.GAP, track, (first, last), frames / 100, f"{frames} frames were filled in")
    for first, last in weak_spans(track, seconds):
        lowest = _lowest(track, first, last)
        text = f"The detector was unsure here ({lowest:.0%} at its lowest)"
        yield _risk(RiskKind.WEAK, track, (first, last), 1 - lowest, text)
    if np.count_nonzero(track.sources == Source.DETECTOR) == 1:
        ends = (int(track.frames[0]), int(track.frames[-1]))
        yield _risk(RiskKind.SINGLE, track, ends, float(track.scores.max()), "Detected on one frame only")
    runs = _spans(track, np.ones(len(track), bool))
    for first, last in runs:
        place, end = np.searchsorted(track.frames, (first, last))
        if first not in shots.firsts and not _at_edge(track.boxes[place], size):
            share = _share(track.boxes[place], size)
            yield _risk(RiskKind.BIRTH, track, (first, first), share, "Begins in the middle of the picture")
        if last not in shots.lasts and not _at_edge(track.boxes[end], size):
            share = _share(track.boxes[end], size)
            yield _risk(RiskKind.DEATH, track, (last, last), share, "Ends in the middle of the picture")
    yield from _jumps(track, seconds)


def _jumps(track: Track, seconds: NDArray[np.float64]) -> Iterator[Risk]:
    if len(track) < 2:
        return
    boxes = track.boxes.astype(np.float64)
    centres, sides = (boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]
    moved = np.abs(np.diff(centres, axis=0)) / np.minimum(sides[1:], sides[:-1])
    grown = np.maximum(sides[1:] / sides[:-1], sides[:-1] / sides[1:])
    beyond = np.maximum(moved.max(1) / JUMP, (grown.max(1) - 1) / (GROWTH - 1))
    places = np.flatnonzero((beyond > 1) & (np.diff(track.frames) == 1))
    times = seconds[track.frames[places]]
    for group in np.split(places, np.flatnonzero(np.diff(times) > CLUSTER_SECONDS) + 1):
        if group.size:
            span = (int(track.frames[group[0]]), int(track.frames[group[-1] + 1]))
            worst = group[int(np.argmax(beyond[group]))]
            size = grown[worst].max() > GROWTH
            text = "Changes its size" if size else "Jumps"
            yield _risk(RiskKind.JUMP, track, span, (beyond[worst] - 1) / 4, f"{text} from one frame to the next")


def _damaged(table: FrameTable) -> Iterator[Risk]:
    for first, last in frame_ranges(np.flatnonzero(table.corrupt)):
        count = last - first + 1
        text = f"{count} damaged frame{'s' if count > 1 else ''}: hidden whole, or the export stops"
        score = _BASE[RiskKind.DAMAGED] + _RANGE * min(1.0, count / 100)
        yield Risk(RiskKind.DAMAGED, None, first, last, round(score, 4), text)


def _risk(kind: RiskKind, track: Track, span: Span, severity: float, text: str) -> Risk:
    """``severity`` is 0 to 1."""
    score = _BASE[kind] + _RANGE * min(1.0, max(0.0, float(severity)))
    return Risk(kind, track.id, *span, round(score, 4), text)


def _checked(risk: Risk, state: TrackState) -> bool:
    marks = (*state.keyframes, *(frame - 1 for frame in state.outsides))
    return any(risk.first <= frame <= risk.last for frame in marks)


def _spans(track: Track, wanted: NDArray[np.bool_]) -> list[Span]:
    """First and last frame of each run of consecutive rows."""
    frames = track.frames[wanted]
    if not frames.size:
        return []
    runs = np.split(frames, np.flatnonzero(np.diff(frames) != 1) + 1)
    return [(int(run[0]), int(run[-1])) for run in runs]


def _lasts(span: Span, seconds: NDArray[np.float64]) -> float:
    return float(seconds[span[1]] - seconds[span[0]])


def _lowest(track: Track, first: int, last: int) -> float:
    there = (track.frames >= first) & (track.frames <= last) & (track.sources == Source.DETECTOR)
    return float(track.scores[there].min())


def _at_edge(box: NDArray[np.float32], size: tuple[int, int]) -> bool:
    near = NEAR_EDGE * (box[2:] - box[:2])
    return bool(np.any(box[:2] <= near) or np.any(box[2:] >= np.array(size) - near))


def _share(box: NDArray[np.float32], size: tuple[int, int]) -> float:
    """Twice the share of the picture's height that the box takes up: large faces are easy to recognise."""
    return 2 * float(box[3] - box[1]) / size[1]
