"""Analysis: footage to tracks."""

from __future__ import annotations

import platform
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Any

import cv2
import torch

import redact
from redact.detect.batches import Batches, memory_shortage_named
from redact.detect.boxes import moved
from redact.detect.factory import device_name, make_detectors
from redact.detect.runtime import choose_device
from redact.detect.types import Detections
from redact.media.frame_conversion import Size
from redact.media.hashing import hash_file, unchanged
from redact.media.probe import probe
from redact.media.reader import Frame, VideoReader
from redact.media.types import MediaInfo, Scan
from redact.pipeline.detector_input import Feed, make_feed
from redact.pipeline.frame_source import decoded_frames, one_thread
from redact.pipeline.stage_times import Stages
from redact.prefetch import prefetched, run_jobs
from redact.progress import Progress, silent
from redact.settings import FLOW_SIDES, AnalyseSettings, Interlaced
from redact.track.motion import Motion, MotionEstimator
from redact.track.propagation import Propagator
from redact.track.schedule import Schedule
from redact.track.tracker import Tracker
from redact.track.types import MediaRef, TrackSet

QUEUED_FRAMES = 32
"""Frames queued while detectors work on a batch. They are small: motion, and scaled pictures for the detectors."""


@dataclass(slots=True)
class _ScheduledFrame:
    """One frame queued for the detectors, with the feed's input for each of them, or None if it does not run."""

    index: int
    seconds: float
    motion: Motion | None
    inputs: list[Any]


_Found = tuple[tuple[str, ...], Detections]
"""The classes that a detector looked for on a frame, and its detections."""


class Analyser:
    """Detectors loaded once, for any number of masters. See :func:`analyse`."""

    def __init__(self, settings: AnalyseSettings) -> None:
        self._settings = settings
        self._device = choose_device(settings.device)
        self._detectors = make_detectors(settings)
        self._passes = [(scheduled, detector) for scheduled in self._detectors for detector in scheduled.detectors]
        self._feed: Feed[Any] = make_feed(self._device)
        self._batched = [Batches(self._feed.batch) for _ in self._passes]

    def prepare(self, source: Path) -> None:
        """Prepare the networks for pictures of this size, which would otherwise delay the first frames."""
        for (_, detector), (width, height) in zip(self._passes, self._input_sizes(probe(source)), strict=True):
            blank = torch.zeros((1, height, width, 3), dtype=torch.uint8, device=self._device)
            detector.detect(blank.permute(0, 3, 1, 2))

    def analyse(self, source: Path, *, progress: Progress = silent, stages: Stages | None = None) -> TrackSet:
        """See :func:`analyse`; ``stages`` collects the time spent."""
        stages = stages or Stages()
        info = probe(source)
        with unchanged(source):
            sha256 = hash_file(source)
            video = info.video
            estimator = MotionEstimator(video.upright_width, video.upright_height, FLOW_SIDES[self._settings.preset])
            tracker = Tracker(Propagator(estimator.centres, video.upright_width, video.upright_height))
            reader = VideoReader(info, interlaced=self._settings.interlaced, on_corrupt=self._settings.on_corrupt)
            total = info.expected_frames
            with (
                one_thread(cv2, "getNumThreads", "setNumThreads"),
                one_thread(torch, "get_num_threads", "set_num_threads"),
                memory_shortage_named(),
                reader,
                decoded_frames(reader, self._device, stages, "decode") as decoded,
                prefetched(self._scheduled_frames(decoded, estimator, info, stages), QUEUED_FRAMES) as frames,
                run_jobs(self._batches(frames), self._jobs(info, stages), self._feed.threads) as batches,
            ):
                decoder = reader.decoder
                for batch, results in batches:
                    for queued, *found in zip(batch, *results, strict=True):
                        with stages("track"):
                            tracker.step(
                                queued.seconds,
                                queued.motion,
                                [one for one in found if one is not None],
                            )
                        progress("find", queued.index + 1, total)
            with stages("track"):
                tracks = tracker.finish()
        table = reader.table
        media = MediaRef(
            sha256, video.upright_width, video.upright_height, table.time_base, table.pts, table.last_duration
        )
        return TrackSet(media, tracks, tuple(tracker.cuts), self._provenance(info, decoder))

    def _scheduled_frames(
        self, decoded: Iterator[Frame], estimator: MotionEstimator, info: MediaInfo, stages: Stages
    ) -> Generator[_ScheduledFrame, None, None]:
        """Frames with their motion and the detectors' inputs. Runs one frame behind the reader, because the last frame
        of a shot is known only after the next one."""
        schedule = Schedule([s.period for s in self._detectors])
        sizes = self._input_sizes(info)
        last = [detector is scheduled.detector for scheduled, detector in self._passes]
        held: tuple[Frame, _ScheduledFrame] | None = None
        for frame in decoded:
            with stages("flow"):
                motion = estimator.step(frame.grey(estimator.size))
            starts = motion is None or motion.cut
            seconds = float(frame.pts * info.video.time_base)
            numbers = schedule.due(seconds, first_of_shot=starts)
            runs = [
                number is not None and number % len(scheduled.detectors) == turn
                for scheduled, number in zip(self._detectors, numbers, strict=True)
                for turn in range(len(scheduled.detectors))
            ]
            if held is not None:
                if starts:
                    self._feed.take(held[0], held[1].inputs, sizes, last, stages)
                yield held[1]
            queued = _ScheduledFrame(frame.index, seconds, motion, [None] * len(self._passes))
            self._feed.take(frame, queued.inputs, sizes, runs, stages)
            held = (frame, queued)
        if held is not None:
            self._feed.take(held[0], held[1].inputs, sizes, last, stages)
            yield held[1]

    def _input_sizes(self, info: MediaInfo) -> list[Size]:
        """Input size of each detector. They were trained on square pixels, so anamorphic pictures are stretched."""
        width = max(16, round(info.video.upright_width * info.video.sample_aspect))
        return [detector.input_size(width, info.video.upright_height) for _, detector in self._passes]

    def _batches(self, frames: Iterator[_ScheduledFrame]) -> Iterator[list[_ScheduledFrame]]:
        """Frames in order, divided where some detector has a full batch."""
        batch: list[_ScheduledFrame] = []
        waiting = [0] * len(self._passes)
        for queued in frames:
            # Once memory has run short, fewer pictures are queued on the card as well.
            most = max((batched.limit for batched in self._batched), default=1)
            batch.append(queued)
            waiting = [n + (x is not None) for n, x in zip(waiting, queued.inputs, strict=True)]
            if max(waiting, default=0) >= most or len(batch) >= most * 16:
                yield batch
                batch, waiting = [], [0] * len(self._passes)
        if batch:
            yield batch

    def _jobs(
        self, info: MediaInfo, stages: Stages
    ) -> Callable[[list[_ScheduledFrame]], list[Callable[[], list[_Found | None]]]]:
        """The jobs for a batch: one for each detector that runs on any of its frames."""
        sizes = self._input_sizes(info)

        def jobs(batch: list[_ScheduledFrame]) -> list[Callable[[], list[_Found | None]]]:
            return [
                partial(self._detect, i, [queued.inputs[i] for queued in batch], size, info, stages)
                for i, size in enumerate(sizes)
                if any(queued.inputs[i] is not None for queued in batch)
            ]

        return jobs

    def _detect(
        self, i: int, inputs: Sequence[Any], size: Size, info: MediaInfo, stages: Stages
    ) -> list[_Found | None]:
        """For each frame of a batch, the detections of detector number ``i`` in upright pixels; None for frames on
        which it does not run."""
        _, detector = self._passes[i]
        places = [place for place, waiting in enumerate(inputs) if waiting is not None]

        def detect(waiting: Sequence[Any]) -> list[Detections]:
            frames = self._feed.pictures(waiting, size, stages)
            with stages.queued("detect"):
                return detector.detect(frames)

        found: list[_Found | None] = [None] * len(inputs)
        scale = (info.video.upright_width / size[0], info.video.upright_height / size[1])
        results = self._batched[i].run([inputs[place] for place in places], detect)
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
    """Detect and track faces, plates and other classes in ``source``.

    Apart from the tracks themselves, memory does not grow with the length of the footage. Raises what probing, decoding
    and loading models raise (see :mod:`redact.errors`), :class:`MasterChanged` if the file changes in the meantime, and
    whatever ``progress`` raises.
    """
    return Analyser(settings).analyse(source, progress=progress)
