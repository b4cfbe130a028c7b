"""What commands say of tracks and of finished copies."""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from redact.cli.shared.output import Job

if TYPE_CHECKING:
    from redact.pipeline.journeys import RenderReport
    from redact.track.types import TrackSet


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
