"""Motion estimation on photographs that are moved by known amounts."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import skimage.data
from numpy.typing import NDArray

from redact.track.motion import Motion, MotionEstimator, fit_similarity, inverse
from redact.track.propagation import Propagator

WIDTH, HEIGHT = 640, 360
SIDE = 416
Grey = NDArray[np.uint8]


def photograph(name: str = "astronaut") -> Grey:
    """Larger than the frame, so that moved views never show its border."""
    picture = np.asarray(getattr(skimage.data, name)(), np.uint8)
    grey = picture if picture.ndim == 2 else cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    return np.asarray(cv2.resize(grey, (1100, 1100), interpolation=cv2.INTER_CUBIC), np.uint8)


def view(picture: Grey, dx: float = 0.0, dy: float = 0.0, zoom: float = 1.0, degrees: float = 0.0) -> Grey:
    """A frame: the picture's middle, scaled and rotated clockwise about the frame's centre, then moved."""
    c, s = zoom * np.cos(np.radians(degrees)), zoom * np.sin(np.radians(degrees))
    x, y = WIDTH / 2 - 0.5, HEIGHT / 2 - 0.5
    middle = np.array([549.5, 400.0])
    turn = np.array([[c, -s], [s, c]])
    matrix = np.hstack([turn, (np.array([x + dx, y + dy]) - turn @ middle)[:, None]])
    return np.asarray(cv2.warpAffine(picture, matrix, (WIDTH, HEIGHT), flags=cv2.INTER_LINEAR), np.uint8)


def motion_between(before: Grey, now: Grey, estimator: MotionEstimator | None = None) -> Motion:
    estimator = estimator or MotionEstimator(WIDTH, HEIGHT, SIDE)
    small = [np.asarray(cv2.resize(g, estimator.size, interpolation=cv2.INTER_AREA), np.uint8) for g in (before, now)]
    assert estimator.step(small[0]) is None
    motion = estimator.step(small[1])
    assert motion is not None
    return motion


@pytest.mark.parametrize(
    "moved",
    [
        {},
        {"dx": 9.0, "dy": -5.0},
        {"dx": -30.0},
        {"zoom": 1.05},
        {"zoom": 0.95, "dx": 4.0},
        {"degrees": 2.5},
        {"degrees": -2.0, "dy": 6.0, "zoom": 1.02},
    ],
)
def test_motion_recovers_camera(moved: dict[str, float]) -> None:
    picture = photograph()
    motion = motion_between(view(picture), view(picture, **moved))
    assert not motion.cut
    c = moved.get("zoom", 1.0) * np.exp(1j * np.radians(moved.get("degrees", 0.0)))
    for x, y in ((60, 40), (580, 40), (320, 180), (60, 320), (580, 320)):
        landed = complex(*(motion.camera[:, :2] @ [x, y] + motion.camera[:, 2]))
        centre = complex(WIDTH / 2, HEIGHT / 2)
        wanted = (complex(x, y) - centre) * c + centre + complex(moved.get("dx", 0), moved.get("dy", 0))
        assert abs(landed - wanted) < 1.5


def test_motion_ignores_crowd_moving_against_camera() -> None:
    rng = np.random.default_rng(1)
    points = rng.uniform(0, 640, (900, 2)).astype(np.float32)
    moves = np.full((900, 2), (5, -3), np.float32) + rng.normal(0, 0.3, (900, 2)).astype(np.float32)
    moves[points[:, 0] < 160] = (-12, 0)
    landed = points @ fit_similarity(points, moves)[:, :2].T + fit_similarity(points, moves)[:, 2]
    assert np.abs(landed - points - (5, -3)).max() < 0.75


def test_motion_inverse_undoes_transform() -> None:
    camera = np.array([[1.02, -0.1, 7], [0.1, 1.02, -4]], np.float32)
    both = np.vstack([camera, [0, 0, 1]]) @ np.vstack([inverse(camera), [0, 0, 1]])
    np.testing.assert_allclose(both, np.eye(3), atol=1e-5)


@pytest.mark.parametrize("pair", [("astronaut", "coffee"), ("coffee", "rocket"), ("chelsea", "brick")])
def test_motion_detects_hard_cuts(pair: tuple[str, str]) -> None:
    one, other = (view(photograph(name)) for name in pair)
    assert motion_between(one, other).cut
    assert motion_between(other, one).cut


def gamma(grey: Grey, power: float, gain: float) -> Grey:
    return np.asarray((255 * gain * (grey / 255.0) ** power).clip(0, 255), np.uint8)


@pytest.mark.parametrize("name", ["astronaut", "coffee"])
def test_motion_reports_no_false_cuts(name: str) -> None:
    picture = photograph(name)
    still = view(picture)
    noise = np.random.default_rng(0).normal(0, 25, still.shape)
    for now in (
        view(picture, dx=70),  # a fast pan
        view(picture, dx=25, dy=40, degrees=4),  # a stumble
        gamma(still, 0.5, 1.1),  # a flash
        gamma(still, 1.0, 0.25),  # a light goes out
        np.full_like(still, 16),  # the end of a fade
        np.asarray((still + noise).clip(0, 255), np.uint8),
        np.asarray(cv2.GaussianBlur(view(picture, dx=20), (41, 1), 12), np.uint8),  # smeared by a jerk
    ):
        assert not motion_between(still, now).cut
        assert not motion_between(now, still).cut


def test_propagation_forwards_and_back_returns_to_start() -> None:
    picture = photograph()
    estimator = MotionEstimator(WIDTH, HEIGHT, SIDE)
    motion = motion_between(view(picture), view(picture, dx=12, dy=-7, zoom=1.03, degrees=1), estimator)
    propagator = Propagator(estimator.centres, WIDTH, HEIGHT)
    boxes = np.array([[250, 100, 330, 200], [100, 200, 130, 230], [400, 40, 412, 52], [600, 300, 700, 400]], np.float32)
    there = propagator.forwards(boxes, motion)
    centres = (boxes[:, :2] + boxes[:, 2:]) / 2
    c = 1.03 * np.exp(1j * np.radians(1))
    wanted = (centres[:, 0] + 1j * centres[:, 1] - 320 - 180j) * c + 320 + 180j + 12 - 7j
    landed = (there[:, :2] + there[:, 2:]) / 2
    assert np.abs(landed[:, 0] + 1j * landed[:, 1] - wanted).max() < 2
    np.testing.assert_allclose((there[:, 2:] - there[:, :2]), (boxes[:, 2:] - boxes[:, :2]) * 1.03, rtol=0.02)
    assert np.abs(propagator.backwards(there, motion) - boxes).max() < 1.5


def test_propagation_follows_object_against_camera() -> None:
    picture, thing = photograph("brick"), np.asarray(skimage.data.astronaut()[60:200, 160:290], np.uint8)
    face = cv2.cvtColor(thing, cv2.COLOR_RGB2GRAY)
    before, now = view(picture), view(picture, dx=6)
    before[100:240, 200:330] = face
    now[104:244, 191:321] = face
    estimator = MotionEstimator(WIDTH, HEIGHT, SIDE)
    motion = motion_between(before, now, estimator)
    propagator = Propagator(estimator.centres, WIDTH, HEIGHT)
    boxes = np.array([[215, 115, 315, 225], [206, 119, 306, 229]], np.float32)
    assert np.abs(propagator.forwards(boxes[:1], motion) - boxes[1]).max() < 2.5
    assert np.abs(propagator.backwards(boxes[1:], motion) - boxes[0]).max() < 2.5


def test_propagation_computes_share_inside_picture() -> None:
    estimator = MotionEstimator(WIDTH, HEIGHT, SIDE)
    propagator = Propagator(estimator.centres, WIDTH, HEIGHT)
    boxes = np.array([[0, 0, 10, 10], [-5, 0, 5, 10], [-20, 0, -10, 10], [635, 355, 645, 365]], np.float32)
    np.testing.assert_allclose(propagator.inside(boxes), [1, 0.5, 0, 0.25])
