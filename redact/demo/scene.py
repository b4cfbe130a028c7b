"""The scene of the demo: a drawn street with a real face, four kinds of number plate, a sign and speech-like sound.

The face is NASA's portrait of astronaut Eileen Collins, in the public domain and included in scikit-image. Everything
else is drawn here. World coordinates are pixels of the painted street; at zoom 1 they equal pixels of the footage.
"""

from __future__ import annotations

import math
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

Picture = NDArray[np.uint8]

WIDTH, HEIGHT = 1280, 720
SECONDS = 7.0
WORLD = (2600, 1300)
KERB = 860
BRICK, MORTAR = (150, 92, 74), (176, 160, 148)

# Outline of the person in scikit-image's 512 x 512 portrait, down to the chest, where the helmet in her arm begins.
OUTLINE = (
    (22, 345), (40, 290), (55, 266), (75, 238), (112, 210), (114, 187), (126, 166), (150, 151), (180, 148), (180, 131),
    (168, 118), (157, 100), (153, 76), (160, 52), (184, 36), (200, 23), (225, 15), (260, 19), (285, 36), (298, 60),
    (301, 90), (291, 116), (276, 136), (263, 150), (257, 173), (281, 192), (301, 217), (306, 234), (326, 246),
    (341, 266), (352, 300), (361, 345),
)  # fmt: skip


def frame(seconds: float) -> Picture:
    """The frame at a time: (HEIGHT, WIDTH, 3) RGB."""
    world = street().copy()
    step = 10 * seconds
    paste(world, person(flipped=True), 1750 - 60 * seconds, 600 + 5 * abs(math.sin(step / 2)), 0.5)
    world[626:KERB, 1240:] = street()[626:KERB, 1240:]  # the garden wall that the second person walks behind
    paste(world, person(flipped=False), 792 + 6 * math.sin(seconds), 575 + 2 * math.sin(1.7 * seconds), 0.85)
    paste(world, car((64, 84, 120), plate("AB12 CDE", "uk-rear"), rear=True), 780, 820, 0.5)
    paste(world, car((140, 30, 34), plate("M AX 2048", "eu"), rear=False), 1760, 850, 0.42)
    paste(world, car((214, 214, 208), plate("7KLM492", "us"), rear=True), 2170, 850, 0.42)
    paste(world, car((40, 90, 60), plate("LX68 WPD", "uk-front"), rear=False), 1180 + 38 * seconds, 900 + 14 * seconds,
          0.36 + 0.035 * seconds)  # fmt: skip
    captured = cv2.warpAffine(world, camera(seconds), (WIDTH, HEIGHT), borderMode=cv2.BORDER_REFLECT)
    light = cv2.convertScaleAbs(captured, alpha=0.96 + 0.04 * math.sin(0.9 * seconds))
    return np.asarray(cv2.add(light, sensor_noise(round(seconds * 100) % 7), dtype=cv2.CV_8U), np.uint8)


@cache
def sensor_noise(which: int) -> NDArray[np.int16]:
    """Grey noise of a few levels: (HEIGHT, WIDTH, 3)."""
    noise = np.random.default_rng(which).normal(0, 3, (HEIGHT, WIDTH, 1))
    return np.asarray(np.repeat(noise, 3, axis=2), np.int16)


def camera(seconds: float) -> NDArray[np.float64]:
    """World to frame, a 2 x 3 matrix: a pan with zoom and roll, as from an unsteady hand."""
    along = 0.5 - 0.5 * math.cos(math.pi * min(1.0, seconds / SECONDS))
    shake_x = 7 * math.sin(11 * seconds) + 4 * math.sin(23.7 * seconds + 1)
    shake_y = 6 * math.sin(9.3 * seconds + 2) + 4 * math.sin(19.1 * seconds)
    centre = (800 + 950 * along + shake_x, 735 + 30 * math.sin(1.3 * seconds) + shake_y)
    roll = 2.5 * math.sin(1.1 * seconds) + 0.5 * math.sin(13 * seconds)
    matrix = cv2.getRotationMatrix2D(centre, roll, 1.1 + 0.14 * math.sin(0.8 * seconds))
    matrix[:, 2] += (WIDTH / 2 - centre[0], HEIGHT / 2 - centre[1])
    return np.asarray(matrix, np.float64)


def paste(world: Picture, sprite: Picture, x: float, y: float, scale: float) -> None:
    """Paste an RGBA ``sprite``, scaled by ``scale``, with its centre at (x, y) in the world."""
    height, width = round(sprite.shape[0] * scale), round(sprite.shape[1] * scale)
    small = cv2.resize(sprite, (width, height), interpolation=cv2.INTER_AREA)
    left, top = round(x - width / 2), round(y - height / 2)
    below = world[top : top + height, left : left + width]
    alpha = small[..., 3].astype(np.float32) / 255
    below[:] = cv2.blendLinear(np.ascontiguousarray(small[..., :3]), below, alpha, 1 - alpha)


@cache
def street() -> Picture:
    """The painted world: a house front with windows and signs, a garden wall, pavement and road."""
    image = Image.new("RGB", WORLD, (186, 178, 160))
    draw = ImageDraw.Draw(image)
    bricks(draw, (0, 0, WORLD[0], 640))
    for left in range(120, WORLD[0], 420):
        draw.rectangle((left, 60, left + 220, 420), fill=(232, 230, 224))
        draw.rectangle((left + 14, 74, left + 206, 406), fill=(70, 86, 104))
        draw.line((left + 110, 74, left + 110, 406), fill=(232, 230, 224), width=10)
    draw.rectangle((0, 640, WORLD[0], KERB), fill=(150, 148, 142))
    bricks(draw, (1250, 640, WORLD[0], KERB - 60))
    draw.rectangle((1240, 626, WORLD[0], 650), fill=(170, 166, 158))
    draw.rectangle((0, KERB, WORLD[0], KERB + 16), fill=(196, 194, 188))
    draw.rectangle((0, KERB + 16, *WORLD), fill=(84, 86, 90))
    for left in range(40, WORLD[0], 260):
        draw.rectangle((left, 1130, left + 140, 1144), fill=(220, 220, 214))
    sign(draw, (1130, 500), "HIGH STREET", "BOROUGH OF MALLOW")
    blurred = cv2.GaussianBlur(np.asarray(image), (0, 0), 1.2)
    grain = np.random.default_rng(7).normal(0, 5, (WORLD[1], WORLD[0], 1))
    rough = blurred + 3 * cv2.GaussianBlur(grain, (0, 0), 1.5)[..., None]
    return np.asarray(np.clip(rough, 0, 255), np.uint8)


def bricks(draw: ImageDraw.ImageDraw, box: tuple[int, int, int, int]) -> None:
    """Courses of bricks."""
    left, top, right, bottom = box
    draw.rectangle(box, fill=MORTAR)
    for row, y in enumerate(range(top, bottom, 24)):
        for x in range(left - 30 * (row % 2), right, 60):
            shade = (x * 7 + y * 13) % 19 - 9
            corner = (min(x + 56, right), min(y + 20, bottom))
            draw.rectangle((max(x, left), y, *corner), fill=tuple(c + shade for c in BRICK))


def sign(draw: ImageDraw.ImageDraw, centre: tuple[int, int], name: str, small: str) -> None:
    """A street name sign."""
    x, y = centre
    draw.rectangle((x - 190, y - 50, x + 190, y + 50), fill=(244, 244, 240), outline=(20, 20, 20), width=5)
    draw.text(
        (x, y - 10), name, font=font(46), fill=(16, 16, 16), anchor="mm", stroke_width=1, stroke_fill=(16, 16, 16)
    )
    draw.text((x, y + 30), small, font=font(18), fill=(150, 20, 24), anchor="mm")


@cache
def font(size: int) -> ImageFont.FreeTypeFont:
    """The typeface included in Pillow."""
    found = ImageFont.load_default(size)
    assert isinstance(found, ImageFont.FreeTypeFont)
    return found


@cache
def person(*, flipped: bool) -> Picture:
    """The astronaut from the chest up, cut out: RGBA."""
    from skimage.data import astronaut

    alpha = np.zeros((512, 512), np.uint8)
    cv2.fillPoly(alpha, [np.array(OUTLINE, np.int32)], (255,))
    cut = np.dstack([astronaut(), cv2.GaussianBlur(alpha, (0, 0), 1.5)])[10:345, 15:370]
    return np.ascontiguousarray(cut[:, ::-1] if flipped else cut, np.uint8)


@cache
def plate(text: str, kind: str) -> Picture:
    """A number plate, RGB: ``uk-front`` white, ``uk-rear`` yellow, ``eu`` with a blue band, ``us``."""
    width, height = (300, 150) if kind == "us" else (520, 111)
    colour = {"uk-rear": (250, 204, 40), "us": (238, 242, 250)}.get(kind, (246, 246, 242))
    image = Image.new("RGB", (width, height), colour)
    draw = ImageDraw.Draw(image)
    draw.rounded_rectangle((2, 2, width - 3, height - 3), 10, outline=(24, 24, 24), width=4)
    ink, middle, size = (18, 18, 18), (width // 2, height // 2), 92
    if kind == "eu":
        draw.rectangle((4, 4, 48, height - 5), fill=(20, 60, 160))
        draw.text((26, 80), "D", font=font(34), fill=(255, 255, 255), anchor="mm")
        middle, size = (width // 2 + 22, height // 2), 84
    elif kind == "us":
        ink, middle, size = (26, 40, 110), (width // 2, 92), 58
        draw.text((width // 2, 28), "CALIFORNIA", font=font(30), fill=(170, 24, 40), anchor="mm")
    draw.text(middle, text, font=font(size), fill=ink, anchor="mm", stroke_width=2, stroke_fill=ink)
    return np.asarray(image)


def car(colour: tuple[int, int, int], number: Picture, *, rear: bool) -> Picture:
    """A simple car seen from the front or the rear, RGBA of 1000 x 800."""
    return _car(colour, number.tobytes(), number.shape, rear)


@cache
def _car(colour: tuple[int, int, int], number: bytes, shape: tuple[int, ...], rear: bool) -> Picture:
    image = Image.new("RGBA", (1000, 800), (0, 0, 0, 0))
    draw = ImageDraw.Draw(image)
    dark = tuple(c * 6 // 10 for c in colour)
    for left in (90, 770):
        draw.rounded_rectangle((left, 600, left + 140, 790), 40, fill=(22, 22, 24))
    draw.polygon(((250, 40), (750, 40), (860, 330), (140, 330)), fill=colour)
    draw.polygon(((285, 75), (715, 75), (800, 320), (200, 320)), fill=(54, 66, 78))
    draw.polygon(((330, 80), (420, 80), (330, 315), (215, 315)), fill=(96, 110, 122))
    draw.rounded_rectangle((50, 310, 950, 700), 60, fill=colour)
    draw.rectangle((60, 560, 940, 690), fill=dark)
    lamp = (176, 24, 28) if rear else (238, 238, 226)
    for left in (80, 770):
        draw.rounded_rectangle((left, 380, left + 150, 480), 30, fill=lamp, outline=dark, width=6)
    if not rear:
        draw.rounded_rectangle((270, 390, 730, 500), 20, fill=(30, 32, 34))
    painted = Image.frombytes("RGB", (shape[1], shape[0]), number)
    image.paste(painted, (500 - shape[1] // 2, 600 - shape[0] // 2 if not rear else 560 - shape[0] // 2))
    return np.asarray(image)


# Formants of five vowels in hertz: the first three resonances of a vocal tract.
VOWELS = {
    "a": (730, 1090, 2440),
    "e": (530, 1840, 2480),
    "i": (270, 2290, 3010),
    "o": (570, 840, 2410),
    "u": (300, 870, 2240),
}
PHRASE = "ae o-iae ueo-a i-oua e-ia"


def speech(rate: int) -> NDArray[np.float32]:
    """Sound with the rhythm and melody of speech over street noise: (n,) in [-1, 1] at ``rate`` samples per second.

    Voice pulses pass through three resonators for each vowel (source and filter, after Klatt 1980).
    """
    from scipy.signal import lfilter

    total = round(SECONDS * rate)
    noise = np.random.default_rng(3).normal(0, 1, total)
    sound = 0.006 * lfilter([1], [1, -0.97], noise)
    at, melody = round(0.8 * rate), 0.0
    for place, sound_name in enumerate(PHRASE):
        if sound_name not in VOWELS:
            at += round((0.28 if sound_name == " " else 0.08) * rate)
            continue
        length = round((0.19 + 0.05 * (place % 3)) * rate)
        pitch = 125 - 4 * place % 30 + 18 * np.sin(np.linspace(melody, melody + 1.4, length))
        phase = np.cumsum(pitch) / rate
        voice = np.diff(np.floor(phase), prepend=0.0)
        for centre in VOWELS[sound_name]:
            radius = math.exp(-math.pi * 90 / rate)
            voice = lfilter([1 - radius], [1, -2 * radius * math.cos(2 * math.pi * centre / rate), radius**2], voice)
        edge = np.minimum(1, np.minimum(np.arange(length), np.arange(length)[::-1]) / (0.03 * rate))
        if at + length > total:
            break
        sound[at : at + length] += voice / np.abs(voice).max() * edge * 0.5
        at, melody = at + length - round(0.02 * rate), melody + 1.4
    return np.asarray(np.clip(sound, -1, 1), np.float32)
