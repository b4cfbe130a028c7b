"""The training loop, with a checkpoint from which a killed run resumes."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from redact.detect.contrast import stretch_contrast
from redact.detect.plates import STRIDE
from redact.detect.runtime import Network, cores, load_network
from redact.detect.text import NORMALISATION
from redact.errors import TrainingUnusable
from redact_models.train.network import PlateHead, trunk_graph
from redact_models.train.recipe import Recipe
from redact_models.train.scenes import AnnotatedPicture, make_scene
from redact_models.train.targets import loss, targets

CHECKPOINT = "checkpoint.pt"
STEPS_BETWEEN = 100
"""Steps between checkpoints and lines of progress."""
WARM_UP = 0.05


class SceneDataset(Dataset[tuple[torch.Tensor, ...]]):
    """The scenes of a recipe; scene number n is always the same. An item is target maps, weights, and either the
    picture or, if the processes that draw scenes also run the trunk, its features."""

    def __init__(self, pictures: Sequence[AnnotatedPicture], recipe: Recipe, first: int, *, features: bool) -> None:
        self._pictures = pictures
        self._recipe = recipe
        self._first = first
        self._features = features
        self._trunk: Network | None = None

    def __len__(self) -> int:
        return self._recipe.scenes - self._first

    def __getitem__(self, number: int) -> tuple[torch.Tensor, ...]:
        recipe = self._recipe
        rng = np.random.default_rng([recipe.seed, self._first + number])
        scene = make_scene(rng, self._pictures, (recipe.width, recipe.height))
        maps, weight = targets(scene.boxes, scene.ignore, recipe.height // STRIDE, recipe.width // STRIDE)
        frame = stretch_contrast(torch.from_numpy(np.ascontiguousarray(scene.image)).permute(2, 0, 1)[None])
        if not self._features:
            return torch.from_numpy(maps), torch.from_numpy(weight), frame[0]
        if self._trunk is None:
            self._trunk = _trunk(torch.device("cpu"))
        features = [y[0].bfloat16() for y in self._trunk.run(frame)]
        return torch.from_numpy(maps), torch.from_numpy(weight), *features


def _trunk(device: torch.device) -> Network:
    return load_network(trunk_graph(), NORMALISATION, device)


def train(
    pictures: Sequence[AnnotatedPicture],
    recipe: Recipe,
    folder: Path,
    device: torch.device,
    workers: int,
    *,
    start: PlateHead | None = None,
) -> PlateHead:
    """Train from ``start`` or from scratch, or resume if ``folder`` has a checkpoint of the same recipe.

    Prints its progress and returns the trained head.

    Raises :class:`redact.errors.TrainingUnusable` for a checkpoint of another recipe.
    """
    torch.manual_seed(recipe.seed)
    learning = _TrainingState(recipe, device, start)
    learning.resume(folder / CHECKPOINT)
    steps, done = recipe.scenes // recipe.batch, learning.step
    trunk = _trunk(device) if device.type == "cuda" else None
    if trunk is None and workers:
        # The processes that draw scenes use the other cores.
        torch.set_num_threads(max(1, cores() - workers))
    started, sums = time.monotonic(), torch.zeros(2)
    for batch in _batches(pictures, recipe, done, workers, features=trunk is None):
        maps, weight, *inputs = (x.to(device, non_blocking=True) for x in batch)
        sums += learning.learn(inputs if trunk is None else trunk.run(inputs[0]), maps, weight)
        step = learning.step
        if step % STEPS_BETWEEN == 0 or step == steps:
            learning.save(folder / CHECKPOINT)
            speed = (step - done) * recipe.batch / (time.monotonic() - started)
            plate, distance = (sums / (step % STEPS_BETWEEN or STEPS_BETWEEN)).tolist()
            print(
                f"step {step} of {steps}: loss {plate:.3f} + {distance:.3f}, {speed:.1f} scenes/s, "
                f"{(steps - step) * recipe.batch / speed / 60:.0f} min left",
                flush=True,
            )
            sums.zero_()
    return learning.kept.eval()


class _TrainingState:
    """The head in training, its running mean ``kept``, which is the result, and the number of steps so far."""

    def __init__(self, recipe: Recipe, device: torch.device, start: PlateHead | None) -> None:
        self._recipe = recipe
        self._head = (start or PlateHead()).to(device).train()
        if start is not None:
            for norm in self._head.modules():
                if isinstance(norm, torch.nn.BatchNorm2d):
                    norm.eval()
        self.kept = PlateHead().to(device)
        self.kept.load_state_dict(self._head.state_dict())
        self._learner = torch.optim.AdamW(self._head.parameters(), lr=recipe.rate, weight_decay=recipe.decay)
        self.step = 0

    def learn(self, features: Sequence[torch.Tensor], maps: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        """One step; returns the two parts of the loss."""
        self.step += 1
        for group in self._learner.param_groups:
            group["lr"] = self._recipe.rate * _rate(self.step * self._recipe.batch / self._recipe.scenes)
        with torch.autocast(maps.device.type, torch.bfloat16):
            prediction = self._head(features)
        plate, distance = loss(prediction, maps, weight)
        self._learner.zero_grad()
        (plate + distance).backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self._head.parameters(), self._recipe.clip)
        self._learner.step()
        self._keep()
        return torch.stack([plate.detach(), distance.detach()]).cpu()

    @torch.no_grad()
    def _keep(self) -> None:
        # In the first steps, the mean must not be dominated by the initial random weights.
        share = min(self._recipe.average, self.step / (self.step + 20))
        for old, new in zip(self.kept.state_dict().values(), self._head.state_dict().values(), strict=True):
            if old.dtype.is_floating_point:
                old.lerp_(new, 1 - share)
            else:
                old.copy_(new)

    def save(self, path: Path) -> None:
        """Write a checkpoint; if the run is killed while writing, the previous one remains."""
        state = {"recipe": asdict(self._recipe), "step": self.step, "learner": self._learner.state_dict()}
        state |= {"head": self._head.state_dict(), "kept": self.kept.state_dict()}
        part = path.with_suffix(".part")
        torch.save(state, part)
        part.replace(path)

    def resume(self, path: Path) -> None:
        """Resume from a checkpoint, if there is one."""
        if not path.is_file():
            return
        # Weights only: nothing in the file is run.
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        if state["recipe"] != asdict(self._recipe):
            raise TrainingUnusable(
                f'"{path}" belongs to another recipe.', "Give another folder with --work, or remove it."
            )
        self._head.load_state_dict(state["head"])
        self.kept.load_state_dict(state["kept"])
        self._learner.load_state_dict(state["learner"])
        self.step = state["step"]


def _rate(part: float) -> float:
    return part / WARM_UP if part < WARM_UP else 0.5 + 0.5 * math.cos(math.pi * (part - WARM_UP) / (1 - WARM_UP))


def _batches(
    pictures: Sequence[AnnotatedPicture], recipe: Recipe, done: int, workers: int, *, features: bool
) -> Iterator[list[torch.Tensor]]:
    scenes = SceneDataset(pictures, recipe, done * recipe.batch, features=features)
    # Spawned: a process forked while libraries run threads may deadlock.
    context = "spawn" if workers else None
    yield from DataLoader(
        scenes,
        recipe.batch,
        num_workers=workers,
        drop_last=True,
        worker_init_fn=_limit_to_one_core,
        multiprocessing_context=context,
    )


def _limit_to_one_core(worker: int) -> None:
    """Limit a process that draws scenes to one core: libraries with several threads would wait for each other."""
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    if hasattr(os, "sched_setaffinity"):
        usable = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {usable[worker % len(usable)]})
