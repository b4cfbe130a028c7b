"""Draws masks into the master's frames for a copy, after checking that they are the frames of the tracks."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass, replace

from redact.errors import TracksMismatch
from redact.mask.compositor import Compositor
from redact.mask.mask_plan import MaskPlan
from redact.mask.shapes import Shape, ShapeKind
from redact.mask.titles import Watermark
from redact.media.reader import Frame
from redact.media.timeline import Timeline
from redact.pipeline.device_transfer import DeviceLink, PictureTransfer
from redact.pipeline.stage_times import Stages
from redact.settings import EffectSettings, RenderSettings
from redact.track.types import MediaRef, Track, TrackSet


@dataclass(frozen=True, slots=True)
class MaskPainter:
    """Draws into the master's frames: the masks of each plan with its effect. ``effect`` is for frames that are hidden
    completely."""

    plans: tuple[tuple[MaskPlan, EffectSettings], ...]
    compositor: Compositor
    effect: EffectSettings
    watermark: Watermark | None

    def masks(self, frame: Frame) -> list[tuple[Shape, EffectSettings]]:
        """The masks of one frame of the master, with their effects."""
        if frame.corrupt:
            return [(Shape(ShapeKind.FULL), self.effect)]
        return [(shape, effect) for plan, effect in self.plans for shape in plan.shapes(frame.index)]


def plans_of(tracks: TrackSet, settings: RenderSettings) -> tuple[tuple[MaskPlan, EffectSettings], ...]:
    """One mask plan for each effect in use."""
    grouped: dict[EffectSettings, list[Track]] = {}
    for track in tracks.tracks:
        grouped.setdefault(settings.effects.get(track.id, settings.effect), []).append(track)
    return tuple((MaskPlan(replace(tracks, tracks=tuple(group))), effect) for effect, group in grouped.items())


@dataclass(frozen=True, slots=True)
class MaskedFrame:
    """Frame ``index`` of the master for the copy; frames before the clip have no image."""

    index: int
    hidden: bool = False
    corrupt: bool = False
    image: PictureTransfer | None = None


def masked(
    decoded: Iterator[Frame], painter: MaskPainter, media: MediaRef, timeline: Timeline, stages: Stages
) -> Generator[MaskedFrame, None, None]:
    """The master's masked frames, from wherever ``decoded`` starts to the last frame of the clip. Each is checked to be
    the same frame as in the tracks."""
    link = DeviceLink(painter.compositor.device)
    count = -1
    for frame in decoded:
        count = frame.index if count < 0 else count
        if frame.index != count or count >= media.pts.size or frame.pts != int(media.pts[count]):
            raise _other_frames(count)
        count += 1
        if frame.index < timeline.first:
            yield MaskedFrame(frame.index)
            continue
        masks = painter.masks(frame)
        with stages("planes"):
            image = frame.planes(pinned=link.wants_pinned)
        with link.stream():
            there = link.send(image, stages).on_device()
            with stages.queued("mask"):
                painter.compositor.draw(there, masks, painter.watermark)
            back = link.fetch(there, stages)
        yield MaskedFrame(frame.index, bool(masks), frame.corrupt, back)
        if frame.index == timeline.last < media.pts.size - 1:
            return
    if count != media.pts.size:
        raise _other_frames(max(0, count))


def _other_frames(index: int) -> TracksMismatch:
    return TracksMismatch(
        f"From frame {index} on, the footage does not decode to the frames that the tracks were made from.",
        "Run `redact detect` again with this version of the program.",
    )
