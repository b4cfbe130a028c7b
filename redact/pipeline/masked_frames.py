"""The master's frames on their way into a copy: checked to be the ones the tracks speak of, and with their masks on."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass, replace

from redact.errors import TracksMismatch
from redact.mask.compositor import Compositor
from redact.mask.mask_plan import MaskPlan
from redact.mask.titles import Watermark
from redact.mask.types import Form, Shape
from redact.media.reader import Frame
from redact.media.timeline import Timeline
from redact.pipeline.device_transfer import Courier, UnderWay
from redact.pipeline.stage_times import Stages
from redact.settings import EffectSettings, RenderSettings
from redact.track.types import MediaRef, Track, TrackSet


@dataclass(frozen=True, slots=True)
class Brush:
    """What is drawn into the master's frames: each plan's masks with its effect, ``effect`` where a whole frame has to
    go."""

    plans: tuple[tuple[MaskPlan, EffectSettings], ...]
    compositor: Compositor
    effect: EffectSettings
    watermark: Watermark | None

    def masks(self, frame: Frame) -> list[tuple[Shape, EffectSettings]]:
        """Of one frame of the master."""
        if frame.corrupt:
            return [(Shape(Form.FULL), self.effect)]
        return [(shape, effect) for plan, effect in self.plans for shape in plan.shapes(frame.index)]


def plans_of(tracks: TrackSet, settings: RenderSettings) -> tuple[tuple[MaskPlan, EffectSettings], ...]:
    """A plan for each effect that some track has."""
    grouped: dict[EffectSettings, list[Track]] = {}
    for track in tracks.tracks:
        grouped.setdefault(settings.effects.get(track.id, settings.effect), []).append(track)
    return tuple((MaskPlan(replace(tracks, tracks=tuple(group))), effect) for effect, group in grouped.items())


@dataclass(frozen=True, slots=True)
class Picture:
    """Frame ``index`` of the master as it goes into the copy, or without an image one from before the clip."""

    index: int
    hidden: bool = False
    corrupt: bool = False
    image: UnderWay | None = None


def masked(
    decoded: Iterator[Frame], brush: Brush, media: MediaRef, timeline: Timeline, stages: Stages
) -> Generator[Picture, None, None]:
    """The master's frames up to the clip's last, from wherever ``decoded`` starts. Each is checked to be the very frame
    the tracks speak of."""
    courier = Courier(brush.compositor.device)
    count = -1
    for frame in decoded:
        count = frame.index if count < 0 else count
        if frame.index != count or count >= media.pts.size or frame.pts != int(media.pts[count]):
            raise _other_frames(count)
        count += 1
        if frame.index < timeline.first:
            yield Picture(frame.index)
            continue
        masks = brush.masks(frame)
        with stages("planes"):
            image = frame.planes(pinned=courier.wants_pinned)
        with courier.lane():
            there = courier.send(image, stages).on_device()
            with stages.queued("mask"):
                brush.compositor.draw(there, masks, brush.watermark)
            back = courier.fetch(there, stages)
        yield Picture(frame.index, bool(masks), frame.corrupt, back)
        if frame.index == timeline.last < media.pts.size - 1:
            return
    if count != media.pts.size:
        raise _other_frames(max(0, count))


def _other_frames(index: int) -> TracksMismatch:
    return TracksMismatch(
        f"From frame {index} on, the footage does not decode to the frames the tracks were made from.",
        "Run `redact detect` again with this version of the program.",
    )
