"""Output of the commands that make tracks or copies."""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from redact.cli.shared.output import CommandReport

if TYPE_CHECKING:
    from redact.pipeline.rendering import RenderReport
    from redact.track.types import TrackSet


@contextmanager
def loading() -> Iterator[None]:
    """Turn off the garbage collector while importing. Importing torch makes many objects and no garbage; scanning them
    again and again takes a fifth of the time."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def tracks_count(tracks: TrackSet) -> dict[str, int]:
    """Number of tracks per class."""
    return dict(sorted(Counter(track.label for track in tracks.tracks).items()))


def tracks_summary(tracks: TrackSet) -> str:
    """The same as text."""
    counted = ", ".join(f"{label} {number}" for label, number in tracks_count(tracks).items())
    return f"{len(tracks.tracks)} tracks ({counted})" if counted else "no tracks: nothing was detected"


def print_copy(report: CommandReport, rendered: RenderReport, tracks: TrackSet) -> None:
    """Print the summary of a finished copy."""
    frames = f"{rendered.frames} frames, {rendered.masked_frames} with masks"
    report.print(f"{rendered.target}: {frames}; {tracks_summary(tracks)}")
    report.print(f"detected on {tracks.provenance.get('device', 'another machine')}")
    for note in rendered.notes:
        report.print(f"note: {note}")
    report.print(f"SHA-256 {rendered.sha256}")


def copy_record(source: Path, rendered: RenderReport, tracks: TrackSet) -> dict[str, object]:
    """A finished copy as JSON."""
    return {
        "source": source,
        "master_sha256": rendered.master_sha256,
        "copy": rendered.target,
        "copy_sha256": rendered.sha256,
        "frames": rendered.frames,
        "masked_frames": rendered.masked_frames,
        "tracks": tracks_count(tracks),
        "device": tracks.provenance.get("device"),
        "seconds": round(rendered.seconds, 3),
        "notes": list(rendered.notes),
    }
