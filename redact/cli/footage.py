"""``redact run``, ``redact detect`` and ``redact apply``: one file at a time."""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from redact.cli import options as opt
from redact.cli.report import Job
from redact.settings import AudioMode, DeviceChoice, Effect, Interlaced, OnCorrupt, Preset, VideoCodec

if TYPE_CHECKING:
    from redact.pipeline import RenderReport
    from redact.track.types import TrackSet

DEFAULTS = "face,plate"


def run(
    source: opt.Footage,
    *,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="OUT", help="The copy; IN.redacted.mp4 beside IN if not given."),
    ] = None,
    tracks_file: Annotated[
        Path | None, typer.Option("--tracks", metavar="TRACKS.json", help="Also keep the tracks in this file.")
    ] = None,
    classes: opt.Classes = DEFAULTS,
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
    """Hide faces and number plates: footage in, redacted copy out.

    Example: redact run bodycam.mp4 -o copy.mp4 --mute 00:10.0-00:14.5
    """
    with Job("run", as_json) as job:
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
            from redact.jobs.single import redact_file
            from redact.media.writer import check_target
            from redact.pipeline import Finder

        check_target(source, target, overwrite=overwrite)
        with job.working() as progress:
            with loading():
                finder = Finder(find)
            tracks, report = redact_file(source, target, tracks_file, finder, hide, progress=progress)
        say_copy(job, report, tracks)
        if tracks_file:
            job.say(f"tracks: {tracks_file}")
        job.finish({**copy_record(source, report, tracks), "tracks_file": tracks_file})


def detect(
    source: opt.Footage,
    *,
    output: Annotated[Path, typer.Option("-o", "--output", metavar="TRACKS.json", help="The tracks file to write.")],
    classes: opt.Classes = DEFAULTS,
    preset: opt.PresetOption = Preset.BALANCED,
    device: opt.Device = DeviceChoice.AUTO,
    models: opt.Models = None,
    interlaced: opt.InterlacedOption = Interlaced.DEINTERLACE,
    on_corrupt: opt.OnCorruptOption = OnCorrupt.STOP,
    overwrite: opt.Overwrite = False,
    as_json: opt.Json = False,
) -> None:
    """Find faces and number plates and write their tracks; no copy is made.

    Example: redact detect bodycam.mp4 -o bodycam.tracks.json
    """
    with Job("detect", as_json) as job:
        find = opt.analyse_settings(
            classes, preset=preset, device=device, models=models, interlaced=interlaced, on_corrupt=on_corrupt
        )
        opt.check_side_file(output, overwrite=overwrite, others=(source,))
        with loading():
            from redact.pipeline import analyse
            from redact.track import file

        with job.working() as progress:
            tracks = analyse(source, find, progress=progress)
        file.save(tracks, output, overwrite=overwrite)
        job.say(f"{output}: {tracks_line(tracks)}, found on {tracks.provenance['device']}")
        job.finish(
            {
                "source": source,
                "master_sha256": tracks.media.sha256,
                "tracks_file": output,
                "frames": int(tracks.media.pts.size),
                "tracks": tracks_count(tracks),
                "device": tracks.provenance["device"],
            }
        )


def apply(
    source: opt.Footage,
    tracks_file: Annotated[Path, typer.Argument(metavar="TRACKS.json", help="Tracks made from IN.")],
    *,
    output: Annotated[Path, typer.Option("-o", "--output", metavar="OUT", help="The copy to write.")],
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
    """Make the copy from tracks that are there already.

    Example: redact apply bodycam.mp4 bodycam.tracks.json -o copy.mp4 --effect mosaic
    """
    with Job("apply", as_json) as job:
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
            from redact.pipeline import render
            from redact.track import file

        check_target(source, output, overwrite=overwrite)
        tracks = file.load(tracks_file)
        with job.working() as progress:
            report = render(source, tracks, output, hide, progress=progress)
        say_copy(job, report, tracks)
        job.finish(copy_record(source, report, tracks))


@contextmanager
def loading() -> Iterator[None]:
    """Without the garbage collector: importing torch makes many objects and no garbage, and looking through them again
    and again takes a fifth of the time."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def tracks_count(tracks: TrackSet) -> dict[str, int]:
    """How many tracks there are of each class."""
    return dict(sorted(Counter(track.label for track in tracks.tracks).items()))


def tracks_line(tracks: TrackSet) -> str:
    """The same in words."""
    counted = ", ".join(f"{label} {number}" for label, number in tracks_count(tracks).items())
    return f"{len(tracks.tracks)} tracks ({counted})" if counted else "no tracks: nothing was found"


def say_copy(job: Job, report: RenderReport, tracks: TrackSet) -> None:
    """Tell of a finished copy."""
    job.say(
        f"{report.target}: {report.frames} frames, {report.masked_frames} of them with masks; {tracks_line(tracks)}"
    )
    job.say(f"found on {tracks.provenance.get('device', 'another machine')}")
    for note in report.notes:
        job.say(f"note: {note}")
    job.say(f"SHA-256 {report.sha256}")


def copy_record(source: Path, report: RenderReport, tracks: TrackSet) -> dict[str, object]:
    """What a document says of a finished copy."""
    return {
        "source": source,
        "master_sha256": report.master_sha256,
        "copy": report.target,
        "copy_sha256": report.sha256,
        "frames": report.frames,
        "masked_frames": report.masked_frames,
        "tracks": tracks_count(tracks),
        "device": tracks.provenance.get("device"),
        "seconds": round(report.seconds, 3),
        "notes": list(report.notes),
    }
