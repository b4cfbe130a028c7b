"""The two journeys that everything else calls: *analyse* (footage -> tracks) and *render* (tracks -> copy)."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from importlib import metadata
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

import redact
from redact.ahead import ahead
from redact.audio.editor import make_editor
from redact.audio.spans import check_spans
from redact.detect.boxes import moved
from redact.detect.factory import Scheduled, device_name, make_detectors
from redact.detect.runtime import choose_device
from redact.detect.types import Detections
from redact.errors import MasterChanged, TracksMismatch
from redact.mask.compositor import Compositor
from redact.mask.plan import MaskPlan
from redact.mask.types import Form, Shape
from redact.media.hashing import hash_file
from redact.media.probe import probe
from redact.media.reader import Frame, VideoReader
from redact.media.sound import SoundTrack
from redact.media.types import FrameTable, MediaInfo, PlanarImage, Scan
from redact.media.writer import CopyWriter, check_target
from redact.progress import Progress, silent
from redact.settings import FLOW_SIDES, AnalyseSettings, EffectSettings, Interlaced, RenderSettings
from redact.stages import Stages
from redact.track.carry import Carrier
from redact.track.motion import Motion, MotionEstimator
from redact.track.schedule import Schedule
from redact.track.tracker import Tracker
from redact.track.types import MediaRef, TrackSet

AHEAD_FRAMES = 4
CUDA_BATCH = 8


@dataclass(slots=True)
class _Seen:
    """One frame on its way to the detectors: for each of these a picture, or None where it does not run."""

    index: int
    seconds: float
    motion: Motion | None
    inputs: list[torch.Tensor | None]


@dataclass(frozen=True, slots=True)
class RenderReport:
    """A finished copy, for the summary and the log."""

    target: Path
    frames: int
    masked_frames: int
    sha256: str
    master_sha256: str
    seconds: float
    notes: tuple[str, ...] = field(default=())


class Finder:
    """Detectors loaded once, for any number of masters. See :func:`analyse`."""

    def __init__(self, settings: AnalyseSettings) -> None:
        self._settings = settings
        self._device = choose_device(settings.device)
        self._detectors = make_detectors(settings)

    def analyse(self, source: Path, *, progress: Progress = silent, stages: Stages | None = None) -> TrackSet:
        """See :func:`analyse`; ``stages`` collects the time spent."""
        stages = stages or Stages()
        info = probe(source)
        with _unchanged(source):
            sha256 = hash_file(source)
            video = info.video
            estimator = MotionEstimator(video.upright_width, video.upright_height, FLOW_SIDES[self._settings.preset])
            tracker = Tracker(Carrier(estimator.centres, video.upright_width, video.upright_height))
            reader = VideoReader(info, interlaced=self._settings.interlaced, on_corrupt=self._settings.on_corrupt)
            total = info.expected_frames
            with (
                _one_thread(cv2, "getNumThreads", "setNumThreads"),
                reader,
                ahead(self._look(reader, estimator, info, stages), AHEAD_FRAMES) as frames,
            ):
                for batch in self._batches(frames):
                    found = self._detect(batch, info, stages)
                    for seen, detections in zip(batch, found, strict=True):
                        with stages("track"):
                            tracker.step(seen.seconds, seen.motion, detections)
                        progress("find", seen.index + 1, total)
            with stages("track"):
                tracks = tracker.finish()
        table = reader.table
        media = MediaRef(
            sha256, video.upright_width, video.upright_height, table.time_base, table.pts, table.last_duration
        )
        return TrackSet(media, tracks, tuple(tracker.cuts), self._provenance(info))

    def _look(
        self, reader: VideoReader, estimator: MotionEstimator, info: MediaInfo, stages: Stages
    ) -> Generator[_Seen, None, None]:
        """Frames with their motion and the detectors' inputs. Runs one frame behind the reader: a shot's last frame is
        known only when the next one has been seen."""
        schedule = Schedule([s.period for s in self._detectors])
        sizes = [self._input_size(s, info) for s in self._detectors]
        held: tuple[Frame, _Seen] | None = None
        for frame in stages.each("decode", reader):
            with stages("flow"):
                motion = estimator.step(frame.grey(estimator.size))
            starts = motion is None or motion.cut
            seconds = float(frame.pts * info.video.time_base)
            runs = schedule.due(seconds, first_of_shot=starts)
            if held is not None:
                if starts:
                    self._convert(*held, sizes, [True] * len(sizes), stages)
                yield held[1]
            seen = _Seen(frame.index, seconds, motion, [None] * len(sizes))
            self._convert(frame, seen, sizes, runs, stages)
            held = (frame, seen)
        if held is not None:
            self._convert(*held, sizes, [True] * len(sizes), stages)
            yield held[1]

    def _convert(
        self, frame: Frame, seen: _Seen, sizes: list[tuple[int, int]], runs: Sequence[bool], stages: Stages
    ) -> None:
        with stages("convert"):
            pictures: dict[tuple[int, int], torch.Tensor] = {}
            for i, (size, run) in enumerate(zip(sizes, runs, strict=True)):
                if run and seen.inputs[i] is None:
                    if size not in pictures:
                        rgb = np.ascontiguousarray(frame.rgb(size))
                        pictures[size] = torch.from_numpy(rgb).permute(2, 0, 1)[None]
                    seen.inputs[i] = pictures[size]

    @staticmethod
    def _input_size(scheduled: Scheduled, info: MediaInfo) -> tuple[int, int]:
        """Detectors were trained on square pixels, so anamorphic pictures are stretched on the way."""
        width = max(16, round(info.video.upright_width * info.video.sample_aspect))
        return scheduled.detector.input_size(width, info.video.upright_height)

    def _batches(self, frames: Iterator[_Seen]) -> Iterator[list[_Seen]]:
        """Frames in order, cut where some detector has a batch together."""
        most = CUDA_BATCH if self._device.type == "cuda" else 1
        batch: list[_Seen] = []
        waiting = [0] * len(self._detectors)
        for seen in frames:
            batch.append(seen)
            waiting = [n + (x is not None) for n, x in zip(waiting, seen.inputs, strict=True)]
            if max(waiting, default=0) >= most or len(batch) >= most * 16:
                yield batch
                batch, waiting = [], [0] * len(self._detectors)
        if batch:
            yield batch

    def _detect(
        self, batch: list[_Seen], info: MediaInfo, stages: Stages
    ) -> list[list[tuple[tuple[str, ...], Detections]]]:
        """For each frame of the batch: what each detector that ran on it found, in upright pixels."""
        found: list[list[tuple[tuple[str, ...], Detections]]] = [[] for _ in batch]
        for i, scheduled in enumerate(self._detectors):
            rows = [(place, x) for place, seen in enumerate(batch) if (x := seen.inputs[i]) is not None]
            if not rows:
                continue
            detector = scheduled.detector
            with stages("detect"):
                frames = (torch.cat([x for _, x in rows]) if len(rows) > 1 else rows[0][1]).to(self._device)
                results = detector.detect(frames)
            scale = (info.video.upright_width / frames.shape[3], info.video.upright_height / frames.shape[2])
            for (place, _), result in zip(rows, results, strict=True):
                found[place].append((detector.labels, moved(result, scale)))
        return found

    def _provenance(self, info: MediaInfo) -> dict[str, object]:
        records = [s.detector.record for s in self._detectors]
        kept = info.video.scan is Scan.INTERLACED and self._settings.interlaced is Interlaced.KEEP
        return {
            "software": f"redact-workbench {redact.__version__}",
            "models": [
                {"name": r.name, "sha256": r.sha256, "licence": r.licence, "runtime": r.runtime} for r in records
            ],
            "settings": {
                "classes": list(self._settings.classes),
                "preset": self._settings.preset.value,
                "on_corrupt": self._settings.on_corrupt.value,
                "scan": "interlaced, kept" if kept else info.video.scan.value,
            },
            "device": device_name(self._device),
            "versions": {
                "python": platform.python_version(),
                "torch": torch.__version__,
                "av": metadata.version("av"),
                "opencv": metadata.version("opencv-python-headless"),
            },
        }


def analyse(source: Path, settings: AnalyseSettings, *, progress: Progress = silent) -> TrackSet:
    """Footage to tracks. Memory does not grow with length, but for the tracks themselves.

    Raises what probing, decoding and loading models raise (see :mod:`redact.errors`), :class:`MasterChanged` when the
    file is altered meanwhile, and whatever ``progress`` raises.
    """
    return Finder(settings).analyse(source, progress=progress)


def render(
    source: Path,
    tracks: TrackSet,
    target: Path,
    settings: RenderSettings,
    *,
    progress: Progress = silent,
    stages: Stages | None = None,
) -> RenderReport:
    """Tracks to a redacted copy of ``source`` at ``target``, verified before it gets that name.

    Raises :class:`TracksMismatch` when the tracks are of another file or other frames; what probing, decoding, encoding
    and verifying raise; and whatever ``progress`` raises. Nothing is left behind then.
    """
    started = time.monotonic()
    stages = stages or Stages()
    check_target(source, target, overwrite=settings.overwrite)
    info = probe(source)
    media = tracks.media
    with _unchanged(source) as check:
        sha256 = hash_file(source)
        if sha256 != media.sha256:
            raise TracksMismatch(
                f"The tracks were made from another file than {source.name}.",
                "Run `redact detect` on this very file, or name the file the tracks belong to.",
            )
        table = _table(media)
        first = table.seconds(0)
        check_spans(settings.spans, table.seconds(len(table) - 1) + table.last_duration * table.time_base - first)
        sound = [
            SoundTrack(
                stream,
                make_editor(
                    settings.spans,
                    mode=settings.audio,
                    sample_rate=stream.sample_rate,
                    channels=stream.channels,
                    origin=stream.start - first,
                ),
            )
            for stream in info.audio
        ]
        plan = MaskPlan(tracks)
        compositor = Compositor(media.width, media.height, choose_device(settings.device))
        masked = 0
        reader = VideoReader(info, interlaced=settings.interlaced, on_corrupt=settings.on_corrupt)
        with (
            _one_thread(torch, "get_num_threads", "set_num_threads"),
            CopyWriter(target, info, table, settings.encode, sound, overwrite=settings.overwrite) as writer,
            reader,
            ahead(
                _masked(reader, plan, compositor, media=media, effect=settings.effect, stages=stages), AHEAD_FRAMES
            ) as pictures,
        ):
            for index, hidden, image in pictures:
                masked += hidden
                with stages("encode"):
                    writer.write(index, image)
                progress("write", index + 1, len(table))
            with stages("encode"):
                copy = writer.finish(check)
    notes = (*copy.notes, *_notes(info, settings, reader.table))
    return RenderReport(target, copy.frames, masked, copy.sha256, sha256, time.monotonic() - started, notes)


def _masked(
    reader: VideoReader,
    plan: MaskPlan,
    compositor: Compositor,
    *,
    media: MediaRef,
    effect: EffectSettings,
    stages: Stages,
) -> Generator[tuple[int, bool, PlanarImage], None, None]:
    """The copy's frames: index, whether anything is hidden, picture. Each is checked to be the very frame the tracks
    speak of."""
    count = 0
    for frame in stages.each("decode again", reader):
        if frame.index >= media.pts.size or frame.pts != int(media.pts[frame.index]):
            raise _other_frames(frame.index)
        count += 1
        shapes = [Shape(Form.FULL)] if frame.corrupt else plan.shapes(frame.index)
        with stages("planes"):
            image = frame.planes().to(compositor.device)
        with stages("mask"):
            compositor.draw(image, [(shape, effect) for shape in shapes])
        yield frame.index, bool(shapes), image
    if count != media.pts.size:
        raise _other_frames(count)


def _other_frames(index: int) -> TracksMismatch:
    return TracksMismatch(
        f"From frame {index} on, the footage does not decode to the frames the tracks were made from.",
        "Run `redact detect` again with this version of the program.",
    )


def _table(media: MediaRef) -> FrameTable:
    nothing = np.zeros(media.pts.size, np.bool_)
    return FrameTable(media.pts, nothing, nothing, media.time_base, media.last_duration or _usual_duration(media))


def _usual_duration(media: MediaRef) -> int:
    """For tracks that came from another format: the last frame lasts as long as most do."""
    return (
        max(1, int(np.median(np.diff(media.pts))))
        if media.pts.size > 1
        else max(1, round(Fraction(1, 25) / media.time_base))
    )


def _notes(info: MediaInfo, settings: RenderSettings, table: FrameTable) -> list[str]:
    notes = []
    if info.video.scan is Scan.INTERLACED:
        done = "deinterlaced" if settings.interlaced is Interlaced.DEINTERLACE else "kept interlaced"
        notes.append(f"The footage is interlaced and was {done}.")
    if info.video.rotation:
        notes.append(f"The picture was turned upright by {info.video.rotation} degrees counter-clockwise.")
    if info.dropped:
        notes.append(f"Not carried over: {', '.join(info.dropped)}.")
    broken = np.flatnonzero(table.corrupt)
    if broken.size:
        listed = ", ".join(str(int(i)) for i in broken[:20]) + (" ..." if broken.size > 20 else "")
        notes.append(f"{broken.size} frames that could not be decoded soundly were masked whole: {listed}.")
    return notes


@contextmanager
def _one_thread(library: Any, read: str, write: str) -> Iterator[None]:
    """Masks and small pictures are little work: a library's worker threads for them would be in the way of the networks
    and the encoder, which do need every core."""
    before = getattr(library, read)()
    getattr(library, write)(1)
    try:
        yield
    finally:
        getattr(library, write)(before)


@contextmanager
def _unchanged(source: Path) -> Iterator[Callable[[], None]]:
    """Gives a check that raises :class:`MasterChanged` if the file is another one, or another size or age, than before
    the block; it also is made at its end."""

    def mark() -> tuple[int, int, int] | None:
        try:
            status = source.stat()
        except OSError:
            return None
        return status.st_ino, status.st_size, status.st_mtime_ns

    def check() -> None:
        if mark() != before:
            raise MasterChanged(
                f"{source.name} changed while it was being worked on.", "Work on a file nobody writes to."
            )

    before = mark()
    yield check
    check()
