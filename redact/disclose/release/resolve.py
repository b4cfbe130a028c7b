"""Policy, decisions and tracks to what is hidden and shown. Pure: the same input gives the same release.

A decision on a track goes before one on its class, and that before the policy; of several decisions on one thing the
latest holds. Whatever no rule speaks of is hidden. Nothing here looks at pixels, records or the clock.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from redact.disclose.policy.policies import Action, Policy
from redact.disclose.policy.reason_codes import Codes
from redact.disclose.release.decisions import (
    ClassTarget,
    RedactionDecision,
    ReleaseGrounds,
    SoundTarget,
    TrackTarget,
    check_decision,
    described,
    key_of,
    latest,
)
from redact.disclose.release.problems import find_problems
from redact.disclose.release.pseudonyms import SubjectGroups, noun, pseudonyms
from redact.disclose.release.resolved import (
    EditedClip,
    PictureMask,
    ResolvedClip,
    ResolvedRelease,
    ShownSound,
    ShownTrack,
    SoundMask,
)
from redact.disclose.release.sound_plan import SoundPlan, plan_sound, within
from redact.errors import DecisionInvalid
from redact.frame_ranges import stretches
from redact.settings import EffectSettings
from redact.track.types import Source, Track

REST_OF_SOUND = "Sound"
"""Pseudonym of what the policy mutes where nobody decided."""
Held = Mapping[tuple[object, ...], tuple[int, RedactionDecision]]


@dataclass(frozen=True, slots=True)
class _TrackTreatment:
    """What happens to one track. ``effect`` is None where it is shown."""

    effect: EffectSettings | None
    codes: tuple[str, ...]
    reason: str
    decision: int | None


def resolve(
    policy: Policy,
    codes: Codes,
    clips: Sequence[EditedClip],
    decisions: Sequence[RedactionDecision],
    given: ReleaseGrounds,
) -> ResolvedRelease:
    """What a release hides and shows. ``codes`` is the list the policy names; ``decisions`` go from first to latest.

    Raises:
        DecisionInvalid: see :func:`check_decision`; a decision about footage, a track or a class that is not there.
            Taking a decision back (``Action.DEFAULT``) is never refused for what is not there.
        CodeUnknown, CodeNotAllowed: of a decision or of the policy; a ground for a code that is not in the list.
        BadSpan: a span of sound that is none, or starts after its footage has ended.
        ValueError: ``codes`` is another list than the policy names, or two clips of one footage have other tracks.
    """
    if codes.name != policy.codes:
        raise ValueError(f"policy {policy.name} uses the codes {policy.codes}, not {codes.name}")
    for id_ in given.grounds:
        codes.get(id_)
    held = latest(decisions)
    _check(policy, codes, clips, held)
    sounds = [plan_sound(policy.sound, clip, _spans(held, clip.footage)) for clip in clips]
    groups = _groups(clips, held)
    names = pseudonyms(_appearances(clips, sounds, groups), groups)
    resolved = tuple(
        _clip(policy, clip, sound, held, _Pseudonyms(clip.footage, groups, names))
        for clip, sound in zip(clips, sounds, strict=True)
    )
    ids = {id_ for clip in resolved for mask in clip.masks for id_ in mask.codes}
    ids |= {id_ for clip in resolved for mask in clip.sound for id_ in mask.codes}
    for id_ in sorted(ids):
        codes.for_hiding(id_, policy.kind, policy.regime)
    used = tuple(code for code in codes.by_id.values() if code.id in ids)
    requester = groups.of(_subject(given.requester)) if given.requester is not None else None
    mine = tuple(name for (thing, _), name in names.items() if thing == requester)
    return ResolvedRelease(resolved, used, mine, find_problems(policy.kind, resolved, used, given, (mine, decisions)))


def _check(policy: Policy, codes: Codes, clips: Sequence[EditedClip], held: Held) -> None:
    """Refuse decisions that hold and cannot."""
    masters = {clip.footage: clip.tracks.media.sha256 for clip in clips}
    if any(clip.tracks.media.sha256 != masters[clip.footage] for clip in clips):
        raise ValueError("two masters have one key")
    tracks = {(clip.footage, track.id) for clip in clips for track in clip.tracks.tracks}
    labels = policy.classes.keys() | {track.label for clip in clips for track in clip.tracks.tracks}
    for _, decision in held.values():
        check_decision(policy, codes, decision)
        target = decision.target
        if decision.action is Action.DEFAULT:
            continue
        match target:
            case TrackTarget():
                known = (target.footage, target.track_id) in tracks
            case ClassTarget():
                known = target.label in labels
            case SoundTarget():
                known = target.footage in masters
        if not known:
            raise DecisionInvalid(
                f"There is a decision on {described(target)}, which is not in the release.",
                "Take the decision back, or decide on what there is.",
            )


def _spans(held: Held, footage: str) -> dict[int, tuple[int, RedactionDecision]]:
    return {
        decision.target.span_id: (place, decision)
        for place, decision in held.values()
        if isinstance(decision.target, SoundTarget) and decision.target.footage == footage
    }


def _subject(key: str) -> tuple[object, ...]:
    return ("subject", key.strip())


def _track_key(footage: str, track_id: int) -> tuple[object, ...]:
    return key_of(TrackTarget(footage, track_id))


def _groups(clips: Sequence[EditedClip], held: Held) -> SubjectGroups:
    """Who is who: by the links of the edits, and by the subjects of the decisions."""
    groups = SubjectGroups()
    for clip in clips:
        for linked in clip.links:
            for other in linked[1:]:
                groups.join(_track_key(clip.footage, linked[0]), _track_key(clip.footage, other))
    for key, (_, decision) in held.items():
        if decision.subject is not None:
            groups.join(key, _subject(decision.subject))
    return groups


@dataclass(frozen=True, slots=True)
class _Pseudonyms:
    """Pseudonyms of what is in one footage."""

    footage: str
    groups: SubjectGroups
    names: Mapping[tuple[Hashable, str], str]

    def track(self, track: Track) -> str:
        """The pseudonym of a track."""
        return self.names[self.groups.of(_track_key(self.footage, track.id)), noun(track.label)]

    def span(self, span_id: int | None) -> str:
        """The pseudonym of a span of sound."""
        if span_id is None:
            return REST_OF_SOUND
        key = _span_key(self.footage, span_id)
        return self.names[self.groups.of(key), noun(_span_label(key, self.groups))]


def _span_key(footage: str, span_id: int) -> tuple[object, ...]:
    return key_of(SoundTarget(footage, span_id, 0, 1))


def _span_label(key: Hashable, groups: SubjectGroups) -> str:
    """A voice of which somebody said whose it is goes by that person's pseudonym."""
    return "sound" if groups.of(key) == key else "person"


def _appearances(
    clips: Sequence[EditedClip], sounds: Sequence[SoundPlan], groups: SubjectGroups
) -> Iterator[tuple[Hashable, str]]:
    """All that appears, in the order of the clips and within these of time; of what comes at once, the lower id."""
    for clip, sound in zip(clips, sounds, strict=True):
        seen: list[tuple[Fraction, int, Hashable, str]] = []
        for track in clip.tracks.tracks:
            if runs := _runs(track, clip):
                thing = _track_key(clip.footage, track.id)
                seen.append((clip.seconds(runs[0][0]), track.id, thing, track.label))
        for segment, (start, _) in within(sound.segments, *_window(clip)):
            if segment.span_id is not None:
                thing = _span_key(clip.footage, segment.span_id)
                seen.append((start, segment.span_id, thing, _span_label(thing, groups)))
        for _, _, appearing, label in sorted(seen, key=lambda one: one[:2]):
            yield appearing, label


def _window(clip: EditedClip) -> tuple[Fraction, Fraction]:
    return clip.seconds(clip.first_frame), clip.seconds(clip.last_frame + 1)


def _inside(track: Track, clip: EditedClip) -> NDArray[np.bool_]:
    return (track.frames >= clip.first_frame) & (track.frames <= clip.last_frame)


def _runs(track: Track, clip: EditedClip) -> tuple[tuple[int, int], ...]:
    """First and last frame of each unbroken stretch of a track within the clip."""
    return tuple(stretches(track.frames[_inside(track, clip)]))


def _outcome(policy: Policy, held: Held, footage: str, track: Track) -> _TrackTreatment:
    own = _active(held, _track_key(footage, track.id))
    of_class = _active(held, key_of(ClassTarget(track.label)))
    rule = policy.rule(track.label)
    decided = own or of_class
    if decided is None and rule.action is Action.SHOW:
        return _TrackTreatment(None, (), rule.reason, None)
    if decided is not None and decided[1].action is Action.SHOW:
        return _TrackTreatment(None, (), decided[1].reason, decided[0])
    # What hides need not say how: the class's decision does, or the policy, or its rule for all that it does not name.
    hiding = [entry[1] for entry in (own, of_class) if entry is not None and entry[1].action is Action.HIDE]
    base = rule if rule.action is Action.HIDE else policy.other
    effects = [decision.effect for decision in hiding if isinstance(decision.effect, EffectSettings)]
    listed = [decision.codes for decision in hiding if decision.codes]
    place, reason = (decided[0], decided[1].reason) if decided is not None else (None, "")
    return _TrackTreatment([*effects, base.effect][0], [*listed, base.codes][0], reason, place)


def _active(held: Held, key: tuple[object, ...]) -> tuple[int, RedactionDecision] | None:
    entry = held.get(key)
    return None if entry is None or entry[1].action is Action.DEFAULT else entry


def _clip(policy: Policy, clip: EditedClip, sound: SoundPlan, held: Held, naming: _Pseudonyms) -> ResolvedClip:
    outcomes = {track.id: _outcome(policy, held, clip.footage, track) for track in clip.tracks.tracks}
    effects = {id_: outcome.effect for id_, outcome in outcomes.items() if outcome.effect is not None}
    masks, shown = [], []
    for track in clip.tracks.tracks:
        runs, outcome = _runs(track, clip), outcomes[track.id]
        if not runs:
            continue
        about = (track.id, track.label, naming.track(track), runs)
        if outcome.effect is None:
            shown.append(ShownTrack(*about, outcome.reason, outcome.decision))
        else:
            masks.append(
                PictureMask(
                    *about, outcome.effect, outcome.codes, outcome.reason, _confidence(track, clip), outcome.decision
                )
            )
    heard = within(sound.segments, *_window(clip))
    return ResolvedClip(
        clip,
        replace(clip.tracks, tracks=tuple(track for track in clip.tracks.tracks if track.id in effects)),
        effects,
        tuple(masks),
        tuple(shown),
        sound.audio,
        sound.spans,
        tuple(
            SoundMask(p.span_id, naming.span(p.span_id), start, end, p.effect, p.codes, p.reason, p.decision)
            for p, (start, end) in heard
            if p.effect is not None
        ),
        tuple(
            ShownSound(p.span_id, naming.span(p.span_id), start, end, p.reason, p.decision)
            for p, (start, end) in heard
            if p.effect is None and p.span_id is not None and p.decision is not None
        ),
    )


def _confidence(track: Track, clip: EditedClip) -> tuple[float, float] | None:
    scores = track.scores[_inside(track, clip) & (track.sources == Source.DETECTOR)]
    return (float(scores.min()), float(scores.max())) if scores.size else None
