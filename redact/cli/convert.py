"""``redact convert``: convert tracks to and from other tools' formats."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from redact.cli.shared import options as opt
from redact.cli.shared.copies import tracks_count, tracks_summary
from redact.cli.shared.output import CommandReport
from redact.errors import BadUsage
from redact.progress import Progress

if TYPE_CHECKING:
    from redact.track.types import MediaRef, TrackSet


class TracksFormat(StrEnum):
    """Formats of other annotation tools."""

    MOT = "mot"
    CVAT = "cvat"
    COCO = "coco"


def convert(
    source: Annotated[Path, typer.Argument(metavar="IN", help="A tracks file or, with --from, another tool's file.")],
    output: Annotated[Path, typer.Option("-o", "--output", metavar="OUT", help="The file to write.")],
    *,
    to: Annotated[TracksFormat | None, typer.Option("--to", help="Convert a tracks file to this format.")] = None,
    origin: Annotated[TracksFormat | None, typer.Option("--from", help="Convert this format to a tracks file.")] = None,
    reference: Annotated[
        Path | None,
        typer.Option(
            "--reference",
            metavar="FILE",
            help="With --from: the footage the tracks belong to, or any tracks file of it.",
        ),
    ] = None,
    overwrite: opt.Overwrite = False,
    as_json: opt.Json = False,
) -> None:
    """Convert tracks to MOTChallenge text, CVAT for video XML 1.1 or COCO JSON, and back.

    Example: redact convert bodycam.tracks.json -o bodycam.xml --to cvat

    Example: redact convert bodycam.xml -o bodycam.tracks.json --from cvat --reference bodycam.mp4
    """
    with CommandReport("convert", as_json) as report:
        if (to is None) == (origin is None):
            raise BadUsage("Give either --to or --from.", "--to writes another tool's format, --from reads one.")
        if (origin is None) != (reference is None):
            raise BadUsage(
                "--from and --reference must be given together.",
                "Give the footage, or a tracks file of it, as --reference.",
            )
        opt.check_side_file(output, overwrite=overwrite, others=(source, *([reference] if reference else [])))
        from redact.track import file, formats

        if to is not None:
            tracks = file.load(source)
            formats.export(tracks, to.value, output, overwrite=overwrite)
        else:
            assert origin is not None
            assert reference is not None
            with report.working() as progress:
                media = media_of(reference, progress)
            tracks = formats.import_(source, origin.value, media)
            file.save(tracks, output, overwrite=overwrite)
        notes = [line for line in (coverage_note(tracks) if origin else "",) if line]
        report.print(f"{output}: {tracks_summary(tracks)}")
        for note in notes:
            report.print(f"note: {note}")
        report.finish({"source": source, "output": output, "tracks": tracks_count(tracks), "notes": notes})


def media_of(reference: Path, progress: Progress) -> MediaRef:
    """The media the tracks belong to: from a tracks file (``.json``) or from the footage itself."""
    if reference.suffix.lower() == ".json":
        from redact.track import file

        return file.load(reference).media
    from redact.media.hashing import hash_file
    from redact.media.probe import probe
    from redact.media.reader import scan
    from redact.settings import Interlaced, OnCorrupt
    from redact.track.types import MediaRef

    info = probe(reference)
    table = scan(info, interlaced=Interlaced.KEEP, on_corrupt=OnCorrupt.MASK, progress=progress)
    sha256 = hash_file(reference, progress)
    video = info.video
    return MediaRef(sha256, video.upright_width, video.upright_height, table.time_base, table.pts, table.last_duration)


def coverage_note(tracks: TrackSet) -> str:
    """A warning if the imported file describes only part of the footage; otherwise empty."""
    imported = tracks.provenance.get("imported")
    described = imported.get("frames_described") if isinstance(imported, dict) else None
    if not isinstance(described, dict):
        return ""
    return "The file describes {count} of {of} frames ({first} to {last}): nothing is masked on the others.".format(
        **described
    )
