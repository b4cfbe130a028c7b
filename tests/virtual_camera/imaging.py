"""Simulates light, sensor and lens."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import cv2
import numpy as np
from numpy.typing import NDArray

GAMMA = 2.2
WHITE_ELECTRONS = 8000.0
READ_NOISE = 5.0
LEVELS = 4096


class Condition(StrEnum):
    DAY = "day"
    LOW_LIGHT = "low_light"
    WIDE_ANGLE = "wide_angle"


@dataclass(frozen=True, slots=True)
class CameraSettings:
    """``exposure``: share of the frame interval in which the shutter is open. ``light``: share of the day's light that
    reaches the sensor; ``gain``: the camera's amplification. ``focal``: focal length of an equidistant
    wide-angle lens in widths of the frame, 0 for a rectilinear lens."""

    exposure: float
    light: float = 1.0
    gain: float = 1.0
    focal: float = 0.0


CAMERA_SETTINGS = {
    Condition.DAY: CameraSettings(exposure=0.4),
    # 1/28 s at 25 frames a second, a twenty-fifth of the light, less than half of it restored by the camera.
    Condition.LOW_LIGHT: CameraSettings(exposure=0.9, light=0.04, gain=10.0),
    # About 80 degrees across, the usual body-worn lens's lower end.
    Condition.WIDE_ANGLE: CameraSettings(exposure=0.4, focal=0.72),
}


class Sensor:
    """Poisson-Gaussian noise in linear light: shot noise of photons plus read-out noise.

    Source of the model: Foi et al., "Practical Poissonian-Gaussian noise modeling and fitting for single-image
    raw-data", IEEE TIP 17(10), 2008.
    """

    def __init__(self, settings: CameraSettings, size: tuple[int, int], rng: np.random.Generator) -> None:
        self._settings = settings
        self._rng = rng
        width, height = size
        pool = rng.standard_normal((height + 64, width + 64, 3), dtype=np.float32)
        # Demosaicing and in-camera denoising correlate neighbours; the sum of squares is normalised to one.
        pool = cv2.GaussianBlur(pool, (0, 0), 0.6)
        self._pool = (pool / pool.std()).astype(np.float32)
        self._to_light = (np.linspace(0.0, 1.0, LEVELS, dtype=np.float32)) ** np.float32(GAMMA)
        self._to_code = (255.0 * np.linspace(0.0, 1.0, LEVELS) ** (1 / GAMMA)).round().astype(np.uint8)

    def expose(self, picture: NDArray[np.float32]) -> NDArray[np.uint8]:
        """``picture``: (H, W, 3) float32 of 0 to 255, gamma coded; returns the same as uint8 after the sensor."""
        settings = self._settings
        height, width = picture.shape[:2]
        level = np.clip(picture * ((LEVELS - 1) / 255.0), 0, LEVELS - 1).astype(np.uint16)
        electrons = self._to_light[level] * np.float32(settings.light * WHITE_ELECTRONS)
        y, x = self._rng.integers(0, 64, 2)
        noise = self._pool[y : y + height, x : x + width] * np.sqrt(electrons + np.float32(READ_NOISE**2))
        out = (electrons + noise) * np.float32(settings.gain / WHITE_ELECTRONS * (LEVELS - 1))
        coded: NDArray[np.uint8] = self._to_code[np.clip(out, 0, LEVELS - 1).astype(np.uint16)]
        return coded


class Lens:
    """Equidistant wide-angle lens: a ray at angle a to the axis lands at radius focal * a, not focal * tan(a)."""

    def __init__(self, focal: float, size: tuple[int, int]) -> None:
        self.size = size
        self._focal = focal * size[0]
        self._centre = np.array(size, np.float64) / 2
        self.ideal_size = size
        if focal:
            # The ideal picture must cover the lens's view into the frame's corners.
            reach = self._undo(np.zeros((1, 2)))[0]
            grown = np.ceil(np.abs(reach - self._centre) * 2).astype(int)
            self.ideal_size = (int(grown[0]), int(grown[1]))
            ys, xs = np.mgrid[0 : size[1], 0 : size[0]] + 0.5
            source = self._undo(np.stack([xs.ravel(), ys.ravel()], axis=1)) + self._shift() - 0.5
            self._map = source.reshape(size[1], size[0], 2).astype(np.float32)

    def _shift(self) -> NDArray[np.float64]:
        return np.array(self.ideal_size, np.float64) / 2 - self._centre

    def _undo(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        ray = points - self._centre
        radius = np.maximum(np.hypot(ray[:, 0], ray[:, 1]), 1e-9)
        return self._centre + ray * (self._focal * np.tan(radius / self._focal) / radius)[:, None]

    def bend_points(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Map (n, 2) points of the rectilinear frame through the lens."""
        if not self._focal:
            return points
        ray = points - self._centre
        radius = np.maximum(np.hypot(ray[:, 0], ray[:, 1]), 1e-9)
        return self._centre + ray * (self._focal * np.arctan(radius / self._focal) / radius)[:, None]

    def bend_picture(self, ideal: NDArray[np.float32]) -> NDArray[np.float32]:
        """Map an ideal picture of ``ideal_size`` to the frame of ``size``."""
        if not self._focal:
            return ideal
        return np.asarray(cv2.remap(ideal, self._map, None, cv2.INTER_LINEAR), np.float32)

    def ideal_from_frame(self) -> NDArray[np.float64]:
        """3x3 shift from frame coordinates to those of the larger ideal picture."""
        shift = np.eye(3)
        shift[:2, 2] = self._shift()
        return shift
