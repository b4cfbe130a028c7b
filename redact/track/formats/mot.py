"""MOTChallenge text, in the column layout of MOT16 ground truth.

Sources: https://motchallenge.net/instructions (frame numbers, ids and box corners count from 1; a confidence of 0 marks
a row to be ignored, any other value one that counts) and Milan et al., "MOT16", arXiv:1603.00831, table of ``gt.txt``
(frame, id, left, top, width, height, confidence, class, visibility). Class names are in ``labels.txt`` beside the file,
one per line starting with class 1, as in CVAT.

The format has neither rotated boxes nor sources: rotated boxes are written as their upright hull, and boxes read from
it have the source *detector*.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from redact.errors import TracksUnreadable
from redact.track.file import MAX_FRAMES, MAX_ID, check_label
from redact.track.formats.common import (
    TrackGatherer,
    corner_and_size,
    corners,
    hulls,
    integer_text,
    label_list,
    real_text,
)
from redact.track.types import MediaRef, Source, TrackSet

OFFICIAL_LABELS = (
    "pedestrian",
    "person on vehicle",
    "car",
    "bicycle",
    "motorbike",
    "non motorized vehicle",
    "static person",
    "distractor",
    "occluder",
    "occluder on the ground",
    "occluder full",
    "reflection",
)
"""Classes 1 to 12 of MOT16, used if there is no ``labels.txt``."""

LEAST_SCORE = 1e-6
"""Written for lower scores, because readers of ground truth ignore rows of confidence 0."""


def to_mot(tracks: TrackSet) -> str:
    """One line of nine columns per box, track by track."""
    classes = {label: number for number, label in enumerate(mot_labels(tracks), start=1)}
    lines = []
    for track in tracks.tracks:
        tail = f"{classes[track.label]},1"
        for frame, (left, top, width, height), score in zip(
            track.frames.tolist(), corner_and_size(hulls(track.boxes, track.angles)), track.scores.tolist(), strict=True
        ):
            corner = f"{left + 1!r},{top + 1!r}"
            lines.append(f"{frame + 1},{track.id},{corner},{width!r},{height!r},{max(score, LEAST_SCORE):.9g},{tail}\n")
    return "".join(lines)


def mot_labels(tracks: TrackSet) -> tuple[str, ...]:
    """The class names that :func:`to_mot` numbers from 1, in that order."""
    return label_list(tuple(track.label for track in tracks.tracks))


def write_labels(labels: Sequence[str]) -> str:
    """The text of ``labels.txt``."""
    return "".join(f"{label}\n" for label in labels)


def read_labels(untrusted: str) -> tuple[str, ...]:
    """The class names of a ``labels.txt``. Raises :class:`TracksUnreadable`."""
    lines = untrusted.removeprefix("\ufeff").split("\n")
    labels = tuple(line.strip() for line in (lines[:-1] if not lines[-1].strip() else lines))
    for i, label in enumerate(labels, start=1):
        check_label(label, f"labels.txt, line {i},")
    return labels


def from_mot(text: str, media: MediaRef, labels: Sequence[str] = OFFICIAL_LABELS) -> TrackSet:
    """Read MOTChallenge text; ``labels`` names the classes, the first being class 1.

    Accepts 7 to 10 columns. A class of -1, or none, is accepted only if ``labels`` has a single name. Rows with id -1
    (detections without identity) become tracks of one frame each. Rows of confidence 0 are read like all others,
    because being excluded from an evaluation is no reason not to redact. A confidence outside [0, 1] gives the score 1.

    Raises :class:`redact.errors.TracksUnreadable` and :class:`redact.errors.TracksMismatch`.
    """
    rows = TrackGatherer(media)
    for where, fields in _lines(text):
        frame = integer_text(fields[0], f"{where} column 1", 1, MAX_FRAMES) - 1
        number = integer_text(_whole(fields[1]), f"{where} column 2", -1, MAX_ID)
        left, top, width, height = (real_text(fields[i], f"{where} column {i + 1}") for i in range(2, 6))
        confidence = real_text(fields[6], f"{where} column 7")
        rows.add(
            None if number == -1 else number,
            _label(fields, labels, where),
            frame,
            where,
            box=corners(left - 1, top - 1, width, height),
            angle=0.0,
            score=confidence if 0 <= confidence <= 1 else 1.0,
            source=Source.DETECTOR,
        )
    return TrackSet(media, rows.tracks(), provenance={"imported": {"format": "mot"}})


def _lines(untrusted: str) -> Iterator[tuple[str, list[str]]]:
    for i, line in enumerate(untrusted.removeprefix("\ufeff").split("\n"), start=1):
        if not line.strip():
            continue
        fields = line.split(",", 10)
        if not 7 <= len(fields) <= 10:
            raise TracksUnreadable(
                f"Line {i} of the file does not have the 7 to 10 comma-separated values of MOTChallenge text.",
                "Check that it is a MOTChallenge file.",
            )
        yield f"line {i}", fields


def _whole(untrusted: str) -> str:
    """The text without the ``.0`` that numeric tools append to ids and classes."""
    head, dot, tail = untrusted.strip().partition(".")
    return head if dot and not tail.strip("0") else untrusted


def _label(fields: list[str], labels: Sequence[str], where: str) -> str:
    number = integer_text(_whole(fields[7]), f"{where} column 8", -1, len(labels)) if len(fields) > 7 else -1
    if number >= 1:
        return labels[number - 1]
    if number == -1 and len(labels) == 1:
        return labels[0]
    raise TracksUnreadable(
        f"In the file, {where} has no class, and there are {len(labels)} to choose from.",
        "Put a labels.txt with one class name beside the file, or give the class in column 8.",
    )
