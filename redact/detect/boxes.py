"""Box arithmetic shared by detectors. Boxes are (n, 4) float32 xyxy pixels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from redact.detect.types import Detections

Boxes = NDArray[np.float32]


def overlap(one: Boxes, many: Boxes) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """(n, m) intersection over union, and intersection over the smaller box, for every pair."""
    low = np.maximum(one[:, None, :2], many[None, :, :2])
    high = np.minimum(one[:, None, 2:], many[None, :, 2:])
    shared = np.clip(high - low, 0, None).prod(2)
    areas, others = (np.clip(b[:, 2:] - b[:, :2], 1e-6, None).prod(1) for b in (one, many))
    union = areas[:, None] + others[None] - shared
    return (shared / union).astype(np.float32), (shared / np.minimum(areas[:, None], others[None])).astype(np.float32)


def suppress(
    found: Detections, iou: float, inside: float = 2.0, partial: NDArray[np.bool_] | None = None
) -> Detections:
    """Greedy non-maximum suppression within each class, by score; boxes marked ``partial`` (n,) rank after all others.

    A box is dropped if a higher-ranking one of its class overlaps it by more than ``iou`` (intersection over union), or
    if their intersection is more than the share ``inside`` of the smaller one (never, at the default).
    """
    order = np.lexsort((-found.scores, np.zeros(len(found), bool) if partial is None else partial))
    labels = np.array(found.labels, dtype=object)
    ious, shares = overlap(found.boxes, found.boxes)
    rivals = ((ious > iou) | (shares > inside)) & (labels[:, None] == labels[None])
    gone = np.zeros(len(found), bool)
    kept: list[int] = []
    for i in order:
        if not gone[i]:
            kept.append(int(i))
            gone |= rivals[i]
    return take(found, np.array(kept, dtype=np.intp))


def take(found: Detections, rows: NDArray[np.intp] | NDArray[np.bool_]) -> Detections:
    """The given rows, by index or by mask."""
    indices = np.flatnonzero(rows) if rows.dtype == bool else rows
    return Detections(
        found.boxes[indices], found.scores[indices], tuple(found.labels[i] for i in indices), found.angles[indices]
    )


def join(results: list[Detections]) -> Detections:
    """All rows of several results on the same frame."""
    if not results:
        return Detections.empty()
    return Detections(
        np.concatenate([each.boxes for each in results]),
        np.concatenate([each.scores for each in results]),
        tuple(label for each in results for label in each.labels),
        np.concatenate([each.angles for each in results]),
    )


def widened(boxes: NDArray[np.floating], shares: tuple[float, float], pixels: float = 0.0) -> Boxes:
    """(n, 4) boxes extended on each side by ``shares`` of their width and height and by ``pixels``."""
    further = (boxes[:, 2:] - boxes[:, :2]) * np.array(shares, boxes.dtype) + pixels
    return np.hstack([boxes[:, :2] - further, boxes[:, 2:] + further]).astype(np.float32)


def moved(found: Detections, scale: tuple[float, float], shift: tuple[float, float] = (0.0, 0.0)) -> Detections:
    """Boxes scaled along x and y, then shifted by pixels."""
    by = np.array([*scale, *scale], np.float32)
    to = np.array([*shift, *shift], np.float32)
    return Detections(found.boxes * by + to, found.scores, found.labels, found.angles)
