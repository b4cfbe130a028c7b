"""Text and flat shapes: fonts, lines of text fitted into a cell, and the sheet on which plates and signs are drawn.

Letters come from fonts of installed distributions (DejaVu and STIX, which come with matplotlib) or from the strokes
below. Plate characters are narrow and tall, so a line is squeezed into its cell.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import cv2
import matplotlib
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

Colour = tuple[int, int, int]
Area = tuple[float, float, float, float]
"""x1, y1, x2, y2 as shares of the sheet's width and height."""

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
DIGITS = "0123456789"
FACES = (
    "strokes",
    "DejaVuSans-Bold",
    "DejaVuSans",
    "DejaVuSansMono-Bold",
    "DejaVuSansMono",
    "DejaVuSerif-Bold",
    "STIXGeneralBol",
    "DejaVuSans-BoldOblique",
    "STIXGeneralItalic",
)
WORD_FACES = FACES[1:]
GLYPH_HEIGHT = 72
"""Height in pixels at which a capital letter is drawn before it is squeezed into its cell."""

WHITE: Colour = (236, 238, 236)
YELLOW: Colour = (246, 200, 32)
BLACK: Colour = (22, 22, 24)

# Strokes on a grid 4 wide and 8 high, y downwards; a semicolon lifts the pen.
_STROKES = {
    "0": "10 30 41 47 38 18 07 01 10",
    "1": "02 20 28",
    "2": "01 10 30 41 43 08 48",
    "3": "01 10 30 41 43 34 14;34 45 47 38 18 07",
    "4": "38 30 06 46",
    "5": "40 00 04 33 45 47 38 18 07",
    "6": "40 10 01 07 18 38 47 45 34 14 05",
    "7": "00 40 18",
    "8": "10 30 41 43 34 14 03 01 10;14 05 07 18 38 47 45 34",
    "9": "43 34 14 03 01 10 30 41 47 38 08",
    "A": "08 20 48;15 35",
    "B": "00 08 38 47 45 34 04;34 43 41 30 00",
    "C": "41 30 10 01 07 18 38 47",
    "D": "00 08 28 46 42 20 00",
    "E": "40 00 08 48;04 34",
    "F": "40 00 08;04 34",
    "G": "41 30 10 01 07 18 38 47 44 24",
    "H": "00 08;40 48;04 44",
    "I": "20 28",
    "J": "40 47 38 18 07",
    "K": "00 08;40 05;14 48",
    "L": "00 08 48",
    "M": "08 00 24 40 48",
    "N": "08 00 48 40",
    "O": "10 30 41 47 38 18 07 01 10",
    "P": "08 00 30 41 44 35 05",
    "Q": "10 30 41 47 38 18 07 01 10;26 48",
    "R": "08 00 30 41 43 34 04;24 48",
    "S": "41 30 10 01 03 14 34 45 47 38 18 07",
    "T": "00 40;20 28",
    "U": "00 07 18 38 47 40",
    "V": "00 28 40",
    "W": "00 18 22 38 40",
    "X": "00 48;40 08",
    "Y": "00 24 40;24 28",
    "Z": "00 40 08 48",
}


@lru_cache(maxsize=len(FACES))
def _font(face: str) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(
        str(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / f"{face}.ttf"), GLYPH_HEIGHT * 11 // 8
    )


@lru_cache(maxsize=4096)
def _glyph(character: str, face: str) -> NDArray[np.uint8]:
    """One character as coverage, cropped to its ink in width; rows run from a capital's top to a descender's foot."""
    if face == "strokes":
        return _stroke_glyph(character)
    font = _font(face)
    top = -font.getbbox("H", anchor="ls")[1]
    image = Image.new("L", (4 * GLYPH_HEIGHT, int(top * 1.32)))
    ImageDraw.Draw(image).text((GLYPH_HEIGHT, top), character, 255, font, anchor="ls")
    coverage = np.asarray(image)
    if character.isupper() or character.isdigit():
        coverage = coverage[: top + 1]
    inked = np.flatnonzero(coverage.any(axis=0))
    if not inked.size:
        return np.zeros((coverage.shape[0], GLYPH_HEIGHT // 3), np.uint8)
    return np.ascontiguousarray(coverage[:, inked[0] : inked[-1] + 1])


def _stroke_glyph(character: str) -> NDArray[np.uint8]:
    unit = GLYPH_HEIGHT / 10
    narrow = character in "1I"
    coverage = np.zeros((GLYPH_HEIGHT, round(unit * (4 if narrow else 6))), np.uint8)
    for stroke in _STROKES.get(character, "14 34").split(";"):
        steps = [(int(step[0]) - (1 if narrow else 0), int(step[1])) for step in stroke.split()]
        line = np.array([((x * 1.0 + 1) * unit * 16, (y + 1) * unit * 16) for x, y in steps], np.int32)
        cv2.polylines(coverage, [line], False, 255, round(unit * 1.25), cv2.LINE_AA, 4)
    return coverage


def lettering(
    text: str, face: str, size: tuple[int, int], *, spacing: float = 0.12, weight: int = 0
) -> NDArray[np.uint8]:
    """A line of text as coverage (height, width), stretched to fill the size (width, height).

    Spacing is the gap between characters in shares of their height; weight thickens (1) or thins (-1) the strokes.
    Capitals and digits fill the height when nothing else is in the line.
    """
    glyphs = [None if c == " " else _glyph(c, face) for c in text]
    rows = max([g.shape[0] for g in glyphs if g is not None], default=GLYPH_HEIGHT)
    gap = np.zeros((rows, max(1, int(spacing * GLYPH_HEIGHT))), np.uint8)
    space = np.zeros((rows, GLYPH_HEIGHT // 3), np.uint8)
    spaced: list[NDArray[np.uint8]] = []
    for glyph in glyphs:
        if glyph is None:
            spaced.append(space)
            continue
        padded = glyph
        if glyph.shape[0] < rows:
            padded = np.zeros((rows, glyph.shape[1]), np.uint8)
            padded[: glyph.shape[0]] = glyph
        spaced += [padded, gap]
    line = np.hstack(spaced) if spaced else np.zeros((rows, GLYPH_HEIGHT), np.uint8)
    if weight > 0:
        line = cv2.dilate(line, np.ones((3, 3 + 2 * weight), np.uint8))
    elif weight < 0:
        line = cv2.erode(line, np.ones((3, 3), np.uint8))
    return np.asarray(cv2.resize(line, size, interpolation=cv2.INTER_AREA), np.uint8)


class Sheet:
    """A flat printed surface, (height, width, 3) RGB; coordinates are shares of its size."""

    def __init__(self, width: int, height: int, colour: Colour) -> None:
        self.width, self.height = width, height
        self.pixels: NDArray[np.uint8] = np.empty((height, width, 3), np.uint8)
        self.fill((0, 0, 1, 1), colour)

    def span(self, area: Area) -> tuple[int, int, int, int]:
        """The area in whole pixels, at least one pixel wide and high and within the sheet."""
        x1 = min(max(round(area[0] * self.width), 0), self.width - 1)
        y1 = min(max(round(area[1] * self.height), 0), self.height - 1)
        return (
            x1,
            y1,
            min(max(round(area[2] * self.width), x1 + 1), self.width),
            min(max(round(area[3] * self.height), y1 + 1), self.height),
        )

    def fill(self, area: Area, colour: Colour) -> None:
        """Fill an area with one colour."""
        x1, y1, x2, y2 = self.span(area)
        cv2.rectangle(self.pixels, (x1, y1), (x2 - 1, y2 - 1), colour, -1)

    def blend(self, area: Area, top: Colour, bottom: Colour) -> None:
        """Fill an area with a vertical gradient between two colours."""
        x1, y1, x2, y2 = self.span(area)
        run = np.linspace(0, 1, y2 - y1, dtype=np.float32)[:, None]
        column = (np.array(top) * (1 - run) + np.array(bottom) * run)[:, None].astype(np.uint8)
        self.pixels[y1:y2, x1:x2] = cv2.resize(column, (x2 - x1, y2 - y1), interpolation=cv2.INTER_NEAREST)

    def write(self, text: str, area: Area, colour: Colour, face: str, **style: float) -> None:
        """Print a line of text that fills the area; ``style``: spacing, weight, emboss (-1 to 1)."""
        x1, y1, x2, y2 = self.span(area)
        spacing, weight = style.get("spacing", 0.12), int(style.get("weight", 0))
        self.stamp(
            lettering(text, face, (x2 - x1, y2 - y1), spacing=spacing, weight=weight),
            x1,
            y1,
            colour,
            style.get("emboss", 0.0),
        )

    def stamp(self, coverage: NDArray[np.uint8], x: int, y: int, colour: Colour, emboss: float = 0.0) -> None:
        """Blend in a colour by ``coverage``; embossed print has a light and a dark edge."""
        height, width = coverage.shape
        part = self.pixels[y : y + height, x : x + width]
        share = (coverage[: part.shape[0], : part.shape[1]].astype(np.float32) * (1 / 255))[..., None]
        ground = part.astype(np.float32)
        mixed = ground + (np.array(colour, np.float32) - ground) * share
        if emboss:
            relief = np.zeros_like(share)
            relief[1:, 1:] = share[1:, 1:] - share[:-1, :-1]
            mixed += relief * np.float32(emboss * 70)
        part[:] = np.clip(mixed, 0, 255).astype(np.uint8)

    def rim(self, colour: Colour, thickness: float) -> None:
        """Draw a border just inside the edge; ``thickness`` is a share of the height."""
        pixels = max(1, round(thickness * self.height))
        inset = pixels + 1
        cv2.rectangle(
            self.pixels, (inset, inset), (self.width - 1 - inset, self.height - 1 - inset), colour, pixels, cv2.LINE_AA
        )


def pick(rng: np.random.Generator, characters: str, count: int) -> str:
    """``count`` random characters."""
    return "".join(characters[i] for i in rng.integers(0, len(characters), count))


def near(rng: np.random.Generator, colour: Colour, spread: int = 14) -> Colour:
    """A colour close to the given one."""
    red, green, blue = (int(np.clip(c + rng.integers(-spread, spread + 1), 0, 255)) for c in colour)
    return red, green, blue


def any_colour(rng: np.random.Generator, low: int = 0, high: int = 255) -> Colour:
    """A colour with all channels between low and high."""
    red, green, blue = (int(c) for c in rng.integers(low, high + 1, 3))
    return red, green, blue
