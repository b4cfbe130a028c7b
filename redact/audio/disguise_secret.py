"""The secret parameters of a voice disguise: random numbers that are never stored or shown."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FRAMES_PER_KNOT = 130
"""Frames of about 10 ms between two random values; slower than syllables, faster than sentences."""

WARP_KNOTS = (300.0, 1500.0, 4500.0)
"""Hz: about where the first, second and fourth formant are. As they move by different amounts, no single factor undoes
the shift."""
WARP_SHIFT = (0.13, 0.20)
"""Formants move by a factor between exp(0.13) and exp(0.20), up or down: always enough to change the voice, never so
much that one vowel becomes another. Adult vocal tracts differ by about that factor."""
WARP_SPREAD, WARP_DRIFT = 0.03, 0.05
"""Offset of each knot's logarithm from the common shift, and its drift from there."""
TILT_KNOTS = (150.0, 600.0, 2000.0, 6000.0)
"""Hz."""
TILT_SPREAD_DB, TILT_DRIFT_DB = 4.0, 3.0
"""The same for the level at each knot."""


class Drift:
    """Numbers that drift slowly and randomly around ``middle``, by at most ``reach`` either way.

    Each run of :data:`FRAMES_PER_KNOT` frames follows half a cosine from one uniformly distributed value to the next.
    """

    def __init__(self, middle: NDArray[np.float64], reach: float, generator: np.random.Generator) -> None:
        self._middle = middle
        self._reach = reach
        self._generator = generator
        self._frame = 0
        self._knots = [self._draw(), self._draw()]

    def _draw(self) -> NDArray[np.float64]:
        return self._middle + self._generator.uniform(-self._reach, self._reach, self._middle.size)

    def take(self, frames: int) -> NDArray[np.float64]:
        """Values of the next ``frames`` frames, shape (frames, size of middle)."""
        knot, within = np.divmod(np.arange(self._frame, self._frame + frames), FRAMES_PER_KNOT)
        while len(self._knots) < knot[-1] + 2:
            self._knots.append(self._draw())
        knots = np.stack(self._knots)
        blend = (0.5 - 0.5 * np.cos(np.pi * within / FRAMES_PER_KNOT))[:, np.newaxis]
        values: NDArray[np.float64] = knots[knot] * (1 - blend) + knots[knot + 1] * blend
        self._frame += frames
        spent = self._frame // FRAMES_PER_KNOT
        del self._knots[:spent]
        self._frame -= spent * FRAMES_PER_KNOT
        return values


@dataclass(frozen=True, slots=True)
class Secret:
    """All random values of one disguise.

    ``warp`` is the natural logarithm of the factor by which formants move, at each of :data:`WARP_KNOTS`; ``tilt_db``
    is added to the level at each of :data:`TILT_KNOTS`. ``noise`` can be heard in the copy, so it has a separate
    generator: someone who worked out its state would still know nothing about the other two.
    """

    warp: Drift
    tilt_db: Drift
    noise: np.random.Generator

    @classmethod
    def fresh(cls) -> Secret:
        """A new secret, from the operating system's randomness."""
        return cls.from_generators(
            np.random.default_rng(secrets.randbits(256)), np.random.default_rng(secrets.randbits(256))
        )

    @classmethod
    def from_generators(cls, hidden: np.random.Generator, noise: np.random.Generator) -> Secret:
        """A secret drawn from the given generators; equal seeds give equal disguises."""
        shift = hidden.uniform(*WARP_SHIFT) * hidden.choice((-1.0, 1.0))
        warp_middle = shift + hidden.uniform(-WARP_SPREAD, WARP_SPREAD, len(WARP_KNOTS))
        tilt_middle = hidden.uniform(-TILT_SPREAD_DB, TILT_SPREAD_DB, len(TILT_KNOTS))
        warp_later, tilt_later = hidden.spawn(2)
        return cls(Drift(warp_middle, WARP_DRIFT, warp_later), Drift(tilt_middle, TILT_DRIFT_DB, tilt_later), noise)
