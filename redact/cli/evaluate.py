"""``redact evaluate``: compare tracks with ground truth."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from redact.cli.shared import options as opt
from redact.cli.shared.output import CommandReport


def evaluate(
    tracks_file: Annotated[Path, typer.Argument(metavar="TRACKS.json", help="The tracks to evaluate.")],
    truth: Annotated[
        Path, typer.Option("--truth", metavar="T.txt", help="MOTChallenge ground truth of the same footage.")
    ],
    labels: Annotated[
        Path | None,
        typer.Option(
            "--labels",
            metavar="LABELS.txt",
            help="Class names of the ground truth, one per line. Default: the file beside it.",
        ),
    ] = None,
    as_json: opt.Json = False,
) -> None:
    """Measure what masks leave uncovered, and what they cover unnecessarily.

    A box counts as covered when at least 90 % of it is masked (for a face: of the ellipse inside the box). An object is
    exposed when any of its boxes is not covered. Leaks do not change the exit status.

    Example: redact evaluate clip.tracks.json --truth clip.gt.txt
    """
    with CommandReport("evaluate", as_json) as report:
        from redact.evaluate import evaluate as measure
        from redact.evaluate import read_truth
        from redact.track import file

        result = measure(file.load(tracks_file), read_truth(truth, labels))
        report.print_table(
            ("class", "objects", "exposed", "boxes", "uncovered", "leak rate"),
            [
                (of.label, of.objects, of.exposed, of.boxes, of.uncovered, f"{of.leak_rate:.3%}")
                for of in (*result.classes, result.total)
            ],
        )
        report.print(
            f"over-masking: {result.over_masking:.2%} of the picture outside the boxes, {result.frames} frames"
        )
        if result.leaks:
            report.print("")
            report.print_table(
                ("frame", "time", "class", "object", "covered"),
                [(k.frame, k.timecode, k.label, k.object_id, f"{k.covered:.0%}") for k in result.leaks],
            )
        report.finish(result.as_dict())
