from __future__ import annotations

from fractions import Fraction

import cv2
import numpy as np
import pytest

from redact.errors import BadTruth
from redact.evaluate import evaluate
from redact.evaluate.leaks import timecode
from redact.evaluate.regions import region
from redact.track.types import MediaRef
from tests.evaluate.scenes import HEIGHT, TIGHT, WIDTH, tracks, truth

BOX = (20.0, 20.0, 120.0, 60.0)


@pytest.mark.parametrize(
    ("label", "mask", "covered"),
    [
        ("plate", (20, 20, 110, 60), True),  # 90 of 100 columns
        ("plate", (20, 20, 109, 60), False),  # 89
        ("plate", (0, 0, 200, 100), True),
        ("face", (20, 20, 120, 60), True),  # the mask is exactly the inscribed ellipse
        ("face", (30, 20, 130, 60), False),  # the same, shifted by a tenth of its width: 87 %
    ],
)
def test_box_is_covered_from_nine_tenths(label: str, mask: tuple[float, ...], covered: bool) -> None:
    x1, y1, x2, y2 = mask
    report = evaluate(tracks((label, {0: (x1, y1, x2, y2)})), truth((label, {0: BOX})), TIGHT)
    assert report.total.uncovered == (not covered)


def test_ellipse_covers_face_but_not_plate() -> None:
    mask = tracks(("face", {0: BOX}))
    assert evaluate(mask, truth(("face", {0: BOX})), TIGHT).total.exposed == 0
    report = evaluate(mask, truth(("plate", {0: BOX})), TIGHT)
    assert report.total.exposed == 1
    assert report.leaks[0].covered == pytest.approx(np.pi / 4, abs=0.03)
    assert evaluate(tracks(("plate", {0: BOX})), truth(("face", {0: BOX})), TIGHT).total.exposed == 0


def test_leak_on_one_frame_exposes_object() -> None:
    pts = np.array([900, 903, 905, 911], np.int64)
    ref = MediaRef("0" * 64, WIDTH, HEIGHT, Fraction(1, 10), pts)
    rows = dict.fromkeys(range(4), BOX)
    bare = {0: BOX, 1: BOX, 3: (20.0, 20.0, 60.0, 60.0)}
    both = truth(("plate", rows), ("plate", {0: (150.0, 70.0, 190.0, 90.0)}), ("face", {1: BOX}))
    report = evaluate(tracks(("plate", bare), ("plate", {0: (150.0, 70.0, 190.0, 90.0)}), ref=ref), both, TIGHT)
    assert (report.total.objects, report.total.exposed, report.total.boxes, report.total.uncovered) == (3, 1, 6, 2)
    assert [(of.label, of.objects, of.exposed, of.leak_rate) for of in report.classes] == [
        ("face", 1, 0, 0.0),
        ("plate", 2, 1, 0.4),
    ]
    assert [(leak.frame, leak.timecode, leak.covered) for leak in report.leaks] == [
        (2, "00:00:00.500", 0.0),
        (3, "00:00:01.100", 0.4),
    ]


def test_over_masking_counts_pixels_outside_enlarged_boxes() -> None:
    # The box grown by half is 60 x 30 pixels. Its mask extends 5 columns of 20 rows further; another mask is misplaced.
    box, mask, astray = (40.0, 40.0, 80.0, 60.0), (35.0, 40.0, 95.0, 60.0), (150.0, 0.0, 160.0, 10.0)
    report = evaluate(tracks(("plate", {0: mask, 1: astray})), truth(("plate", {0: box})), TIGHT)
    assert report.masked_outside == 5 * 20 + 10 * 10
    assert report.outside == 4 * WIDTH * HEIGHT - 60 * 30
    assert report.over_masking == report.masked_outside / report.outside


def test_ignored_boxes_are_neither_leaks_nor_over_masking() -> None:
    there = {0: BOX}
    bare = evaluate(tracks(), truth(("plate", there), counted=False), TIGHT)
    assert (bare.total.objects, bare.total.boxes, bare.leaks) == (0, 0, ())
    assert evaluate(tracks(("plate", there)), truth(("plate", there), counted=False), TIGHT).masked_outside == 0


def test_box_outside_picture_need_not_be_masked() -> None:
    half_out = (-50.0, 20.0, 50.0, 60.0)
    assert evaluate(tracks(("plate", {0: (0, 20, 50, 60)})), truth(("plate", {0: half_out})), TIGHT).total.exposed == 0
    beyond = truth(("plate", {0: (-50.0, 20.0, -10.0, 60.0)}))
    assert evaluate(tracks(), beyond, TIGHT).total.boxes == 0


@pytest.mark.parametrize(("angle", "covered"), [(30.0, True), (-30.0, False)])
def test_rotated_truth_needs_mask_with_same_rotation(angle: float, covered: bool) -> None:
    box = (60.0, 35.0, 140.0, 65.0)
    report = evaluate(tracks(("plate", {0: box}), angle=angle), truth(("plate", {0: box}), angle=30.0), TIGHT)
    assert report.total.exposed == (not covered)


@pytest.mark.parametrize("angle", [0.0, 25.0, -70.0, 90.0])
def test_regions_match_another_drawing_library(angle: float) -> None:
    box = np.array([60.0, 30.0, 140.0, 60.0])
    found = region(box, angle, WIDTH, HEIGHT, ellipse=False)
    assert found is not None
    drawn = np.zeros((HEIGHT, WIDTH), np.bool_)
    drawn[found[0]] = found[1]
    polygon = cv2.boxPoints(((100.0, 45.0), (80.0, 30.0), angle)) * 4 - 0.5
    big = np.zeros((HEIGHT * 4, WIDTH * 4), np.uint8)
    cv2.fillConvexPoly(big, polygon.round().astype(np.int32), 1)
    share = big.reshape(HEIGHT, 4, WIDTH, 4).mean(axis=(1, 3))
    assert not np.any(drawn & (share < 0.2))
    assert not np.any(~drawn & (share > 0.8))


def test_region_thinner_than_pixel_is_not_empty() -> None:
    found = region(np.array([10.6, 10.0, 10.9, 20.0]), 0.0, WIDTH, HEIGHT, ellipse=False)
    assert found is not None
    assert found[1].all()
    assert found[1].shape == (10, 1)


def test_truth_of_longer_footage_is_refused() -> None:
    assert evaluate(tracks(), truth(("plate", {3: BOX})), TIGHT).total.exposed == 1
    with pytest.raises(BadTruth):
        evaluate(tracks(), truth(("plate", {4: BOX})), TIGHT)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.0, "00:00:00.000"), (59.9996, "00:01:00.000"), (3725.25, "01:02:05.250")],
)
def test_timecode(seconds: float, text: str) -> None:
    assert timecode(seconds) == text
