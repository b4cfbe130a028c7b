"""Converts tracks to and from the formats of other tools: MOTChallenge text, CVAT for video XML 1.1, COCO JSON.

``redact/track/FORMAT.md`` describes what each keeps. None of them stores timestamps, cuts or provenance.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from redact.errors import TracksUnreadable
from redact.track.file import check_target, read_file, write_file
from redact.track.formats.coco import from_coco, to_coco
from redact.track.formats.cvat import from_cvat, to_cvat
from redact.track.formats.mot import OFFICIAL_LABELS, from_mot, mot_labels, read_labels, to_mot, write_labels
from redact.track.types import MediaRef, TrackSet

Kind = Literal["mot", "cvat", "coco"]

__all__ = ["Kind", "export", "from_coco", "from_cvat", "from_mot", "import_", "to_coco", "to_cvat", "to_mot"]


def export(tracks: TrackSet, kind: Kind, path: Path, *, overwrite: bool) -> None:
    """Write ``tracks`` in another format; for MOTChallenge also ``labels.txt`` in the same folder.

    A ``labels.txt`` with the same content is kept. Raises :class:`redact.errors.OutputExists`,
    :class:`redact.errors.OutputNotWritable` or :class:`redact.errors.DiskFull`.
    """
    if kind != "mot":
        write_file(path, to_cvat(tracks) if kind == "cvat" else to_coco(tracks), overwrite=overwrite)
        return
    beside, labels = _labels_path(path), write_labels(mot_labels(tracks)).encode("utf-8")
    check_target(path, overwrite=overwrite)
    if not (beside.is_file() and read_file(beside) == labels):
        write_file(beside, labels, overwrite=overwrite)
    write_file(path, to_mot(tracks).encode("ascii"), overwrite=overwrite)


def import_(path: Path, kind: Kind, media: MediaRef) -> TrackSet:
    """Read tracks of ``media`` in another format; the classes of MOTChallenge text are in ``labels.txt`` beside it.

    If the file covers fewer frames than ``media`` has, ``provenance["imported"]`` has an entry ``frames_described``.
    The other frames were not annotated, so they have no boxes, and commands should say so.

    Raises :class:`redact.errors.InputMissing`, :class:`redact.errors.TracksUnreadable` or
    :class:`redact.errors.TracksMismatch`.
    """
    untrusted = read_file(path)
    try:
        if kind == "cvat":
            return from_cvat(untrusted, media)
        if kind == "coco":
            return from_coco(untrusted, media)
        beside = _labels_path(path)
        labels = read_labels(_text(read_file(beside))) if beside.is_file() else OFFICIAL_LABELS
        return from_mot(_text(untrusted), media, labels)
    except TracksUnreadable as error:
        raise TracksUnreadable(f"{path}: {error.happened}", error.todo) from error


def _labels_path(path: Path) -> Path:
    return path.with_name("labels.txt")


def _text(untrusted: bytes) -> str:
    try:
        return untrusted.decode("utf-8")
    except UnicodeDecodeError as error:
        raise TracksUnreadable("The file is not UTF-8 text.", "Check that it is the right file.") from error
