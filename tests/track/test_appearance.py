"""Locating the content of a box by its appearance."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import skimage.data
from numpy.typing import NDArray

from redact.track.appearance import Appearance

SCALE = np.array([0.5, 0.5], np.float32)


def _wall() -> NDArray[np.uint8]:
    noise = cv2.GaussianBlur(np.random.default_rng(2).normal(0, 1, (120, 200)).astype(np.float32), (0, 0), 2)
    return np.asarray((120 + 25 * noise / noise.std()).clip(0, 255), np.uint8)


def _face() -> NDArray[np.uint8]:
    face = cv2.cvtColor(skimage.data.astronaut()[20:220, 145:295], cv2.COLOR_RGB2GRAY)
    return np.asarray(cv2.resize(face, (24, 32), interpolation=cv2.INTER_AREA), np.uint8)


@pytest.mark.parametrize("step", [0, 1, 3])
def test_appearance_locates_face_walking_past_wall(step: int) -> None:
    wall, face = _wall(), _face()
    box, appearance = np.array([36, 76, 92, 148], np.float32), None
    for index in range(40):
        picture = wall.copy()
        picture[40:72, 20 + step * index : 44 + step * index] = face
        if appearance is None:
            appearance = Appearance(picture, box, SCALE)
        else:
            # Expected at its old place, as predicted when no camera motion is detected.
            box = appearance.locate(picture, box)
    np.testing.assert_allclose(box, np.array([36, 76, 92, 148]) + np.array([2, 0, 2, 0]) * step * 39, atol=3)


def test_appearance_keeps_expected_place_without_match() -> None:
    picture = _wall()
    picture[40:72, 20:44] = _face()
    box = np.array([36, 76, 92, 148], np.float32)
    appearance = Appearance(picture, box, SCALE)
    np.testing.assert_array_equal(appearance.locate(np.roll(_wall(), 60, axis=0), box + 4), box + 4)
