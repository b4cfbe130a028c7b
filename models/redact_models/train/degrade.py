"""Simulates a body-worn camera and the light.

`bend` moves pixels (wide-angle lens, roll, rolling shutter) and points with them; `expose` changes pixel values
(exposure, night, lamps, blur, noise, veil, compression). `degrade` applies both.
"""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

NIGHT_SHARE = 0.35
CLEAN_SHARE = 0.25
FIELD_SIDE = 1024


def degrade(
    image: NDArray[np.uint8], points: NDArray[np.float32], rng: np.random.Generator
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Apply a random camera and light to an RGB picture (H, W, 3); points (n, 2) move with their pixels."""
    bent, moved = bend(image, points, rng)
    return expose(bent, moved, rng), moved


def bend(
    image: NDArray[np.uint8], points: NDArray[np.float32], rng: np.random.Generator
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Barrel distortion (first radial term of Brown's model), roll and the skew of a rolling shutter, half of the time.

    The picture is magnified just enough to hide the border.
    """
    if rng.random() < 0.5:
        return image, points.astype(np.float32)
    height, width = image.shape[:2]
    half = 0.5 * max(width, height)
    barrel = float(rng.uniform(0.0, 0.22)) if rng.random() < 0.6 else 0.0
    roll = float(np.deg2rad(np.clip(rng.normal(0, 5), -15, 15)))
    skew = float(rng.normal(0, 0.04)) if rng.random() < 0.4 else 0.0
    turn = np.array([[np.cos(roll), -np.sin(roll)], [np.sin(roll), np.cos(roll)]]) @ np.array([[1, skew], [0, 1]])

    middle = np.array([(width - 1) / 2, (height - 1) / 2])
    border = _border(width, height, middle, half)
    reach = np.abs((border * (1 + barrel * (border**2).sum(axis=1, keepdims=True))) @ turn.T * half) / middle
    turn = turn / max(1.0, float(reach.max()))

    # The map is smooth: every second point is computed, the others are interpolated.
    x = ((np.arange(-(-width // 2), dtype=np.float32) * 2 + np.float32(0.5 - middle[0])) / np.float32(half))[None, :]
    y = ((np.arange(-(-height // 2), dtype=np.float32) * 2 + np.float32(0.5 - middle[1])) / np.float32(half))[:, None]
    outward = (x * x + y * y) * np.float32(barrel) + np.float32(1)
    across, down = outward * x, outward * y
    a, b, c, d = (np.float32(v * half) for v in turn.ravel())
    source_x, source_y = (
        cv2.resize(part, (2 * part.shape[1], 2 * part.shape[0]), interpolation=cv2.INTER_LINEAR)[:height, :width]
        for part in (across * a + down * b + np.float32(middle[0]), across * c + down * d + np.float32(middle[1]))
    )
    bent = cv2.remap(image, source_x, source_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)

    wanted = (points.astype(np.float64) - middle) / half @ np.linalg.inv(turn).T
    radius = np.hypot(wanted[:, 0], wanted[:, 1])
    solved = radius.copy()
    for _ in range(8):  # Newton's method for r (1 + k r²) = wanted; the left side is monotonic, so it converges
        solved -= (solved * (1 + barrel * solved**2) - radius) / (1 + 3 * barrel * solved**2)
    share = np.divide(solved, radius, out=np.ones_like(radius), where=radius > 1e-9)
    return np.asarray(bent, np.uint8), (wanted * share[:, None] * half + middle).astype(np.float32)


def _border(width: int, height: int, middle: NDArray[np.float64], half: float) -> NDArray[np.float64]:
    across, down = np.linspace(0, width - 1, 9), np.linspace(0, height - 1, 9)
    sides = [np.column_stack([across, np.full(9, y)]) for y in (0, height - 1)]
    sides += [np.column_stack([np.full(9, x), down]) for x in (0, width - 1)]
    return (np.vstack(sides) - middle) / half


def expose(image: NDArray[np.uint8], points: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Apply light, optics, sensor and codec to an RGB picture (H, W, 3). Lamps are not placed on the points."""
    kind = rng.random()
    if kind < CLEAN_SHARE:
        image = _tone(image, rng, float(rng.uniform(0.85, 1.15)), float(rng.uniform(0.9, 1.1)), 0.03)
        return _compress(image, rng, 60, 96) if rng.random() < 0.5 else image
    if kind < CLEAN_SHARE + NIGHT_SHARE:
        return _night(image, points, rng)
    return _day(image, points, rng)


def _day(image: NDArray[np.uint8], points: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.uint8]:
    image = _tone(image, rng, float(rng.uniform(0.45, 1.7)), float(rng.uniform(0.65, 1.5)), 0.06)
    if rng.random() < 0.12:
        image = _veil(image, rng)
    if rng.random() < 0.12:
        image = _lamps(image, points, rng)
    image = _soften(image, rng)
    if rng.random() < 0.6:
        image = _noise(image, rng, float(rng.uniform(0, 0.4)), float(rng.uniform(0.5, 6)))
    return _compress(image, rng, 15, 95) if rng.random() < 0.75 else image


def _night(image: NDArray[np.uint8], points: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Lower the mean to 8 to 40 and add lamps and sensor noise; sometimes raise the black level or the gain
    afterwards."""
    if rng.random() < 0.15:  # infra-red cameras record no colour
        image = np.asarray(cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB), np.uint8)
    mean = max(1.0, sum(cv2.mean(image[::4, ::4])[:3]) / 3)
    target = float(np.exp(rng.uniform(np.log(8), np.log(40))))
    image = _tone(image, rng, min(1.0, target / mean), float(rng.uniform(0.75, 1.1)), 0.12)
    if rng.random() < 0.5:
        image = _lamps(image, points, rng)
    image = _soften(image, rng)
    image = _noise(image, rng, float(rng.uniform(0.02, 0.35)), float(np.exp(rng.uniform(np.log(0.7), np.log(5)))))
    if rng.random() < 0.35:
        image = _tone(image, rng, float(rng.uniform(1.5, 4.5)), float(rng.uniform(0.6, 1.0)), 0.05)
    if rng.random() < 0.25:
        image = cv2.add(image, (float(rng.integers(4, 24)),) * 4)
    return _compress(image, rng, 20, 95) if rng.random() < 0.8 else image


def _tone(
    image: NDArray[np.uint8], rng: np.random.Generator, gain: float, gamma: float, cast: float
) -> NDArray[np.uint8]:
    """Gain, gamma and a colour cast in one table per channel."""
    level = np.arange(256, dtype=np.float32) / 255
    gains = gain * np.exp(rng.normal(0, cast, 3))
    if rng.random() < 1.2 * cast:  # sodium street light
        gains *= np.array([1.25, 0.95, 0.5]) ** rng.uniform(0.3, 1.0)
    table = np.clip((level[:, None] ** gamma) * gains * 255, 0, 255).astype(np.uint8)[None]
    return np.asarray(cv2.LUT(image, table), np.uint8)


def _veil(image: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Fog, or a wet or smeared lens: everything moves towards a flat grey; rain adds thin streaks."""
    share, grey = float(rng.uniform(0.15, 0.55)), float(rng.uniform(110, 220))
    if rng.random() < 0.4:
        height, width = image.shape[:2]
        streaks = np.zeros((height, width), np.uint8)
        lean = int(rng.integers(-8, 9))
        for x, y, length in rng.integers(0, [width, height, 30], (80, 3)).tolist():
            cv2.line(streaks, (x, y), (x + lean, y + length), 60, 1, cv2.LINE_AA)
        image = cv2.add(image, cv2.merge([streaks] * 3))
    return np.asarray(cv2.addWeighted(image, 1 - share, image, 0, share * grey), np.uint8)


def _lamps(image: NDArray[np.uint8], points: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Headlights and street lamps with bloom, drawn at an eighth of the size; sometimes a flare on the opposite side.

    The core of a lamp is kept away from the points, as it would burn out plates; its bloom is not.
    """
    height, width = image.shape[:2]
    glow = np.zeros((height // 8 + 1, width // 8 + 1, 3), np.float32)
    for _ in range(int(rng.integers(1, 5))):
        x, y = float(rng.uniform(0, width)), float(rng.uniform(0, height))
        radius = float(np.exp(rng.uniform(np.log(4), np.log(28))))
        if points.size and float(np.hypot(points[:, 0] - x, points[:, 1] - y).min()) < 3 * radius + 12:
            continue
        colour = ((255, 250, 235), (255, 230, 170), (255, 60, 40), (90, 130, 255))[
            rng.choice(4, p=(0.5, 0.25, 0.2, 0.05))
        ]
        centre = (round(x / 8), round(y / 8))
        cv2.circle(glow, centre, max(1, round(radius / 8)), [float(c) * 3 for c in colour], -1)
        if rng.random() < 0.3:
            across = int(rng.integers(4, 20))
            cv2.line(
                glow, (centre[0] - across, centre[1]), (centre[0] + across, centre[1]), [float(c) for c in colour], 1
            )
        if rng.random() < 0.2:
            opposite = (glow.shape[1] - centre[0], glow.shape[0] - centre[1])
            cv2.circle(glow, opposite, int(rng.integers(2, 7)), [float(c) * 0.15 for c in colour], -1)
    spread = cv2.GaussianBlur(glow, (0, 0), float(rng.uniform(0.7, 1.4)))
    spread += cv2.GaussianBlur(glow, (0, 0), float(rng.uniform(3, 7))) * np.float32(rng.uniform(0.4, 1.5))
    bloom = cv2.resize(np.clip(spread, 0, 255).astype(np.uint8), (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(cv2.add(image, bloom), np.uint8)


def _soften(image: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Motion blur, defocus, or the softness of an enlarged smaller picture."""
    kind = rng.random()
    if kind < 0.25:
        return _motion(image, rng)
    if kind < 0.45:
        return np.asarray(cv2.GaussianBlur(image, (0, 0), float(rng.uniform(0.4, 1.8))), np.uint8)
    if kind < 0.65:
        height, width = image.shape[:2]
        share = float(rng.uniform(0.45, 0.9))
        small = cv2.resize(image, (round(width * share), round(height * share)), interpolation=cv2.INTER_AREA)
        method = cv2.INTER_LINEAR if rng.random() < 0.6 else cv2.INTER_CUBIC
        return np.asarray(cv2.resize(small, (width, height), interpolation=method), np.uint8)
    return image


def _motion(image: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Straight motion blur of 2 to 9 pixels in any direction, mostly sideways, as from a walking camera."""
    length, angle = float(rng.uniform(2, 9)), float(rng.normal(0, 0.4) if rng.random() < 0.6 else rng.uniform(0, np.pi))
    kernel = np.zeros((11, 11), np.float32)
    ends = np.array([[-1, -1], [1, 1]]) * [np.cos(angle), np.sin(angle)] * (length / 2) + 5
    start, stop = (tuple(int(v * 256) for v in end) for end in ends)
    cv2.line(kernel, start, stop, 1.0, 1, cv2.LINE_8, 8)
    return np.asarray(cv2.filter2D(image, -1, kernel / kernel.sum()), np.uint8)


@lru_cache(maxsize=2)
def _field(coarse: bool) -> NDArray[np.float32]:
    """Unit normal noise in three channels, generated once: cropping it is many times faster than new noise."""
    rng = np.random.default_rng(20)
    if not coarse:
        return rng.standard_normal((FIELD_SIDE, FIELD_SIDE, 3), np.float32)
    small = rng.standard_normal((FIELD_SIDE // 4, FIELD_SIDE // 4, 3), np.float32)
    return np.asarray(cv2.resize(small, (FIELD_SIDE, FIELD_SIDE), interpolation=cv2.INTER_LINEAR), np.float32)


def noise_patch(rng: np.random.Generator, height: int, width: int, coarse: bool = False) -> NDArray[np.float32]:
    """A random piece (height, width, 3) of unit normal noise, repeating where the picture is larger than the field.

    Coarse noise has grains of about four pixels.
    """
    field = _field(coarse)
    if height > FIELD_SIDE // 2 or width > FIELD_SIDE // 2:
        field = np.tile(field, (-(-height // FIELD_SIDE) + 1, -(-width // FIELD_SIDE) + 1, 1))
    y, x = int(rng.integers(field.shape[0] - height + 1)), int(rng.integers(field.shape[1] - width + 1))
    return field[y : y + height, x : x + width]


def _noise(image: NDArray[np.uint8], rng: np.random.Generator, shot: float, read: float) -> NDArray[np.uint8]:
    """Sensor noise with variance read² + shot x level; part of it is coarse and coloured, as left by a denoiser."""
    height, width = image.shape[:2]
    table = np.sqrt(read * read + shot * np.arange(256, dtype=np.float32)).astype(np.float32)
    noise = noise_patch(rng, height, width)
    if rng.random() < 0.5:
        noise = cv2.scaleAdd(noise_patch(rng, height, width, coarse=True), float(rng.uniform(0.3, 1.0)), noise)
    if rng.random() < 0.3:
        noise = cv2.blur(noise, (2, 2)) * np.float32(1.7)
    scaled = cv2.LUT(image, table)
    scaled *= noise
    return np.asarray(cv2.add(image, scaled, dtype=cv2.CV_8U), np.uint8)


def _compress(image: NDArray[np.uint8], rng: np.random.Generator, low: int, high: int) -> NDArray[np.uint8]:
    """JPEG between two qualities, or blocks and smear as in video at a low bit rate."""
    if low < 40 and rng.random() < 0.2:
        height, width = image.shape[:2]
        smooth = cv2.medianBlur(image, 3)
        half = cv2.resize(smooth, (width // 2, height // 2), interpolation=cv2.INTER_AREA)
        coarse = cv2.resize(_jpeg(half, int(rng.integers(15, 60))), (width, height), interpolation=cv2.INTER_LINEAR)
        share = float(rng.uniform(0.3, 0.75))
        return np.asarray(
            cv2.addWeighted(_jpeg(smooth, int(rng.integers(12, 50))), share, coarse, 1 - share, 0), np.uint8
        )
    return _jpeg(image, int(rng.integers(low, high)))


def _jpeg(image: NDArray[np.uint8], quality: int) -> NDArray[np.uint8]:
    # Red and blue are swapped twice; the codec treats them alike.
    _, coded = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR), np.uint8)
