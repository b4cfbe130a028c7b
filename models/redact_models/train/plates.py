"""Number plates of many countries, drawn as flat textures.

No plate is copied from a picture: the layouts follow public descriptions of each country's plates, with the letters of
`lettering`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from redact_models.train.lettering import (
    BLACK,
    DIGITS,
    LETTERS,
    WHITE,
    WORD_FACES,
    YELLOW,
    Area,
    Colour,
    Sheet,
    any_colour,
    near,
    pick,
)
from redact_models.train.plate_wear import cover, dirt, framed, rounded, screws, sticker

PLATE_FACES = (
    "strokes",
    "strokes",
    "strokes",
    "DejaVuSans-Bold",
    "DejaVuSans",
    "DejaVuSansMono-Bold",
    "DejaVuSansMono",
)
BAND_BLUE: Colour = (16, 58, 158)


@dataclass(frozen=True, slots=True)
class Plate:
    """A plate seen from the front. texture: (H, W, 4) RGBA, H about 48 to 120 pixels; alpha is 0 outside rounded
    corners."""

    texture: NDArray[np.uint8]
    layout: str


def _height(rng: np.random.Generator) -> int:
    return int(rng.integers(52, 97))


def _plain(rng: np.random.Generator, aspect: float, colour: Colour, spread: int = 12) -> Sheet:
    height = _height(rng)
    return Sheet(round(height * aspect * rng.uniform(0.95, 1.05)), height, near(rng, colour, spread))


def _number(rng: np.random.Generator, sheet: Sheet, text: str, area: Area, colour: Colour) -> None:
    """The registration itself, with random face, stroke weight, spacing and relief."""
    face = PLATE_FACES[rng.integers(len(PLATE_FACES))]
    x1, y1, x2, y2 = area
    slack_x, slack_y = (x2 - x1) * rng.uniform(0, 0.06), (y2 - y1) * rng.uniform(0, 0.08)
    sheet.write(
        text,
        (x1 + slack_x, y1 + slack_y, x2 - slack_x, y2 - slack_y),
        near(rng, colour, 10),
        face,
        spacing=float(rng.uniform(0.08, 0.3)),
        weight=int(rng.integers(-1, 3)),
        emboss=float(rng.choice([0.0, 0.0, -1.0, 1.0]) * rng.uniform(0.3, 1.0)),
    )


def _band(rng: np.random.Generator, sheet: Sheet, width: float, text: str, colour: Colour = BAND_BLUE) -> None:
    """The band on the left with a ring of stars and the country's letters."""
    colour = near(rng, colour, 18)
    sheet.fill((0, 0, width, 1), colour)
    pixels = width * sheet.width
    centre, radius = (round(pixels / 2), round(sheet.height * 0.3)), max(2, round(pixels * 0.3))
    cv2.circle(sheet.pixels, centre, radius, (230, 200, 40), max(1, radius // 4), cv2.LINE_AA)
    sheet.write(text, (width * 0.22, 0.58, width * 0.78, 0.86), (240, 240, 240), "DejaVuSans-Bold")


def _uk_text(rng: np.random.Generator) -> str:
    if rng.random() < 0.15:
        return f"{pick(rng, LETTERS, 1)}{rng.integers(1, 1000)} {pick(rng, LETTERS, 3)}"
    return f"{pick(rng, LETTERS, 2)}{pick(rng, DIGITS, 2)} {pick(rng, LETTERS, 3)}"


def _uk(rng: np.random.Generator, colour: Colour) -> Sheet:
    sheet = _plain(rng, 4.68, colour)
    band = 0.0
    if rng.random() < 0.45:
        band = 0.085
        green = rng.random() < 0.2
        _band(rng, sheet, band, "UK" if rng.random() < 0.6 else "GB", (30, 150, 80) if green else BAND_BLUE)
    _number(rng, sheet, _uk_text(rng), (band + 0.025, 0.14, 0.975, 0.86), BLACK)
    if rng.random() < 0.5:
        sheet.write("dealer name", (0.36, 0.9, 0.64, 0.98), (70, 70, 70), "DejaVuSans")
    if rng.random() < 0.3:
        sheet.rim(BLACK, 0.02)
    return sheet


def uk_front(rng: np.random.Generator) -> Sheet:
    """British front plate: black on white, 520 x 111 mm."""
    return _uk(rng, WHITE)


def uk_rear(rng: np.random.Generator) -> Sheet:
    """British rear plate: black on yellow, 520 x 111 mm."""
    return _uk(rng, YELLOW)


def _two_lines(rng: np.random.Generator, sheet: Sheet, upper: str, lower: str, colour: Colour) -> None:
    share = rng.uniform(0.42, 0.52)
    inset = rng.uniform(0.06, 0.2)
    _number(rng, sheet, upper, (inset, 0.07, 1 - inset, share), colour)
    _number(rng, sheet, lower, (0.06, share + 0.05, 0.94, 0.93), colour)


def uk_square(rng: np.random.Generator) -> Sheet:
    """British two-line plate, 279 x 203 mm, or the smaller motorcycle plate."""
    sheet = _plain(rng, rng.uniform(1.2, 1.45), WHITE if rng.random() < 0.35 else YELLOW)
    upper, lower = _uk_text(rng).split(" ")
    _two_lines(rng, sheet, upper, lower, BLACK)
    return sheet


_EU = {
    "D": "L LL DDDD",
    "RO": "LL DD LLL",
    "F": "LL-DDD-LL",
    "I": "LL DDDLL",
    "E": "DDDD LLL",
    "PL": "LL DDDDD",
    "NL": "LL-DDD-L",
    "B": "D-LLL-DDD",
    "A": "L DDDDLL",
    "CZ": "DLD DDDD",
    "H": "LLL-DDD",
    "S": "LLL DDD",
    "P": "LL DD LL",
    "GR": "LLL DDDD",
    "IRL": "DDD-L-DDDD",
    "SK": "LL DDDLL",
    "BG": "L DDDD LL",
}


def _fill_in(rng: np.random.Generator, pattern: str) -> str:
    """A random registration for the pattern: L is a letter, D a digit, other characters are kept."""
    return "".join(pick(rng, {"L": LETTERS, "D": DIGITS}.get(c, c), 1) for c in pattern)


def eu(rng: np.random.Generator) -> Sheet:
    """One-line plate of an EU state, 520 x 110 mm, with the blue band (and a second one for France and Italy)."""
    country = list(_EU)[rng.integers(len(_EU))]
    sheet = _plain(rng, 4.65, YELLOW if country == "NL" else WHITE)
    _number(
        rng, sheet, _fill_in(rng, _EU[country]), (0.115, 0.13, 0.9 if country in "FI" else 0.97, 0.87),
        (140, 20, 30) if country == "B" else BLACK,
    )  # fmt: skip
    _band(rng, sheet, rng.uniform(0.07, 0.1), country)
    if country in ("F", "I"):
        sheet.fill((0.92, 0, 1, 1), near(rng, BAND_BLUE, 18))
    if rng.random() < 0.6:
        sheet.rim(BLACK, rng.uniform(0.015, 0.035))
    return sheet


def eu_square(rng: np.random.Generator) -> Sheet:
    """Two-line plate of an EU state, lorries and motorcycles."""
    sheet = _plain(rng, rng.uniform(1.15, 1.75), WHITE if rng.random() < 0.8 else YELLOW)
    _two_lines(
        rng, sheet, pick(rng, LETTERS, 2) + pick(rng, DIGITS, 1), pick(rng, DIGITS, 3) + pick(rng, LETTERS, 2), BLACK
    )
    if rng.random() < 0.7:
        sheet.fill((0, 0, 0.14, 0.5), near(rng, BAND_BLUE, 18))
    sheet.rim(BLACK, 0.025)
    return sheet


_STATES = (
    "CALIFORNIA", "TEXAS", "NEW YORK", "FLORIDA", "Ohio", "Illinois", "Michigan", "Georgia", "VIRGINIA", "Washington",
    "ARIZONA", "Colorado", "Oregon", "NEVADA", "Missouri", "KANSAS", "Maine", "Vermont", "IDAHO", "UTAH", "Alabama",
    "TENNESSEE", "Kentucky", "INDIANA", "Iowa", "Minnesota", "WISCONSIN", "Ontario", "QUEBEC",
)  # fmt: skip
_SLOGANS = (
    "SUNSHINE STATE", "The Golden State", "dmv.gov", "Great Lakes", "Land of Lincoln", "WILD WONDERFUL",
    "Famous Potatoes", "GARDEN STATE", "Show-Me State", "The Silver State", "Pure Nature", "First in Flight",
    "EMPIRE STATE", "Friendly Manitoba", "Life Elevated", "Bluegrass",
)  # fmt: skip
_US_PATTERNS = (
    "LLL DDDD",
    "DLLLDDD",
    "LLL DDD",
    "DDD LLL",
    "LLLDDDD",
    "LL DDDDD",
    "DDDDDD",
    "LL DDDD",
    "LLDLLL",
    "DLL DLL",
)
_US_INKS: tuple[Colour, ...] = ((24, 40, 110), (20, 20, 24), (20, 80, 50), (150, 24, 34), (60, 34, 90), (70, 44, 26))
_US_FIELDS: tuple[Colour, ...] = ((238, 240, 240), (220, 228, 238), (246, 236, 200), (214, 230, 208), (250, 214, 150))


def us(rng: np.random.Generator) -> Sheet:
    """North American plate, 12 x 6 inches: state above, slogan below, coloured or pictured ground, embossing."""
    sheet = _plain(rng, 2.0, WHITE)
    ink = _US_INKS[rng.integers(len(_US_INKS))]
    light = _US_FIELDS[rng.integers(len(_US_FIELDS))]
    if rng.random() < 0.12:
        ink, light = near(rng, (236, 220, 140) if rng.random() < 0.5 else WHITE, 20), any_colour(rng, 10, 110)
    sheet.fill((0, 0, 1, 1), near(rng, light))
    title_ink, slogan_ink = ink, ink
    style = rng.random()
    if style < 0.3:
        sheet.blend((0, 0, 1, 1), any_colour(rng, 120, 255) if ink[1] < 150 else near(rng, light), near(rng, light))
    elif style < 0.5 and ink[1] < 150:
        _landscape(rng, sheet, light)
    elif style < 0.7:
        strip = any_colour(rng, 20, 140)
        sheet.fill((0, 0, 1, rng.uniform(0.18, 0.26)), strip)
        title_ink = WHITE
        if rng.random() < 0.6:
            sheet.fill((0, rng.uniform(0.8, 0.86), 1, 1), strip)
            slogan_ink = WHITE
    _us_words(rng, sheet, title_ink, slogan_ink)
    text = _fill_in(rng, _US_PATTERNS[rng.integers(len(_US_PATTERNS))])
    top, bottom = rng.uniform(0.23, 0.3), rng.uniform(0.76, 0.82)
    _number(rng, sheet, text, (0.06, top, 0.94, bottom), ink)
    if rng.random() < 0.5:
        for corner in ((0.04, 0.05, 0.13, 0.2), (0.87, 0.05, 0.96, 0.2))[: rng.integers(1, 3)]:
            sheet.fill(corner, any_colour(rng, 60, 240))
    if rng.random() < 0.35:
        sheet.rim(ink, rng.uniform(0.012, 0.025))
    return sheet


def _us_words(rng: np.random.Generator, sheet: Sheet, title_ink: Colour, slogan_ink: Colour) -> None:
    """The state above and the slogan below; each is sometimes left out."""
    word_face = WORD_FACES[rng.integers(len(WORD_FACES))]
    if rng.random() < 0.9:
        half = rng.uniform(0.16, 0.32)
        sheet.write(
            _STATES[rng.integers(len(_STATES))],
            (0.5 - half, 0.05, 0.5 + half, rng.uniform(0.17, 0.22)),
            title_ink,
            word_face,
        )
    if rng.random() < 0.7:
        half = rng.uniform(0.15, 0.3)
        text = _SLOGANS[rng.integers(len(_SLOGANS))]
        sheet.write(text, (0.5 - half, rng.uniform(0.84, 0.88), 0.5 + half, 0.97), slogan_ink, word_face)


def _landscape(rng: np.random.Generator, sheet: Sheet, light: Colour) -> None:
    """A faint picture behind the characters: sky, hills, a sun."""
    sheet.blend((0, 0, 1, 1), near(rng, (170, 205, 240), 40), near(rng, light, 20))
    if rng.random() < 0.5:
        centre = (int(rng.uniform(0.2, 0.8) * sheet.width), int(rng.uniform(0.3, 0.7) * sheet.height))
        cv2.circle(
            sheet.pixels, centre, int(rng.uniform(0.15, 0.35) * sheet.height), near(rng, (250, 220, 130), 30), -1, 16
        )
    across = np.linspace(0, 1, 9)
    for base in (0.62, 0.8):
        ridge = (base + rng.uniform(-0.18, 0.1, 9)) * sheet.height
        hill = np.column_stack([across * sheet.width, ridge])
        outline = np.vstack([hill, [[sheet.width, sheet.height], [0, sheet.height]]]).astype(np.int32)
        cv2.fillPoly(sheet.pixels, [outline], any_colour(rng, 130, 225), cv2.LINE_AA)


_CITIES = (
    "SP-SAO PAULO", "RJ-NITEROI", "MG-UBERABA", "PR-CURITIBA", "BA-SALVADOR", "RS-CANOAS", "GO-GOIANIA",
    "SC-JOINVILLE",
)  # fmt: skip


def brazil_old(rng: np.random.Generator) -> Sheet:
    """Brazilian plate before 2018, 400 x 130 mm: grey, or red for hire, a strip with state and town above ABC-1234."""
    red = rng.random() < 0.2
    ground: Colour = (160, 28, 34) if red else (178, 182, 182)
    ink: Colour = (232, 232, 232) if red else BLACK
    sheet = _plain(rng, rng.uniform(2.9, 3.2), ground, 26)
    sheet.write(_CITIES[rng.integers(len(_CITIES))], (0.3, 0.06, 0.7, 0.22), ink, "DejaVuSans-Bold")
    if rng.random() < 0.5:
        sheet.rim(ink, 0.02)
    separator = "-" if rng.random() < 0.8 else " "
    _number(rng, sheet, pick(rng, LETTERS, 3) + separator + pick(rng, DIGITS, 4), (0.05, 0.28, 0.95, 0.92), ink)
    return sheet


def mercosur(rng: np.random.Generator) -> Sheet:
    """Mercosur plate, 400 x 130 mm: blue strip with the country's name above ABC1D23 or AB 123 CD."""
    sheet = _plain(rng, rng.uniform(2.9, 3.2), WHITE)
    sheet.fill((0, 0, 1, rng.uniform(0.2, 0.27)), near(rng, (14, 52, 140), 20))
    name = ("BRASIL", "REPUBLICA ARGENTINA", "URUGUAY", "PARAGUAY")[rng.integers(4)]
    half = 0.012 * len(name) + 0.05
    sheet.write(name, (0.5 - half, 0.05, 0.5 + half, 0.19), (240, 240, 240), "DejaVuSans-Bold")
    pattern = "LLLDLDD" if name == "BRASIL" else "LL DDD LL"
    ink = (BLACK, BLACK, BLACK, (170, 30, 34), (24, 50, 140))[rng.integers(5)]
    _number(rng, sheet, _fill_in(rng, pattern), (0.06, 0.32, 0.94, 0.92), ink)
    return sheet


def south_asia(rng: np.random.Generator) -> Sheet:
    """Indian plates, one line (500 x 120 mm) or two (340 x 200 mm): white, yellow for hire, green for electric."""
    colour = (WHITE, WHITE, YELLOW, (40, 140, 70))[rng.integers(4)]
    ink: Colour = WHITE if colour[0] < 100 else BLACK
    front, back = _fill_in(rng, "LL DD LL"), pick(rng, DIGITS, 4)
    if rng.random() < 0.5:
        sheet = _plain(rng, 4.2, colour)
        _number(rng, sheet, f"{front} {back}", (0.06, 0.18, 0.96, 0.84), ink)
    else:
        sheet = _plain(rng, 1.7, colour)
        _two_lines(rng, sheet, front, back, ink)
    sheet.rim(ink, 0.02)
    return sheet


def east_asia(rng: np.random.Generator) -> Sheet:
    """Two lines, the upper small, the lower four digits, 2:1; or one line led by a character, 440 x 140 mm."""
    if rng.random() < 0.55:
        ground, ink = (((240, 240, 238), (20, 90, 50)), (YELLOW, BLACK), ((20, 90, 50), WHITE))[rng.integers(3)]
        sheet = _plain(rng, 2.0, ground)
        _scribble(rng, sheet, (0.26, 0.08, 0.48, 0.32), ink)
        sheet.write(pick(rng, DIGITS, 3), (0.52, 0.08, 0.74, 0.32), ink, "DejaVuSans")
        _scribble(rng, sheet, (0.05, 0.5, 0.16, 0.76), ink)
        _number(rng, sheet, f"{pick(rng, DIGITS, 2)}-{pick(rng, DIGITS, 2)}", (0.19, 0.38, 0.95, 0.92), ink)
        return sheet
    ground, ink = (((20, 60, 160), WHITE), ((90, 200, 130), BLACK), (YELLOW, BLACK))[rng.integers(3)]
    sheet = _plain(rng, 3.14, ground)
    _scribble(rng, sheet, (0.04, 0.16, 0.15, 0.84), ink)
    _number(rng, sheet, f"{pick(rng, LETTERS, 1)} {pick(rng, LETTERS + DIGITS, 5)}", (0.18, 0.14, 0.96, 0.86), ink)
    sheet.rim(ink, 0.02)
    return sheet


def _scribble(rng: np.random.Generator, sheet: Sheet, area: Area, ink: Colour) -> None:
    """Strokes in place of a character that the fonts lack."""
    x1, y1, x2, y2 = sheet.span(area)
    thickness = max(1, (y2 - y1) // 9)
    for _ in range(6):
        across, down = rng.integers(x1, x2, 2), rng.integers(y1, y2, 2)
        end = (int(across[1]), int(down[0])) if rng.random() < 0.6 else (int(across[0]), int(down[1]))
        cv2.line(sheet.pixels, (int(across[0]), int(down[0])), end, ink, thickness, cv2.LINE_AA)


def australia(rng: np.random.Generator) -> Sheet:
    """Australian plate, 372 x 134 mm: pale or coloured ground, state slogan above or below."""
    ground, ink = ((WHITE, (20, 40, 110)), (YELLOW, BLACK), (WHITE, (20, 90, 60)), ((30, 30, 34), YELLOW))[
        rng.integers(4)
    ]
    sheet = _plain(rng, rng.uniform(2.5, 2.9), ground)
    slogan = ("QUEENSLAND - SUNSHINE STATE", "NEW SOUTH WALES", "VICTORIA", "WESTERN AUSTRALIA", "TASMANIA")[
        rng.integers(5)
    ]
    _number(
        rng,
        sheet,
        _fill_in(rng, ("LLL DDD", "DDD LLL", "LLLDDL", "LL DD LL")[rng.integers(4)]),
        (0.05, 0.16, 0.95, 0.78),
        ink,
    )
    sheet.write(slogan, (0.25, 0.83, 0.75, 0.94), ink, "DejaVuSans-Bold")
    if rng.random() < 0.6:
        sheet.rim(ink, 0.02)
    return sheet


def dark(rng: np.random.Generator) -> Sheet:
    """Light characters on a dark ground: classic British, diplomatic, military and hire plates."""
    ground = ((18, 18, 20), (18, 18, 20), (14, 44, 120), (20, 80, 46), (140, 20, 28))[rng.integers(5)]
    ink = ((235, 235, 235), (196, 198, 200), (238, 210, 90))[rng.integers(3)]
    pattern = ("LLL DDDL", "LLL DDD", "DDD L DDD", "LLDDDDD", "DD-DD-LL", "LL DDDD")[rng.integers(6)]
    if rng.random() < 0.25:
        sheet = _plain(rng, rng.uniform(1.25, 1.9), ground)
        _two_lines(rng, sheet, pick(rng, LETTERS, 3), pick(rng, DIGITS, 3) + pick(rng, LETTERS, 1), ink)
    else:
        sheet = _plain(rng, rng.uniform(2.6, 4.9), ground)
        _number(rng, sheet, _fill_in(rng, pattern), (0.04, 0.14, 0.96, 0.86), ink)
    if rng.random() < 0.5:
        sheet.rim(ink, 0.025)
    return sheet


LAYOUTS: dict[str, Callable[[np.random.Generator], Sheet]] = {
    "uk_front": uk_front,
    "uk_rear": uk_rear,
    "uk_square": uk_square,
    "eu": eu,
    "eu_square": eu_square,
    "us": us,
    "brazil_old": brazil_old,
    "mercosur": mercosur,
    "south_asia": south_asia,
    "east_asia": east_asia,
    "australia": australia,
    "dark": dark,
}
"""Every layout by name. Each function draws a clean plate; `draw_plate` adds wear."""

_SHARES = np.array([11, 11, 5, 12, 4, 26, 11, 5, 5, 4, 5, 6], np.float64)


def draw_plate(rng: np.random.Generator) -> Plate:
    """A plate with a random layout and random wear, screws, frame and dirt."""
    layout = list(LAYOUTS)[rng.choice(len(LAYOUTS), p=_SHARES / _SHARES.sum())]
    sheet = LAYOUTS[layout](rng)
    for chance, wear in ((0.25, screws), (0.12, sticker), (0.35, dirt), (0.12, cover)):
        if rng.random() < chance:
            wear(rng, sheet)
    pixels = framed(rng, sheet) if rng.random() < (0.4 if layout == "us" else 0.15) else sheet.pixels
    return Plate(rounded(rng, pixels), layout)
