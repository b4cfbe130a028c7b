"""How long and on what a network is trained. The one place for these figures."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Recipe:
    """A training run."""

    scenes: int
    """Scenes seen in all."""
    batch: int
    width: int
    height: int
    """Of a scene, in pixels."""
    rate: float
    """Learning rate at its peak; it rises over the first twentieth and falls as a cosine to nothing."""
    decay: float = 0.01
    average: float = 0.998
    """Weights kept for use are the running mean of those trained, with this share of the old at every step."""
    clip: float = 5.0
    """Largest norm of a step's gradient."""
    seed: int = 20261122


RECIPES = {
    "small": Recipe(scenes=36_000, batch=12, width=640, height=384, rate=2e-3),
    "tune": Recipe(scenes=9_000, batch=12, width=640, height=384, rate=4e-4),
    "full": Recipe(scenes=1_000_000, batch=64, width=960, height=544, rate=2e-3),
}
"""``small`` takes two cores an hour or two; ``tune`` goes on from weights there are, in minutes; ``full`` is for a CUDA
card."""
