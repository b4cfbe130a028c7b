"""Training scenes: a real or drawn background, real and drawn plates, other objects, and one camera for all of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from redact_models.train.backgrounds import draw_car, draw_ground
from redact_models.train.canvas import SceneCanvas, box_outline, hull, in_space, paste
from redact_models.train.degrade import bend, expose
from redact_models.train.plates import draw_plate
from redact_models.train.signs import caption, draw_sign

MIN_HEIGHT = 8.0
MAX_HEIGHT = 160.0
TOO_SMALL = 6.0
INSIDE_SHARE = 1 / 3
MIN_ZOOM, MAX_ZOOM = 0.55, 4.0
PHOTOGRAPH_SHARE = 0.72
TORCH_SHARE = 0.15
LEAST_CONTRAST = 2.2, 0.03
"""Contrast of a plate's pattern, in grey levels of 255, needed to recognise it: a base, and a share of the level."""
LEAST_CORRELATION = 0.35
"""Lowest correlation with the undisturbed pattern at which a plate is still recognisable."""


@dataclass(frozen=True, slots=True)
class AnnotatedPicture:
    """A real photograph. image: (H, W, 3) RGB; boxes: (n, 4) x1, y1, x2, y2 in pixels of the plates in it."""

    image: NDArray[np.uint8]
    boxes: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Scene:
    """A training picture. image: (H, W, 3) RGB; boxes: (n, 4) x1, y1, x2, y2 of recognisable plates, clipped.

    ignore: (m, 4) areas that count neither method: plates that are too small, too far outside, too dark or too blurred.
    """

    image: NDArray[np.uint8]
    boxes: NDArray[np.float32]
    ignore: NDArray[np.float32]


def make_scene(rng: np.random.Generator, pictures: Sequence[AnnotatedPicture], size: tuple[int, int]) -> Scene:
    """One scene of ``size`` (width, height); equal generator states and pictures give equal scenes."""
    if pictures and rng.random() < PHOTOGRAPH_SHARE:
        canvas = _photograph(rng, pictures[int(rng.integers(len(pictures)))], size)
        cars, plates = int(rng.random() < 0.2), int(rng.choice(3, p=(0.65, 0.25, 0.1)))
    else:
        canvas = SceneCanvas(draw_ground(rng, size), 0.0)
        _dim(rng, canvas)
        cars, plates = int(rng.integers(0, 4)), int(rng.choice(3, p=(0.5, 0.3, 0.2)))
    for _ in range(cars):
        _add_car(rng, canvas)
    for _ in range(plates):
        _add_plate(rng, canvas)
    for _ in range(int(rng.choice(5, p=(0.35, 0.27, 0.2, 0.12, 0.06)))):
        _add_sign(rng, canvas)
    stamped, late = rng.random() < 0.2, rng.random() < 0.5
    if stamped and not late:
        caption(rng, canvas.image, _stacked([hull(outline) for outline in canvas.outlines]))
    scene = shoot(rng, canvas)
    if stamped and late:
        caption(rng, scene.image, np.vstack([scene.boxes, scene.ignore]))
    return scene


def _dim(rng: np.random.Generator, canvas: SceneCanvas) -> None:
    """Sometimes darken the background before plates are added; these are then lit by a torch, headlights or
    infra-red."""
    if rng.random() < TORCH_SHARE:
        canvas.image = np.asarray(cv2.convertScaleAbs(canvas.image, alpha=float(rng.uniform(0.05, 0.35))), np.uint8)
        canvas.torch = float(rng.uniform(0.5, 1.3))


def _log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def _photograph(rng: np.random.Generator, picture: AnnotatedPicture, size: tuple[int, int]) -> SceneCanvas:
    """A random crop of a real picture at a random zoom, with shifted colours and some plates replaced by drawn ones."""
    width, height = size
    boxes = picture.boxes.astype(np.float64)
    full = np.array([picture.image.shape[1], picture.image.shape[0]], np.float64)
    centre = rng.uniform(0, 1, 2) * full
    zoom = _log_uniform(rng, 0.6, 2.0)
    if len(boxes) and rng.random() < 0.8:
        box = boxes[rng.integers(len(boxes))]
        zoom = float(np.clip(_log_uniform(rng, MIN_HEIGHT, MAX_HEIGHT) / (box[3] - box[1]), MIN_ZOOM, MAX_ZOOM))
        centre = (box[:2] + box[2:]) / 2 + rng.uniform(-0.42, 0.42, 2) * np.array(size) / zoom
    window = np.array(size) / zoom
    low, high = window / 2, full - window / 2
    centre = np.where(low < high, np.clip(centre, low, np.maximum(low, high)), full / 2)
    image, origin = _cut(rng, picture.image, centre - window / 2, zoom, size)
    canvas = SceneCanvas(_colours(rng, image), 0.35 * max(zoom - 1, 0))
    _dim(rng, canvas)
    for box in boxes:
        moved = (box - np.tile(origin, 2)) * zoom
        if moved[2] <= 0 or moved[3] <= 0 or moved[0] >= width or moved[1] >= height:
            continue
        if rng.random() < (0.75 if zoom > 2.5 else 0.5) and moved[3] - moved[1] >= TOO_SMALL:
            _replace(rng, canvas, moved)
        else:
            canvas.add_plate(box_outline(moved))
    return canvas


def _cut(
    rng: np.random.Generator, image: NDArray[np.uint8], corner: NDArray[np.float64], zoom: float, size: tuple[int, int]
) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """The window at ``corner``, zoomed to ``size``, and its actual corner; areas outside the picture are filled."""
    width, height = size
    x, y = round(corner[0]), round(corner[1])
    x1, y1 = max(x, 0), max(y, 0)
    x2 = min(x + round(width / zoom) + 1, image.shape[1])
    y2 = min(y + round(height / zoom) + 1, image.shape[0])
    part = image[y1:y2, x1:x2]
    scaled = (max(1, round(part.shape[1] * zoom)), max(1, round(part.shape[0] * zoom)))
    method = cv2.INTER_AREA if zoom < 0.7 else cv2.INTER_LINEAR
    part = cv2.resize(part, scaled, interpolation=method)
    canvas = np.full((height, width, 3), rng.integers(0, 160), np.uint8)
    left, top = round((x1 - x) * zoom), round((y1 - y) * zoom)
    part = part[: height - top, : width - left]
    canvas[top : top + part.shape[0], left : left + part.shape[1]] = part
    return canvas, np.array([x1 - left / zoom, y1 - top / zoom])


def _colours(rng: np.random.Generator, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The picture with colours mostly balanced to grey and raised to a daylight level, sometimes unchanged."""
    if rng.random() < 0.2:
        return image
    sample = image[::8, ::8].reshape(-1, 3)
    means = np.maximum(sample.mean(axis=0), 2.0)
    level, bright = float(means.mean()), max(float(np.percentile(sample, 92)), 16.0)
    gains = (level / means) ** rng.uniform(0.6, 1.0) * np.exp(rng.normal(0, 0.05, 3))
    gains *= np.clip(min(rng.uniform(60, 150) / level, 230 / bright), 0.8, 4.0)
    steps = np.arange(256, dtype=np.float32)[:, None]
    # A soft shoulder keeps some detail in lamps and pale bodies at high gain.
    table = 255 * (1 - np.exp(-steps * gains / 255 * 1.25)) / (1 - np.exp(-1.25))
    image = np.asarray(cv2.LUT(image, np.clip(table, 0, 255).astype(np.uint8)[None]), np.uint8)
    if rng.random() < 0.4:
        grey = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
        share = float(rng.uniform(0.3, 1.0))
        image = np.asarray(cv2.addWeighted(image, 1 - share, grey, share, 0), np.uint8)
    return image


def _replace(rng: np.random.Generator, canvas: SceneCanvas, box: NDArray[np.float64]) -> None:
    """Replace a real plate by a slightly larger drawn one, after painting it over with its surroundings."""
    texture = draw_plate(rng).texture
    width, height = (box[2:] - box[:2]) * rng.uniform(1.05, 1.25)
    aspect = texture.shape[1] / texture.shape[0]
    tall = max(height, width / aspect)
    _paint_out(canvas.image, box)
    outline = in_space(rng, aspect, float(tall), 0.5) + (box[:2] + box[2:]) / 2
    paste(rng, canvas, texture, outline, reflects=True)
    canvas.add_plate(outline)


def _paint_out(image: NDArray[np.uint8], box: NDArray[np.float64]) -> None:
    """Fill a slightly enlarged box with a gradient from the row above it to the row below."""
    height, width = image.shape[:2]
    margin = 0.12 * (box[3] - box[1])
    x1, y1 = (int(max(v - margin, 0)) for v in box[:2])
    x2, y2 = int(min(box[2] + margin + 1, width)), int(min(box[3] + margin + 1, height))
    if x2 - x1 < 2 or y2 - y1 < 2:
        return
    above, below = (image[max(y1 - 2, 0) : y1 + 1, x1:x2], image[y2 - 1 : y2 + 2, x1:x2])
    rows = [cv2.blur(part.mean(axis=0, dtype=np.float32)[None], (9, 1))[0] for part in (above, below)]
    run = np.linspace(0, 1, y2 - y1, dtype=np.float32)[:, None, None]
    image[y1:y2, x1:x2] = (rows[0] * (1 - run) + rows[1] * run).astype(np.uint8)


def _place(
    rng: np.random.Generator, canvas: SceneCanvas, outline: NDArray[np.float64], beyond: float, margin: float
) -> NDArray[np.float64] | None:
    """Move an outline around the origin to a free place, or return None. ``beyond``: share that may extend past the
    border."""
    size = np.array([canvas.image.shape[1], canvas.image.shape[0]], np.float64)
    half = outline.max(axis=0)
    for _ in range(6):
        room = np.maximum(size - half * (2 - 2 * beyond), 1.0)
        moved = outline + half * (1 - beyond) + rng.uniform(0, 1, 2) * room
        around = hull(moved)
        if canvas.free(around + margin * (around[3] - around[1]) * np.array([-1, -1, 1, 1])):
            return np.asarray(moved, np.float64)
    return None


def _add_plate(rng: np.random.Generator, canvas: SceneCanvas) -> None:
    """Add a drawn plate at a free place, often on part of a body or bumper."""
    texture = draw_plate(rng).texture
    aspect = texture.shape[1] / texture.shape[0]
    height = min(_log_uniform(rng, MIN_HEIGHT, MAX_HEIGHT), 1.05 * canvas.image.shape[1] / aspect)
    outline = _place(rng, canvas, in_space(rng, aspect, height), 0.35 if rng.random() < 0.15 else 0.0, 0.1)
    if outline is None:
        return
    if rng.random() < 0.65:
        _surround(rng, canvas, outline)
    paste(rng, canvas, texture, outline, reflects=True)
    canvas.add_plate(outline)


def _surround(rng: np.random.Generator, canvas: SceneCanvas, outline: NDArray[np.float64]) -> None:
    """Add a panel behind a plate, in its plane: body colour, bumper or dark recess, but not over other plates."""
    centre = outline.mean(axis=0)
    across, down = rng.uniform(1.1, 2.6), rng.uniform(1.2, 3.5)
    axis_x = (outline[1] + outline[2] - outline[0] - outline[3]) / 2
    axis_y = (outline[2] + outline[3] - outline[0] - outline[1]) / 2
    signs = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) / 2
    panel = centre + signs[:, :1] * across * axis_x + signs[:, 1:] * down * axis_y
    if not canvas.free(hull(panel)):
        return
    top, bottom = (rng.integers(8, 235) + rng.integers(-25, 26, 3) for _ in range(2))
    run = np.linspace(0, 1, 32)[:, None, None]
    texture = np.full((32, 64, 4), 255, np.uint8)
    texture[..., :3] = np.clip(top * (1 - run) + bottom * run, 0, 255)
    if rng.random() < 0.5:
        row = int(rng.integers(2, 28))
        texture[row : row + 2, :, :3] = rng.integers(0, 255)
    paste(rng, canvas, texture, panel)


def _add_car(rng: np.random.Generator, canvas: SceneCanvas) -> None:
    """Add a drawn back or front of a car with its plate."""
    car = draw_car(rng)
    plate = draw_plate(rng).texture
    aspect = plate.shape[1] / plate.shape[0]
    spot = car.spot
    tall = min((spot[3] - spot[1]) * rng.uniform(0.75, 1.0), (spot[2] - spot[0]) / aspect)
    rows, columns = car.texture.shape[:2]
    low, high = MIN_HEIGHT * rows / tall, MAX_HEIGHT * rows / tall
    height = _log_uniform(rng, low, max(low * 1.01, min(high, 1.4 * canvas.image.shape[0])))
    outline = _place(rng, canvas, in_space(rng, columns / rows, height, 0.5), 0.3, 0.0)
    if outline is None:
        return
    paste(rng, canvas, car.texture, outline)
    middle = np.array([(spot[0] + spot[2]) / 2, (spot[1] + spot[3]) / 2])
    flat = box_outline(np.concatenate([middle, middle]) + np.array([-aspect, -1, aspect, 1]) * tall / 2)
    corners = np.array([[0, 0], [columns, 0], [columns, rows], [0, rows]], np.float32)
    onto = cv2.getPerspectiveTransform(corners, outline.astype(np.float32))
    onto_car = cv2.perspectiveTransform(flat[None].astype(np.float32), onto)[0].astype(np.float64)
    paste(rng, canvas, plate, onto_car, reflects=True)
    canvas.outlines.append(onto_car)
    canvas.taken.append(hull(outline))


def _add_sign(rng: np.random.Generator, canvas: SceneCanvas) -> None:
    """Add an object that is not a plate at a free place."""
    texture, least = draw_sign(rng)
    aspect = texture.shape[1] / texture.shape[0]
    height = max(least, min(_log_uniform(rng, least, 180), 1.1 * canvas.image.shape[1] / aspect))
    outline = _place(rng, canvas, in_space(rng, aspect, height, 0.8), 0.2, 0.0)
    if outline is not None:
        paste(rng, canvas, texture, outline)
        canvas.taken.append(hull(outline))


def shoot(rng: np.random.Generator, canvas: SceneCanvas) -> Scene:
    """Apply the camera to a canvas and sort its plates into recognisable and ignored ones."""
    height, width = canvas.image.shape[:2]
    rims = [np.vstack([(o + np.roll(o, -1, axis=0)) / 2, o]) for o in canvas.outlines]
    points = np.vstack(rims).astype(np.float32) if rims else np.zeros((0, 2), np.float32)
    bent, moved = bend(canvas.image, points, rng)
    image = expose(bent, moved, rng)
    clean, final = (cv2.blur(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), (3, 3)) for picture in (bent, image))
    boxes: list[NDArray[np.float32]] = []
    ignore: list[NDArray[np.float32]] = []
    for number in range(len(rims)):
        rim = moved[8 * number : 8 * number + 8]
        whole = np.concatenate([rim.min(axis=0), rim.max(axis=0)])
        box = np.clip(whole, 0, [width, height, width, height]).astype(np.float32)
        area, inside = float(np.prod(whole[2:] - whole[:2])), float(np.prod(box[2:] - box[:2]))
        if inside <= 0:
            continue
        fine = box[3] - box[1] >= TOO_SMALL and inside >= INSIDE_SHARE * area and _recognisable(clean, final, box)
        (boxes if fine else ignore).append(box)
    return Scene(image, _stacked(boxes), _stacked(ignore))


def _stacked(boxes: Sequence[NDArray[np.floating]]) -> NDArray[np.float32]:
    return np.array(boxes, np.float32).reshape(-1, 4)


def _recognisable(clean: NDArray[np.uint8], final: NDArray[np.uint8], box: NDArray[np.float32]) -> bool:
    """Whether a plate's pattern is still recognisable, by correlating the final grey picture with the undisturbed
    one."""
    margin = max(0.12 * (box[3] - box[1]), 1.0)
    x1, y1 = (int(max(v - margin, 0)) for v in box[:2])
    x2, y2 = int(np.ceil(box[2] + margin)), int(np.ceil(box[3] + margin))
    before, after = (picture[y1:y2, x1:x2].astype(np.float32).ravel() for picture in (clean, final))
    spread_before, spread_after = float(before.std()), float(after.std())
    if spread_before < 1 or spread_after < 0.5:
        return False
    likeness = float(((before - before.mean()) * (after - after.mean())).mean()) / (spread_before * spread_after)
    needed = LEAST_CONTRAST[0] + LEAST_CONTRAST[1] * float(after.mean())
    return likeness > LEAST_CORRELATION and likeness * spread_after > needed
