"""A drawn street with a real face, so that everything can be tested without other data.

The face is the portrait of the astronaut Eileen Collins that scikit-image carries (NASA, public domain).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
import skimage.data
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from tests.virtual_camera.stills import Box

SIZE = (1600, 900)
HORIZON = 430
PORTRAIT_FACE = (178.0, 76.0, 272.0, 190.0)
"""Hairline to chin and cheek to cheek, xyxy in scikit-image's picture."""
PERSON_OUTLINE = (
    *((153, 85), (160, 50), (185, 24), (215, 15), (255, 25), (285, 50), (299, 85), (292, 115), (272, 130), (275, 160)),
    *((300, 205), (304, 240), (298, 262), (330, 280), (352, 310), (362, 348), (420, 350), (470, 380), (490, 430)),
    *((500, 512), (20, 512), (22, 440), (22, 380), (40, 285), (70, 250), (112, 225), (114, 190), (127, 168)),
    *((150, 152), (176, 150), (177, 130), (158, 118)),
)
"""The astronaut's hair, suit and helmet in the portrait."""
LETTERS = "ABCDEFGHJKLMNOPRSTUVWXYZ"
CAR_COLOURS = ((38, 42, 52), (70, 24, 26), (28, 48, 40), (92, 94, 98))


@dataclass(frozen=True, slots=True)
class PlateStyle:
    """Colours are RGB; ``shape`` is width over height; ``pattern`` has A for a letter and 9 for a digit."""

    paper: tuple[int, int, int]
    ink: tuple[int, int, int]
    shape: float
    pattern: str
    band: str = ""
    heading: str = ""


STYLES = (
    PlateStyle((238, 238, 232), (18, 18, 20), 4.7, "AA99 AAA", band="UK"),
    PlateStyle((246, 202, 38), (18, 18, 20), 4.7, "AA99 AAA", band="UK"),
    PlateStyle((240, 240, 240), (18, 18, 20), 4.7, "A AA 9999", band="D"),
    PlateStyle((236, 240, 246), (30, 42, 110), 2.0, "9AAA999", heading="CALIFORNIA"),
)


def drawn_scene(seed: int) -> tuple[NDArray[np.uint8], list[Box]]:
    """(still, boxes): a 1600x900 RGB street with one face, one plate of each style and a street sign."""
    rng = np.random.default_rng(seed)
    image = Image.fromarray(_street(rng))
    draw = ImageDraw.Draw(image)
    boxes: list[Box] = [_sign(draw, rng)]
    slots = [(40, 560, 340), (420, 470, 250), (1080, 455, 240), (1240, 600, 350)]
    for slot, colour, style in zip(slots, rng.permutation(len(CAR_COLOURS)), rng.permutation(len(STYLES)), strict=True):
        boxes.append(_car(image, slot, CAR_COLOURS[colour], STYLES[style], rng))
    boxes.append(_person(image, int(rng.integers(540, 640)), float(rng.uniform(0.8, 1.0))))
    return np.asarray(image, np.uint8), boxes


def _street(rng: np.random.Generator) -> NDArray[np.uint8]:
    width, height = SIZE
    picture = np.zeros((height, width, 3), np.float32)
    picture[:HORIZON] = np.linspace((150, 176, 205), (206, 212, 214), HORIZON)[:, None]
    picture[HORIZON:] = np.linspace((96, 96, 98), (72, 72, 75), height - HORIZON)[:, None]
    left = 0
    while left < width:
        wide, top = int(rng.integers(140, 260)), int(rng.integers(60, 200))
        wall = (rng.uniform(95, 170) + rng.uniform(-16, 16, 3)).astype(np.float32)
        picture[top:HORIZON, left : left + wide] = wall
        for y in range(top + 24, HORIZON - 60, 64):
            for x in range(left + 18, min(left + wide, width) - 34, 52):
                picture[y : y + 36, x : x + 26] = wall * rng.uniform(0.25, 0.6)
        left += wide
    # Brick and asphalt are never uniform: grain on two scales.
    for sigma, strength in ((0.8, 6.0), (6.0, 4.0)):
        grain = cv2.GaussianBlur(rng.standard_normal((height, width)).astype(np.float32), (0, 0), sigma)
        picture += (strength / float(grain.std()) * grain)[:, :, None]
    return picture.clip(0, 255).astype(np.uint8)


def _sign(draw: ImageDraw.ImageDraw, rng: np.random.Generator) -> Box:
    x, y = int(rng.integers(300, 420)), 250
    box = (float(x), float(y), x + 190.0, y + 46.0)
    draw.rectangle((x + 90, y + 46, x + 98, HORIZON + 60), fill=(88, 90, 92))
    draw.rounded_rectangle(box, 5, fill=(24, 74, 140), outline=(236, 236, 236), width=3)
    draw.text((x + 95, y + 23), "STATION RD", font=ImageFont.load_default(27), fill=(240, 240, 240), anchor="mm")
    return ("text", *box)


def _car(
    image: Image.Image,
    slot: tuple[int, int, int],
    colour: tuple[int, int, int],
    style: PlateStyle,
    rng: np.random.Generator,
) -> Box:
    """A car's back at ``slot`` (left, top, width), with its plate."""
    draw = ImageDraw.Draw(image)
    x, y, wide = slot
    high = round(wide * 0.72)
    glass = tuple(c // 3 + 14 for c in colour)
    dark = tuple(c // 2 for c in colour)
    draw.ellipse((x, y + high * 0.88, x + wide, y + high * 1.06), fill=(40, 40, 42))
    for wheel in (0.08, 0.76):
        draw.rectangle((x + wide * wheel, y + high * 0.8, x + wide * (wheel + 0.16), y + high), fill=(16, 16, 17))
    draw.rounded_rectangle((x + wide * 0.12, y, x + wide * 0.88, y + high * 0.6), wide // 9, fill=colour)
    draw.rounded_rectangle((x + wide * 0.19, y + high * 0.07, x + wide * 0.81, y + high * 0.36), wide // 16, fill=glass)
    draw.rounded_rectangle((x, y + high * 0.4, x + wide, y + high * 0.9), wide // 12, fill=colour)
    draw.rectangle((x, y + high * 0.76, x + wide, y + high * 0.84), fill=dark)
    for lamp in (0.02, 0.84):
        box = (x + wide * lamp, y + high * 0.45, x + wide * (lamp + 0.14), y + high * 0.56)
        draw.rounded_rectangle(box, 4, fill=(168, 26, 24))
    plate_high = round(wide * (0.075 if style.shape > 3 else 0.13))
    plate = _plate(style, plate_high, rng)
    left, top = round(x + (wide - plate.width) / 2), round(y + high * 0.66 - plate_high / 2)
    image.paste(plate, (left, top))
    return ("plate", float(left), float(top), float(left + plate.width), float(top + plate.height))


def _plate(style: PlateStyle, height: int, rng: np.random.Generator) -> Image.Image:
    """Drawn at eight times its size and scaled down, for edges as soft as a photograph's."""
    high = height * 8
    wide = round(high * style.shape)
    plate = Image.new("RGB", (wide, high), style.paper)
    draw = ImageDraw.Draw(plate)
    left, top = 0.0, 0.0
    if style.band:
        left = wide * 0.085
        draw.rectangle((0, 0, left, high), fill=(20, 52, 150))
        draw.text(
            (left / 2, high * 0.75), style.band, font=ImageFont.load_default(high * 0.24), fill="white", anchor="mm"
        )
    if style.heading:
        top = high * 0.22
        draw.text(
            (wide / 2, top * 0.6),
            style.heading,
            font=ImageFont.load_default(high * 0.17),
            fill=(170, 30, 40),
            anchor="mm",
        )
    text = "".join(_character(c, rng) for c in style.pattern)
    # The largest text that fits in width and height.
    size = high * 1.1
    while True:
        font = ImageFont.load_default(size)
        x1, y1, x2, y2 = draw.textbbox((0, 0), text, font=font, anchor="lt")
        if x2 - x1 < (wide - left) * 0.92 and y2 - y1 < (high - top) * 0.78:
            break
        size *= 0.97
    draw.text(
        ((wide + left) / 2, (high + top) / 2), text, font=font, fill=style.ink, anchor="mm", stroke_width=high // 60
    )
    draw.rectangle((0, 0, wide - 1, high - 1), outline=style.ink, width=high // 30)
    return plate.resize((round(height * style.shape), height), Image.Resampling.LANCZOS)


def _character(kind: str, rng: np.random.Generator) -> str:
    if kind == "A":
        return LETTERS[int(rng.integers(len(LETTERS)))]
    return str(int(rng.integers(10))) if kind == "9" else kind


@cache
def _cut_out() -> tuple[Image.Image, Image.Image]:
    """The portrait, and the mask that cuts out the astronaut."""
    portrait = skimage.data.astronaut()
    mask = np.zeros(portrait.shape[:2], np.uint8)
    cv2.fillPoly(mask, [np.array(PERSON_OUTLINE, np.int32)], 255)
    return Image.fromarray(portrait), Image.fromarray(np.asarray(cv2.GaussianBlur(mask, (0, 0), 1.5), np.uint8))


def _person(image: Image.Image, x: int, scale: float) -> Box:
    """The astronaut from the waist up, cut by the picture's lower edge."""
    portrait, mask = _cut_out()
    size = (round(portrait.width * scale), round(portrait.height * scale))
    y = image.height - size[1]
    image.paste(portrait.resize(size), (x, y), mask.resize(size))
    x1, y1, x2, y2 = (v * scale for v in PORTRAIT_FACE)
    return ("face", x + x1, y + y1, x + x2, y + y2)
