"""One copy of a pack, looked at by itself: its boxes, its manifest, every frame of it, and the masks in the picture."""

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
from redact.disclose.verify.findings import Check, CheckResult, absent, broken, held
from redact.disclose.verify.mask_check import Sample, exposed, has_area
from redact.errors import Cancelled, RedactError
from redact.mask.types import Form, Shape
from redact.media.parity import read_contents
from redact.media.probe import probe
from redact.media.reader import VideoReader
from redact.media.timeline import relative_times, timeline_digest
from redact.media.types import FrameTable, PlanarImage
from redact.progress import Progress, silent
from redact.settings import Effect, EffectSettings, Interlaced, OnCorrupt
from redact.timecode import timecode

EVERY = 12
"""Frames: how often the picture of a published range is looked at."""
GAP = Fraction(1)
"""Seconds within a published range in which nothing may be hidden: closer ranges are told as one."""
_TOLD = 5


@dataclass(frozen=True, slots=True)
class Expected:
    """What is said of a copy elsewhere; None where nothing is."""

    frames: int | None = None
    pts_sha256: str | None = None
    size: tuple[int, int] | None = None
    """Width and height in pixels."""
    policy_sha256: str | None = None
    masters: frozenset[str] | None = None
    """SHA-256 of the masters of the release; empty where it may name none."""


class MaskChecker(Protocol):
    """Looks at some of the frames, and says what was wrong."""

    def wants(self, frame: int) -> bool:
        """Whether it wants to see this frame."""

    def examine(self, frame: int, since: Fraction, image: PlanarImage) -> None:
        """Be shown a frame, ``since`` seconds after the first."""

    def result(self, file: str) -> CheckResult:
        """After the last frame."""


def container(path: Path, file: str) -> CheckResult:
    """Is there anything in the container but picture, sound and a manifest?"""
    try:
        read_contents(path, signed=True)
    except RedactError as error:
        return broken(Check.CONTAINER, error.happened, file)
    return held(Check.CONTAINER, "Nothing is in the file but its picture, its sound and its manifest.", file)


def manifest(path: Path, file: str, key: PublicKey | None, expected: Expected) -> CheckResult:
    """Is there a C2PA manifest, does it hold, and is it from the holder of ``key`` and of this release?"""
    found = c2pa_manifest.read(path)
    if found is None:
        return absent(Check.MANIFEST, "The file carries no C2PA manifest; packing a file anew removes it.", file)
    if found.problems or found.key is None or found.release is None:
        told = ", ".join(found.problems[:_TOLD])
        return broken(Check.MANIFEST, f"The C2PA manifest does not hold: {told}.", file)
    if key is None:
        return held(
            Check.MANIFEST,
            f"The C2PA manifest fits the file; it is from the key {found.key.fingerprint}, which nobody vouches for.",
            file,
        )
    master = found.release.master_sha256
    wrong = ""
    if found.key.fingerprint != key.fingerprint:
        wrong = f"is from another key, {found.key.fingerprint}"
    elif expected.policy_sha256 not in (None, found.release.policy_sha256):
        wrong = "speaks of another release policy than the statement"
    elif expected.masters is not None and (master not in expected.masters if master else expected.masters):
        wrong = "speaks of another master than the statement"
    if wrong:
        return broken(Check.MANIFEST, f"The C2PA manifest {wrong}.", file)
    return held(Check.MANIFEST, "The C2PA manifest fits the file and is from the same key.", file)


def frames(
    path: Path, file: str, expected: Expected, checker: MaskChecker | None, progress: Progress = silent
) -> tuple[list[CheckResult], FrameTable | None]:
    """Decode every frame: are they as many, and at the times, that are said, and what does ``look`` see in them?"""
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
        results = [broken(Check.FRAMES, f"The copy cannot be decoded: {error.happened}", file)]
        if checker is not None:
            results.append(broken(Check.MASKS, "The copy cannot be decoded, so nothing can be seen in it.", file))
        return results, None
    size = (info.video.upright_width, info.video.upright_height)
    results = [_parity(file, expected, table, size)]
    if checker is not None:
        results.append(checker.result(file))
    return results, table


def same_frames(table: FrameTable, slate_frames: int, master: FrameTable, first: int, last: int) -> bool:
    """Whether the copy's frames after its slate are as far apart as the master's from ``first`` to ``last``."""
    ours, theirs = list(relative_times(table))[slate_frames:], list(relative_times(master))[first : last + 1]
    return len(ours) == len(theirs) > 0 and all(a - ours[0] == b - theirs[0] for a, b in zip(ours, theirs, strict=True))


class SampleMaskChecker:
    """Looks for the masks of ``masks.json``. ``whole``: the frames on which there must be some, by the log."""

    def __init__(self, untrusted_samples: Iterable[MaskSample], whole: Iterable[int]) -> None:
        self._by_frame: dict[int, list[Sample]] = defaultdict(list)
        self._unclear = 0
        for sample in untrusted_samples:
            settings = _settings(sample)
            if settings is None:
                self._unclear += 1
            else:
                shape = Shape(Form(sample.form), sample.cx, sample.cy, sample.w, sample.h, sample.angle)
                self._by_frame[sample.frame].append(Sample(sample.frame, shape, settings))
        self._unsampled = sorted(set(whole) - self._by_frame.keys())
        self._unseen = set(self._by_frame)
        self._exposed: list[tuple[int, Fraction]] = []

    def wants(self, frame: int) -> bool:
        """See :class:`MaskChecker`."""
        return frame in self._by_frame

    def examine(self, frame: int, since: Fraction, image: PlanarImage) -> None:
        """See :class:`MaskChecker`."""
        self._unseen.discard(frame)
        if exposed(image, self._by_frame[frame]):
            self._exposed.append((frame, since))

    def result(self, file: str) -> CheckResult:
        """See :class:`MaskChecker`."""
        if self._exposed:
            return broken(
                Check.MASKS, f"A mask that the log tells of is not in the picture: {_told(self._exposed)}.", file
            )
        if self._unclear or self._unseen:
            return broken(
                Check.MASKS, "masks.json tells of masks that make no sense, or of frames that there are not.", file
            )
        if self._unsampled:
            return broken(Check.MASKS, f"masks.json leaves out masks of frame {self._unsampled[0]}.", file)
        seen = sum(map(len, self._by_frame.values()))
        return held(
            Check.MASKS, f"All {seen} masks looked for, on {len(self._by_frame)} frames, are in the picture.", file
        )


class RangeFillChecker:
    """Looks for fill in the ranges of a published log, which does not say where in the picture it is."""

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
            return broken(Check.MASKS, f"Nothing is filled where the log says it is: {_told(self._missing)}.", file)
        if empty := [r for n, r in enumerate(self._ranges) if n not in self._seen]:
            return broken(Check.MASKS, f"Nothing is filled from {empty[0].first_timecode} on, as the log says.", file)
        if not self._ranges:
            return absent(
                Check.MASKS, "The log tells of no fill, which is all that can be looked for without places.", file
            )
        return held(Check.MASKS, f"In each of the {len(self._ranges)} ranges with fills there is filled picture.", file)


def _due(span: PublishedRange, frame: int) -> bool:
    inside = span.first_frame <= frame <= span.last_frame
    return inside and (frame == span.last_frame or (frame - span.first_frame) % EVERY == 0)


def _settings(sample: MaskSample) -> EffectSettings | None:
    if sample.effect == "solid":
        return EffectSettings(Effect.SOLID, sample.fill) if sample.fill is not None else None
    return EffectSettings(Effect(sample.effect))


def _told(places: Sequence[tuple[int, Fraction]]) -> str:
    shown = ", ".join(f"frame {frame} ({timecode(since)})" for frame, since in places[:_TOLD])
    return shown + (f" and {len(places) - _TOLD} more" if len(places) > _TOLD else "")


def _parity(file: str, expected: Expected, table: FrameTable, size: tuple[int, int]) -> CheckResult:
    count = len(table)
    if expected.frames not in (None, count):
        return broken(Check.FRAMES, f"The copy holds {count} frames, not the {expected.frames} that are said.", file)
    if expected.pts_sha256 not in (None, timeline_digest(relative_times(table))):
        return broken(Check.FRAMES, "The copy's frames are not at the times that are said.", file)
    if expected.size not in (None, size):
        return broken(Check.FRAMES, f"The picture is {size[0]} x {size[1]} pixels, other than is said.", file)
    if expected.frames is None or expected.pts_sha256 is None:
        return absent(Check.FRAMES, f"All {count} frames can be decoded; nothing says how many there should be.", file)
    return held(Check.FRAMES, f"All {count} frames can be decoded and are at the times that are said.", file)
