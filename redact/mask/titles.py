"""Draws text into pictures: the slate before a copy's footage, and the watermark over it.

Both are drawn in shades of grey, which are the same in every colour matrix, with square pixels, and then scaled to the
pixel aspect ratio of the footage.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from redact.errors import SetupIncomplete, TitleUnusable
from redact.mask.effects import fill_colour
from redact.media.types import ColourTags, PlanarImage
from redact.settings import SLATE_LINE_LENGTH, SLATE_LINES, SLATE_SECONDS, WATERMARK_LENGTH, Slate

SMALLEST, COMFORTABLE = 7, 12
"""Pixels: text below the first size is illegible; text of the second size is easy to read."""
LARGEST = 14
"""A slate's text is at most 1/14 of the picture's shorter side, unless that is below :data:`COMFORTABLE`."""
PAPER, RULE, INK, HEADING = 20, 110, 205, 240
"""Greys of a slate, 0 to 255: background, line under the heading, text, heading."""
HEADING_SIZE, LEADING, SPACE = 1.35, 1.35, 0.55
"""Size of the heading, line height, and height of an empty line, as multiples of the text size."""
LETTER, RIM = 96, 72
"""Opacity, out of 256, of a watermark's white letters and of their black outline, which makes them visible on white."""


@dataclass(frozen=True, slots=True)
class Format:
    """The pictures to draw on: upright size in pixels, pixel ``aspect`` (width to height), bits and colours."""

    width: int
    height: int
    aspect: Fraction
    bit_depth: int
    colour: ColourTags

    @property
    def square(self) -> tuple[int, int]:
        """Width and height of the same picture in square pixels."""
        if self.aspect >= 1:
            return max(1, round(self.width * self.aspect)), self.height
        return self.width, max(1, round(self.height / self.aspect))

    def level(self, grey: int) -> tuple[int, int, int]:
        """Y, U and V of a grey from 0 to 255."""
        return fill_colour((grey, grey, grey), self.colour, self.bit_depth, self.height)


@dataclass(frozen=True, slots=True)
class _Line:
    text: str
    size: int
    bold: bool = False

    @property
    def height(self) -> int:
        return round(self.size * (LEADING if self.text else SPACE))


def check_slate(untrusted: Slate) -> Slate:
    """The slate as it will be drawn. Raises :class:`TitleUnusable` if it cannot be drawn."""
    low, high = SLATE_SECONDS
    if not low <= untrusted.seconds <= high:
        raise TitleUnusable(f"A slate cannot be shown for {untrusted.seconds} s.", f"Give {low} to {high} seconds.")
    if len(untrusted.lines) > SLATE_LINES:
        raise TitleUnusable(f"The slate has {len(untrusted.lines)} lines.", f"Give {SLATE_LINES} at most.")
    lines = [_drawable(line, "slate", SLATE_LINE_LENGTH) for line in untrusted.lines]
    while lines and not lines[-1]:
        lines.pop()
    while lines and not lines[0]:
        lines.pop(0)
    if not lines:
        raise TitleUnusable("The slate has no text.", "Add some text, or leave out the slate.")
    return Slate(tuple(lines), untrusted.seconds)


def check_watermark(untrusted_text: str) -> str:
    """The watermark's text as it will be drawn. Raises :class:`TitleUnusable` if it cannot be drawn."""
    text = _drawable(untrusted_text, "watermark", WATERMARK_LENGTH)
    if not text:
        raise TitleUnusable("The watermark has no text.", "Add some text, or leave out the watermark.")
    return text


def draw_slate(slate: Slate, form: Format) -> tuple[PlanarImage, bool]:
    """The picture of a checked ``slate``, and whether all of its text fits. Text that does not fit is cut off at the
    end."""
    width, height = form.square
    margin = max(2, round(0.08 * min(width, height)))
    lines, fits = _laid_out(slate.lines, width - 2 * margin, height - 2 * margin)
    picture = Image.new("L", (width, height), PAPER)
    draw = ImageDraw.Draw(picture)
    top = (height - sum(line.height for line in lines)) // 2
    for index, line in enumerate(lines):
        font = _font(line.size, bold=line.bold)
        draw.text((margin, top + line.size), line.text, HEADING if line.bold else INK, font, anchor="ls")
        if line.bold and index + 1 < len(lines) and not lines[index + 1].bold:
            thick, at = max(1, line.size // 16), top + round(line.size * 1.3)
            draw.rectangle((margin, at, margin + 2 * line.size, at + thick - 1), RULE)
        top += line.height
    return _planes(picture, form), fits


class Watermark:
    """Draws a checked text semi-transparently, as a repeated pattern, into pictures of one format, in place.

    Integer arithmetic makes the result the same on every device. ``LETTER`` and ``RIM`` set how much of each pixel is
    kept. Neighbouring pixels are not used, so a watermark never reveals more than it is drawn over.
    """

    def __init__(self, text: str, form: Format, device: torch.device | str) -> None:
        letters, rims = _pattern(text, *form.square)
        a, b = (_fitted(Image.fromarray(layer), form).astype(np.int64) for layer in (letters, rims))
        # Out of 65536: the outline first, then the letters over it.
        letter, rim = a * LETTER // 255, b * RIM // 255
        keep = (256 - letter) * (256 - rim)
        white, black = form.level(255)[0], form.level(0)[0]
        add = black * rim * (256 - letter) + white * letter * 256
        # Whole rows, although they contain more than letters: this is faster on a CPU than going letter by letter.
        written = np.flatnonzero(np.diff(np.any(keep < 1 << 16, axis=1), prepend=False, append=False))
        self._bands = [
            (
                slice(int(top), int(bottom)),
                torch.from_numpy(keep[top:bottom].astype(np.int32)).to(device),
                torch.from_numpy((add[top:bottom] + (1 << 15)).astype(np.int32)).to(device),
            )
            for top, bottom in written.reshape(-1, 2)
        ]

    def draw(self, image: PlanarImage) -> None:
        """Draw into the luma of ``image``, which must have the format and be on the device given to the constructor."""
        for rows, keep, add in self._bands:
            band = image.planes[0][rows]
            band.copy_(band.to(torch.int32).mul_(keep).add_(add).bitwise_right_shift_(16))


def _drawable(untrusted_text: str, what: str, longest: int) -> str:
    """One line of text with white space collapsed to single spaces and only characters that can be drawn."""
    if len(untrusted_text) > longest:
        raise TitleUnusable(
            f"A line of the {what} has {len(untrusted_text)} characters.", f"Give {longest} at most, or more lines."
        )
    composed = unicodedata.normalize("NFC", untrusted_text)
    # Drop format characters: those that change the direction of writing, join letters or are invisible.
    visible = (c for c in composed if unicodedata.category(c) != "Cf")
    text = " ".join("".join(" " if unicodedata.category(c) == "Cc" else c for c in visible).split())
    if strange := sorted({c for c in text if not _has_picture(c)}):
        codes = ", ".join(f"U+{ord(c):04X}" for c in strange[:8])
        raise TitleUnusable(
            f"The {what} has characters that cannot be drawn here ({codes}).", "Replace them with other characters."
        )
    return text


@lru_cache(maxsize=512)
def _has_picture(character: str) -> bool:
    """Whether the font has the character, and it is drawn left to right beside its neighbours, as assumed here."""
    if character == " ":
        return True
    if unicodedata.category(character)[0] in "CM" or unicodedata.bidirectional(character) in ("R", "AL"):
        return False
    font = _font(24, bold=False)
    return bytes(font.getmask(character)) != bytes(font.getmask("\uffff"))


@lru_cache(maxsize=64)
def _font(size: int, *, bold: bool) -> ImageFont.FreeTypeFont:
    """DejaVu Sans, which comes with matplotlib: Pillow's own font lacks the pound and section signs."""
    found = find_spec("matplotlib")
    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    try:
        assert found is not None and found.origin is not None
        path = Path(found.origin).parent / "mpl-data" / "fonts" / "ttf" / name
        return ImageFont.truetype(str(path), size, layout_engine=ImageFont.Layout.BASIC)
    except (AssertionError, OSError) as error:
        raise SetupIncomplete("The font for slates and watermarks is missing.", "Reinstall matplotlib.") from error


def _laid_out(lines: Sequence[str], width: int, height: int) -> tuple[list[_Line], bool]:
    """Lines laid out as large as fits into ``width`` x ``height`` pixels, and whether all of the text fits. Words are
    broken only if they do not fit at the smallest size."""
    size = max(COMFORTABLE, round(min(width, height) / LARGEST))
    while True:
        smallest = size == SMALLEST
        laid = list(_wrapped(lines, size, width, whole_words=not smallest))
        fits = sum(line.height for line in laid) <= height
        if smallest or (fits and all(_width(line) <= width for line in laid)):
            break
        size = max(SMALLEST, min(size - 1, round(size * 0.95)))
    while laid and sum(line.height for line in laid) > height:
        laid.pop()
    if not fits and laid:
        last = laid[-1]
        room = width - _width(_Line("…", last.size, last.bold))
        text = last.text[: _fitting(last, int(room))]
        laid[-1] = _Line(text.rstrip() + "…", last.size, last.bold)
    return laid, fits


def _wrapped(lines: Sequence[str], size: int, width: int, *, whole_words: bool) -> Iterator[_Line]:
    for index, line in enumerate(lines):
        bold = index == 0 and len(lines) > 1
        letters = round(size * HEADING_SIZE) if bold and size > SMALLEST else size
        taken = ""
        for word in line.split(" "):
            longer = f"{taken} {word}" if taken else word
            if taken and _width(_Line(longer, letters, bold)) > width:
                yield _Line(taken, letters, bold)
                longer = word
            while not whole_words and (fitting := _fitting(_Line(longer, letters, bold), width)) < len(longer):
                yield _Line(longer[:fitting], letters, bold)
                longer = longer[fitting:]
            taken = longer
        yield _Line(taken, letters, bold)
        if bold:
            yield _Line("", size)


def _fitting(line: _Line, width: int) -> int:
    """The number of letters of the line that fit into ``width``; at least one."""
    count = len(line.text)
    while count > 1 and _width(_Line(line.text[:count], line.size, line.bold)) > width:
        count -= 1
    return count


def _width(line: _Line) -> float:
    return _font(line.size, bold=line.bold).getlength(line.text)


def _pattern(text: str, width: int, height: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Coverage of each pixel by the letters, and by the letters with their outlines: (height, width), 0 to 255."""
    size = max(SMALLEST + 1, round(min(width, height) / 30))
    while size > SMALLEST and _font(size, bold=True).getlength(text) > 0.9 * width:
        size -= 1
    font = _font(size, bold=True)
    length = font.getlength(text)
    across, down = round(length + 4 * size), max(5 * size, height // 4)
    layers = []
    for stroke in (0, max(1, size // 12)):
        layer = Image.new("L", (width, height), 0)
        draw = ImageDraw.Draw(layer)
        for row, middle in enumerate(range(down // 2, height + size, down)):
            # In every other row, one text is centred; the rows between are shifted by half a step.
            left = round((width - length) / 2) % across + (row % 2) * across // 2 - 2 * across
            for start in range(left, width, across):
                draw.text((start, middle), text, 255, font, anchor="lm", stroke_width=stroke)
        layers.append(np.asarray(layer))
    return layers[0], layers[1]


def _fitted(picture: Image.Image, form: Format) -> NDArray[np.uint8]:
    """(height, width) in the pixels of ``form``."""
    if picture.size != (form.width, form.height):
        picture = picture.resize((form.width, form.height), Image.Resampling.BOX)
    return np.asarray(picture)


def _planes(picture: Image.Image, form: Format) -> PlanarImage:
    sample = torch.uint8 if form.bit_depth == 8 else torch.int16
    levels = torch.tensor([form.level(grey)[0] for grey in range(256)], dtype=sample)
    luma = levels[torch.from_numpy(_fitted(picture, form).astype(np.int64))]
    chroma = torch.full(((form.height + 1) // 2, (form.width + 1) // 2), form.level(0)[1], dtype=sample)
    return PlanarImage((luma, chroma, chroma.clone()), form.bit_depth, (1, 1), form.colour)
