"""One file from footage to copy, with its tracks kept beside it if asked for."""

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
    """Analyse and render. Either the copy and the tracks file are both there afterwards, or neither is new.

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
    """A way to write tracks that appear at ``target`` only once everything else inside has succeeded.

    They are on the disk in full before the copy is begun, so that a full disk cannot part the two.
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
