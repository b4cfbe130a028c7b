"""``redact run``: make a redacted copy of footage."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from redact.cli.shared import options as opt
from redact.cli.shared.copies import copy_record, loading, print_copy
from redact.cli.shared.output import CommandReport
from redact.settings import AudioMode, DeviceChoice, Effect, Interlaced, OnCorrupt, Preset, VideoCodec


def run(
    source: opt.Footage,
    *,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="OUT", help="The redacted copy. Default: IN.redacted.mp4 beside IN."),
    ] = None,
    tracks_file: Annotated[
        Path | None, typer.Option("--tracks", metavar="TRACKS.json", help="Also write the tracks to this file.")
    ] = None,
    classes: opt.Classes = opt.DEFAULT_CLASSES,
    preset: opt.PresetOption = Preset.BALANCED,
    device: opt.Device = DeviceChoice.AUTO,
    models: opt.Models = None,
    effect: opt.EffectOption = Effect.SOLID,
    fill: opt.Fill = "#000000",
    audio: opt.Audio = AudioMode.KEEP,
    mute: opt.Mute = None,
    bleep: opt.Bleep = None,
    disguise: opt.Disguise = None,
    codec: opt.Codec = VideoCodec.H264,
    quality: opt.Quality = None,
    encoder_preset: opt.EncoderPreset = None,
    interlaced: opt.InterlacedOption = Interlaced.DEINTERLACE,
    on_corrupt: opt.OnCorruptOption = OnCorrupt.STOP,
    overwrite: opt.Overwrite = False,
    as_json: opt.Json = False,
) -> None:
    """Detect faces and number plates in footage and make a redacted copy.

    Example: redact run bodycam.mp4 -o copy.mp4 --mute 00:10.0-00:14.5
    """
    with CommandReport("run", as_json) as report:
        target = output or source.with_name(f"{source.stem}.redacted.mp4")
        find = opt.analyse_settings(
            classes, preset=preset, device=device, models=models, interlaced=interlaced, on_corrupt=on_corrupt
        )
        spans = opt.sound_spans(mute, bleep, disguise)
        encode = opt.encode_settings(codec, quality, encoder_preset, preset)
        hide = opt.render_settings(
            effect,
            fill,
            encode=encode,
            audio=audio,
            spans=spans,
            interlaced=interlaced,
            on_corrupt=on_corrupt,
            device=device,
            overwrite=overwrite,
        )
        if tracks_file:
            opt.check_side_file(tracks_file, overwrite=overwrite, others=(source, target))
        with loading():
            from redact.jobs.single_file import redact_file
            from redact.media.writer import check_target
            from redact.pipeline.analysis import Analyser

        check_target(source, target, overwrite=overwrite)
        with report.working() as progress:
            with loading():
                finder = Analyser(find)
            tracks, rendered = redact_file(source, target, tracks_file, finder, hide, progress=progress)
        print_copy(report, rendered, tracks)
        if tracks_file:
            report.print(f"tracks: {tracks_file}")
        report.finish({**copy_record(source, rendered, tracks), "tracks_file": tracks_file})
