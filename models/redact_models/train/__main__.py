"""Command line of the training recipe: trains and measures a plate detector and writes it with its card.

For example: python -m redact_models.train --data FOLDER --held-out OTHER_FOLDER -o models/redact_models/weights
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from collections.abc import Sequence
from pathlib import Path

import torch

from redact.errors import RedactError
from redact_models.train import card
from redact_models.train.loop import train
from redact_models.train.measure import plate_detector
from redact_models.train.network import from_onnx, to_onnx
from redact_models.train.pictures import DrawnScene, PictureFile, Sample, footage, split, yolo_folder
from redact_models.train.recipe import RECIPES

DRAWN_SCENES = 200
"""Scenes for the card's figures, in addition to the held-out pictures."""


def main(arguments: list[str] | None = None) -> int:
    """Train, measure and write; returns the exit code."""
    options = _parser().parse_args(arguments)
    try:
        _run(options)
    except RedactError as error:
        print(f"{error.code} {error.text}", file=sys.stderr)
        return error.exit_code
    return 0


def _run(options: argparse.Namespace) -> None:
    recipe = RECIPES[options.recipe]
    options.out.mkdir(parents=True, exist_ok=True)
    options.work.mkdir(parents=True, exist_ok=True)
    learnt: list[PictureFile] = []
    held: dict[str, Sequence[Sample]] = {}
    for folder in options.data:
        rest, held[f"{folder.name}, held out"] = split(yolo_folder(folder))
        learnt += rest
    held |= {folder.name: yolo_folder(folder) for folder in options.held_out}
    pictures = [picture.load() for picture in learnt]
    for video, tracks in options.footage:
        pictures += footage(Path(video), Path(tracks))
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    print(f"{len(pictures)} pictures, {recipe.scenes} scenes, on {device}", flush=True)
    start = from_onnx(options.start.read_bytes()) if options.start else None
    head = train(pictures, recipe, options.work, device, options.workers, start=start)
    content = to_onnx(head.cpu())
    target = options.out / f"{options.name}.onnx"
    target.write_bytes(content)
    detector = plate_detector(target)
    drawn: list[Sample] = [DrawnScene(number) for number in range(DRAWN_SCENES)]
    sets = {name: card.measure_set(detector, rows) for name, rows in {**held, "drawn scenes": drawn}.items() if rows}
    real = [measured for measured in sets.values() if measured.samples is not drawn]
    card.sheet(real, options.threshold, options.work / "worst.jpg")
    names = ", ".join(folder.name for folder in options.data) or "no pictures"
    training_data = f"drawn scenes over {len(pictures)} pictures ({names})"
    if options.start:
        digest = hashlib.sha256(options.start.read_bytes()).hexdigest()
        training_data += f", starting from weights of SHA-256 `{digest}`"
    card.write(target, recipe, training_data, sets, options.threshold)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m redact_models.train",
        description="Train a plate detector, measure it on held-out pictures, and write its card.",
        epilog="Folders are in YOLO format (images/ and labels/, any class is a plate). Without any, only drawn "
        "plates on drawn streets are used. A stopped run resumes when it is started again.",
    )
    add = parser.add_argument
    add("--data", type=Path, action="append", default=[], help="training folder; a tenth of it is held out")
    add("--held-out", type=Path, action="append", default=[], help="folder used only for measurement")
    add(
        "--footage",
        nargs=2,
        action="append",
        default=[],
        metavar=("VIDEO", "TRACKS"),
        help="reviewed footage and its corrected tracks, for training",
    )
    add("--recipe", choices=RECIPES, default="full" if torch.cuda.is_available() else "small")
    add("--start", type=Path, help="weights of this recipe to start from, best with --recipe tune")
    add("--threshold", type=float, default=0.55, help="score threshold of the card's figures")
    add("--workers", type=int, default=2, help="number of processes that draw scenes")
    add("--work", type=Path, default=Path("training"), help="folder of the checkpoint")
    add("--name", default="plates", help="name of the weights")
    add("-o", "--out", type=Path, default=Path("models/redact_models/weights"), help="output folder")
    return parser


if __name__ == "__main__":
    sys.exit(main())
