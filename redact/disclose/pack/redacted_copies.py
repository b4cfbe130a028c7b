"""The redacted copies of a release: rendered from the masters, then signed with a C2PA manifest."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

from redact.audit.keys import C2paCredentials
from redact.disclose.pack import c2pa_manifest
from redact.disclose.pack.c2pa_manifest import HiddenRange, SoundRange
from redact.disclose.policy.policies import fill_in
from redact.disclose.policy.reason_codes import ReleaseKind
from redact.disclose.release.plan import ReleasePlan
from redact.evidence.store import Store
from redact.media.hashing import hash_file
from redact.pipeline.rendering import RenderReport, render
from redact.progress import Progress
from redact.settings import FrameSpan, RenderSettings


@dataclass(frozen=True, slots=True)
class RedactedCopy:
    """A redacted copy, its SHA-256 and the report of its rendering."""

    path: Path
    sha256: str
    report: RenderReport


def render_copy(
    store: Store, plan: ReleasePlan, output: int, folder: Path, progress: Progress, *, slate: bool = True
) -> RedactedCopy:
    """Render the copy with index ``output`` into ``folder``. Raises what rendering raises."""
    target = folder / f"preview-{output + 1}.mp4"
    resolved, policy = plan.resolved.clips[output], plan.policy
    clip, release = resolved.clip, plan.release
    placeholders = {
        "reference": release.case.reference,
        "exhibit": clip.footage,
        "kind": policy.kind.value,
        "number": str(output + 1),
    }
    title = policy.slate if slate else None
    settings = RenderSettings(
        effects=resolved.effects,
        encode=policy.encode,
        audio=resolved.audio,
        spans=resolved.spans,
        clip=FrameSpan(clip.first_frame, clip.last_frame),
        slate=replace(title, lines=tuple(fill_in(line, placeholders) for line in title.lines)) if title else None,
        watermark=fill_in(policy.watermark, placeholders) if policy.watermark else "",
    )
    master = store.master(release.clips[output].footage.sha256)
    report = render(master, resolved.hidden, target, settings, progress=progress)
    return RedactedCopy(target, report.sha256, report)


def sign_rendered(
    rendered: RedactedCopy, plan: ReleasePlan, output: int, folder: Path, credentials: C2paCredentials
) -> RedactedCopy:
    """Move a rendered copy to ``folder`` under its name in the pack, with its C2PA manifest."""
    public = plan.policy.kind is ReleaseKind.PUBLIC
    target = folder / plan.policy.output_name(output + 1, plan.exhibits[output])
    hidden, sound = changed_ranges(plan, output, rendered)
    c2pa_manifest.sign_copy(
        rendered.path,
        target,
        credentials,
        policy_sha256=plan.policy.sha256,
        master_sha256=None if public else plan.release.clips[output].footage.sha256,
        hidden=hidden,
        sound=sound,
    )
    rendered.path.unlink()
    return RedactedCopy(target, hash_file(target), rendered.report)


def changed_ranges(plan: ReleasePlan, output: int, copy: RedactedCopy) -> tuple[list[HiddenRange], list[SoundRange]]:
    """When anything is hidden in picture and sound, merged so that the manifest does not reveal how many people are."""
    resolved, timeline = plan.resolved.clips[output], copy.report.timeline
    times = list(timeline.times())
    shift = timeline.slate_frames - resolved.clip.first_frame
    spans = sorted((first + shift, last + shift) for mask in resolved.masks for first, last in mask.runs)
    ranges: list[list[int]] = []
    near = 1 / max(float(times[-1]) / max(len(times) - 1, 1), 1e-6)
    for first, last in spans:
        if ranges and first <= ranges[-1][1] + near:
            ranges[-1][1] = max(ranges[-1][1], last)
        else:
            ranges.append([first, last])
    ends = [*times[1:], times[-1] + Fraction(1, 25)]
    hidden = [HiddenRange(first, last, times[first], ends[last]) for first, last in ranges]
    start = resolved.clip.seconds(resolved.clip.first_frame)
    offset = times[timeline.slate_frames] - start
    end = ends[-1]
    sound = [SoundRange(s.start + offset, min(s.end + offset, end)) for s in resolved.sound if s.start + offset < end]
    return hidden, sound
