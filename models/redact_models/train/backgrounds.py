"""Drawn backgrounds: streets, walls, yards, and backs and fronts of cars, for layouts without real pictures."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from redact_models.train.lettering import Colour, Sheet, any_colour, near
from redact_models.train.signs import badge, bare_words


@dataclass(frozen=True, slots=True)
class Car:
    """texture: (H, W, 4) RGBA seen from the front or back; spot: x1, y1, x2, y2 of the plate's place in its pixels."""

    texture: NDArray[np.uint8]
    spot: NDArray[np.float64]


def _clouds(rng: np.random.Generator, width: int, height: int, cells: int) -> NDArray[np.float32]:
    """Smooth noise between -1 and 1."""
    coarse = rng.uniform(-1, 1, (cells, cells)).astype(np.float32)
    return np.asarray(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)


def draw_ground(rng: np.random.Generator, size: tuple[int, int]) -> NDArray[np.uint8]:
    """A picture (height, width, 3) RGB with neither plates nor writing."""
    width, height = size
    sheet = Sheet(width, height, any_colour(rng, 40, 220))
    kind = rng.random()
    if kind < 0.45:
        _street(rng, sheet)
    elif kind < 0.65:
        _bricks(rng, sheet)
    else:
        sheet.blend((0, 0, 1, 1), any_colour(rng, 20, 240), any_colour(rng, 20, 240))
        for _ in range(int(rng.integers(0, 14))):
            _shape(rng, sheet)
    grey = cv2.cvtColor(cv2.cvtColor(sheet.pixels, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    share = float(rng.uniform(0.2, 1.0))
    sheet.pixels = np.asarray(cv2.addWeighted(sheet.pixels, 1 - share, grey, share, 0), np.uint8)
    grain = _clouds(rng, width, height, int(rng.integers(3, 9))) * np.float32(rng.uniform(5, 30))
    grain += _clouds(rng, width, height, int(rng.integers(40, 250))) * np.float32(rng.uniform(2, 22))
    return np.asarray(cv2.add(sheet.pixels, cv2.merge([grain] * 3), dtype=cv2.CV_8U), np.uint8)


def _street(rng: np.random.Generator, sheet: Sheet) -> None:
    """Sky, a row of houses or a hedge, a road with marks."""
    horizon = float(rng.uniform(0.2, 0.6))
    sheet.blend((0, 0, 1, horizon), near(rng, (150, 185, 225), 50), near(rng, (220, 225, 230), 30))
    left = 0.0
    while left < 1:
        right = left + float(rng.uniform(0.1, 0.4))
        top = float(rng.uniform(0.0, horizon * 0.8))
        colour = any_colour(rng, 50, 220) if rng.random() < 0.7 else near(rng, (60, 90, 50), 30)
        sheet.fill((left, top, min(right, 1), horizon), colour)
        rows, columns = int(rng.integers(1, 5)), int(rng.integers(1, 5))
        pane = any_colour(rng, 20, 120)
        for row in range(rows):
            for column in range(columns):
                x = left + (column + 0.25) * (right - left) / columns
                y = top + (row + 0.25) * (horizon - top) / rows
                if x < 1:
                    sheet.fill((x, y, min(x + (right - left) / columns / 2, 1), y + (horizon - top) / rows / 2), pane)
        left = right
    road = int(rng.integers(60, 150))
    sheet.blend((0, horizon, 1, 1), near(rng, (road, road, road), 12), near(rng, (road - 15, road - 15, road - 15), 12))
    vanish = np.array([rng.uniform(0, 1) * sheet.width, horizon * sheet.height])
    for _ in range(int(rng.integers(1, 4))):
        foot = np.array([rng.uniform(-0.3, 1.3) * sheet.width, sheet.height])
        for start in np.arange(0.1, 1, 0.2):
            ends = [(vanish + (foot - vanish) * s).astype(int).tolist() for s in (start, start + 0.1)]
            cv2.line(sheet.pixels, ends[0], ends[1], (215, 215, 205), 1 + int(6 * start), cv2.LINE_AA)


def _bricks(rng: np.random.Generator, sheet: Sheet) -> None:
    """Rows of bricks, slabs or boards."""
    tall, long = int(rng.integers(8, 40)), int(rng.integers(16, 140))
    colour, joint = any_colour(rng, 60, 200), any_colour(rng, 80, 220)
    sheet.fill((0, 0, 1, 1), joint)
    for row, y in enumerate(range(0, sheet.height, tall)):
        for x in range(-(row % 2) * long // 2, sheet.width, long):
            end = (min(x + long - 2, sheet.width), min(y + tall - 2, sheet.height))
            sheet.pixels[y : end[1], max(x, 0) : max(end[0], 0)] = near(rng, colour, 14)


def _shape(rng: np.random.Generator, sheet: Sheet) -> None:
    """A rectangle, disc, bar or line."""
    kind = int(rng.integers(4))
    x, y = int(rng.uniform(0, sheet.width)), int(rng.uniform(0, sheet.height))
    wide, tall = int(rng.uniform(5, sheet.width * 0.4)), int(rng.uniform(5, sheet.height * 0.4))
    colour = any_colour(rng)
    if kind == 0:
        cv2.rectangle(sheet.pixels, (x, y), (x + wide, y + tall), colour, -1)
    elif kind == 1:
        cv2.ellipse(
            sheet.pixels, (x, y), (wide // 2, tall // 2), float(rng.uniform(0, 180)), 0, 360, colour, -1, cv2.LINE_AA
        )
    elif kind == 2:
        cv2.rectangle(sheet.pixels, (x, y), (x + wide, y + tall), colour, int(rng.integers(1, 6)))
    else:
        cv2.line(sheet.pixels, (x, y), (x + wide, y - tall), colour, int(rng.integers(1, 9)), cv2.LINE_AA)


_PAINTS: tuple[Colour, ...] = (
    (225, 226, 228), (170, 173, 178), (95, 98, 102), (24, 25, 28),
    (150, 20, 26), (24, 46, 110), (40, 70, 50), (196, 176, 140),
)  # fmt: skip


def draw_car(rng: np.random.Generator) -> Car:
    """The back or front of a car, with the place for the plate low in the middle or on the boot lid."""
    wide, tall = 420, int(rng.integers(250, 360))
    paint = near(rng, _PAINTS[rng.integers(len(_PAINTS))], 14)
    sheet = Sheet(wide, tall, (128, 128, 128))
    alpha = np.zeros((tall, wide), np.uint8)
    roof, belt, foot = 0.04, float(rng.uniform(0.34, 0.44)), float(rng.uniform(0.88, 0.93))
    lean = float(rng.uniform(0.08, 0.2))
    body = np.array([[lean, roof], [1 - lean, roof], [0.97, belt], [0.99, foot], [0.01, foot], [0.03, belt]]) * [
        wide,
        tall,
    ]
    cv2.fillPoly(alpha, [body.astype(np.int32)], 255, cv2.LINE_AA)
    pale = tuple(int(min(255, c * 1.15 + 12)) for c in paint)
    sheet.blend((0, 0, 1, 1), (pale[0], pale[1], pale[2]), tuple(int(c * 0.7) for c in paint))  # type: ignore[arg-type]
    glass = np.array([[lean + 0.05, roof + 0.04], [0.95 - lean, roof + 0.04], [0.9, belt - 0.02], [0.1, belt - 0.02]])
    cv2.fillPoly(sheet.pixels, [(glass * [wide, tall]).astype(np.int32)], any_colour(rng, 15, 90), cv2.LINE_AA)
    for x in (0.06, 0.76):  # tyres
        cv2.rectangle(alpha, (int(x * wide), int(foot * tall)), (int((x + 0.18) * wide), tall - 1), 255, -1)
        sheet.fill((x, foot, x + 0.18, 1), near(rng, (24, 24, 25), 8))
    bumper = float(rng.uniform(0.68, 0.76))
    if rng.random() < 0.6:
        sheet.fill(
            (0.01, bumper, 0.99, foot), near(rng, (40, 40, 42), 14) if rng.random() < 0.5 else near(rng, paint, 20)
        )
    cv2.line(sheet.pixels, (0, int(bumper * tall)), (wide, int(bumper * tall)), (20, 20, 20), 2)
    front = rng.random() < 0.45
    _car_lamps(rng, sheet, front, belt)
    if front:
        _grille(rng, sheet, belt, bumper)
    low = front or rng.random() < 0.4
    top, bottom = (bumper + 0.02, foot - 0.01) if low else (belt + 0.07, bumper - 0.03)
    spot = np.array([0.28, top, 0.72, bottom])
    if rng.random() < 0.5:
        sheet.blend((0.26, top - 0.01, 0.74, bottom + 0.01), any_colour(rng, 10, 90), any_colour(rng, 10, 90))
    _car_marks(rng, sheet, belt, low)
    return Car(np.asarray(cv2.merge([*cv2.split(sheet.pixels), alpha]), np.uint8), spot * [wide, tall, wide, tall])


def _car_lamps(rng: np.random.Generator, sheet: Sheet, front: bool, belt: float) -> None:
    colour = near(rng, (232, 234, 236), 18) if front else near(rng, (170, 20, 24), 24)
    top, tall, wide = (
        belt + float(rng.uniform(0.02, 0.08)),
        float(rng.uniform(0.08, 0.22)),
        float(rng.uniform(0.1, 0.2)),
    )
    for x in (0.03, 0.97 - wide):
        sheet.blend((x, top, x + wide, top + tall), colour, near(rng, colour, 40))
        if rng.random() < 0.5:
            sheet.fill(
                (x + wide * 0.2, top + tall * 0.6, x + wide * 0.8, top + tall * 0.85), near(rng, (240, 170, 70), 30)
            )


def _grille(rng: np.random.Generator, sheet: Sheet, belt: float, bumper: float) -> None:
    top, bottom = belt + 0.08, bumper - 0.03
    sheet.fill((0.28, top, 0.72, bottom), near(rng, (26, 26, 28), 10))
    light, count = any_colour(rng, 70, 220), int(rng.integers(2, 9))
    for i in range(count):
        y = top + (i + 0.4) * (bottom - top) / count
        sheet.fill((0.29, y, 0.71, y + 0.3 * (bottom - top) / count), light)


def _car_marks(rng: np.random.Generator, sheet: Sheet, belt: float, low: bool) -> None:
    """Sometimes a maker's badge in the upper middle, and sometimes a model name at one side."""
    marks = [(badge(rng), (0.46, belt + 0.01, 0.54, belt + 0.065))] if rng.random() < 0.6 else []
    if rng.random() < 0.6:
        x = 0.24 if rng.random() < 0.5 else 0.6
        y = belt + (0.12 if low else 0.03)
        marks.append((bare_words(rng), (x, y, x + float(rng.uniform(0.08, 0.16)), y + float(rng.uniform(0.025, 0.05)))))
    for texture, area in marks:
        x1, y1, x2, y2 = sheet.span(area)
        print_ = cv2.resize(texture, (x2 - x1, y2 - y1), interpolation=cv2.INTER_AREA).astype(np.float32)
        part = sheet.pixels[y1:y2, x1:x2]
        part[:] = (part + (print_[..., :3] - part) * (print_[..., 3:] / 255)).astype(np.uint8)
