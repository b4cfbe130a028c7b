"""What a release hides and shows, as a table, and the targets of decisions."""

from __future__ import annotations

import json
import re
from fractions import Fraction

from redact.disclose.release.plan import ReleasePlan
from redact.disclose.release.resolved import PictureMask, ResolvedClip, ShownSound, ShownTrack, SoundMask
from redact.errors import BadRecord
from redact.timecode import timecode
from redact_ui.formatting import chip, table, text

MAX_SPANS = 6
"""Most spans of a track written out in the table."""
_TIME = re.compile(r"(?:(\d{1,2}):)?(?:(\d{1,3}):)?(\d{1,5}(?:\.\d{1,3})?)")
Json = dict[str, object]


def decision_rows(plan: ReleasePlan) -> str:
    """Every track and sound in the clips: how it is treated, why, and who decided."""
    rows = []
    for number, clip in enumerate(plan.resolved.clips):
        exhibit, footage = plan.exhibits[number], plan.release.clips[number].footage_id
        for item in _pictures(clip):
            spans = [f"{timecode(clip.clip.seconds(a))} to {timecode(clip.clip.seconds(b + 1))}" for a, b in item.runs]
            rest = f" and {len(spans) - MAX_SPANS} more" if len(spans) > MAX_SPANS else ""
            picture = f'<img src="/api/footage/{footage}/thumbs/{item.track_id}.jpg" loading="lazy" alt="">'
            rows.append(
                (
                    picture,
                    f"{text(exhibit)}, track {item.track_id}<br>"
                    f"<span class='quiet'>{text(item.label)}, {text(item.subject)}</span>",
                    "<br>".join(spans[:MAX_SPANS]) + rest,
                    *_outcome(plan, item),
                )
            )
        for sound in _sounds(clip):
            name = f"sound {sound.span_id}" if sound.span_id is not None else "all other sound"
            span = f"{timecode(sound.start)} to {timecode(sound.end)}"
            rows.append(("", f"{text(exhibit)}, {name}", span, *_outcome(plan, sound)))
    heads = ("", "Track or sound", "When", "Treatment", "Codes", "Reason", "Decided by")
    empty = "There are no tracks in these clips. Review the footage: anything unmarked is not hidden."
    return table(heads, rows, caption="What is hidden and shown", empty=empty)


def _pictures(clip: ResolvedClip) -> list[PictureMask | ShownTrack]:
    both: list[PictureMask | ShownTrack] = [*clip.masks, *clip.shown_tracks]
    return sorted(both, key=lambda item: item.track_id)


def _sounds(clip: ResolvedClip) -> list[SoundMask | ShownSound]:
    both: list[SoundMask | ShownSound] = [*clip.sound, *clip.shown_sound]
    return sorted(both, key=lambda item: item.start)


def _outcome(plan: ReleasePlan, item: PictureMask | ShownTrack | SoundMask | ShownSound) -> tuple[str, str, str, str]:
    by = plan.decided_by[item.decision][0] if item.decision is not None else "the policy"
    if isinstance(item, ShownTrack | ShownSound):
        return chip("○", "shown" if isinstance(item, ShownTrack) else "heard", "warn"), "", text(item.reason), text(by)
    effect = item.effect.value if isinstance(item, SoundMask) else item.effect.effect.value
    return chip("■", f"hidden: {effect}", "plain"), text(", ".join(item.codes)), text(item.reason), text(by)


def targets(plan: ReleasePlan) -> list[tuple[str, str]]:
    """Targets for decisions: labels, and values as JSON with the exhibit."""
    found: dict[str, str] = {}
    labels: set[str] = set()
    for exhibit, clip in zip(plan.exhibits, plan.resolved.clips, strict=True):
        for item in _pictures(clip):
            labels.add(item.label)
            key = _key({"track": item.track_id}, exhibit)
            found[key] = f"{exhibit}, track {item.track_id} ({item.label}, {item.subject})"
        for sound in _sounds(clip):
            if sound.span_id is not None:
                target: Json = {"sound": sound.span_id, "start": float(sound.start), "end": float(sound.end)}
                when = f"{timecode(sound.start)} to {timecode(sound.end)}"
                found[_key(target, exhibit)] = f"{exhibit}, sound {sound.span_id} ({when})"
    classes = {_key({"class": label}, None): f"Every {label}, in all clips" for label in sorted(labels)}
    return [(label, key) for key, label in (classes | found).items()]


def _key(target: Json, exhibit: str | None) -> str:
    return json.dumps({"target": target, "exhibit": exhibit})


def sound_target(plan: ReleasePlan, exhibit: str, start: str, end: str) -> Json:
    """A sound target that exists only in this release, with an unused id. Raises BadRecord."""
    used = {0}
    for edited in plan.edited:
        used |= set(edited.sounds)
    for clip in plan.resolved.clips:
        used |= {s.span_id for s in _sounds(clip) if s.span_id is not None}
    if not exhibit:
        raise BadRecord("No footage was selected.", "Select the footage that the sound belongs to.")
    return {"sound": max(used) + 1, "start": float(seconds(start)), "end": float(seconds(end))}


def seconds(untrusted: str) -> Fraction:
    """Parse a time such as 1:02:03.5, 2:03 or 3.5 into seconds. Raises BadRecord."""
    match = _TIME.fullmatch((untrusted or "").strip())
    if match is None:
        raise BadRecord("The time is not valid.", "Enter it as 0:01:30.5.")
    first, second, last = match.groups()
    hours, minutes = (first, second) if second is not None else ("0", first or "0")
    return int(hours) * 3600 + int(minutes) * 60 + Fraction(last)


def decision_content(action: str, effect: str, codes: list[str] | None, subject: str, reason: str) -> Json:
    """A decision without its target. Only hiding has an effect and codes."""
    decision: Json = {"action": action}
    hides = action == "hide"
    optional = {
        "effect": effect if hides else None,
        "codes": codes if hides else None,
        "reason": (reason or "").strip(),
        "subject": (subject or "").strip(),
    }
    return decision | {key: value for key, value in optional.items() if value}
