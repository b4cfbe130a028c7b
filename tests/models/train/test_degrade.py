"""The camera moves points with their pixels, and makes about a third of its pictures night."""

import cv2
import numpy as np

from redact_models.train.degrade import bend, degrade

POINTS = np.array([[40, 40], [260, 60], [150, 118], [60, 200], [250, 190], [150, 30]], np.float32)


def test_degrade_moves_points_with_pixels() -> None:
    image = np.zeros((240, 300, 3), np.uint8)
    for x, y in POINTS:
        cv2.circle(image, (int(x), int(y)), 4, (255, 255, 255), -1, cv2.LINE_AA)
    farthest, checked = 0.0, 0
    for seed in range(60):
        bent, moved = bend(image, POINTS, np.random.default_rng(seed))
        farthest = max(farthest, float(np.abs(moved - POINTS).max()))
        weights = bent[..., 0].astype(np.float64)
        for x, y in moved:
            if not (12 < x < 288 and 12 < y < 228):
                continue  # a disc cut by the border has a different centre
            left, top = round(float(x)) - 8, round(float(y)) - 8
            part = weights[top : top + 17, left : left + 17]
            rows, columns = np.mgrid[top : top + 17, left : left + 17]
            assert part.sum() > 0
            assert abs((columns * part).sum() / part.sum() - x) < 0.5
            assert abs((rows * part).sum() / part.sum() - y) < 0.5
            checked += 1
    assert checked > 200
    assert farthest > 15  # otherwise the test only had unmoved pictures


def test_bend_shows_no_border() -> None:
    """The content extends to all four edges: a filled border would have one value over several pixels."""
    rows, columns = np.mgrid[0:100, 0:120]
    image = np.stack([columns * 2, rows * 2, columns], axis=2).astype(np.uint8)
    for seed in range(60):
        bent = bend(image, POINTS, np.random.default_rng(seed))[0].astype(np.int16)
        assert (bent[8, :, 1] - bent[0, :, 1]).min() > 4
        assert (bent[-1, :, 1] - bent[-9, :, 1]).min() > 4
        assert (bent[:, 8, 0] - bent[:, 0, 0]).min() > 4
        assert (bent[:, -1, 0] - bent[:, -9, 0]).min() > 4


def test_degrade_is_deterministic_and_a_third_is_night() -> None:
    image = np.random.default_rng(5).integers(60, 200, (96, 128, 3)).astype(np.uint8)
    night = 0
    for seed in range(150):
        one, points = degrade(image, POINTS, np.random.default_rng(seed))
        assert one.shape == image.shape
        assert one.dtype == np.uint8
        assert points.shape == POINTS.shape
        night += float(one.mean()) < 60
        if seed < 30:
            assert np.array_equal(one, degrade(image, POINTS, np.random.default_rng(seed))[0])
    # A part of the nights is brightened again, a few days are dim.
    assert 0.18 * 150 < night < 0.45 * 150
