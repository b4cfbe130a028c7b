"""Unmasked detections: what the second detection pass finds in the rendered copy that should not be visible.

A detected box is in order if masks cover most of it (a mosaic can still look like a face), or if it belongs to a track
that is shown on purpose. Boxes of a class that the policy shows are in order unless a decision says otherwise.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from redact.disclose.policy.policies import Action
from redact.disclose.release import decision_json, releases
from redact.disclose.release.decisions import ClassTarget, key_of, latest
from redact.disclose.release.plan import ReleasePlan
from redact.mask.mask_plan import MaskPlan
from redact.mask.shapes import Shape, ShapeKind
from redact.schema.tables import Json
from redact.track.types import Source, Track, TrackSet

MOSTLY = 0.7
"""Share of a box that masks must cover."""
SAME = 0.3
"""Intersection over union from which two boxes count as the same object."""
_GRID = 12
_CELLS = 8
"""Cells per side of the picture in a suspect's key, because another rendering moves a box slightly."""
_LONGEST_LABEL = 40
"""Length of a class name in a key, which must fit into the edit that settles it."""


@dataclass(frozen=True, slots=True)
class SecondPass:
    """A release's plan, and the classes that are shown as a whole."""

    plan: ReleasePlan
    shown_classes: frozenset[str]

    @classmethod
    def of(cls, session: Session, plan: ReleasePlan) -> SecondPass:
        """Create from the plan and the recorded decisions on classes."""
        rows = [row for row in releases.decisions_of(session, plan.release) if row.footage_id is None]
        current = latest([decision_json.read(json.loads(row.content), None) for row in rows])
        decided = {key for key, (_, decision) in current.items() if decision.action is not Action.DEFAULT}
        shown = {label for label, rule in plan.policy.classes.items() if rule.action is Action.SHOW}
        return cls(plan, frozenset(label for label in shown if key_of(ClassTarget(label)) not in decided))

    def suspects(self, index: int, found: TrackSet) -> list[Json]:
        """Review items for output ``index`` (from 0), given its detections. Frames and boxes are the master's."""
        resolved = self.plan.resolved.clips[index]
        clip = resolved.clip
        masks = MaskPlan(resolved.hidden)
        ids = {track.track_id for track in resolved.shown_tracks}
        shown = [_ShownBoxes(track) for track in clip.tracks.tracks if track.id in ids]
        about = {"output": index + 1, "exhibit": self.plan.exhibits[index]}
        about["footage"] = self.plan.release.clips[index].footage.sha256
        size = (found.media.width, found.media.height)
        scale = np.array([clip.tracks.media.width / size[0], clip.tracks.media.height / size[1]] * 2, np.float32)
        items: list[Json] = []
        for track in found.tracks:
            if track.label in self.shown_classes:
                continue
            frames, boxes = track.frames + clip.first_frame, track.boxes * scale
            unmasked = np.array(
                [
                    not _covered(box, masks.shapes(int(frame)))
                    and not any(track_boxes.at(int(frame), box) for track_boxes in shown)
                    for frame, box in zip(frames, boxes, strict=True)
                ],
                bool,
            )
            for rows in _unbroken_runs(track, unmasked):
                items.append({**about, **_item(track, frames[rows], boxes[rows], track.scores[rows], clip.tracks)})
        return _distinct_keys(items)


class _ShownBoxes:
    """The boxes of a track that is shown on purpose."""

    def __init__(self, track: Track) -> None:
        self._boxes = dict(zip(track.frames.tolist(), track.boxes, strict=True))

    def at(self, frame: int, box: NDArray[np.float32]) -> bool:
        """Whether a box belongs to the track."""
        own = self._boxes.get(frame)
        return own is not None and _overlap(own, box) >= SAME


def _unbroken_runs(track: Track, unmasked: NDArray[np.bool_]) -> list[NDArray[np.intp]]:
    """Rows of each run of consecutive frames that are ``unmasked`` and include a detection of its own."""
    rows = np.flatnonzero(unmasked)
    if not rows.size:
        return []
    runs = np.split(rows, np.flatnonzero(np.diff(track.frames[rows]) > 1) + 1)
    return [run for run in runs if np.any(track.sources[run] == Source.DETECTOR)]


def _distinct_keys(items: list[Json]) -> list[Json]:
    """Give items that share a key a finer one, so that settling one never settles another. Nor does it settle the item
    that gets the short key once the other is masked."""
    count = Counter(item["key"] for item in items)
    for item in items:
        if count[item["key"]] > 1:
            item["key"] += ":" + "-".join(f"{side:.0f}" for side in item["box"])
    return items


def _item(
    track: Track,
    frames: NDArray[np.int32],
    boxes: NDArray[np.float32],
    scores: NDArray[np.float32],
    master: TrackSet,
) -> Json:
    best = int(np.argmax(scores))
    first, last = int(frames[0]), int(frames[-1])
    box = [round(float(v), 1) for v in boxes[best]]
    x, y = (box[0] + box[2]) / 2 / master.media.width, (box[1] + box[3]) / 2 / master.media.height
    count = len(frames)
    return {
        "key": f"suspect:{track.label[:_LONGEST_LABEL]}:{first}:{last}:{int(x * _CELLS)}:{int(y * _CELLS)}",
        "kind": "suspect",
        "track": None,
        "label": track.label,
        "first": first,
        "last": last,
        "frame": int(frames[best]),
        "box": box,
        "score": round(float(scores[best]), 3),
        "text": f"Unmasked {track.label} detected in the rendered copy, in {count} frame{'' if count == 1 else 's'}.",
    }


def _covered(box: NDArray[np.float32], shapes: list[Shape]) -> bool:
    """Whether masks cover most of a grid of points in the box."""
    steps = (np.arange(_GRID) + 0.5) / _GRID
    x, y = np.meshgrid(box[0] + steps * (box[2] - box[0]), box[1] + steps * (box[3] - box[1]))
    under = np.zeros(x.shape, bool)
    for shape in shapes:
        under |= _inside(shape, x, y)
    return bool(under.mean() >= MOSTLY)


def _inside(shape: Shape, x: NDArray[np.float32], y: NDArray[np.float32]) -> NDArray[np.bool_]:
    if shape.form is ShapeKind.FULL:
        return np.ones(x.shape, bool)
    turn = np.radians(shape.angle)
    right, down = x - shape.cx, y - shape.cy
    along = np.abs(right * np.cos(turn) + down * np.sin(turn)) / (shape.w / 2)
    across = np.abs(down * np.cos(turn) - right * np.sin(turn)) / (shape.h / 2)
    match shape.form:
        case ShapeKind.ELLIPSE:
            inside = along**2 + across**2 <= 1
        case ShapeKind.RECTANGLE:
            inside = np.maximum(along, across) <= 1
    return np.asarray(inside, bool)


def _overlap(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    low, high = np.maximum(a[:2], b[:2]), np.minimum(a[2:], b[2:])
    both = float(np.prod(np.clip(high - low, 0, None)))
    return both / (float(np.prod(a[2:] - a[:2])) + float(np.prod(b[2:] - b[:2])) - both)
