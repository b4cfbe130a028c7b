"""``redact demo``: make footage, redact it, and show both side by side."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from redact.cli.shared import options as opt
from redact.cli.shared.copies import copy_record, print_copy
from redact.cli.shared.output import CommandReport
from redact.errors import OutputNotWritable
from redact.settings import AnalyseSettings, DeviceChoice, Interlaced, OnCorrupt, RenderSettings, SoundEffect

if TYPE_CHECKING:
    from redact.demo.scene import Picture

BLEEP = "00:03.0-00:03.6"
SHEET_SECONDS = (0.4, 1.6, 2.8, 4.0, 5.2, 6.6)


def demo(
    output: Annotated[Path, typer.Option("-o", "--output", metavar="FOLDER", help="Where to write the files.")] = Path(
        "demo"
    ),
    device: opt.Device = DeviceChoice.AUTO,
    overwrite: opt.Overwrite = False,
    as_json: opt.Json = False,
) -> None:
    """Make a demo clip, redact it, and show before and after side by side.

    Example: redact demo -o demo
    """
    with CommandReport("demo", as_json) as report:
        footage, copy = output / "footage.mp4", output / "footage.redacted.mp4"
        tracks_file, sheet = output / "footage.tracks.json", output / "contact-sheet.png"
        try:
            output.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputNotWritable(
                f"{output} cannot be created: {error.strerror}.", "Choose another folder."
            ) from error
        for path in (footage, copy, tracks_file, sheet):
            opt.check_side_file(path, overwrite=overwrite, others=())
        from redact.audio.spans import parse_span
        from redact.demo.footage import write_footage
        from redact.jobs.single_file import redact_file
        from redact.mask.contact_sheet import contact_sheet
        from redact.pipeline.analysis import Analyser

        find = AnalyseSettings(device=device)
        hide = RenderSettings(spans=(parse_span(BLEEP, SoundEffect.BLEEP),), device=device, overwrite=overwrite)
        with report.working() as progress:
            write_footage(footage, progress=progress)
            tracks, rendered = redact_file(footage, copy, tracks_file, Analyser(find), hide, progress=progress)
        before, after = stills(footage), stills(copy)
        contact_sheet([(f"{s:.1f} s", a, b) for s, a, b in zip(SHEET_SECONDS, before, after, strict=True)], sheet, 2)
        print_copy(report, rendered, tracks)
        for path, description in (
            (footage, "the clip, encoded sideways with a rotation flag"),
            (copy, f"the redacted copy, with a bleep at {BLEEP}"),
            (tracks_file, "the tracks, frame by frame"),
            (sheet, "before and after, side by side"),
        ):
            report.print(f"{path}: {description}")
        report.finish({**copy_record(footage, rendered, tracks), "tracks_file": tracks_file, "contact_sheet": sheet})


def stills(path: Path) -> list[Picture]:
    """Upright frames at :data:`SHEET_SECONDS`."""
    import numpy as np

    from redact.demo.footage import RATE
    from redact.media.probe import probe
    from redact.media.reader import VideoReader

    wanted = {round(seconds * RATE) for seconds in SHEET_SECONDS}
    with VideoReader(probe(path), interlaced=Interlaced.KEEP, on_corrupt=OnCorrupt.STOP) as frames:
        return [np.ascontiguousarray(frame.rgb()) for frame in frames if frame.index in wanted]
