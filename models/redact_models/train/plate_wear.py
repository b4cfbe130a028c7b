"""Wear and accessories of plates: screws, stickers, dirt, partial covers, frames, rounded corners."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from redact_models.train.lettering import BLACK, WHITE, WORD_FACES, Sheet, any_colour, near


def screws(rng: np.random.Generator, sheet: Sheet) -> None:
    """Two screw heads."""
    colour, radius = any_colour(rng, 40, 220), max(1, int(sheet.height * rng.uniform(0.02, 0.05)))
    down = rng.uniform(0.08, 0.5)
    for across in (rng.uniform(0.04, 0.25), rng.uniform(0.75, 0.96)):
        cv2.circle(sheet.pixels, (int(across * sheet.width), int(down * sheet.height)), radius, colour, -1, cv2.LINE_AA)


def sticker(rng: np.random.Generator, sheet: Sheet) -> None:
    """A small coloured square at a random place."""
    x, y, side = rng.uniform(0.02, 0.9), rng.uniform(0.05, 0.7), rng.uniform(0.1, 0.25)
    sheet.fill((x, y, x + side * sheet.height / sheet.width, y + side), any_colour(rng))


def dirt(rng: np.random.Generator, sheet: Sheet) -> None:
    """A layer of mud, thicker in patches."""
    coarse = rng.random((4, 10), np.float32)
    layer = cv2.resize(coarse, (sheet.width, sheet.height), interpolation=cv2.INTER_CUBIC)
    layer = np.clip(layer - rng.uniform(0.2, 0.7), 0, 1) * rng.uniform(0.3, 0.9)
    colour = np.array(near(rng, (104, 92, 78), 24), np.float32)
    sheet.pixels[:] = np.clip(sheet.pixels + (colour - sheet.pixels) * layer[..., None], 0, 255).astype(np.uint8)


def cover(rng: np.random.Generator, sheet: Sheet) -> None:
    """A tow bar, leaf or snow over part of the plate, at most about a quarter of it."""
    kind = rng.integers(3)
    if kind == 0:
        x, half = rng.uniform(0.2, 0.8), rng.uniform(0.015, 0.04)
        sheet.fill((x - half, rng.uniform(0, 0.5), x + half, 1), any_colour(rng, 10, 90))
    elif kind == 1:
        centre = (int(rng.uniform(0, 1) * sheet.width), int(rng.uniform(0, 1) * sheet.height))
        axes = (int(rng.uniform(0.1, 0.3) * sheet.height), int(rng.uniform(0.06, 0.15) * sheet.height))
        cv2.ellipse(
            sheet.pixels, centre, axes, float(rng.uniform(0, 180)), 0, 360, near(rng, (120, 100, 40), 50), -1, 16
        )
    else:
        depth = rng.uniform(0.1, 0.3, 8) * sheet.height
        edge = np.column_stack([np.linspace(0, sheet.width, 8), depth])
        outline = np.vstack([edge, [[sheet.width, 0], [0, 0]]])
        if rng.random() < 0.5:
            outline[:, 1] = sheet.height - outline[:, 1]
        cv2.fillPoly(sheet.pixels, [outline.astype(np.int32)], near(rng, (232, 236, 242), 12), cv2.LINE_AA)


def framed(rng: np.random.Generator, sheet: Sheet) -> NDArray[np.uint8]:
    """A dealer's frame around the plate, which hides its edge; the frame counts as part of the plate."""
    side = max(2, int(sheet.height * rng.uniform(0.02, 0.06)))
    band_top, band_bottom = (max(2, int(sheet.height * rng.uniform(0.03, 0.16))) for _ in range(2))
    colour = any_colour(rng, 8, 60) if rng.random() < 0.7 else near(rng, (190, 190, 194), 30)
    frame = Sheet(sheet.width + 2 * side, sheet.height + band_top + band_bottom - side, colour)
    inner = sheet.pixels[: frame.height - band_top - band_bottom]
    frame.pixels[band_top : band_top + inner.shape[0], side : side + sheet.width] = inner
    for start, band in ((0, band_top), (frame.height - band_bottom, band_bottom)):
        if band >= 6 and rng.random() < 0.7:
            half = rng.uniform(0.15, 0.35)
            top = (start + band * 0.15) / frame.height
            ink = WHITE if sum(colour) < 300 else BLACK
            text = ("GARAGE & SONS", "CITY MOTORS", "www.autos.example", "Honest Jim")[rng.integers(4)]
            sheet_area = (0.5 - half, top, 0.5 + half, (start + band * 0.85) / frame.height)
            frame.write(text, sheet_area, ink, WORD_FACES[rng.integers(len(WORD_FACES))])
    return frame.pixels


def rounded(rng: np.random.Generator, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The plate (H, W, 3) with an alpha channel, (H, W, 4), and more or less rounded corners."""
    height, width = pixels.shape[:2]
    radius = int(height * rng.uniform(0.0, 0.12))
    alpha = np.full((height, width), 255, np.uint8)
    if radius > 1:
        alpha[:] = 0
        cv2.rectangle(alpha, (radius, 0), (width - 1 - radius, height - 1), 255, -1)
        cv2.rectangle(alpha, (0, radius), (width - 1, height - 1 - radius), 255, -1)
        for x in (radius, width - 1 - radius):
            for y in (radius, height - 1 - radius):
                cv2.circle(alpha, (x, y), radius, 255, -1, cv2.LINE_AA)
    return np.asarray(cv2.merge([*cv2.split(pixels), alpha]), np.uint8)
