"""Objects that a plate detector could mistake for plates: signs, posters, stickers, grilles, lamps, captions.

Each function draws a flat texture (H, W, 4) RGBA. To a person, none of them looks like a plate: they have words instead
of registrations, other proportions, several lines or no text at all.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from redact_models.train.lettering import (
    BLACK,
    DIGITS,
    LETTERS,
    WHITE,
    WORD_FACES,
    Colour,
    Sheet,
    any_colour,
    near,
    pick,
)

_WORDS = (
    "open", "Bakery", "market", "coffee", "Sale", "hotel", "pizza", "garage", "parking", "pharmacy", "Kebab", "taxi",
    "police", "exit", "stop", "slow", "school", "the", "and", "of", "for", "best", "fresh", "Service", "Delivery",
    "express", "music", "Books", "Flowers", "centre", "north", "bridge", "station", "Bank", "repair", "welcome",
    "private", "keep clear", "no entry", "free", "24h", "since 1987", "restaurant", "Tyres", "electric", "street",
    "avenue", "Love", "baby on board", "dogs", "honk", "vote", "hybrid", "turbo", "diesel", "4x4", "quattro", "sport",
    "line", "CIVIC", "COROLLA", "Focus", "Transporter",
)  # fmt: skip


def _word(rng: np.random.Generator) -> str:
    return _WORDS[rng.integers(len(_WORDS))]


def _words(rng: np.random.Generator, count: int) -> str:
    return " ".join(_word(rng) for _ in range(count))


def _face(rng: np.random.Generator) -> str:
    return WORD_FACES[rng.integers(len(WORD_FACES))]


def _colours(rng: np.random.Generator) -> tuple[Colour, Colour]:
    """A background and a text colour that contrast."""
    if rng.random() < 0.5:
        return any_colour(rng, 0, 110), any_colour(rng, 170, 255)
    return any_colour(rng, 170, 255), any_colour(rng, 0, 110)


def _solid(sheet: Sheet) -> NDArray[np.uint8]:
    return np.asarray(cv2.cvtColor(sheet.pixels, cv2.COLOR_RGB2RGBA), np.uint8)


def shop_sign(rng: np.random.Generator) -> NDArray[np.uint8]:
    """A long board with a name in words."""
    ground, ink = _colours(rng)
    sheet = Sheet(int(rng.integers(380, 620)), int(rng.integers(40, 68)), ground)
    text = _words(rng, int(rng.integers(2, 4)))
    x = rng.uniform(0.02, 0.15)
    sheet.write(text, (x, 0.12, rng.uniform(0.8, 0.98), rng.uniform(0.75, 0.95)), ink, _face(rng))
    return _solid(sheet)


def poster(rng: np.random.Generator) -> NDArray[np.uint8]:
    """Three to eight lines of text of several sizes, perhaps a picture."""
    ground, ink = _colours(rng)
    sheet = Sheet(int(rng.integers(80, 220)), int(rng.integers(100, 220)), ground)
    y = 0.05
    while y < 0.88:
        step = float(rng.uniform(0.06, 0.2))
        if rng.random() < 0.15:
            sheet.fill((0.08, y, 0.92, min(y + 2 * step, 0.95)), any_colour(rng))
            y += 2 * step
        elif y + step < 0.97:
            text = _words(rng, int(rng.integers(1, 5)))
            left = rng.uniform(0.04, 0.2)
            sheet.write(text, (left, y, rng.uniform(0.7, 0.96), y + step * 0.75), ink, _face(rng))
        y += step
    return _solid(sheet)


def road_sign(rng: np.random.Generator) -> NDArray[np.uint8]:
    """A round, three-cornered or eight-cornered sign, or a square one, with a number or a bar."""
    side = 96
    sheet = Sheet(side, side, WHITE)
    alpha = np.zeros((side, side), np.uint8)
    kind = int(rng.integers(4))
    sides = (32, 3, 8, 4)[kind]
    turn = (0.0, -np.pi / 2, np.pi / 8, np.pi / 4 * rng.integers(2))[kind]
    angles = np.arange(sides) * 2 * np.pi / sides + turn
    ring = np.column_stack([np.cos(angles), np.sin(angles)])
    rim = ((200, 24, 30), (20, 60, 170), (240, 190, 20))[rng.integers(3)]
    for share, colour in ((0.98, rim), (rng.uniform(0.6, 0.85), WHITE if rng.random() < 0.7 else rim)):
        cv2.fillPoly(
            sheet.pixels, [(ring * share * side / 2 + side / 2).astype(np.int32)], near(rng, colour), cv2.LINE_AA
        )
    cv2.fillPoly(alpha, [(ring * 0.98 * side / 2 + side / 2).astype(np.int32)], 255, cv2.LINE_AA)
    if rng.random() < 0.5:
        sheet.write(str(10 * rng.integers(1, 13)), (0.28, 0.34, 0.72, 0.66), BLACK, "DejaVuSans-Bold")
    elif rng.random() < 0.6:
        sheet.fill((0.2, 0.42, 0.8, 0.58), any_colour(rng, 0, 255))
    return np.dstack([sheet.pixels, alpha])


def direction_sign(rng: np.random.Generator) -> NDArray[np.uint8]:
    """Two to four lines of places on blue, green or white."""
    ground = ((20, 70, 160), (16, 110, 70), (240, 240, 240), (120, 70, 30))[rng.integers(4)]
    ink: Colour = BLACK if ground[0] > 200 else WHITE
    lines = int(rng.integers(2, 5))
    sheet = Sheet(int(rng.integers(140, 240)), 34 * lines, near(rng, ground))
    for line in range(lines):
        top = (line + 0.2) / lines
        sheet.write(
            _words(rng, int(rng.integers(1, 3))), (0.06, top, rng.uniform(0.5, 0.8), top + 0.6 / lines), ink, _face(rng)
        )
    sheet.rim(ink, 0.02)
    return _solid(sheet)


def bumper_sticker(rng: np.random.Generator) -> NDArray[np.uint8]:
    """A slogan in words, in colours, two lines or one with a picture."""
    ground, ink = _colours(rng)
    sheet = Sheet(int(rng.integers(150, 240)), int(rng.integers(44, 64)), ground)
    sheet.write(_words(rng, 3), (0.05, 0.1, 0.7, 0.45), ink, _face(rng))
    sheet.write(_words(rng, 3), (0.05, 0.55, 0.7, 0.9), ink, _face(rng))
    centre = (int(sheet.width * 0.85), sheet.height // 2)
    cv2.circle(sheet.pixels, centre, sheet.height // 3, any_colour(rng), -1, cv2.LINE_AA)
    return _solid(sheet)


def house_number(rng: np.random.Generator) -> NDArray[np.uint8]:
    """One to three digits on a small, nearly square board."""
    ground, ink = _colours(rng)
    text = str(rng.integers(1, 400))
    sheet = Sheet(40 + 16 * len(text), int(rng.integers(56, 72)), ground)
    sheet.write(text, (0.18, 0.2, 0.82, 0.8), ink, _face(rng))
    return _solid(sheet)


def bare_words(rng: np.random.Generator) -> NDArray[np.uint8]:
    """Lettering straight on a body or a wall, with no board behind it."""
    sheet = Sheet(int(rng.integers(120, 420)), int(rng.integers(30, 60)), any_colour(rng))
    cover = Sheet(sheet.width, sheet.height, (0, 0, 0))
    text = (
        "www." + _word(rng).replace(" ", "") + ".example"
        if rng.random() < 0.3
        else _words(rng, int(rng.integers(1, 4)))
    )
    cover.write(text, (0, 0, 1, 1), (255, 255, 255), _face(rng))
    return np.dstack([sheet.pixels, cover.pixels[..., 0]])


def taxi_sign(rng: np.random.Generator) -> NDArray[np.uint8]:
    """A roof sign with a word, wide at the foot."""
    sheet = Sheet(150, 56, near(rng, ((250, 210, 40), (240, 240, 240), (240, 240, 240))[rng.integers(3)]))
    sheet.write(
        ("TAXI", "Taxi", "taxi", "Police", "For hire")[rng.integers(5)], (0.2, 0.2, 0.8, 0.8), BLACK, _face(rng)
    )
    alpha = np.zeros((56, 150), np.uint8)
    cv2.fillPoly(alpha, [np.array([[24, 0], [126, 0], [149, 55], [0, 55]])], 255, cv2.LINE_AA)
    return np.dstack([sheet.pixels, alpha])


def grille(rng: np.random.Generator) -> NDArray[np.uint8]:
    """Bars, slots, a row of windows or a ladder of steps."""
    height, width = int(rng.integers(40, 100)), int(rng.integers(120, 340))
    dark, light = any_colour(rng, 5, 80), any_colour(rng, 60, 230)
    sheet = Sheet(width, height, dark)
    upright = rng.random() < 0.5
    count, share = int(rng.integers(3, 14)), float(rng.uniform(0.2, 0.7))
    for i in range(count):
        area = (i / count, 0.0, (i + share) / count, 1.0) if upright else (0.0, i / count, 1.0, (i + share) / count)
        sheet.fill(area, light)
    if rng.random() < 0.5:
        sheet.rim(light, float(rng.uniform(0.04, 0.12)))
    return _solid(sheet)


def lamp(rng: np.random.Generator) -> NDArray[np.uint8]:
    """A lamp or reflector: a red or orange rectangle or a pale round lens (a pale rectangle could be a plate)."""
    coloured = rng.random() < 0.6
    colour = ((230, 30, 30), (250, 160, 30))[rng.integers(2)] if coloured else (240, 242, 240)
    sheet = Sheet(int(rng.integers(60, 200)), int(rng.integers(40, 70)), near(rng, colour, 14))
    if rng.random() < 0.6:
        sheet.blend((0, 0, 1, 1), near(rng, colour, 60), near(rng, colour, 14))
    if coloured:
        sheet.rim(any_colour(rng, 10, 120), float(rng.uniform(0.02, 0.08)))
        return _solid(sheet)
    alpha = np.zeros((sheet.height, sheet.width), np.uint8)
    centre = (sheet.width // 2, sheet.height // 2)
    cv2.ellipse(alpha, centre, (centre[0] - 1, centre[1] - 1), 0, 0, 360, 255, -1, cv2.LINE_AA)
    return np.dstack([sheet.pixels, alpha])


def badge(rng: np.random.Generator) -> NDArray[np.uint8]:
    """A maker's ring or oval with a letter or bars."""
    sheet = Sheet(96, 72, any_colour(rng, 150, 240))
    alpha = np.zeros((72, 96), np.uint8)
    cv2.ellipse(
        alpha, (48, 36), (int(rng.integers(30, 47)), int(rng.integers(26, 35))), 0, 0, 360, 255, -1, cv2.LINE_AA
    )
    cv2.ellipse(sheet.pixels, (48, 36), (32, 24), 0, 0, 360, any_colour(rng, 0, 140), -1, cv2.LINE_AA)
    sheet.write(pick(rng, LETTERS, 1), (0.35, 0.3, 0.65, 0.7), WHITE, _face(rng))
    return np.dstack([sheet.pixels, alpha])


def phone_board(rng: np.random.Generator) -> NDArray[np.uint8]:
    """A trade board: name, line of work and a telephone number."""
    ground, ink = _colours(rng)
    sheet = Sheet(int(rng.integers(140, 260)), int(rng.integers(80, 120)), ground)
    sheet.write(_words(rng, 2), (0.08, 0.08, 0.92, 0.36), ink, _face(rng))
    sheet.write(_words(rng, 4), (0.08, 0.46, 0.92, 0.6), ink, _face(rng))
    sheet.write(
        f"{pick(rng, DIGITS, 4)} {pick(rng, DIGITS, 3)} {pick(rng, DIGITS, 4)}", (0.1, 0.7, 0.9, 0.92), ink, _face(rng)
    )
    return _solid(sheet)


SIGNS: tuple[tuple[Callable[[np.random.Generator], NDArray[np.uint8]], int], ...] = (
    (shop_sign, 18),
    (poster, 50),
    (road_sign, 12),
    (direction_sign, 30),
    (bumper_sticker, 28),
    (house_number, 16),
    (bare_words, 10),
    (bare_words, 10),
    (taxi_sign, 12),
    (grille, 10),
    (grille, 20),
    (lamp, 10),
    (lamp, 10),
    (badge, 10),
    (phone_board, 40),
)
"""The functions, with the smallest height in pixels at which a person can tell the object from a plate."""


def draw_sign(rng: np.random.Generator) -> tuple[NDArray[np.uint8], int]:
    """A random object, (H, W, 4) RGBA, and its smallest height in pixels."""
    draw, least = SIGNS[rng.integers(len(SIGNS))]
    return draw(rng), least


def caption(rng: np.random.Generator, image: NDArray[np.uint8], boxes: NDArray[np.float32]) -> None:
    """Write the camera's own overlay into a corner of a picture (H, W, 3), in place: date, time, device.

    Nothing is written if it would touch one of the boxes (n, 4).
    """
    height, width = image.shape[:2]
    year, month, day, hour, minute, second = rng.integers((2012, 1, 1, 0, 0, 0), (2030, 13, 29, 24, 60, 60)).tolist()
    lines = [f"{year}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}"]
    if rng.random() < 0.6:
        lines.append(f"BODY {rng.integers(2, 5)} X{rng.integers(10**7, 10**8)}")
    size, face = int(rng.integers(9, 20)), _face(rng)
    wide = min(max(int(len(line) * size * 0.62) for line in lines), width - 8)
    tall = len(lines) * (size + 4)
    x = 4 if rng.random() < 0.5 else width - 4 - wide
    y = 4 if rng.random() < 0.5 else height - tall
    touched = (boxes[:, 0] < x + wide) & (boxes[:, 2] > x) & (boxes[:, 1] < y + tall) & (boxes[:, 3] > y)
    if touched.any():
        return
    sheet = Sheet(wide, tall, BLACK)
    backed = rng.random() < 0.25
    if not backed:
        sheet.pixels = image[y : y + tall, x : x + wide]
    for number, line in enumerate(lines):
        right = min(len(line) * size * 0.62 / wide, 1.0)
        area = (0.0, number / len(lines), right, (number + size / (size + 4)) / len(lines))
        sheet.write(line, area, (250, 250, 250), face, spacing=0.1)
    if backed:
        image[y : y + tall, x : x + wide] = sheet.pixels
