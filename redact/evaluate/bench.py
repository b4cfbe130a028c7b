"""Measures the speed and memory of a whole job against a plain transcode of the same clip in the same run.

The job and the transcodes each run in a fresh process, so that the memory is only the job's and all of them start cold.
One transcode runs before the job and one after it; their mean is the floor, which compensates for a machine that slowly
gets slower or faster.
"""

from __future__ import annotations

import multiprocessing
import os
import re
import signal
import tempfile
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from fractions import Fraction
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Generic, TypeVar, cast

import av

import redact.errors
from redact.detect.runtime import choose_device
from redact.errors import CorruptFrames, RedactError, Unexpected
from redact.evaluate.deface_benchmark import DefaceFigures, check_deface, time_deface
from redact.jobs.failures import as_failure
from redact.media.containers import open_media
from redact.media.encoder import Encoder, encoder_for
from redact.media.encoder_frames import FORMATS, even
from redact.media.probe import probe
from redact.media.types import MediaInfo
from redact.pipeline.stage_times import Stages
from redact.progress import Progress
from redact.settings import AnalyseSettings, RenderSettings

T = TypeVar("T")

STAGES: Mapping[str, tuple[str, ...]] = {
    "decode": ("decode", "decode again", "planes"),
    "detect": ("convert", "detect"),
    "track": ("flow", "track"),
    "mask": ("mask",),
    "encode": ("encode",),
}
"""Reported stages and the pipeline stages in each. Other pipeline stages (upload, resize and download with a graphics
card) are reported under their own names."""
POLL_SECONDS = 0.1
GRACE_SECONDS = 5.0
"""How long a process may take to end when asked to."""


@dataclass(frozen=True, slots=True)
class ProcessResult(Generic[T]):
    """The result of work in a separate process."""

    value: T
    seconds: float
    """From the start of the process to its end."""
    peak_bytes: int | None
    """Its peak memory (the high-water mark of its resident set); None if the system does not report it."""


@dataclass(frozen=True, slots=True)
class JobFigures:
    """One analysis and one rendering, measured from inside the process. Seconds are wall time."""

    frames: int
    tracks: int
    masked_frames: int
    device: str
    decoder: str
    load_seconds: float
    """Loading the models and preparing them for pictures of this size."""
    analyse_seconds: float
    render_seconds: float
    """Includes reading the finished copy back."""
    stages: Mapping[str, float]
    """Seconds by pipeline stage."""


@dataclass(frozen=True, slots=True)
class FloorFigures:
    """One plain transcode."""

    frames: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Stage:
    """Wall time of one stage. Stages run in parallel on several threads, so their sum may exceed the total."""

    name: str
    seconds: float
    frames: int

    @property
    def ms_per_frame(self) -> float:
        """Milliseconds per frame."""
        return self.seconds / self.frames * 1000

    @property
    def fps(self) -> float | None:
        """Frames per second of this stage alone; None if the stage is too short to measure."""
        return self.frames / self.seconds if self.seconds > 0 else None


@dataclass(frozen=True, slots=True)
class BenchReport:
    """All measurements of one run."""

    job: ProcessResult[JobFigures]
    floors: tuple[FloorFigures, ...]
    encoder: Mapping[str, str]
    """The encoder and its options, the same in the job and in the transcodes."""
    clip_seconds: float | None
    peer: DefaceFigures | None

    @property
    def job_seconds(self) -> float:
        """Analysing and rendering, with models already loaded."""
        return self.job.value.analyse_seconds + self.job.value.render_seconds

    @property
    def floor_seconds(self) -> float:
        """Mean of the transcodes before and after the job."""
        return sum(floor.seconds for floor in self.floors) / len(self.floors)

    @property
    def floor_ratio(self) -> float:
        """Duration of the job divided by that of the transcode."""
        return self.job_seconds / self.floor_seconds

    @property
    def fps(self) -> float:
        """Frames per second, end to end."""
        return self.job.value.frames / self.job_seconds

    @property
    def stages(self) -> tuple[Stage, ...]:
        """Stages in the order of :data:`STAGES`, then any others."""
        return grouped(self.job.value.stages, self.job.value.frames)

    @property
    def peer_ratio(self) -> float | None:
        """Duration of the peer's process divided by that of the job's, both including start-up."""
        return self.peer.seconds / self.job.seconds if self.peer else None

    def as_dict(self) -> dict[str, object]:
        """Ready for JSON. Seconds are wall time; ratios are those of the properties of this class."""
        job = self.job.value
        return {
            "frames": job.frames,
            "clip_seconds": self.clip_seconds,
            "device": job.device,
            "decoder": job.decoder,
            "tracks": job.tracks,
            "masked_frames": job.masked_frames,
            "fps": self.fps,
            "stages": {
                s.name: {"seconds": s.seconds, "ms_per_frame": s.ms_per_frame, "fps": s.fps} for s in self.stages
            },
            "job_seconds": self.job_seconds,
            "analyse_seconds": job.analyse_seconds,
            "render_seconds": job.render_seconds,
            "load_seconds": job.load_seconds,
            "process_seconds": self.job.seconds,
            "peak_memory_bytes": self.job.peak_bytes,
            "floor": {
                "seconds": self.floor_seconds,
                "runs": [asdict(floor) for floor in self.floors],
                "taken": "mean",
                "sound": "left out",
                "encoder": dict(self.encoder),
            },
            "floor_ratio": self.floor_ratio,
            "peer": asdict(self.peer) if self.peer else None,
            "peer_ratio": self.peer_ratio,
        }


def bench(
    source: Path, find: AnalyseSettings, hide: RenderSettings, *, against_deface: bool, progress: Progress
) -> BenchReport:
    """Measure ``source``: transcode, job, transcode, and the peer if requested. Copies are discarded.

    Raises what analysing and rendering raise, :class:`redact.errors.SetupIncomplete` if the peer is not installed or
    fails, :class:`CorruptFrames` for footage that cannot be transcoded, and whatever ``progress`` raises.
    """
    if against_deface:
        check_deface()
    info = probe(source)
    encoder = encoder_for(info, hide.encode, card=choose_device(hide.device).type == "cuda")
    floor = partial(transcode, source, encoder)
    with tempfile.TemporaryDirectory(prefix="redact-bench-") as folder:
        before = run_apart(floor, _named(progress, "floor before"))
        job = run_apart(partial(run_job, source, Path(folder) / "copy.mp4", find, hide), progress)
        after = run_apart(floor, _named(progress, "floor after"))
        peer = time_deface(source, Path(folder), progress) if against_deface else None
    return BenchReport(
        job=job,
        floors=(before.value, after.value),
        encoder={"encoder": encoder.name, **encoder.options},
        clip_seconds=float(info.duration) if info.duration is not None else None,
        peer=peer,
    )


def grouped(seconds: Mapping[str, float], frames: int) -> tuple[Stage, ...]:
    """Pipeline stages grouped according to :data:`STAGES`."""
    known = {part for parts in STAGES.values() for part in parts}
    groups = {name: sum(seconds.get(part, 0.0) for part in parts) for name, parts in STAGES.items()}
    groups |= {name: spent for name, spent in seconds.items() if name not in known}
    return tuple(Stage(name, spent, frames) for name, spent in groups.items())


def run_job(source: Path, target: Path, find: AnalyseSettings, hide: RenderSettings, progress: Progress) -> JobFigures:
    """Analyse and render as ``redact run`` does, timing every stage."""
    from redact.pipeline.analysis import Analyser
    from redact.pipeline.rendering import render

    clock = time.perf_counter
    stages = Stages(choose_device(find.device))
    started = clock()
    finder = Analyser(find)
    finder.prepare(source)
    loaded = clock()
    tracks = finder.analyse(source, progress=progress, stages=stages)
    found = clock()
    report = render(source, tracks, target, hide, progress=progress, stages=stages)
    ended = clock()
    return JobFigures(
        frames=report.frames,
        tracks=len(tracks.tracks),
        masked_frames=report.masked_frames,
        device=str(tracks.provenance["device"]),
        decoder=str(tracks.provenance["decoder"]),
        load_seconds=loaded - started,
        analyse_seconds=found - loaded,
        render_seconds=ended - found,
        stages=stages.seconds,
    )


def transcode(source: Path, encoder: Encoder, progress: Progress) -> FloorFigures:
    """Decode and encode the picture once, with FFmpeg's default number of threads and the encoder settings of a copy.

    Sound is left out and the result is not stored (no unredacted copy should be left on the disk); both make the
    transcode faster. Raises :class:`CorruptFrames`.
    """
    info = probe(source)
    started = time.perf_counter()
    try:
        frames, problem = (
            _transcode(info, encoder, lambda done: progress("floor", done, info.expected_frames)),
            "no frame was decoded",
        )
    except av.FFmpegError as error:
        frames, problem = 0, str(error.strerror)
    if not frames:
        raise CorruptFrames(f"{source.name} cannot be transcoded: {problem}.", "Measure with undamaged footage.")
    return FloorFigures(frames, time.perf_counter() - started)


def _transcode(info: MediaInfo, encoder: Encoder, each: Callable[[int], None]) -> int:
    """Transcode all frames with consecutive timestamps, which every encoder accepts; returns their number."""
    video = info.video
    width, height, pix_fmt = even(video.width), even(video.height), FORMATS[8]
    rate = min(max(video.average_rate or Fraction(25), Fraction(1)), Fraction(240)).limit_denominator(1001)
    frames = 0
    with open_media(info.path) as container, av.open(os.devnull, "w", format="null") as sink:
        stream = cast("av.VideoStream", container.streams[video.index])
        stream.thread_type = "AUTO"
        out = cast("av.VideoStream", sink.add_stream(encoder.name, rate=rate, options=dict(encoder.options)))
        out.width, out.height, out.pix_fmt = width, height, pix_fmt
        out.codec_context.thread_type = "AUTO"
        # PyAV's generator holds FFmpeg's read buffer, so it is closed before the container.
        with closing(cast("Generator[av.VideoFrame, None, None]", container.decode(stream))) as decoded:
            for frame in decoded:
                picture = frame.reformat(width, height, pix_fmt)
                picture.pts, picture.time_base = frames, 1 / rate
                sink.mux(out.encode(picture))
                frames += 1
                each(frames)
        sink.mux(out.encode(None))
    return frames


@dataclass(frozen=True, slots=True)
class _ProgressStep:
    stage: str
    done: int
    total: int | None


@dataclass(frozen=True, slots=True)
class _Failure:
    """The parts of an error; exceptions themselves cannot be pickled reliably."""

    kind: str
    happened: str
    todo: str


@dataclass(frozen=True, slots=True)
class _Finished:
    value: object
    peak_bytes: int | None


def run_apart(work: Callable[[Progress], T], progress: Progress) -> ProcessResult[T]:
    """Run ``work``, which must be picklable like its result, in a fresh process.

    Raises the :class:`RedactError` that ``work`` raises, :class:`Unexpected` if the process dies, and whatever
    ``progress`` raises; in the last case, the process is ended first.
    """
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe(duplex=False)
    process = context.Process(target=_in_child, args=(work, there), daemon=True)
    started = time.perf_counter()
    process.start()
    there.close()
    try:
        done = _follow(here, progress)
        process.join()
        return ProcessResult(cast("T", done.value), time.perf_counter() - started, done.peak_bytes)
    except EOFError:
        process.join(GRACE_SECONDS)
        raise Unexpected(
            f"The process that was being measured ended early (exit code {process.exitcode}).",
            "If it ran out of memory, measure with a smaller clip.",
        ) from None
    finally:
        process.terminate()
        process.join(GRACE_SECONDS)
        process.kill()
        process.join()
        here.close()


def _follow(pipe: Connection, progress: Progress) -> _Finished:
    last = _ProgressStep("start", 0, None)
    while True:
        progress(last.stage, last.done, last.total)
        if not pipe.poll(POLL_SECONDS):
            continue
        message = pipe.recv()
        if isinstance(message, _Failure):
            kind: type[RedactError] = getattr(redact.errors, message.kind)
            raise kind(message.happened, message.todo)
        if isinstance(message, _Finished):
            return message
        last = message


def _in_child(work: Callable[[Progress], object], pipe: Connection) -> None:
    # Ctrl-C in a terminal reaches both processes; the parent handles it. Stray output must not end up in its document.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.dup2(2, 1)
    last_sent = 0.0

    def report(stage: str, done: int, total: int | None) -> None:
        nonlocal last_sent
        if time.monotonic() - last_sent >= POLL_SECONDS or done == total:
            pipe.send(_ProgressStep(stage, done, total))
            last_sent = time.monotonic()

    try:
        value = work(report)
    except BaseException as error:
        failure = as_failure(error)
        pipe.send(_Failure(type(failure).__name__, failure.happened, failure.todo))
    else:
        pipe.send(_Finished(value, peak_memory()))


def peak_memory() -> int | None:
    """Peak size of this process's resident set in bytes; None if the system does not report it.

    ``ru_maxrss`` is not used: on Linux, a new process inherits it from its parent.
    """
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        return None
    found = re.search(r"^VmHWM:\s+(\d+) kB$", status, re.MULTILINE)
    return int(found[1]) * 1024 if found else None


def _named(progress: Progress, name: str) -> Progress:
    def named(stage: str, done: int, total: int | None) -> None:
        progress(name, done, total)

    return named


def parts_of(stage: Stage) -> Sequence[str]:
    """The pipeline stages that ``stage`` includes."""
    return STAGES.get(stage.name, (stage.name,))
