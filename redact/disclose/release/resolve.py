"""Works out what a release hides and shows from policy, decisions and tracks. Pure: equal input, equal result.

A decision on a track overrides one on its class, which overrides the policy; of several decisions on one target the
latest applies. Anything not covered by a rule is hidden. Nothing here reads pixels, records or the clock.
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
from redact.frame_ranges import frame_ranges
from redact.settings import EffectSettings
from redact.track.types import Source, Track

REST_OF_SOUND = "Sound"
"""Pseudonym of the sound that the policy mutes where there is no decision."""
CurrentDecisions = Mapping[tuple[object, ...], tuple[int, RedactionDecision]]


@dataclass(frozen=True, slots=True)
class _TrackTreatment:
    """What happens to one track. ``effect`` is None if it is shown."""

    effect: EffectSettings | None
    codes: tuple[str, ...]
    reason: str
    decision: int | None


def resolve(
    policy: Policy,
    codes: Codes,
    clips: Sequence[EditedClip],
    decisions: Sequence[RedactionDecision],
    grounds: ReleaseGrounds,
) -> ResolvedRelease:
    """What a release hides and shows. ``codes``: the list named in the policy. ``decisions``: oldest first.

    Raises:
        DecisionInvalid: see :func:`check_decision`; also for a decision on footage, a track or a class that is not in
            the release, unless it withdraws an earlier decision (``Action.DEFAULT``).
        CodeUnknown, CodeNotAllowed: for a code in a decision or the policy, or a ground for a code not in the list.
        BadSpan: an invalid span of sound, or one that starts after the end of its footage.
        ValueError: ``codes`` is not the list named in the policy, or two clips share a key but not a master.
    """
    if codes.name != policy.codes:
        raise ValueError(f"policy {policy.name} uses the codes {policy.codes}, not {codes.name}")
    for id_ in grounds.by_code:
        codes.get(id_)
    current = latest(decisions)
    _check(policy, codes, clips, current)
    sounds = [plan_sound(policy.sound, clip, _spans(current, clip.footage)) for clip in clips]
    groups = _groups(clips, current)
    names = pseudonyms(_appearances(clips, sounds, groups), groups)
    resolved = tuple(
        _clip(policy, clip, sound, current, _Pseudonyms(clip.footage, groups, names))
        for clip, sound in zip(clips, sounds, strict=True)
    )
    ids = {id_ for clip in resolved for mask in clip.masks for id_ in mask.codes}
    ids |= {id_ for clip in resolved for mask in clip.sound for id_ in mask.codes}
    for id_ in sorted(ids):
        codes.for_hiding(id_, policy.kind, policy.regime)
    used = tuple(code for code in codes.by_id.values() if code.id in ids)
    requester = groups.of(_subject(grounds.requester)) if grounds.requester is not None else None
    requester_names = tuple(name for (thing, _), name in names.items() if thing == requester)
    return ResolvedRelease(
        resolved,
        used,
        requester_names,
        find_problems(policy.kind, resolved, used, grounds, (requester_names, decisions)),
    )


def _check(policy: Policy, codes: Codes, clips: Sequence[EditedClip], current: CurrentDecisions) -> None:
    """Refuse current decisions that cannot apply to this release."""
    masters = {clip.footage: clip.tracks.media.sha256 for clip in clips}
    if any(clip.tracks.media.sha256 != masters[clip.footage] for clip in clips):
        raise ValueError("two masters share one key")
    tracks = {(clip.footage, track.id) for clip in clips for track in clip.tracks.tracks}
    labels = policy.classes.keys() | {track.label for clip in clips for track in clip.tracks.tracks}
    for _, decision in current.values():
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
                "Withdraw the decision, or decide on something in the release.",
            )


def _spans(current: CurrentDecisions, footage: str) -> dict[int, tuple[int, RedactionDecision]]:
    return {
        decision.target.span_id: (index, decision)
        for index, decision in current.values()
        if isinstance(decision.target, SoundTarget) and decision.target.footage == footage
    }


def _subject(key: str) -> tuple[object, ...]:
    return ("subject", key.strip())


def _track_key(footage: str, track_id: int) -> tuple[object, ...]:
    return key_of(TrackTarget(footage, track_id))


def _groups(clips: Sequence[EditedClip], current: CurrentDecisions) -> SubjectGroups:
    """Which tracks and sounds belong together, by links in the edit log and subjects of decisions."""
    groups = SubjectGroups()
    for clip in clips:
        for linked in clip.links:
            for other in linked[1:]:
                groups.join(_track_key(clip.footage, linked[0]), _track_key(clip.footage, other))
    for key, (_, decision) in current.items():
        if decision.subject is not None:
            groups.join(key, _subject(decision.subject))
    return groups


@dataclass(frozen=True, slots=True)
class _Pseudonyms:
    """Pseudonyms of the tracks and sound spans in one piece of footage."""

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
    """The class for a span's pseudonym: a voice with a subject gets the pseudonym of that person."""
    return "sound" if groups.of(key) == key else "person"


def _appearances(
    clips: Sequence[EditedClip], sounds: Sequence[SoundPlan], groups: SubjectGroups
) -> Iterator[tuple[Hashable, str]]:
    """Everything that appears, in order of clip, then time, then id."""
    for clip, sound in zip(clips, sounds, strict=True):
        appearing: list[tuple[Fraction, int, Hashable, str]] = []
        for track in clip.tracks.tracks:
            if runs := _runs(track, clip):
                thing = _track_key(clip.footage, track.id)
                appearing.append((clip.seconds(runs[0][0]), track.id, thing, track.label))
        for segment, (start, _) in within(sound.segments, *_window(clip)):
            if segment.span_id is not None:
                thing = _span_key(clip.footage, segment.span_id)
                appearing.append((start, segment.span_id, thing, _span_label(thing, groups)))
        for _, _, appeared, label in sorted(appearing, key=lambda entry: entry[:2]):
            yield appeared, label


def _window(clip: EditedClip) -> tuple[Fraction, Fraction]:
    return clip.seconds(clip.first_frame), clip.seconds(clip.last_frame + 1)


def _inside(track: Track, clip: EditedClip) -> NDArray[np.bool_]:
    return (track.frames >= clip.first_frame) & (track.frames <= clip.last_frame)


def _runs(track: Track, clip: EditedClip) -> tuple[tuple[int, int], ...]:
    """First and last frame of each unbroken run of a track within the clip."""
    return tuple(frame_ranges(track.frames[_inside(track, clip)]))


def _treatment(policy: Policy, current: CurrentDecisions, footage: str, track: Track) -> _TrackTreatment:
    own = _active(current, _track_key(footage, track.id))
    of_class = _active(current, key_of(ClassTarget(track.label)))
    rule = policy.rule(track.label)
    decided = own or of_class
    if decided is None and rule.action is Action.SHOW:
        return _TrackTreatment(None, (), rule.reason, None)
    if decided is not None and decided[1].action is Action.SHOW:
        return _TrackTreatment(None, (), decided[1].reason, decided[0])
    # A decision to hide may leave out effect and codes: the decision on the class, the class's rule or the policy's
    # rule for all other classes then supplies them.
    hiding = [entry[1] for entry in (own, of_class) if entry is not None and entry[1].action is Action.HIDE]
    base = rule if rule.action is Action.HIDE else policy.other
    effects = [decision.effect for decision in hiding if isinstance(decision.effect, EffectSettings)]
    listed = [decision.codes for decision in hiding if decision.codes]
    index, reason = (decided[0], decided[1].reason) if decided is not None else (None, "")
    return _TrackTreatment([*effects, base.effect][0], [*listed, base.codes][0], reason, index)


def _active(current: CurrentDecisions, key: tuple[object, ...]) -> tuple[int, RedactionDecision] | None:
    entry = current.get(key)
    return None if entry is None or entry[1].action is Action.DEFAULT else entry


def _clip(
    policy: Policy, clip: EditedClip, sound: SoundPlan, current: CurrentDecisions, naming: _Pseudonyms
) -> ResolvedClip:
    treatments = {track.id: _treatment(policy, current, clip.footage, track) for track in clip.tracks.tracks}
    effects = {id_: treatment.effect for id_, treatment in treatments.items() if treatment.effect is not None}
    masks, shown = [], []
    for track in clip.tracks.tracks:
        runs, treatment = _runs(track, clip), treatments[track.id]
        if not runs:
            continue
        about = (track.id, track.label, naming.track(track), runs)
        if treatment.effect is None:
            shown.append(ShownTrack(*about, treatment.reason, treatment.decision))
        else:
            masks.append(
                PictureMask(
                    *about,
                    treatment.effect,
                    treatment.codes,
                    treatment.reason,
                    _confidence(track, clip),
                    treatment.decision,
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
            SoundMask(s.span_id, naming.span(s.span_id), start, end, s.effect, s.codes, s.reason, s.decision)
            for s, (start, end) in heard
            if s.effect is not None
        ),
        tuple(
            ShownSound(s.span_id, naming.span(s.span_id), start, end, s.reason, s.decision)
            for s, (start, end) in heard
            if s.effect is None and s.span_id is not None and s.decision is not None
        ),
    )


def _confidence(track: Track, clip: EditedClip) -> tuple[float, float] | None:
    scores = track.scores[_inside(track, clip) & (track.sources == Source.DETECTOR)]
    return (float(scores.min()), float(scores.max())) if scores.size else None
