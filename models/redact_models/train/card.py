"""Writes the card of a trained network: figures per condition, precision and recall, and the worst pictures."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import cv2
import matplotlib as mpl
import numpy as np
from numpy.typing import NDArray

from redact.detect.types import Detector
from redact_models.train.measure import MeasuredPicture, false_masks, grown, measure_picture, turned
from redact_models.train.pictures import DrawnScene, Sample
from redact_models.train.recipe import Recipe

THRESHOLDS = np.linspace(0.02, 0.98, 97)
WORST = 12
TILE = 320
TILT = 20.0
"""Degrees by which pictures are rotated, alternately to either side."""


@dataclass(frozen=True, slots=True)
class MeasuredSet:
    """A set of pictures with the results for each, as they are and when rotated."""

    samples: Sequence[Sample]
    upright: Sequence[MeasuredPicture]
    tilted: Sequence[MeasuredPicture]


def measure_set(detector: Detector, samples: Sequence[Sample]) -> MeasuredSet:
    """Measure a detector on a set of pictures."""
    upright, tilted = [], []
    for number, sample in enumerate(samples):
        picture = sample.load()
        upright.append(measure_picture(detector, picture))
        tilted.append(measure_picture(detector, turned(picture, TILT if number % 2 else -TILT)))
    return MeasuredSet(samples, upright, tilted)


def _conditions(measured: MeasuredSet, threshold: float) -> list[tuple[str, int, float]]:
    """Name, number of plates and recall of each condition that occurs."""
    upright = measured.upright
    rows = [("all", [s.best for s in upright]), ("day", [s.best for s in upright if not s.dark])]
    rows += [("night", [s.best for s in upright if s.dark]), ("small", [s.best[s.small] for s in upright])]
    rows += [("tilted", [s.best for s in measured.tilted])]
    found = []
    for name, scores in rows:
        best = np.concatenate(scores) if scores else np.zeros(0)
        if len(best):
            found.append((name, len(best), float((best >= threshold).mean())))
    return found


def _table(sets: Mapping[str, MeasuredSet], threshold: float) -> str:
    """The figures as a Markdown table."""
    lines = ["| pictures | condition | plates | covered | false masks per picture |", "|---|---|---|---|---|"]
    for name, measured in sets.items():
        for condition, plates, share in _conditions(measured, threshold):
            on = {"all": measured.upright, "tilted": measured.tilted}.get(condition)
            false = f"{false_masks(on, threshold):.2f}" if on else ""
            lines.append(f"| {name} | {condition} | {plates} | {100 * share:.1f} % | {false} |")
    return "\n".join(lines)


def _plot(sets: Mapping[str, MeasuredSet], path: Path) -> None:
    """Precision against recall of every set, as a PNG."""
    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(6, 5), dpi=110, layout="constrained")
    for name, measured in sets.items():
        best = np.concatenate([s.best for s in measured.upright])
        false = np.concatenate([s.false for s in measured.upright])
        right = np.array([(best >= t).sum() for t in THRESHOLDS])
        wrong = np.array([(false >= t).sum() for t in THRESHOLDS])
        axes.plot(right / max(len(best), 1), right / np.maximum(right + wrong, 1), marker=".", label=name)
    axes.set(xlabel="plates covered", ylabel="masks that lie on a plate", xlim=(0.5, 1.01), ylim=(0.5, 1.01))
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(path)
    plt.close(figure)


def sheet(sets: Sequence[MeasuredSet], threshold: float, path: Path) -> None:
    """Write the pictures with the worst misses and false masks: plates in green, masks in red."""
    pairs = [pair for measured in sets for pair in zip(measured.samples, measured.upright, strict=True)]
    ranked = sorted(pairs, key=lambda pair: _error_score(pair[1], threshold), reverse=True)
    tiles = [_tile(sample, result, threshold) for sample, result in ranked[:WORST]]
    if not tiles:
        return
    tiles += [np.full_like(tiles[0], 255)] * (-len(tiles) % 4)
    rows = [np.hstack(tiles[i : i + 4]) for i in range(0, len(tiles), 4)]
    cv2.imwrite(str(path), cv2.cvtColor(np.vstack(rows), cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 80])


def _error_score(result: MeasuredPicture, threshold: float) -> float:
    missed = float((result.best < threshold).sum())
    return 10 * missed + float(result.false.max(initial=0.0))


def _tile(sample: Sample, result: MeasuredPicture, threshold: float) -> NDArray[np.uint8]:
    image = sample.load().image.copy()
    thick = max(2, image.shape[1] // 300)
    for box in grown(result.found.boxes[result.found.scores >= threshold]).astype(int):
        cv2.rectangle(image, box[:2].tolist(), box[2:].tolist(), (255, 40, 40), thick)
    for box in result.plates.astype(int):
        cv2.rectangle(image, box[:2].tolist(), box[2:].tolist(), (40, 255, 40), thick)
    scale = TILE / max(image.shape[:2])
    small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    tile = np.full((TILE * 3 // 4, TILE, 3), 255, np.uint8)
    small = small[: tile.shape[0], :TILE]
    tile[: small.shape[0], : small.shape[1]] = small
    return tile


def write(target: Path, recipe: Recipe, training_data: str, sets: Mapping[str, MeasuredSet], threshold: float) -> None:
    """Write the card of the weights at ``target`` with two pictures beside it. Only drawn pictures are shown there, as
    the others may not be ours to publish."""
    curve, worst = (target.with_name(f"{target.stem}.{part}") for part in ("curve.png", "worst.jpg"))
    _plot(sets, curve)
    sheet([measured for measured in sets.values() if isinstance(measured.samples[0], DrawnScene)], threshold, worst)
    content = target.read_bytes()
    text = CARD.format(
        name=target.stem,
        file=target.name,
        megabytes=len(content) / 1e6,
        sha256=hashlib.sha256(content).hexdigest(),
        date=date.today().isoformat(),
        recipe=recipe,
        training_data=training_data,
        threshold=threshold,
        table=_table(sets, threshold),
        curve=curve.name,
        worst=worst.name,
    )
    target.with_suffix(".md").write_text(text, encoding="utf-8")


CARD = """# {name}

Finds number plates in footage from body-worn, dash and hand-held cameras, so that they can be hidden. It does
not read plates, and it can miss some.

- file: `{file}`, {megabytes:.1f} MB, ONNX
- SHA-256: `{sha256}`
- trained on {date} by `python -m redact_models.train` with `{recipe}`
- training data: {training_data}
- licence: AGPL-3.0-or-later; the weights of its trunk are PP-OCRv6's (Apache-2.0)

## Figures at a threshold of {threshold}

A plate is covered when at least 90 % of it lies under the masks that the default margins give. The detector ran once on
each picture, at the sizes that the balanced preset uses. None of the pictures was used for training. In footage it runs
many times a second, so the presets use lower thresholds and let tracks decide.

{table}

![Precision and recall]({curve})

"Tilted" means the same pictures rotated by 20 degrees. In real pictures of cars often only the largest plate is
labelled, so some of the false masks are on plates.

The worst of the drawn scenes, with plates in green and masks in red. Those of the real pictures are not ours to
publish; the command leaves them in its working folder.

![Worst misses and false masks]({worst})

## Known failures

- plates less than about 8 pixels high at the size the network sees (10 in a frame 1280 pixels wide, at balanced)
- plates without visible structure: black frames, full glare, motion blur longer than a few characters
- types of plates that neither the drawn ones nor the pictures resemble
"""
