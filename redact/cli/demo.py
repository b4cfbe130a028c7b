"""``redact demo``: make footage, redact it, and show before and after."""

from __future__ import annotations

from collections.abc import Generator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from redact.cli import options as opt
from redact.cli.footage import copy_record, say_copy
from redact.cli.report import Job
from redact.errors import OutputNotWritable
from redact.progress import Progress
from redact.settings import AnalyseSettings, DeviceChoice, Interlaced, OnCorrupt, RenderSettings, SoundEffect

if TYPE_CHECKING:
    from redact.cli.scene import Picture

RATE = 25
AHEAD_FRAMES = 4
"""Drawn while others are encoded."""
SOUND_RATE = 48000
BLEEP = "00:03.0-00:03.6"
SHEET_SECONDS = (0.4, 1.6, 2.8, 4.0, 5.2, 6.6)


def demo(
    output: Annotated[Path, typer.Option("-o", "--output", metavar="FOLDER", help="Where to put it all.")] = Path(
        "demo"
    ),
    device: opt.Device = DeviceChoice.AUTO,
    overwrite: opt.Overwrite = False,
    as_json: opt.Json = False,
) -> None:
    """Make a short film with a face and number plates, redact it, and put pictures side by side.

    Example: redact demo -o demo
    """
    with Job("demo", as_json) as job:
        footage, copy = output / "footage.mp4", output / "footage.redacted.mp4"
        tracks_file, sheet = output / "footage.tracks.json", output / "contact-sheet.png"
        try:
            output.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputNotWritable(f"{output} cannot be made: {error.strerror}.", "Name another folder.") from error
        for path in (footage, copy, tracks_file, sheet):
            opt.check_side_file(path, overwrite=overwrite, others=())
        from redact.audio.spans import parse_span
        from redact.jobs.single import redact_file
        from redact.mask.sheet import contact_sheet
        from redact.pipeline import Finder

        find = AnalyseSettings(device=device)
        hide = RenderSettings(spans=(parse_span(BLEEP, SoundEffect.BLEEP),), device=device, overwrite=overwrite)
        with job.working() as progress:
            film(footage, progress=progress)
            tracks, report = redact_file(footage, copy, tracks_file, Finder(find), hide, progress=progress)
        before, after = stills(footage), stills(copy)
        contact_sheet([(f"{s:.1f} s", a, b) for s, a, b in zip(SHEET_SECONDS, before, after, strict=True)], sheet, 2)
        say_copy(job, report, tracks)
        for path, what in (
            (footage, "the film as it was made, coded sideways with a rotation flag"),
            (copy, f"the redacted copy, with a bleep at {BLEEP}"),
            (tracks_file, "what was found, frame by frame"),
            (sheet, "before and after, side by side"),
        ):
            job.say(f"{path}: {what}")
        job.finish({**copy_record(footage, report, tracks), "tracks_file": tracks_file, "contact_sheet": sheet})


def film(path: Path, *, progress: Progress) -> None:
    """Film the scene: H.264 coded sideways with a rotation flag, as phones and some body cameras do, and AAC sound."""
    import av
    import numpy as np

    from redact.ahead import ahead
    from redact.cli import scene
    from redact.media.partfile import PartFile

    def sideways() -> Generator[Picture, None, None]:
        for index in range(count):
            yield np.ascontiguousarray(np.rot90(scene.frame(index / RATE), -1))

    count = round(scene.SECONDS * RATE)
    part = PartFile(path)
    try:
        with av.open(part.raw, "w", format="mp4") as container, ahead(sideways(), AHEAD_FRAMES) as pictures:
            video = container.add_stream("libx264", rate=RATE, options={"crf": "21", "preset": "veryfast"})
            video.width, video.height, video.pix_fmt = scene.HEIGHT, scene.WIDTH, "yuv420p"
            video.set_display_rotation(90)
            audio = container.add_stream("aac", rate=SOUND_RATE, layout="mono")
            sound = av.AudioFrame.from_ndarray(scene.speech(SOUND_RATE)[None], format="fltp", layout="mono")
            sound.sample_rate, sound.pts, sound.time_base = SOUND_RATE, 0, Fraction(1, SOUND_RATE)
            container.mux(audio.encode(sound))
            container.mux(audio.encode(None))
            for index, drawn in enumerate(pictures):
                progress("film", index, count)
                picture = av.VideoFrame.from_ndarray(drawn, format="rgb24")
                picture.pts, picture.time_base = index, Fraction(1, RATE)
                container.mux(video.encode(picture))
            container.mux(video.encode(None))
            progress("film", count, count)
        part.sync()
        part.publish(overwrite=True)
    finally:
        part.discard()


def stills(path: Path) -> list[Picture]:
    """The upright pictures at :data:`SHEET_SECONDS`."""
    import numpy as np

    from redact.media.probe import probe
    from redact.media.reader import VideoReader

    wanted = {round(seconds * RATE) for seconds in SHEET_SECONDS}
    with VideoReader(probe(path), interlaced=Interlaced.KEEP, on_corrupt=OnCorrupt.STOP) as frames:
        return [np.ascontiguousarray(frame.rgb()) for frame in frames if frame.index in wanted]
