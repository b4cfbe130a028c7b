"""What a second detector pass over the rendered copy finds: whatever is in sight there and should not be.

A found box is in order where masks cover most of it (a mosaic may still look like a face), or where a track that is
shown on purpose is. Boxes of a class that the policy shows as a whole, and nobody decided otherwise, are in order, too.
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
from redact.mask.types import Form, Shape
from redact.schema.tables import Json
from redact.track.types import Source, Track, TrackSet

MOSTLY = 0.7
"""Share of a box that masks have to cover."""
SAME = 0.3
"""Intersection over union from which two boxes are taken to be of one object."""
_GRID = 12
_PLACES = 8
"""Parts of the picture's sides in a suspect's key: another rendering of the same frames moves a box by little."""
_LONGEST_LABEL = 40
"""Of a class, in a key: an edit that settles it takes no endless one."""


@dataclass(frozen=True, slots=True)
class SecondPass:
    """A release's plan, and the classes of which nothing is a surprise."""

    plan: ReleasePlan
    shown_classes: frozenset[str]

    @classmethod
    def of(cls, session: Session, plan: ReleasePlan) -> SecondPass:
        """With the decisions on classes as the records have them."""
        rows = [row for row in releases.decisions_of(session, plan.release) if row.footage_id is None]
        held = latest([decision_json.read(json.loads(row.content), None) for row in rows])
        decided = {key for key, (_, decision) in held.items() if decision.action is not Action.DEFAULT}
        shown = {label for label, rule in plan.policy.classes.items() if rule.action is Action.SHOW}
        return cls(plan, frozenset(label for label in shown if key_of(ClassTarget(label)) not in decided))

    def suspects(self, place: int, found: TrackSet) -> list[Json]:
        """Risk items for output ``place`` (from 0), in which ``found`` was found. Frames and boxes are the master's."""
        resolved = self.plan.resolved.clips[place]
        clip = resolved.clip
        masks = MaskPlan(resolved.hidden)
        ids = {shown.track_id for shown in resolved.shown_tracks}
        seen = [_ShownBoxes(track) for track in clip.tracks.tracks if track.id in ids]
        about = {"output": place + 1, "exhibit": self.plan.exhibits[place]}
        about["footage"] = self.plan.release.clips[place].footage.sha256
        size = (found.media.width, found.media.height)
        scale = np.array([clip.tracks.media.width / size[0], clip.tracks.media.height / size[1]] * 2, np.float32)
        items: list[Json] = []
        for track in found.tracks:
            if track.label in self.shown_classes:
                continue
            frames, boxes = track.frames + clip.first_frame, track.boxes * scale
            open_ = np.array(
                [
                    not _covered(box, masks.shapes(int(frame))) and not any(one.at(int(frame), box) for one in seen)
                    for frame, box in zip(frames, boxes, strict=True)
                ],
                bool,
            )
            for rows in _unbroken_runs(track, open_):
                items.append({**about, **_item(track, frames[rows], boxes[rows], track.scores[rows], clip.tracks)})
        return _distinct_keys(items)


class _ShownBoxes:
    """A track that is shown on purpose."""

    def __init__(self, track: Track) -> None:
        self._boxes = dict(zip(track.frames.tolist(), track.boxes, strict=True))

    def at(self, frame: int, box: NDArray[np.float32]) -> bool:
        """Whether a box is of it."""
        own = self._boxes.get(frame)
        return own is not None and _overlap(own, box) >= SAME


def _unbroken_runs(track: Track, open_: NDArray[np.bool_]) -> list[NDArray[np.intp]]:
    """Rows of each unbroken stretch in which ``open_`` is true and a detector saw something itself."""
    rows = np.flatnonzero(open_)
    if not rows.size:
        return []
    parts = np.split(rows, np.flatnonzero(np.diff(track.frames[rows]) > 1) + 1)
    return [part for part in parts if np.any(track.sources[part] == Source.DETECTOR)]


def _distinct_keys(items: list[Json]) -> list[Json]:
    """Where two stand so close that they have one key, both get a finer one: to settle either settles no other. Nor
    does it, once the other is masked, settle what alone has the shorter key then."""
    often = Counter(item["key"] for item in items)
    for item in items:
        if often[item["key"]] > 1:
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
        "key": f"suspect:{track.label[:_LONGEST_LABEL]}:{first}:{last}:{int(x * _PLACES)}:{int(y * _PLACES)}",
        "kind": "suspect",
        "track": None,
        "label": track.label,
        "first": first,
        "last": last,
        "frame": int(frames[best]),
        "box": box,
        "score": round(float(scores[best]), 3),
        "text": f"In the rendered copy a {track.label} that is not masked was found"
        f" in {count} frame{'' if count == 1 else 's'}.",
    }


def _covered(box: NDArray[np.float32], shapes: list[Shape]) -> bool:
    """Whether masks cover most of a box: of a grid of points in it."""
    steps = (np.arange(_GRID) + 0.5) / _GRID
    x, y = np.meshgrid(box[0] + steps * (box[2] - box[0]), box[1] + steps * (box[3] - box[1]))
    under = np.zeros(x.shape, bool)
    for shape in shapes:
        under |= _inside(shape, x, y)
    return bool(under.mean() >= MOSTLY)


def _inside(shape: Shape, x: NDArray[np.float32], y: NDArray[np.float32]) -> NDArray[np.bool_]:
    if shape.form is Form.FULL:
        return np.ones(x.shape, bool)
    turn = np.radians(shape.angle)
    right, down = x - shape.cx, y - shape.cy
    along = np.abs(right * np.cos(turn) + down * np.sin(turn)) / (shape.w / 2)
    across = np.abs(down * np.cos(turn) - right * np.sin(turn)) / (shape.h / 2)
    inside = along**2 + across**2 <= 1 if shape.form is Form.ELLIPSE else np.maximum(along, across) <= 1
    return np.asarray(inside, bool)


def _overlap(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    low, high = np.maximum(a[:2], b[:2]), np.minimum(a[2:], b[2:])
    both = float(np.prod(np.clip(high - low, 0, None)))
    return both / (float(np.prod(a[2:] - a[:2])) + float(np.prod(b[2:] - b[:2])) - both)
