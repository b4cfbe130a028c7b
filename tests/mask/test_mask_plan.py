"""Mask plans computed by hand, with a policy of the tests' own, as defaults may be tuned."""

from __future__ import annotations

import numpy as np
import pytest

from redact.mask.mask_plan import DEFAULT_MARGINS, NEAR_BORDER, OTHER_MARGIN, PAST_BORDER, Margin, MaskPlan, MaskPolicy
from redact.mask.raster import coverage
from redact.mask.shapes import Shape, ShapeKind
from redact.track.types import Track, TrackSet
from tests.track.factory import media, track

POLICY = MaskPolicy(
    {
        "face": Margin(ShapeKind.ELLIPSE, 0.5, 0.25, pixels=2.0, motion=0.5),
        "plate": Margin(ShapeKind.RECTANGLE, 0.1, 0.2, pixels=1.0, motion=0.5),
    }
)


def shapes(frame: int, *tracks: Track, policy: MaskPolicy | None = POLICY) -> list[Shape]:
    return MaskPlan(TrackSet(media(10), tracks), policy).shapes(frame)


def test_mask_margin_depends_on_size() -> None:
    # 40 x 60 about (120, 130): 40 + 2 * (0.5 * 40 + 2) wide, 60 + 2 * (0.25 * 60 + 2) high.
    (face,) = shapes(3, track(1, "face", [3], [[100, 100, 140, 160]]))
    assert face == Shape(ShapeKind.ELLIPSE, 120, 130, 84, 94, 0)
    # 100 x 20 about (250, 210): 100 + 2 * (10 + 1), 20 + 2 * (4 + 1).
    (plate,) = shapes(0, track(1, "plate", [0], [[200, 200, 300, 220]], [15.0]))
    assert plate == Shape(ShapeKind.RECTANGLE, 250, 210, 122, 30, 15)


def test_mask_margin_depends_on_motion() -> None:
    # Moves by (10, 0), then (4, 8) over two frames, that is (2, 4) a frame.
    boxes = [[100.0, 100, 200, 120], [110.0, 100, 210, 120], [114.0, 108, 214, 128]]
    moving = track(1, "plate", [2, 3, 5], boxes)
    # Half of the larger of before and after goes to each side, over the 122 x 30 of a box at rest.
    sizes = {frame: [(s.w, s.h) for s in shapes(frame, moving)] for frame in range(10)}
    assert sizes == {
        **{frame: [] for frame in (0, 1, 4, 6, 7, 8, 9)},
        2: [(122 + 10, 30)],
        3: [(122 + 10, 30 + 4)],
        5: [(122 + 2, 30 + 4)],
    }


def test_mask_margin_handles_motion_of_rotated_box() -> None:
    # Turned by 90 degrees, what moves along the picture's x axis moves across the box.
    turned = track(1, "plate", [0, 1], [[100, 100, 200, 120], [110, 100, 210, 120]], [90.0, 90.0])
    (shape,) = shapes(0, turned)
    assert (shape.w, shape.h) == pytest.approx((122, 30 + 10))


@pytest.mark.parametrize(
    ("box", "outwards"),
    [
        # On a picture of 640 x 480; the sides at which a box of 100 x 60 crosses the border.
        ((0, 200, 100, 260), "left"),
        ((9, 200, 109, 260), "left"),  # within a tenth of its size
        ((11, 200, 111, 260), ""),  # just not
        ((300, 5, 400, 65), "top"),
        ((540, 200, 640, 260), "right"),
        ((300, 419, 400, 479), "bottom"),
        ((0, 420, 100, 480), "left bottom"),
    ],
)
def test_mask_extends_past_border_for_cut_off_boxes(box: tuple[float, float, float, float], outwards: str) -> None:
    assert (NEAR_BORDER, PAST_BORDER) == (0.1, 0.25)
    (plate,) = shapes(0, track(1, "plate", [0], [list(box)]))
    edges = plate.cx - plate.w / 2, plate.cy - plate.h / 2, plate.cx + plate.w / 2, plate.cy + plate.h / 2
    # Extended past the border by a quarter of its size; the margin is computed from the extended size.
    grown = {"left": -25, "top": -15, "right": 640 + 25, "bottom": 480 + 15}
    whole = [grown[side] if side in outwards else v for side, v in zip(grown, box, strict=True)]
    x, y = 0.1 * (whole[2] - whole[0]) + 1, 0.2 * (whole[3] - whole[1]) + 1
    assert edges == pytest.approx((whole[0] - x, whole[1] - y, whole[2] + x, whole[3] + y), abs=1e-3)


def test_mask_of_box_far_outside_is_not_extended() -> None:
    (plate,) = shapes(0, track(1, "plate", [0], [[-60, 200, 40, 260]]))
    assert plate.cx - plate.w / 2 == pytest.approx(-60 - 11)


def test_mask_of_face_at_border_is_rectangle() -> None:
    cut, whole = track(1, "face", [0], [[0, 200, 40, 260]]), track(2, "face", [0], [[100, 200, 140, 260]])
    tracks = TrackSet(media(1), (cut, whole))
    forms = [s.form for s in MaskPlan(tracks, POLICY).shapes(0)]
    assert forms == [ShapeKind.RECTANGLE, ShapeKind.ELLIPSE]
    masked = coverage(MaskPlan(tracks).shapes(0), 640, 480)
    assert masked[200:260, 0:40].all()


def test_mask_contains_its_box() -> None:
    rng = np.random.default_rng(4)
    for label in (*DEFAULT_MARGINS, "horse"):
        corner = rng.uniform(-10, 400, (20, 2))
        boxes = np.hstack([corner, corner + rng.uniform(4, 120, (20, 2))])
        made = [track(i, label, [0], [box.tolist()]) for i, box in enumerate(boxes)]
        for one in made:
            masked = coverage(MaskPlan(TrackSet(media(1), (one,))).shapes(0), 640, 480)
            x1, y1, x2, y2 = one.boxes[0]
            ys, xs = np.mgrid[0:480, 0:640] + 0.5
            if label == "face":
                inside = ((2 * xs - x1 - x2) / (x2 - x1)) ** 2 + ((2 * ys - y1 - y2) / (y2 - y1)) ** 2 <= 1
            else:
                inside = (xs >= x1) & (xs <= x2) & (ys >= y1) & (ys <= y2)
            assert masked[inside].all()


def test_mask_plan_depends_on_tracks_and_policy_only() -> None:
    first = track(7, "face", [0, 1], [[100, 100, 140, 160], [104, 100, 144, 160]])
    second = track(2, "horse", [1, 4], [[10, 10, 300, 200], [20, 10, 310, 200]])
    kept = [column.copy() for t in (first, second) for column in (t.frames, t.boxes, t.angles)]
    plan = MaskPlan(TrackSet(media(10), (first, second)))
    forwards = [plan.shapes(n) for n in range(10)]
    assert [plan.shapes(n) for n in reversed(range(10))] == forwards[::-1]
    assert [len(s) for s in forwards] == [1, 2, 0, 0, 1, 0, 0, 0, 0, 0]
    # In track order; a class without its own margin uses the margin for others.
    assert [s.form for s in forwards[1]] == [DEFAULT_MARGINS["face"].form, OTHER_MARGIN.form]
    for before, after in zip(kept, (c for t in (first, second) for c in (t.frames, t.boxes, t.angles)), strict=True):
        np.testing.assert_array_equal(before, after)
    assert MaskPlan(TrackSet(media(3), ())).shapes(2) == []
