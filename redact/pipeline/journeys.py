"""The two journeys that everything else calls: *analyse* (footage -> tracks) and *render* (tracks -> copy)."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

import redact
from redact.audio.editor import make_editor
from redact.audio.spans import check_spans
from redact.detect.batches import Batches, memory_shortage_named
from redact.detect.boxes import moved
from redact.detect.factory import device_name, make_detectors
from redact.detect.runtime import choose_device
from redact.detect.types import Detections
from redact.errors import TracksMismatch
from redact.mask.compositor import Compositor
from redact.mask.titles import Format, Watermark, check_slate, check_watermark, draw_slate
from redact.media.decode_start import entry_before
from redact.media.frame_conversion import Size, planes_depth
from redact.media.hashing import hash_file, unchanged
from redact.media.probe import probe
from redact.media.reader import Frame, VideoReader
from redact.media.sound import SoundTrack
from redact.media.timeline import Timeline, plan_timeline, usual_duration
from redact.media.types import FrameTable, MediaInfo, Scan
from redact.media.writer import CopyReport, CopyWriter, check_target
from redact.pipeline.detector_input import Feed, make_feed
from redact.pipeline.masked_frames import Brush, masked, plans_of
from redact.pipeline.stage_times import Stages
from redact.prefetch import ahead, shared_out
from redact.progress import Progress, silent
from redact.settings import FLOW_SIDES, AnalyseSettings, Interlaced, RenderSettings
from redact.track.motion import Motion, MotionEstimator
from redact.track.propagation import Carrier
from redact.track.schedule import Schedule
from redact.track.tracker import Tracker
from redact.track.types import MediaRef, TrackSet

AHEAD_FRAMES = 4
LOOK_AHEAD_FRAMES = 32
"""While detectors work on a batch: what waits is small, motion and scaled pictures of the frames they run on."""


@dataclass(slots=True)
class _Seen:
    """One frame on its way to the detectors: for each of these what the feed made, or None where it does not run."""

    index: int
    seconds: float
    motion: Motion | None
    inputs: list[Any]


_Found = tuple[tuple[str, ...], Detections]
"""The classes a detector looked for on a frame, and what it found."""


@dataclass(frozen=True, slots=True)
class RenderReport:
    """A finished copy, for the summary and the log.

    ``timeline`` says which of the master's frames it holds, after how many of a slate, and when each is shown;
    ``masked_frames`` counts frames with masks, ``notes`` are for a reader of the log.
    """

    copy: CopyReport
    timeline: Timeline
    masked_frames: int
    master_sha256: str
    seconds: float
    notes: tuple[str, ...]

    @property
    def target(self) -> Path:
        """Where the copy is."""
        return self.copy.path

    @property
    def frames(self) -> int:
        """In the copy, those of a slate included."""
        return self.copy.frames

    @property
    def sha256(self) -> str:
        """Of the copy."""
        return self.copy.sha256


class Finder:
    """Detectors loaded once, for any number of masters. See :func:`analyse`."""

    def __init__(self, settings: AnalyseSettings) -> None:
        self._settings = settings
        self._device = choose_device(settings.device)
        self._detectors = make_detectors(settings)
        self._eyes = [(s, eye) for s in self._detectors for eye in s.eyes]
        self._feed: Feed[Any] = make_feed(self._device)
        self._batched = [Batches(self._feed.batch) for _ in self._eyes]

    def prepare(self, source: Path) -> None:
        """Make the networks ready for pictures of this footage's size, which its first frames wait for otherwise."""
        for (_, eye), (width, height) in zip(self._eyes, self._input_sizes(probe(source)), strict=True):
            eye.detect(torch.zeros((1, height, width, 3), dtype=torch.uint8, device=self._device).permute(0, 3, 1, 2))

    def analyse(self, source: Path, *, progress: Progress = silent, stages: Stages | None = None) -> TrackSet:
        """See :func:`analyse`; ``stages`` collects the time spent."""
        stages = stages or Stages()
        info = probe(source)
        with unchanged(source):
            sha256 = hash_file(source)
            video = info.video
            estimator = MotionEstimator(video.upright_width, video.upright_height, FLOW_SIDES[self._settings.preset])
            tracker = Tracker(Carrier(estimator.centres, video.upright_width, video.upright_height))
            reader = VideoReader(info, interlaced=self._settings.interlaced, on_corrupt=self._settings.on_corrupt)
            total = info.expected_frames
            with (
                _one_thread(cv2, "getNumThreads", "setNumThreads"),
                _one_thread(torch, "get_num_threads", "set_num_threads"),
                memory_shortage_named(),
                reader,
                _decoded(reader, self._device, stages, "decode") as decoded,
                ahead(self._look(decoded, estimator, info, stages), LOOK_AHEAD_FRAMES) as frames,
                shared_out(self._batches(frames), self._jobs(info, stages), self._feed.threads) as batches,
            ):
                decoder = reader.decoder
                for batch, results in batches:
                    for seen, *found in zip(batch, *results, strict=True):
                        with stages("track"):
                            tracker.step(seen.seconds, seen.motion, [one for one in found if one is not None])
                        progress("find", seen.index + 1, total)
            with stages("track"):
                tracks = tracker.finish()
        table = reader.table
        media = MediaRef(
            sha256, video.upright_width, video.upright_height, table.time_base, table.pts, table.last_duration
        )
        return TrackSet(media, tracks, tuple(tracker.cuts), self._provenance(info, decoder))

    def _look(
        self, decoded: Iterator[Frame], estimator: MotionEstimator, info: MediaInfo, stages: Stages
    ) -> Generator[_Seen, None, None]:
        """Frames with their motion and the detectors' inputs. Runs one frame behind the reader: a shot's last frame is
        known only when the next one has been seen."""
        schedule = Schedule([s.period for s in self._detectors])
        sizes = self._input_sizes(info)
        last = [eye is s.detector for s, eye in self._eyes]
        held: tuple[Frame, _Seen] | None = None
        for frame in decoded:
            with stages("flow"):
                motion = estimator.step(frame.grey(estimator.size))
            starts = motion is None or motion.cut
            seconds = float(frame.pts * info.video.time_base)
            looks = schedule.due(seconds, first_of_shot=starts)
            runs = [
                look is not None and look % len(s.eyes) == turn
                for s, look in zip(self._detectors, looks, strict=True)
                for turn in range(len(s.eyes))
            ]
            if held is not None:
                if starts:
                    self._feed.take(held[0], held[1].inputs, sizes, last, stages)
                yield held[1]
            seen = _Seen(frame.index, seconds, motion, [None] * len(self._eyes))
            self._feed.take(frame, seen.inputs, sizes, runs, stages)
            held = (frame, seen)
        if held is not None:
            self._feed.take(held[0], held[1].inputs, sizes, last, stages)
            yield held[1]

    def _input_sizes(self, info: MediaInfo) -> list[Size]:
        """Detectors were trained on square pixels, so anamorphic pictures are stretched on the way."""
        width = max(16, round(info.video.upright_width * info.video.sample_aspect))
        return [eye.input_size(width, info.video.upright_height) for _, eye in self._eyes]

    def _batches(self, frames: Iterator[_Seen]) -> Iterator[list[_Seen]]:
        """Frames in order, cut where some detector has a batch together."""
        batch: list[_Seen] = []
        waiting = [0] * len(self._eyes)
        for seen in frames:
            # Once memory has proved short, fewer pictures wait on the card as well.
            most = max((batched.limit for batched in self._batched), default=1)
            batch.append(seen)
            waiting = [n + (x is not None) for n, x in zip(waiting, seen.inputs, strict=True)]
            if max(waiting, default=0) >= most or len(batch) >= most * 16:
                yield batch
                batch, waiting = [], [0] * len(self._eyes)
        if batch:
            yield batch

    def _jobs(
        self, info: MediaInfo, stages: Stages
    ) -> Callable[[list[_Seen]], list[Callable[[], list[_Found | None]]]]:
        """What is to be done to a batch: one job for each detector that runs on any of its frames."""
        sizes = self._input_sizes(info)

        def jobs(batch: list[_Seen]) -> list[Callable[[], list[_Found | None]]]:
            return [
                partial(self._detect, i, [seen.inputs[i] for seen in batch], size, info, stages)
                for i, size in enumerate(sizes)
                if any(seen.inputs[i] is not None for seen in batch)
            ]

        return jobs

    def _detect(
        self, i: int, inputs: Sequence[Any], size: Size, info: MediaInfo, stages: Stages
    ) -> list[_Found | None]:
        """For each frame of a batch, what the detector with this number found, in upright pixels; None for frames it
        does not run on."""
        _, detector = self._eyes[i]
        places = [place for place, waiting in enumerate(inputs) if waiting is not None]

        def look(waiting: Sequence[Any]) -> list[Detections]:
            frames = self._feed.pictures(waiting, size, stages)
            with stages.queued("detect"):
                return detector.detect(frames)

        found: list[_Found | None] = [None] * len(inputs)
        scale = (info.video.upright_width / size[0], info.video.upright_height / size[1])
        results = self._batched[i].run([inputs[place] for place in places], look)
        for place, result in zip(places, results, strict=True):
            found[place] = detector.labels, moved(result, scale)
        return found

    def _provenance(self, info: MediaInfo, decoder: str) -> dict[str, object]:
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
            "decoder": decoder,
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
    """Tracks to a redacted copy of ``source`` at ``target``, or of the clip of it that ``settings`` names, verified
    before it gets that name. Frames before a clip are decoded from the nearest place where that changes nothing, and
    checked; those after it are not looked at.

    Raises :class:`TracksMismatch` when the tracks are of another file or other frames; BadClip and TitleUnusable for
    ``settings`` that do not fit the footage; what probing, decoding, encoding and verifying raise; and whatever
    ``progress`` raises. Nothing is left behind then.
    """
    started = time.monotonic()
    stages = stages or Stages()
    check_target(source, target, overwrite=settings.overwrite)
    slate = check_slate(settings.slate) if settings.slate else None
    watermark = check_watermark(settings.watermark) if settings.watermark else ""
    info = probe(source)
    media = tracks.media
    with unchanged(source) as check:
        sha256 = hash_file(source)
        if sha256 != media.sha256:
            raise TracksMismatch(
                f"The tracks were made from another file than {source.name}.",
                "Run `redact detect` on this very file, or name the file the tracks belong to.",
            )
        table = _table(media)
        timeline = plan_timeline(table, settings.clip, Fraction(repr(float(slate.seconds))) if slate else Fraction(0))
        device = choose_device(settings.device)
        form = Format(media.width, media.height, info.video.sample_aspect, planes_depth(info.video), info.video.colour)
        brush = Brush(
            plans_of(tracks, settings),
            Compositor(media.width, media.height, device),
            settings.effect,
            Watermark(watermark, form, device) if watermark else None,
        )
        title, fits = draw_slate(slate, form) if slate else (None, True)
        hidden, broken = 0, []
        # Deinterlacing looks at the frame before.
        entry = entry_before(info, media.pts, max(0, timeline.first - 2))
        reader = VideoReader(info, interlaced=settings.interlaced, on_corrupt=settings.on_corrupt, entry=entry)
        with (
            _one_thread(torch, "get_num_threads", "set_num_threads"),
            memory_shortage_named(),
            CopyWriter(
                target,
                info,
                timeline.table,
                settings.encode,
                _sound(info, table, settings),
                overwrite=settings.overwrite,
                card=device.type == "cuda",
                cut=timeline.cut,
            ) as writer,
            reader,
            _decoded(reader, device, stages, "decode again") as decoded,
            ahead(masked(decoded, brush, media, timeline, stages), AHEAD_FRAMES) as pictures,
        ):
            written = 0
            while title is not None and written < timeline.slate_frames:
                writer.write(written, title)
                written += 1
                progress("write", written, len(timeline.table))
            for picture in pictures:
                if picture.image is None:
                    progress("skip", picture.index + 1, timeline.first)
                    continue
                hidden += picture.hidden
                if picture.corrupt:
                    broken.append(picture.index)
                drawn = picture.image.on_host()
                with stages("encode"):
                    writer.write(written, drawn)
                written += 1
                progress("write", written, len(timeline.table))
            with stages("encode"):
                copy = writer.finish(check)
    notes = [*copy.notes, *_notes(info, settings, broken)]
    if not fits:
        notes.append("The slate's text does not all fit the picture: its end was left out.")
    return RenderReport(copy, timeline, hidden, sha256, time.monotonic() - started, tuple(notes))


def _sound(info: MediaInfo, table: FrameTable, settings: RenderSettings) -> list[SoundTrack]:
    """The master's sound tracks with their editors. Spans count from the master's first frame, whatever the clip."""
    first = table.seconds(0)
    check_spans(settings.spans, table.seconds(len(table) - 1) + table.last_duration * table.time_base - first)
    return [
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


@contextmanager
def _decoded(reader: VideoReader, device: torch.device, stages: Stages, stage: str) -> Iterator[Iterator[Frame]]:
    """The reader's frames, counted towards ``stage``. Where a card does the heavy work, the processor has a core to
    spare that does nothing but decode."""
    frames = stages.each(stage, reader)
    if device.type == "cuda":
        with ahead(frames, AHEAD_FRAMES) as ready:
            yield ready
    else:
        yield frames


def _table(media: MediaRef) -> FrameTable:
    nothing = np.zeros(media.pts.size, np.bool_)
    table = FrameTable(media.pts, nothing, nothing, media.time_base, media.last_duration)
    if table.last_duration:
        return table
    # Tracks that came from another format: the last frame lasts as long as most do.
    return replace(table, last_duration=max(1, usual_duration(table) or round(Fraction(1, 25) / media.time_base)))


def _notes(info: MediaInfo, settings: RenderSettings, broken: Sequence[int]) -> list[str]:
    notes = []
    if info.video.scan is Scan.INTERLACED:
        done = "deinterlaced" if settings.interlaced is Interlaced.DEINTERLACE else "kept interlaced"
        notes.append(f"The footage is interlaced and was {done}.")
    if info.video.rotation:
        notes.append(f"The picture was turned upright by {info.video.rotation} degrees counter-clockwise.")
    if info.dropped:
        notes.append(f"Not carried over: {', '.join(info.dropped)}.")
    if broken:
        listed = ", ".join(str(index) for index in broken[:20]) + (" ..." if len(broken) > 20 else "")
        notes.append(f"{len(broken)} frames that could not be decoded soundly were masked whole: {listed}.")
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
