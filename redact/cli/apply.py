"""``redact apply``: make a redacted copy from tracks."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from redact.cli.shared import options as opt
from redact.cli.shared.copies import copy_record, loading, print_copy
from redact.cli.shared.output import CommandReport
from redact.settings import AudioMode, DeviceChoice, Effect, Interlaced, OnCorrupt, VideoCodec


def apply(
    source: opt.Footage,
    tracks_file: Annotated[Path, typer.Argument(metavar="TRACKS.json", help="Tracks made from IN.")],
    *,
    output: Annotated[Path, typer.Option("-o", "--output", metavar="OUT", help="The redacted copy to write.")],
    effect: opt.EffectOption = Effect.SOLID,
    fill: opt.Fill = "#000000",
    audio: opt.Audio = AudioMode.KEEP,
    mute: opt.Mute = None,
    bleep: opt.Bleep = None,
    disguise: opt.Disguise = None,
    codec: opt.Codec = VideoCodec.H264,
    quality: opt.Quality = None,
    encoder_preset: opt.EncoderPreset = None,
    device: opt.Device = DeviceChoice.AUTO,
    interlaced: opt.InterlacedOption = Interlaced.DEINTERLACE,
    on_corrupt: opt.OnCorruptOption = OnCorrupt.STOP,
    overwrite: opt.Overwrite = False,
    as_json: opt.Json = False,
) -> None:
    """Make a redacted copy from existing tracks.

    Example: redact apply bodycam.mp4 bodycam.tracks.json -o copy.mp4 --effect mosaic
    """
    with CommandReport("apply", as_json) as report:
        spans = opt.sound_spans(mute, bleep, disguise)
        encode = opt.encode_settings(codec, quality, encoder_preset)
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
        with loading():
            from redact.media.writer import check_target
            from redact.pipeline.rendering import render
            from redact.track import file

        check_target(source, output, overwrite=overwrite)
        tracks = file.load(tracks_file)
        with report.working() as progress:
            rendered = render(source, tracks, output, hide, progress=progress)
        print_copy(report, rendered, tracks)
        report.finish(copy_record(source, rendered, tracks))
