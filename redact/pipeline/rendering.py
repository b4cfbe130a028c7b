"""Rendering: tracks to a redacted copy."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch

from redact.audio.editor import make_editor
from redact.audio.spans import check_spans
from redact.detect.batches import memory_shortage_named
from redact.detect.runtime import choose_device
from redact.errors import TracksMismatch
from redact.mask.compositor import Compositor
from redact.mask.titles import Format, Watermark, check_slate, check_watermark, draw_slate
from redact.media.decode_start import entry_before
from redact.media.frame_conversion import planes_depth
from redact.media.hashing import hash_file, unchanged
from redact.media.probe import probe
from redact.media.reader import VideoReader
from redact.media.sound import SoundTrack
from redact.media.timeline import Timeline, plan_timeline, usual_duration
from redact.media.types import FrameTable, MediaInfo, Scan
from redact.media.writer import CopyReport, CopyWriter, check_target
from redact.pipeline.frame_source import AHEAD_FRAMES, decoded_frames, one_thread
from redact.pipeline.masked_frames import MaskPainter, masked, plans_of
from redact.pipeline.stage_times import Stages
from redact.prefetch import prefetched
from redact.progress import Progress, silent
from redact.settings import Interlaced, RenderSettings
from redact.track.types import MediaRef, TrackSet


@dataclass(frozen=True, slots=True)
class RenderReport:
    """A finished redacted copy, for the summary and the log.

    ``timeline`` says which of the master's frames it has, after how many of a slate, and when each is shown;
    ``masked_frames`` is the number of frames with masks; ``notes`` are for the log.
    """

    copy: CopyReport
    timeline: Timeline
    masked_frames: int
    master_sha256: str
    seconds: float
    notes: tuple[str, ...]

    @property
    def target(self) -> Path:
        """Path of the copy."""
        return self.copy.path

    @property
    def frames(self) -> int:
        """Number of frames in the copy, including those of a slate."""
        return self.copy.frames

    @property
    def sha256(self) -> str:
        """SHA-256 of the copy."""
        return self.copy.sha256


def render(
    source: Path,
    tracks: TrackSet,
    target: Path,
    settings: RenderSettings,
    *,
    progress: Progress = silent,
    stages: Stages | None = None,
) -> RenderReport:
    """Make a redacted copy of ``source``, or of the clip in ``settings``, at ``target``, with masks for ``tracks``.

    The copy is verified before it gets its final name. Decoding starts at the nearest place before a clip from which it
    gives the same frames; frames before the clip are checked, those after it are not read.

    Raises :class:`TracksMismatch` if the tracks are of another file or other frames; BadClip and TitleUnusable for
    ``settings`` that do not fit the footage; what probing, decoding, encoding and verifying raise; and whatever
    ``progress`` raises. No file is left behind in that case.
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
                f"The tracks were not made from {source.name}.",
                "Run `redact detect` on this file, or give the file that the tracks were made from.",
            )
        table = _table(media)
        timeline = plan_timeline(table, settings.clip, Fraction(repr(float(slate.seconds))) if slate else Fraction(0))
        device = choose_device(settings.device)
        form = Format(media.width, media.height, info.video.sample_aspect, planes_depth(info.video), info.video.colour)
        painter = MaskPainter(
            plans_of(tracks, settings),
            Compositor(media.width, media.height, device),
            settings.effect,
            Watermark(watermark, form, device) if watermark else None,
        )
        title, fits = draw_slate(slate, form) if slate else (None, True)
        hidden, broken = 0, []
        # Deinterlacing needs the previous frame.
        entry = entry_before(info, media.pts, max(0, timeline.first - 2))
        reader = VideoReader(info, interlaced=settings.interlaced, on_corrupt=settings.on_corrupt, entry=entry)
        with (
            one_thread(torch, "get_num_threads", "set_num_threads"),
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
            decoded_frames(reader, device, stages, "decode again") as decoded,
            prefetched(masked(decoded, painter, media, timeline, stages), AHEAD_FRAMES) as pictures,
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
        notes.append("The slate's text does not fit into the picture: its end was cut off.")
    return RenderReport(copy, timeline, hidden, sha256, time.monotonic() - started, tuple(notes))


def _sound(info: MediaInfo, table: FrameTable, settings: RenderSettings) -> list[SoundTrack]:
    """The master's sound tracks with their editors. Span times count from the master's first frame, even for a clip."""
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


def _table(media: MediaRef) -> FrameTable:
    nothing = np.zeros(media.pts.size, np.bool_)
    table = FrameTable(media.pts, nothing, nothing, media.time_base, media.last_duration)
    if table.last_duration:
        return table
    # Tracks from another format have no last duration; the usual one is assumed.
    return replace(table, last_duration=max(1, usual_duration(table) or round(Fraction(1, 25) / media.time_base)))


def _notes(info: MediaInfo, settings: RenderSettings, broken: Sequence[int]) -> list[str]:
    notes = []
    if info.video.scan is Scan.INTERLACED:
        done = "deinterlaced" if settings.interlaced is Interlaced.DEINTERLACE else "kept interlaced"
        notes.append(f"The footage is interlaced and was {done}.")
    if info.video.rotation:
        notes.append(f"The picture was rotated upright by {info.video.rotation} degrees counter-clockwise.")
    if info.dropped:
        notes.append(f"Not carried over: {', '.join(info.dropped)}.")
    if broken:
        listed = ", ".join(str(index) for index in broken[:20]) + (" ..." if len(broken) > 20 else "")
        notes.append(f"{len(broken)} damaged frames were masked completely: {listed}.")
    return notes
