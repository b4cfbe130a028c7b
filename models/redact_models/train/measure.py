"""Measures a plate detector on annotated pictures: covered plates, false masks, precision and recall."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from redact.detect.boxes import widened
from redact.detect.entries import Family, OwnFile, RegisteredModel
from redact.detect.plates import PlateDetector
from redact.detect.registry import builtin
from redact.detect.scales import DetectionScale, MultiScaleDetector
from redact.detect.types import Detections, Detector
from redact.mask.mask_plan import DEFAULT_MARGINS
from redact.settings import Preset
from redact_models.train.scenes import AnnotatedPicture

LOWEST = 0.02
"""Threshold while measuring; figures for higher ones are derived from the same run."""
COVERED = 0.9
"""Masked share from which a plate counts as hidden."""
FALSE_BELOW = 0.1
"""A mask with a smaller share on plates, enlarged by half, is false."""
SMALL = 16.0
"""Plates lower than this many pixels in a picture 1280 pixels wide are small."""
DARK = 60.0
"""Mean brightness of 255 below which a picture counts as night."""


@dataclass(frozen=True, slots=True)
class MeasuredPicture:
    """The results for one picture. ``plates`` (n, 4); ``best`` (n,): the highest score at which each plate is covered,
    0 if never; ``false`` (m,): the scores of masks that are on no plate; ``found``: all detections."""

    plates: NDArray[np.float32]
    best: NDArray[np.float32]
    false: NDArray[np.float32]
    found: Detections
    dark: bool
    small: NDArray[np.bool_]


def plate_detector(weights: Path) -> Detector:
    """A detector for weights that are not registered, with the settings of the balanced preset at a low threshold."""
    sha256 = hashlib.sha256(weights.read_bytes()).hexdigest()
    model = RegisteredModel(weights.stem, Family.PLATES, OwnFile(weights), sha256, "", ("plate",))
    tier = builtin().own[Family.PLATES][Preset.BALANCED]
    inner = PlateDetector(model, model.classes, LOWEST, torch.device("cpu"))
    return MultiScaleDetector(inner, [DetectionScale(*scale) for scale in tier.scales])


def measure_picture(detector: Detector, picture: AnnotatedPicture) -> MeasuredPicture:
    """Run the detector on one picture as the pipeline would, and extend its boxes by the default margin."""
    height, width = picture.image.shape[:2]
    frame = torch.from_numpy(np.ascontiguousarray(picture.image)).permute(2, 0, 1)[None]
    found = detector.detect(frame)[0]
    masks = grown(found.boxes)
    order = np.argsort(-found.scores)
    best = np.array([_covered_at(plate, masks[order], found.scores[order]) for plate in picture.boxes], np.float32)
    size = picture.boxes[:, 2:] - picture.boxes[:, :2]
    near = widened(picture.boxes, (0.5, 0.5))
    on = np.array([_share(mask, near) for mask in masks], np.float32)
    return MeasuredPicture(
        picture.boxes,
        best,
        found.scores[on < FALSE_BELOW] if len(on) else np.zeros(0, np.float32),
        found,
        float(picture.image.mean()) < DARK,
        size[:, 1] * 1280 / max(width, height) < SMALL,
    )


def turned(picture: AnnotatedPicture, degrees: float) -> AnnotatedPicture:
    """The picture rotated clockwise about its centre; plates become their upright bounding boxes."""
    height, width = picture.image.shape[:2]
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), -degrees, 1.0)
    image = cv2.warpAffine(picture.image, turn, (width, height), borderMode=cv2.BORDER_REFLECT)
    corners = picture.boxes[:, [0, 1, 2, 1, 2, 3, 0, 3]].reshape(-1, 4, 2) @ turn[:, :2].T + turn[:, 2]
    hulls = np.hstack([corners.min(1), corners.max(1)]).clip(0, [width, height] * 2)
    inside = ((hulls[:, 2:] - hulls[:, :2]) > 1).all(1)
    return AnnotatedPicture(np.asarray(image, np.uint8), hulls[inside].astype(np.float32))


def grown(boxes: NDArray[np.float32]) -> NDArray[np.float32]:
    """The boxes of the default masks for plates at rest."""
    margin = DEFAULT_MARGINS["plate"]
    return widened(boxes, (margin.width, margin.height), margin.pixels)


def _covered_at(plate: NDArray[np.float32], masks: NDArray[np.float32], scores: NDArray[np.float32]) -> float:
    """The score of the mask that completes the hiding of a plate when masks are drawn in the given order; 0 if none."""
    left, top, right, bottom = np.round(plate).astype(int)
    hidden = np.zeros((max(bottom - top, 1), max(right - left, 1)), bool)
    for (x0, y0, x1, y1), score in zip(np.round(masks).astype(int), scores, strict=True):
        hidden[max(y0 - top, 0) : max(y1 - top, 0), max(x0 - left, 0) : max(x1 - left, 0)] = True
        if hidden.mean() >= COVERED:
            return float(score)
    return 0.0


def _share(mask: NDArray[np.float32], plates: NDArray[np.float32]) -> float:
    if not len(plates):
        return 0.0
    low, high = np.maximum(mask[:2], plates[:, :2]), np.minimum(mask[2:], plates[:, 2:])
    shared = np.clip(high - low, 0, None).prod(1)
    return float(shared.max() / max(float((mask[2:] - mask[:2]).prod()), 1e-6))


def recall(results: Sequence[MeasuredPicture], threshold: float) -> float:
    """Share of plates covered by masks with at least this score."""
    best = np.concatenate([s.best for s in results])
    return float((best >= threshold).mean()) if len(best) else 1.0


def false_masks(results: Sequence[MeasuredPicture], threshold: float) -> float:
    """Average number of masks per picture that are on no plate."""
    return sum(int((s.false >= threshold).sum()) for s in results) / max(len(results), 1)
