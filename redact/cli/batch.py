"""``redact batch``: redact a folder tree."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import TaskID

from redact.cli.shared import interrupt
from redact.cli.shared import options as opt
from redact.cli.shared.output import BarProgress, CommandReport, PlainProgress, inert, progress_bars
from redact.progress import Progress
from redact.settings import AudioMode, DeviceChoice, Effect, Interlaced, OnCorrupt, Preset, VideoCodec

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress as Bars

    from redact.jobs.batch import BatchProgress, Item, Result


def batch(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="The masters, including subfolders.")],
    *,
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="FOLDER", help="Where to write the same tree of copies.")
    ],
    classes: opt.Classes = opt.DEFAULT_CLASSES,
    preset: opt.PresetOption = Preset.BALANCED,
    device: opt.Device = DeviceChoice.AUTO,
    models: opt.Models = None,
    effect: opt.EffectOption = Effect.SOLID,
    fill: opt.Fill = "#000000",
    audio: opt.Audio = AudioMode.KEEP,
    codec: opt.Codec = VideoCodec.H264,
    quality: opt.Quality = None,
    encoder_preset: opt.EncoderPreset = None,
    interlaced: opt.InterlacedOption = Interlaced.DEINTERLACE,
    on_corrupt: opt.OnCorruptOption = OnCorrupt.STOP,
    overwrite: opt.Overwrite = False,
    as_json: opt.Json = False,
) -> None:
    """Redact every file in a folder and its subfolders. Run again to resume.

    Each copy is written with its tracks and a record of how it was made. A copy that still matches its record, its
    master and these settings is skipped. If the master or the settings have changed, the file fails; with --overwrite
    its copy is made again.

    Example: redact batch evidence/ -o redacted/ --preset thorough
    """
    with CommandReport("batch", as_json) as report:
        find = opt.analyse_settings(
            classes, preset=preset, device=device, models=models, interlaced=interlaced, on_corrupt=on_corrupt
        )
        encode = opt.encode_settings(codec, quality, encoder_preset, preset)
        hide = opt.render_settings(
            effect,
            fill,
            encode=encode,
            audio=audio,
            spans=(),
            interlaced=interlaced,
            on_corrupt=on_corrupt,
            device=device,
            overwrite=overwrite,
        )
        from redact.jobs.batch import Outcome, make_plan, run_batch

        plan = make_plan(folder, output)
        results: list[Result] = []
        try:
            with batch_progress(report.err, len(plan.items)) as batch_bars:
                for result in run_batch(plan, find, hide, batch_bars):
                    results.append(result)
        finally:
            # After Ctrl-C too: finished copies are reported.
            report.partial = summary(results)
            print_results(report, results)
        failed = [
            {"file": result.master, "code": result.code, "text": result.text}
            for result in results
            if result.outcome is Outcome.FAILED
        ]
        report.finish(summary(results), failed)


def summary(results: list[Result]) -> dict[str, object]:
    """Counts and files as JSON."""
    from redact.jobs.batch import Outcome

    counts = Counter(result.outcome for result in results)
    return {"counts": {o: counts[o] for o in Outcome}, "files": [asdict(result) for result in results]}


def print_results(report: CommandReport, results: list[Result]) -> None:
    """Print the table of files, the full text of failures, and the counts."""
    from redact.jobs.batch import Outcome

    rows = [(result.outcome, result.code, result.master, result.copy or "") for result in results]
    report.print_table(("outcome", "code", "master", "copy"), rows)
    for result in results:
        for note in result.notes:
            report.print(f"note: {result.master}: {note}")
        if result.outcome is Outcome.FAILED:
            report.err.print(inert(f"{result.code} {result.master}: {result.text}"))
    counts = Counter(result.outcome for result in results)
    report.print(", ".join(f"{counts[outcome]} {outcome}" for outcome in Outcome))


@contextmanager
def batch_progress(err: Console, total: int) -> Iterator[BatchProgress]:
    """Progress overall and per file: two bars on a terminal, numbered lines elsewhere."""
    with interrupt.working():
        if not err.is_terminal:
            yield PlainBatchProgress(err)
            return
        with progress_bars(err) as bars:
            yield BarBatchProgress(bars, total)


class PlainBatchProgress:
    """Lines with the number and name of the file."""

    def __init__(self, err: Console) -> None:
        self._err = err

    def start(self, number: int, total: int, item: Item) -> Progress:
        """See :class:`redact.jobs.batch.BatchProgress`."""
        return PlainProgress(self._err, f"[{number}/{total}] {item.master} ")


class BarBatchProgress:
    """A bar for all files, above the bars for the stages of the current file."""

    def __init__(self, bars: Bars, total: int) -> None:
        self._bars = bars
        self._all: TaskID = bars.add_task("files", total=total)
        self._current: BarProgress | None = None

    def start(self, number: int, total: int, item: Item) -> Progress:
        """See :class:`redact.jobs.batch.BatchProgress`."""
        if self._current:
            self._current.clear()
        self._bars.update(self._all, completed=number - 1)
        self._current = BarProgress(self._bars, f"{item.master.name} ")
        return self._current
