"""Boxes are where the plates are, equal seeds give equal scenes, and unrecognisable plates are ignored."""

import numpy as np
import pytest
from numpy.typing import NDArray

from redact_models.train import scenes
from redact_models.train.canvas import SceneCanvas, box_outline
from redact_models.train.plates import Plate
from redact_models.train.scenes import AnnotatedPicture, make_scene, shoot

SIZE = (256, 192)


def _picture() -> AnnotatedPicture:
    """A textured ground with one chequered plate of 120 x 30 pixels."""
    rng = np.random.default_rng(3)
    image = np.repeat(np.repeat(rng.integers(70, 150, (40, 60, 3)), 8, axis=0), 8, axis=1).astype(np.uint8)
    rows, columns = np.mgrid[0:30, 0:120]
    image[150:180, 200:320] = np.where((rows // 6 + columns // 6) % 2, 240, 10)[..., None]
    return AnnotatedPicture(image, np.array([[200, 150, 320, 180]], np.float32))


def _undisturbed(image: NDArray[np.uint8], points: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.uint8]:
    return image


def test_scene_boxes_contain_plates(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same scene with white and with black plates differs inside boxes only, and up to the edges of each."""
    monkeypatch.setattr(scenes, "expose", _undisturbed)
    monkeypatch.setattr(scenes, "_recognisable", lambda *_: True)

    def scene(seed: int, tone: int) -> scenes.Scene:
        texture = np.full((60, 200, 4), (tone, tone, tone, 255), np.uint8)
        monkeypatch.setattr(scenes, "draw_plate", lambda _: Plate(texture, "plain"))
        return make_scene(np.random.default_rng(seed), [], SIZE)

    checked = 0
    for seed in range(40):
        white, black = scene(seed, 250), scene(seed, 0)
        assert np.array_equal(white.boxes, black.boxes)
        differs = np.abs(white.image.astype(np.int16) - black.image).max(axis=2) > 12
        inside = np.zeros_like(differs)
        for x1, y1, x2, y2 in np.vstack([white.boxes, white.ignore]):
            inside[max(int(y1) - 3, 0) : int(y2) + 4, max(int(x1) - 3, 0) : int(x2) + 4] = True
        assert not (differs & ~inside).any()
        for x1, y1, x2, y2 in white.boxes:
            part = differs[max(int(y1), 0) : int(np.ceil(y2)), max(int(x1), 0) : int(np.ceil(x2))]
            rows, columns = np.flatnonzero(part.any(axis=1)), np.flatnonzero(part.any(axis=0))
            assert rows[0] <= 2 and rows[-1] >= part.shape[0] - 3
            assert columns[0] <= 3 and columns[-1] >= part.shape[1] - 4
            checked += 1
    assert checked > 30


def test_scene_keeps_box_of_real_plate(monkeypatch: pytest.MonkeyPatch) -> None:
    """If a crop keeps the chequered plate, its box lies on the chequers."""
    monkeypatch.setattr(scenes, "expose", _undisturbed)
    monkeypatch.setattr(scenes, "bend", lambda image, points, rng: (image, points))
    monkeypatch.setattr(scenes, "_dim", lambda *_: None)
    monkeypatch.setattr(scenes, "_colours", lambda rng, image: image)
    monkeypatch.setattr(scenes, "caption", lambda *_: None)
    monkeypatch.setattr(scenes, "_replace", lambda rng, canvas, box: canvas.add_plate(box_outline(box)))
    monkeypatch.setattr(scenes, "_add_plate", lambda *_: None)
    monkeypatch.setattr(scenes, "_add_car", lambda *_: None)
    monkeypatch.setattr(scenes, "_add_sign", lambda *_: None)
    found = 0
    for seed in range(60):
        scene = make_scene(np.random.default_rng(seed), [_picture()], SIZE)
        for x1, y1, x2, y2 in scene.boxes.round().astype(int):
            # Chequers of 10 and 240 spread by 115, the ground of 70 to 150 by 23; a box half off would show 80.
            assert scene.image[y1:y2, x1:x2].mean(axis=2).std() > 90
            found += 1
    assert found > 15


def test_scene_is_deterministic() -> None:
    for seed in range(12):
        one, other = (make_scene(np.random.default_rng(seed), [_picture()], SIZE) for _ in range(2))
        assert one.image.shape == (SIZE[1], SIZE[0], 3)
        assert np.array_equal(one.image, other.image)
        assert np.array_equal(one.boxes, other.boxes)
        assert np.array_equal(one.ignore, other.ignore)
        assert (one.boxes[:, :2] >= 0).all() and (one.boxes[:, 2:] <= SIZE).all()


def test_scene_does_not_modify_pictures() -> None:
    picture = _picture()
    before = picture.image.copy()
    for seed in range(20):
        make_scene(np.random.default_rng(seed), [picture], (480, 320))
    assert np.array_equal(picture.image, before)


@pytest.mark.parametrize(
    ("box", "wanted"),
    [
        ((40, 40, 100, 60), True),  # clearly visible
        ((40, 40, 58, 46), True),  # just high enough
        ((40, 40, 55, 45), False),  # a pixel too low
        ((-10, 80, 20, 100), True),  # two thirds inside
        ((-25, 80, 10, 100), False),  # two sevenths inside
        ((40, 140, 100, 160), False),  # only flat ground there: too dark or blurred to recognise
    ],
)
def test_scene_ignores_unrecognisable_plates(
    monkeypatch: pytest.MonkeyPatch, box: tuple[int, int, int, int], wanted: bool
) -> None:
    monkeypatch.setattr(scenes, "expose", _undisturbed)
    monkeypatch.setattr(scenes, "bend", lambda image, points, rng: (image, points))
    rows, columns = np.mgrid[0 : SIZE[1], 0 : SIZE[0]]
    image = np.where((rows // 3 + columns // 3) % 2, 200, 40)[..., None].repeat(3, axis=2).astype(np.uint8)
    image[130:] = 90
    canvas = SceneCanvas(image, 0.0)
    canvas.add_plate(box_outline(np.array(box, np.float64)))
    scene = shoot(np.random.default_rng(0), canvas)
    assert (len(scene.boxes), len(scene.ignore)) == ((1, 0) if wanted else (0, 1))


def test_scene_ignores_plate_lost_in_dark(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scenes, "expose", lambda image, points, rng: (image // 120).astype(np.uint8))
    monkeypatch.setattr(scenes, "bend", lambda image, points, rng: (image, points))
    canvas = SceneCanvas(_picture().image.copy(), 0.0)
    canvas.add_plate(box_outline(np.array([200, 150, 320, 180], np.float64)))
    scene = shoot(np.random.default_rng(0), canvas)
    assert len(scene.ignore) == 1
    assert not len(scene.boxes)
