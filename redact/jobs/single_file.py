"""One file from footage to redacted copy, with its tracks on request."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from redact.progress import Progress
from redact.settings import RenderSettings

if TYPE_CHECKING:
    from redact.pipeline.analysis import Analyser
    from redact.pipeline.rendering import RenderReport
    from redact.track.types import TrackSet


def redact_file(
    source: Path,
    target: Path,
    tracks_file: Path | None,
    finder: Analyser,
    hide: RenderSettings,
    *,
    progress: Progress,
) -> tuple[TrackSet, RenderReport]:
    """Analyse and render. Afterwards the copy and the tracks file are either both new or both as before.

    Raises whatever :mod:`redact.pipeline` raises, and :class:`redact.errors.OutputExists`,
    :class:`redact.errors.OutputNotWritable` or :class:`redact.errors.DiskFull` for the tracks file.
    """
    from redact.pipeline.rendering import render

    with deferred_tracks(tracks_file, overwrite=hide.overwrite) as write:
        tracks = finder.analyse(source, progress=progress)
        write(tracks)
        report = render(source, tracks, target, hide, progress=progress)
    return tracks, report


@contextmanager
def deferred_tracks(target: Path | None, *, overwrite: bool) -> Iterator[Callable[[TrackSet], None]]:
    """Yield a function that writes tracks, which appear at ``target`` only if the whole block succeeds.

    They are on the disk before the copy is started, so a full disk cannot leave one without the other.
    """
    if target is None:
        yield lambda tracks: None
        return
    from redact.media.part_file import PartFile, remove_stale_parts
    from redact.track import file

    file.check_target(target, overwrite=overwrite)
    remove_stale_parts(target)
    part = PartFile(target)

    def write(tracks: TrackSet) -> None:
        part.write(file.encode(tracks))
        part.sync()

    try:
        yield write
        part.publish(overwrite=overwrite)
    finally:
        part.discard()
