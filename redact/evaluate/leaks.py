"""Measures leaks and over-masking against ground truth.

A box on a frame is *covered* if at least 90 % of it (for faces, of its inscribed ellipse) is masked, by any mask. Boxes
that the truth marks as ignored count neither as leaks nor as over-masking.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from redact.errors import BadTruth
from redact.evaluate.regions import region
from redact.evaluate.truth import Truth
from redact.mask.mask_plan import MaskPlan, MaskPolicy
from redact.mask.raster import coverage
from redact.track.types import MediaRef, TrackSet

COVERED_SHARE = 0.9
GROWN = 1.5
"""Masked pixels within the box enlarged by this factor do not count as over-masking."""
ELLIPSES = frozenset({"face"})
"""Labels for which only the inscribed ellipse must be masked."""


@dataclass(frozen=True, slots=True)
class ClassFigures:
    """Figures of one class or of all: objects with at least one counted box, and their counted boxes."""

    label: str
    objects: int
    exposed: int
    """Objects with at least one uncovered box."""
    boxes: int
    uncovered: int

    @property
    def leak_rate(self) -> float:
        """Uncovered boxes / all boxes."""
        return self.uncovered / self.boxes if self.boxes else 0.0

    @property
    def exposed_share(self) -> float:
        """Exposed objects / all objects."""
        return self.exposed / self.objects if self.objects else 0.0


@dataclass(frozen=True, slots=True)
class Leak:
    """One uncovered box. ``seconds`` and ``timecode`` count from the first frame, ``frame`` from 0."""

    object_id: int
    label: str
    frame: int
    seconds: float
    timecode: str
    covered: float
    """Masked share of the box (or its ellipse) inside the picture."""


@dataclass(frozen=True, slots=True)
class Report:
    """Leaks and over-masking of a copy."""

    frames: int
    total: ClassFigures
    classes: tuple[ClassFigures, ...]
    outside: int
    """Pixels of all frames outside the boxes enlarged by :data:`GROWN`."""
    masked_outside: int
    """How many of these are masked."""
    leaks: tuple[Leak, ...]
    """In order of time."""

    @property
    def over_masking(self) -> float:
        """Share of pixels outside the enlarged boxes that are masked."""
        return self.masked_outside / self.outside if self.outside else 0.0

    def as_dict(self) -> dict[str, object]:
        """Ready for JSON, including the rates."""

        def figures(of: ClassFigures) -> dict[str, object]:
            return {**asdict(of), "leak_rate": of.leak_rate, "exposed_share": of.exposed_share}

        return {
            "frames": self.frames,
            "total": figures(self.total),
            "classes": [figures(of) for of in self.classes],
            "over_masking": self.over_masking,
            "leaks": [asdict(leak) for leak in self.leaks],
        }


@dataclass(frozen=True, slots=True)
class _TruthBox:
    object_id: int
    label: str
    box: NDArray[np.float64]
    angle: float
    counted: bool


class Tally:
    """Collects figures frame by frame; memory grows with the truth and the leaks, not with the pictures."""

    def __init__(self, truth: Truth, media: MediaRef) -> None:
        """Raises :class:`redact.errors.BadTruth` if the truth extends past the last frame."""
        if truth.last_frame >= media.pts.size:
            raise BadTruth(
                f"The truth has a box on frame {truth.last_frame + 1}, but the footage has {media.pts.size} frames.",
                "Give the truth for this footage.",
            )
        self._media = media
        self._by_frame: dict[int, list[_TruthBox]] = {}
        for thing in truth.objects:
            for i, frame in enumerate(thing.frames.tolist()):
                row = _TruthBox(thing.id, thing.label, thing.boxes[i], float(thing.angles[i]), bool(thing.counted[i]))
                self._by_frame.setdefault(frame, []).append(row)
        self._near = np.zeros((media.height, media.width), np.bool_)
        # Frame, box and masked share of every counted box, from which the figures are computed.
        self._shares: list[tuple[int, _TruthBox, float]] = []
        self._frames = self._outside = self._masked_outside = 0

    def add(self, frame: int, masked: NDArray[np.bool_]) -> None:
        """Add one frame; ``masked``: bool (height, width), which of its pixels are masked."""
        boxes = self._by_frame.get(frame, [])
        for row in boxes:
            share = self._covered(row, masked) if row.counted else None
            if share is not None:
                self._shares.append((frame, row, share))
        near = self._near
        near[:] = False
        for row in boxes:
            grown = region(row.box, row.angle, self._media.width, self._media.height, ellipse=False, grow=GROWN)
            if grown is not None:
                near[grown[0]] |= grown[1]
        self._frames += 1
        self._outside += near.size - int(np.count_nonzero(near))
        self._masked_outside += int(np.count_nonzero(masked > near))

    def _covered(self, row: _TruthBox, masked: NDArray[np.bool_]) -> float | None:
        found = region(row.box, row.angle, self._media.width, self._media.height, ellipse=row.label in ELLIPSES)
        if found is None:
            return None
        window, inside = found
        return float(np.count_nonzero(masked[window] & inside) / np.count_nonzero(inside))

    def report(self) -> Report:
        """The figures of all frames added."""
        labels = sorted({row.label for _, row, _ in self._shares})
        leaks = [self._leak(frame, row, share) for frame, row, share in self._shares if share < COVERED_SHARE]
        return Report(
            frames=self._frames,
            total=self._figures("all", labels),
            classes=tuple(self._figures(label, (label,)) for label in labels),
            outside=self._outside,
            masked_outside=self._masked_outside,
            leaks=tuple(sorted(leaks, key=lambda leak: (leak.frame, leak.object_id))),
        )

    def _figures(self, name: str, labels: Collection[str]) -> ClassFigures:
        rows = [(row.object_id, share < COVERED_SHARE) for _, row, share in self._shares if row.label in labels]
        exposed = {key for key, uncovered in rows if uncovered}
        return ClassFigures(name, len({key for key, _ in rows}), len(exposed), len(rows), sum(u for _, u in rows))

    def _leak(self, frame: int, row: _TruthBox, share: float) -> Leak:
        pts = self._media.pts
        seconds = float((int(pts[frame]) - int(pts[0])) * self._media.time_base)
        return Leak(row.object_id, row.label, frame, seconds, timecode(seconds), share)


def timecode(seconds: float) -> str:
    """``hh:mm:ss.mmm``."""
    thousandths = round(seconds * 1000)
    minutes, rest = divmod(thousandths, 60_000)
    return f"{minutes // 60:02}:{minutes % 60:02}:{rest // 1000:02}.{rest % 1000:03}"


def evaluate(tracks: TrackSet, truth: Truth, policy: MaskPolicy | None = None) -> Report:
    """Figures for the masks of ``tracks`` under ``policy``, drawn exactly as the renderer draws them.

    Raises :class:`redact.errors.BadTruth` if the truth does not fit the footage.
    """
    media = tracks.media
    plan = MaskPlan(tracks, policy)
    tally = Tally(truth, media)
    for frame in range(media.pts.size):
        tally.add(frame, coverage(plan.shapes(frame), media.width, media.height))
    return tally.report()
