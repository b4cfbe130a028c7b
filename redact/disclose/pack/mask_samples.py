"""Samples of the masks of a release (``masks.json``), which let a verifier find the masks in the picture."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from redact.disclose.log.release_log import MaskSample, MaskSamples
from redact.disclose.pack.redacted_copies import RedactedCopy
from redact.disclose.release.resolved import ResolvedClip
from redact.mask.mask_plan import MaskPlan
from redact.mask.shapes import Shape
from redact.settings import Effect, EffectSettings

SAMPLE_EVERY = 12
"""Frames between two samples of a mask."""


def mask_samples(clips: Sequence[ResolvedClip], copies: Sequence[RedactedCopy]) -> MaskSamples:
    """All masks on every twelfth frame of each mask, and on its first and last. ``clips`` and ``copies`` match."""
    outputs = enumerate(zip(clips, copies, strict=True))
    return MaskSamples(
        samples=tuple(
            sample
            for output, (clip, copy) in outputs
            for sample in _samples(output, clip, copy.report.timeline.slate_frames)
        )
    )


def _samples(output: int, resolved: ResolvedClip, slate_frames: int) -> Iterator[MaskSample]:
    runs = [run for mask in resolved.masks for run in mask.runs]
    frames = {frame for run in runs for frame in run}
    for first, last in runs:
        frames |= set(range(first + -first % SAMPLE_EVERY, last + 1, SAMPLE_EVERY))
    plans = [(MaskPlan(tracks), effect) for effect, tracks in resolved.layers().items()]
    # All masks of a frame or none: a mask under another looks like the upper one.
    for frame in sorted(frames):
        for plan, effect in plans:
            for shape in plan.shapes(frame):
                yield _sample(output, frame - resolved.clip.first_frame + slate_frames, shape, effect)


def _sample(output: int, frame: int, shape: Shape, effect: EffectSettings) -> MaskSample:
    return MaskSample(
        output=output,
        frame=frame,
        effect=effect.effect.value,
        fill=effect.fill if effect.effect is Effect.SOLID else None,
        form=shape.form.value,
        cx=round(shape.cx, 2),
        cy=round(shape.cy, 2),
        w=round(shape.w, 2),
        h=round(shape.h, 2),
        angle=round(shape.angle, 2),
    )
