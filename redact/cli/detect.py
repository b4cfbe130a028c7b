"""``redact detect``: detect faces and number plates and write their tracks."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from redact.cli.shared import options as opt
from redact.cli.shared.copies import loading, tracks_count, tracks_summary
from redact.cli.shared.output import CommandReport
from redact.settings import DeviceChoice, Interlaced, OnCorrupt, Preset


def detect(
    source: opt.Footage,
    *,
    output: Annotated[Path, typer.Option("-o", "--output", metavar="TRACKS.json", help="The tracks file to write.")],
    classes: opt.Classes = opt.DEFAULT_CLASSES,
    preset: opt.PresetOption = Preset.BALANCED,
    device: opt.Device = DeviceChoice.AUTO,
    models: opt.Models = None,
    interlaced: opt.InterlacedOption = Interlaced.DEINTERLACE,
    on_corrupt: opt.OnCorruptOption = OnCorrupt.STOP,
    overwrite: opt.Overwrite = False,
    as_json: opt.Json = False,
) -> None:
    """Detect faces and number plates and write their tracks. No copy is made.

    Example: redact detect bodycam.mp4 -o bodycam.tracks.json
    """
    with CommandReport("detect", as_json) as report:
        find = opt.analyse_settings(
            classes, preset=preset, device=device, models=models, interlaced=interlaced, on_corrupt=on_corrupt
        )
        opt.check_side_file(output, overwrite=overwrite, others=(source,))
        with loading():
            from redact.pipeline.analysis import analyse
            from redact.track import file

        with report.working() as progress:
            tracks = analyse(source, find, progress=progress)
        file.save(tracks, output, overwrite=overwrite)
        report.print(f"{output}: {tracks_summary(tracks)}, detected on {tracks.provenance['device']}")
        report.finish(
            {
                "source": source,
                "master_sha256": tracks.media.sha256,
                "tracks_file": output,
                "frames": int(tracks.media.pts.size),
                "tracks": tracks_count(tracks),
                "device": tracks.provenance["device"],
            }
        )
