"""Ground truth: what must be hidden on each frame, read from MOTChallenge text.

Boxes are xyxy in upright pixels; pixel 0 spans 0 to 1. Frames and boxes count from 0 here and from 1 in the file.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from redact.errors import BadTruth

DEFAULT_LABELS = ("face", "plate", "text")
"""Class ids 1, 2, 3 of a truth file without a list of labels."""
UNNAMED = "object"
"""Label of rows without a class (fewer than eight columns, or a class of -1)."""
MAX_BYTES = 256 * 1024 * 1024
MAX_LABEL_BYTES = 1024 * 1024
MAX_COORDINATE = 1e6
MAX_FRAME = 10_000_000
MAX_ID = 2**53


@dataclass(frozen=True, slots=True)
class TruthObject:
    """One object through time.

    ``frames``: (n,) int32 strictly increasing; ``boxes``: (n, 4) float64 xyxy, which may extend past the picture;
    ``angles``: (n,) float64 degrees clockwise about the box centre (always 0 in MOTChallenge files); ``counted``: (n,)
    bool, False for boxes that count neither as a leak nor as over-masking.
    """

    id: int
    label: str
    frames: NDArray[np.int32]
    boxes: NDArray[np.float64]
    angles: NDArray[np.float64]
    counted: NDArray[np.bool_]

    def __post_init__(self) -> None:
        n = self.frames.shape[0]
        if self.boxes.shape != (n, 4) or self.angles.shape != (n,) or self.counted.shape != (n,):
            raise ValueError(f"truth object {self.id}: columns of unequal length")
        if n == 0 or np.any(np.diff(self.frames) <= 0) or self.frames[0] < 0:
            raise ValueError(f"truth object {self.id}: frames must be non-negative and strictly increasing")
        if not np.isfinite(self.boxes).all() or np.any(self.boxes[:, 2:] <= self.boxes[:, :2]):
            raise ValueError(f"truth object {self.id}: boxes must be finite and have an extent")


@dataclass(frozen=True, slots=True)
class Truth:
    """All objects in one file."""

    objects: tuple[TruthObject, ...]

    @property
    def last_frame(self) -> int:
        """Index of the last frame with a box, -1 if there are none."""
        return max((int(o.frames[-1]) for o in self.objects), default=-1)


@dataclass(frozen=True, slots=True)
class _TruthRow:
    frame: int
    id: int
    box: tuple[float, float, float, float]
    counted: bool
    label: str


def read_truth(path: Path, labels_path: Path | None = None) -> Truth:
    """Read MOTChallenge ground truth: ``frame, id, left, top, width, height[, counted[, class[, visibility[, -1]]]]``.

    A ``counted`` of 0 marks a box to ignore. Class ids count from 1 in the list of labels, one name per line:
    ``labels_path``, else ``NAME.labels.txt`` or ``labels.txt`` beside the file, else face, plate, text. Visibility and
    later columns are not used. Sources: https://motchallenge.net/instructions (everything counts from 1) and Milan et
    al., "MOT16", arXiv:1603.00831, for the columns.

    Raises :class:`redact.errors.BadTruth` if either file is missing, too large or has impossible values.
    """
    labels = _read_labels(path, labels_path)
    by_id: dict[int, dict[int, _TruthRow]] = {}
    for number, line in enumerate(_read_text(path, MAX_BYTES).splitlines(), start=1):
        if not line.strip():
            continue
        row = _parse(line, f"line {number} of {path.name}", labels)
        rows = by_id.setdefault(row.id, {})
        if row.frame in rows:
            raise _bad(f"line {number} of {path.name} gives object {row.id} a second box on frame {row.frame + 1}")
        if rows and next(iter(rows.values())).label != row.label:
            raise _bad(f"line {number} of {path.name} gives object {row.id} a second class")
        rows[row.frame] = row
    return Truth(tuple(_object(key, by_id[key]) for key in sorted(by_id)))


def _bad(happened: str) -> BadTruth:
    return BadTruth(
        f"{happened}.",
        "Give a MOTChallenge text file: frame, id, left, top, width, height, counted, class, visibility on each line.",
    )


def _read_text(path: Path, limit: int) -> str:
    try:
        with path.open("rb") as file:
            untrusted = file.read(limit + 1)
    except OSError as error:
        raise _bad(f"{path.name} cannot be read ({error.strerror})") from error
    if len(untrusted) > limit:
        raise _bad(f"{path.name} is larger than {limit // (1024 * 1024)} MiB")
    try:
        return untrusted.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _bad(f"{path.name} is not text") from error


def _read_labels(path: Path, labels_path: Path | None) -> tuple[str, ...]:
    if labels_path is None:
        beside = (path.with_suffix(".labels.txt"), path.with_name("labels.txt"))
        labels_path = next((p for p in beside if p.is_file() and p != path), None)
    if labels_path is None:
        return DEFAULT_LABELS
    labels = tuple(line.strip() for line in _read_text(labels_path, MAX_LABEL_BYTES).splitlines() if line.strip())
    if not labels:
        raise _bad(f"{labels_path.name} has no class names")
    return labels


def _parse(line: str, where: str, labels: tuple[str, ...]) -> _TruthRow:
    cells = line.split(",")
    if not 6 <= len(cells) <= 10:
        raise _bad(f"{where} has {len(cells)} columns, not 6 to 10")
    try:
        untrusted = [float(cell) for cell in cells]
    except ValueError as error:
        raise _bad(f"{where} has a column that is not a number") from error
    if not all(map(math.isfinite, untrusted)):
        raise _bad(f"{where} has a column that is not a finite number")
    frame = _whole(untrusted[0], 1, MAX_FRAME, f"{where}: frame")
    key = _whole(untrusted[1], 0, MAX_ID, f"{where}: id")
    left, top, width, height = untrusted[2] - 1, untrusted[3] - 1, untrusted[4], untrusted[5]
    if width <= 0 or height <= 0 or max(map(abs, untrusted[2:6])) > MAX_COORDINATE:
        raise _bad(f"{where} has a box without width or height, or with impossible coordinates")
    counted = len(cells) < 7 or untrusted[6] != 0
    class_id = _whole(untrusted[7], -1, MAX_ID, f"{where}: class") if len(cells) > 7 else -1
    if class_id == 0 or class_id > len(labels):
        raise _bad(f"{where} has class {class_id}, but the classes are numbered 1 to {len(labels)}")
    label = labels[class_id - 1] if class_id > 0 else UNNAMED
    return _TruthRow(frame - 1, key, (left, top, left + width, top + height), counted, label)


def _whole(untrusted: float, low: int, high: int, what: str) -> int:
    if untrusted != int(untrusted) or not low <= untrusted <= high:
        raise _bad(f"{what} is {untrusted:g}, not a whole number of {low} or more")
    return int(untrusted)


def _object(key: int, rows: dict[int, _TruthRow]) -> TruthObject:
    ordered = [rows[frame] for frame in sorted(rows)]
    return TruthObject(
        id=key,
        label=ordered[0].label,
        frames=np.array([r.frame for r in ordered], np.int32),
        boxes=np.array([r.box for r in ordered], np.float64),
        angles=np.zeros(len(ordered)),
        counted=np.array([r.counted for r in ordered], np.bool_),
    )
