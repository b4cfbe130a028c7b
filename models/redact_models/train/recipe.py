"""Training recipes: the length of a run and its parameters."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Recipe:
    """A training run."""

    scenes: int
    """Total number of scenes."""
    batch: int
    width: int
    height: int
    """Size of a scene in pixels."""
    rate: float
    """Peak learning rate; it rises over the first twentieth of the run and falls to zero as a cosine."""
    decay: float = 0.01
    average: float = 0.998
    """The saved weights are a running mean of the trained ones; this is the share of the old mean at each step."""
    clip: float = 5.0
    """Largest norm of a step's gradient."""
    seed: int = 20261122


RECIPES = {
    "small": Recipe(scenes=36_000, batch=12, width=640, height=384, rate=2e-3),
    "tune": Recipe(scenes=9_000, batch=12, width=640, height=384, rate=4e-4),
    "full": Recipe(scenes=1_000_000, batch=64, width=960, height=544, rate=2e-3),
}
"""``small`` takes an hour or two on two cores; ``tune`` refines existing weights in minutes; ``full`` is for a CUDA
card."""
