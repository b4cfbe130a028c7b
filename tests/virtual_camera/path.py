"""The direction of a hand-held camera as a smooth function of time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

ZOOM_RANGE = (0.9, 1.9)
"""Zoom, relative to the scale at which the still just fills the frame."""
OVERSHOOT = 0.06
"""Share of the view by which its edge may pass the still's edge."""
PAN_HZ = (0.08, 0.3)
ROLL_DEGREES = 4.0
TILT = 0.05
"""Difference of scale between the frame's centre and its edge."""
STEP_HZ = (1.6, 2.1)
"""Steps a second: Pachi and Ji, "Frequency and velocity of people walking", The Structural Engineer 83(3), 2005."""
TREMOR_HZ = (4.0, 9.0)


@dataclass(frozen=True, slots=True)
class Wave:
    """A sum of sines: a function of time, defined at any instant of an exposure."""

    amplitude: NDArray[np.float64]
    hertz: NDArray[np.float64]
    phase: NDArray[np.float64]

    def __call__(self, t: float) -> float:
        return float(np.sum(self.amplitude * np.sin(2 * np.pi * self.hertz * t + self.phase)))

    @classmethod
    def random(cls, rng: np.random.Generator, *parts: tuple[float, float, float]) -> Wave:
        """``parts``: (amplitude, lowest, highest frequency in Hz) of each sine."""
        table = np.array(parts, np.float64)
        return cls(table[:, 0], rng.uniform(table[:, 1], table[:, 2]), rng.uniform(0, 2 * np.pi, len(parts)))


class CameraPath:
    """Deliberate pan, zoom, roll and tilt, plus the shake of walking and holding."""

    def __init__(
        self, still_size: tuple[int, int], frame_size: tuple[int, int], magnify: float, rng: np.random.Generator
    ) -> None:
        """``magnify`` multiplies the zoom: a wide-angle lens sees more and is moved closer."""
        self._still = np.array(still_size, np.float64)
        self._frame = np.array(frame_size, np.float64)
        self._magnify = magnify
        low, high = np.log(ZOOM_RANGE)
        self._zoom_middle, half = (low + high) / 2, (high - low) / 2
        self._pan = [Wave.random(rng, (1.0, *PAN_HZ), (0.5, 0.2, 0.5)) for _ in range(2)]
        self._zoom = Wave.random(rng, (half * 0.75, 0.07, 0.2), (half * 0.25, 0.2, 0.4))
        self._roll = Wave.random(rng, (ROLL_DEGREES * 0.8, 0.08, 0.3), (ROLL_DEGREES * 0.2, *STEP_HZ))
        self._tilt = [Wave.random(rng, (TILT, 0.1, 0.5)) for _ in range(2)]
        # The body sways once in two steps and bobs at each; the hand trembles faster and less. Shares of frame height.
        step = rng.uniform(*STEP_HZ)
        sway, bob, tremor = 0.010, 0.011, 0.0012
        shaking = [(tremor, *TREMOR_HZ)] * 3
        self._shake = [
            Wave.random(rng, (sway, step / 2, step / 2), (sway / 3, step, step), *shaking),
            Wave.random(rng, (bob, step, step), (bob / 3, 2 * step, 2 * step), *shaking),
        ]

    def frame_from_still(self, t: float) -> NDArray[np.float64]:
        """3x3 homography from still pixels to frame pixels (both with pixel 0 spanning 0 to 1) at ``t`` seconds."""
        scale = self._magnify * np.exp(self._zoom_middle + self._zoom(t))
        view = self._frame / scale
        travel = np.maximum((self._still - view) / 2, 0) + OVERSHOOT * view
        swing = np.tanh(1.2 * np.array([wave(t) for wave in self._pan]))
        centre = self._still / 2 + travel * swing
        roll = np.radians(self._roll(t))
        turn = scale * np.array([[np.cos(roll), -np.sin(roll)], [np.sin(roll), np.cos(roll)]])
        placed = np.eye(3)
        placed[:2, :2] = turn
        placed[:2, 2] = -turn @ centre
        tilted = np.eye(3)
        tilted[2, :2] = np.array([wave(t) for wave in self._tilt]) / (self._frame / 2)
        moved = np.eye(3)
        moved[:2, 2] = self._frame / 2 + self._frame[1] * np.array([wave(t) for wave in self._shake])
        return np.asarray(moved @ tilted @ placed, np.float64)
