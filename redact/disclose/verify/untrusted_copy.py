"""Checks of one copy in a pack: its container, its manifest, every frame, and the masks in the picture."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Protocol

from redact.audit.keys import PublicKey
from redact.disclose.log.release_log import MaskSample, PublishedRange
from redact.disclose.pack import c2pa_manifest
from redact.disclose.verify.findings import CheckResult, PackCheck, absent, broken, held
from redact.disclose.verify.mask_check import Sample, exposed, has_area
from redact.errors import Cancelled, RedactError
from redact.mask.shapes import Shape, ShapeKind
from redact.media.parity import read_contents
from redact.media.probe import probe
from redact.media.reader import VideoReader
from redact.media.timeline import relative_times, timeline_digest
from redact.media.types import FrameTable, PlanarImage
from redact.progress import Progress, silent
from redact.settings import Effect, EffectSettings, Interlaced, OnCorrupt
from redact.timecode import timecode

EVERY = 12
"""Interval, in frames, at which the picture of a published range is checked."""
GAP = Fraction(1)
"""Seconds within a published range that may have nothing hidden, since ranges closer than that are merged."""
_LISTED = 5
"""Details listed in a message; the rest are counted."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What statement and log say about a copy; None for what they do not say."""

    frames: int | None = None
    pts_sha256: str | None = None
    size: tuple[int, int] | None = None
    """Width and height in pixels."""
    policy_sha256: str | None = None
    masters: frozenset[str] | None = None
    """SHA-256 of the masters of the release; empty if the release must not name any."""


class MaskChecker(Protocol):
    """Checks the masks on some of the frames."""

    def wants(self, frame: int) -> bool:
        """Whether this frame is to be examined."""

    def examine(self, frame: int, since: Fraction, image: PlanarImage) -> None:
        """Examine a frame, ``since`` seconds after the first."""

    def result(self, file: str) -> CheckResult:
        """The result, after the last frame."""


def container(path: Path, file: str) -> CheckResult:
    """Check that the container holds nothing but picture, sound and a manifest."""
    try:
        read_contents(path, signed=True)
    except RedactError as error:
        return broken(PackCheck.CONTAINER, error.happened, file)
    return held(PackCheck.CONTAINER, "The file contains only its picture, sound and manifest.", file)


def manifest(path: Path, file: str, key: PublicKey | None, expected: Expected) -> CheckResult:
    """Check the C2PA manifest: that it is valid, signed under ``key``, and belongs to this release."""
    found = c2pa_manifest.read(path)
    if found is None:
        return absent(PackCheck.MANIFEST, "The file has no C2PA manifest. Remuxing removes it.", file)
    if found.problems or found.key is None or found.release is None:
        problems = ", ".join(found.problems[:_LISTED])
        return broken(PackCheck.MANIFEST, f"The C2PA manifest is not valid: {problems}.", file)
    if key is None:
        return held(
            PackCheck.MANIFEST,
            f"The C2PA manifest matches the file. Its key, {found.key.fingerprint}, could not be checked.",
            file,
        )
    master = found.release.master_sha256
    wrong = ""
    if found.key.fingerprint != key.fingerprint:
        wrong = f"is signed under another key, {found.key.fingerprint}"
    elif expected.policy_sha256 not in (None, found.release.policy_sha256):
        wrong = "names a different release policy from the statement"
    elif expected.masters is not None and (master not in expected.masters if master else expected.masters):
        wrong = "names a different master from the statement"
    if wrong:
        return broken(PackCheck.MANIFEST, f"The C2PA manifest {wrong}.", file)
    return held(PackCheck.MANIFEST, "The C2PA manifest matches the file and is signed under the same key.", file)


def frames(
    path: Path, file: str, expected: Expected, checker: MaskChecker | None, progress: Progress = silent
) -> tuple[list[CheckResult], FrameTable | None]:
    """Decode every frame and check number, times and picture size; pass frames to ``checker`` for the masks."""
    first: int | None = None
    try:
        info = probe(path)
        with VideoReader(info, interlaced=Interlaced.KEEP, on_corrupt=OnCorrupt.STOP) as reader:
            for frame in reader:
                first = frame.pts if first is None else first
                if checker is not None and checker.wants(frame.index):
                    checker.examine(frame.index, (frame.pts - first) * info.video.time_base, frame.planes())
                progress(f"check {file}", frame.index + 1, expected.frames)
            table = reader.table
    except RedactError as error:
        if isinstance(error, Cancelled):
            raise
        results = [broken(PackCheck.FRAMES, f"The copy cannot be decoded: {error.happened}", file)]
        if checker is not None:
            results.append(broken(PackCheck.MASKS, "The copy cannot be decoded, so its masks cannot be checked.", file))
        return results, None
    size = (info.video.upright_width, info.video.upright_height)
    results = [_parity(file, expected, table, size)]
    if checker is not None:
        results.append(checker.result(file))
    return results, table


def same_frames(table: FrameTable, slate_frames: int, master: FrameTable, first: int, last: int) -> bool:
    """Whether the copy's frames after its slate have the same spacing as the master's from ``first`` to ``last``."""
    ours, theirs = list(relative_times(table))[slate_frames:], list(relative_times(master))[first : last + 1]
    return len(ours) == len(theirs) > 0 and all(a - ours[0] == b - theirs[0] for a, b in zip(ours, theirs, strict=True))


class SampleMaskChecker:
    """Checks the masks in ``masks.json``. ``required``: the frames that must have some, according to the log."""

    def __init__(self, untrusted_samples: Iterable[MaskSample], required: Iterable[int]) -> None:
        self._by_frame: dict[int, list[Sample]] = defaultdict(list)
        self._invalid = 0
        for sample in untrusted_samples:
            settings = _settings(sample)
            if settings is None:
                self._invalid += 1
            else:
                shape = Shape(ShapeKind(sample.form), sample.cx, sample.cy, sample.w, sample.h, sample.angle)
                self._by_frame[sample.frame].append(Sample(sample.frame, shape, settings))
        self._unsampled = sorted(set(required) - self._by_frame.keys())
        self._unvisited = set(self._by_frame)
        self._exposed: list[tuple[int, Fraction]] = []

    def wants(self, frame: int) -> bool:
        """See :class:`MaskChecker`."""
        return frame in self._by_frame

    def examine(self, frame: int, since: Fraction, image: PlanarImage) -> None:
        """See :class:`MaskChecker`."""
        self._unvisited.discard(frame)
        if exposed(image, self._by_frame[frame]):
            self._exposed.append((frame, since))

    def result(self, file: str) -> CheckResult:
        """See :class:`MaskChecker`."""
        if self._exposed:
            return broken(PackCheck.MASKS, f"A mask in the log is not in the picture: {_listed(self._exposed)}.", file)
        if self._invalid or self._unvisited:
            return broken(PackCheck.MASKS, "masks.json lists invalid masks, or frames that do not exist.", file)
        if self._unsampled:
            return broken(
                PackCheck.MASKS,
                f"masks.json has no masks for frame {self._unsampled[0]}, which should have some.",
                file,
            )
        count = sum(map(len, self._by_frame.values()))
        return held(
            PackCheck.MASKS, f"All {count} masks checked, on {len(self._by_frame)} frames, are in the picture.", file
        )


class RangeFillChecker:
    """Checks that the ranges of a published log have fill somewhere in the picture; the log does not say where."""

    def __init__(self, untrusted_ranges: Iterable[PublishedRange]) -> None:
        self._ranges = [r for r in untrusted_ranges if r.kind == "picture" and r.fills]
        self._seen: set[int] = set()
        self._missed_since: dict[int, Fraction] = {}
        self._missing: list[tuple[int, Fraction]] = []

    def wants(self, frame: int) -> bool:
        """See :class:`MaskChecker`."""
        return any(_due(r, frame) for r in self._ranges)

    def examine(self, frame: int, since: Fraction, image: PlanarImage) -> None:
        """See :class:`MaskChecker`."""
        for number, span in enumerate(self._ranges):
            if not _due(span, frame):
                continue
            if has_area(image, span.fills):
                self._seen.add(number)
                self._missed_since.pop(number, None)
            elif set(span.effects) == {"solid"}:
                # The first and the last frame of a range always have a mask.
                missed_since = self._missed_since.setdefault(number, since)
                if frame in (span.first_frame, span.last_frame) or since - missed_since > GAP:
                    self._missing.append((frame, since))

    def result(self, file: str) -> CheckResult:
        """See :class:`MaskChecker`."""
        if self._missing:
            return broken(PackCheck.MASKS, f"There is no fill where the log lists one: {_listed(self._missing)}.", file)
        if empty := [r for n, r in enumerate(self._ranges) if n not in self._seen]:
            return broken(
                PackCheck.MASKS,
                f"There is no fill in the range from {empty[0].first_timecode}, contrary to the log.",
                file,
            )
        if not self._ranges:
            return absent(
                PackCheck.MASKS, "The log lists no fills. Other effects cannot be checked without positions.", file
            )
        return held(PackCheck.MASKS, f"All {len(self._ranges)} ranges with fills have fill in the picture.", file)


def _due(span: PublishedRange, frame: int) -> bool:
    inside = span.first_frame <= frame <= span.last_frame
    return inside and (frame == span.last_frame or (frame - span.first_frame) % EVERY == 0)


def _settings(sample: MaskSample) -> EffectSettings | None:
    if sample.effect == "solid":
        return EffectSettings(Effect.SOLID, sample.fill) if sample.fill is not None else None
    return EffectSettings(Effect(sample.effect))


def _listed(places: Sequence[tuple[int, Fraction]]) -> str:
    shown = ", ".join(f"frame {frame} ({timecode(since)})" for frame, since in places[:_LISTED])
    return shown + (f" and {len(places) - _LISTED} more" if len(places) > _LISTED else "")


def _parity(file: str, expected: Expected, table: FrameTable, size: tuple[int, int]) -> CheckResult:
    count = len(table)
    if expected.frames not in (None, count):
        return broken(PackCheck.FRAMES, f"The copy has {count} frames instead of {expected.frames}.", file)
    if expected.pts_sha256 not in (None, timeline_digest(relative_times(table))):
        return broken(PackCheck.FRAMES, "The times of the copy's frames are not the stated ones.", file)
    if expected.size is not None and expected.size != size:
        return broken(
            PackCheck.FRAMES,
            f"The picture has {size[0]} x {size[1]} pixels instead of {expected.size[0]} x {expected.size[1]}.",
            file,
        )
    if expected.frames is None or expected.pts_sha256 is None:
        return absent(
            PackCheck.FRAMES, f"All {count} frames can be decoded, but nothing states how many there should be.", file
        )
    return held(PackCheck.FRAMES, f"All {count} frames can be decoded and are at the stated times.", file)
