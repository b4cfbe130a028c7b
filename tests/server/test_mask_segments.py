"""Boxes and masks of a few frames match those of the whole clip."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from redact.mask.mask_plan import FORMS, MaskPlan
from redact.server import mask_segments
from redact.settings import Effect
from redact.track.types import MediaRef, Track, TrackSet

FRAMES = 60
RNG = np.random.default_rng(7)


def _wandering(number: int, label: str) -> Track:
    """A track with gaps, irregular motion, and boxes near the border."""
    frames = np.flatnonzero(RNG.random(FRAMES) < 0.6).astype(np.int32)
    frames = frames[RNG.integers(0, 8) : -RNG.integers(1, 8)]
    corners = RNG.uniform(-5, 140, (frames.size, 2))
    boxes = np.concatenate([corners, corners + RNG.uniform(4, 30, (frames.size, 2))], axis=1).astype(np.float32)
    angles = RNG.uniform(-40, 40, frames.size).astype(np.float32)
    ones = np.ones(frames.size, np.float32)
    return Track(number, label, frames, boxes, angles, ones, np.zeros(frames.size, np.uint8))


TRACKS = TrackSet(
    MediaRef("0" * 64, 160, 96, Fraction(1, 25), np.arange(FRAMES, dtype=np.int64)),
    tuple(_wandering(number, ("face", "plate", "text")[number % 3]) for number in (3, 900_001, 5, 1, 12, 8)),
)


@pytest.mark.parametrize("span", [(0, FRAMES), (0, 1), (17, 18), (20, 45), (FRAMES - 3, FRAMES)])
def test_segments_match_whole_clip(span: tuple[int, int]) -> None:
    plan, effects = MaskPlan(TRACKS), {5: Effect.MOSAIC}
    masks, boxes = mask_segments.masks(TRACKS, *span, effects), mask_segments.boxes(TRACKS, *span)
    assert len(masks) == len(boxes) == span[1] - span[0]
    for frame, rows, own in zip(range(*span), masks, boxes, strict=True):
        there = [track for track in TRACKS.tracks if frame in track.frames]
        expected = [
            [track.id, shape.cx, shape.cy, shape.w, shape.h, shape.angle, FORMS.index(shape.form),
             mask_segments.EFFECTS.index(effects.get(track.id, Effect.SOLID))]
            for track, shape in zip(there, plan.shapes(frame), strict=True)
        ]  # fmt: skip
        np.testing.assert_allclose(rows, np.array(expected).reshape(-1, 8), atol=0.006)
        left, top, right, bottom = np.array([t.boxes[t.frames == frame][0] for t in there]).reshape(-1, 4).T
        np.testing.assert_allclose(own[:, 0], [track.id for track in there])
        middle = np.column_stack([(left + right) / 2, (top + bottom) / 2, right - left, bottom - top])
        np.testing.assert_allclose(own[:, 1:5], middle, atol=0.006)
