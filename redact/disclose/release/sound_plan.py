"""The sound of a clip in segments, hidden or shown by policy, edits and decisions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from redact.audio.spans import LONGEST_SECONDS, check_spans, exact_edges
from redact.disclose.policy.policies import Action, SoundRule
from redact.disclose.release.decisions import RedactionDecision, SoundTarget, described
from redact.disclose.release.resolved import EditedClip
from redact.errors import DecisionInvalid
from redact.settings import AudioMode, SoundEffect, SoundSpan

Interval = tuple[Fraction, Fraction]
END = Fraction(LONGEST_SECONDS)
"""Later than any sound: muting to the end also covers sound that outlasts the picture, as it often does."""


@dataclass(frozen=True, slots=True)
class SoundSegment:
    """[start, end) of the master's sound, in seconds from its first frame, hidden or shown.

    ``span_id`` is None for sound the policy mutes by default. ``decision`` is the index of the decision that applies.
    """

    span_id: int | None
    start: Fraction
    end: Fraction
    effect: SoundEffect | None
    """None if it is shown."""
    codes: tuple[str, ...]
    reason: str
    decision: int | None


@dataclass(frozen=True, slots=True)
class SoundPlan:
    """All of a master's sound: ``audio`` and ``spans`` for the renderer, ``segments`` for the log."""

    audio: AudioMode
    spans: tuple[SoundSpan, ...]
    segments: tuple[SoundSegment, ...]


def plan_sound(rule: SoundRule, clip: EditedClip, current: Mapping[int, tuple[int, RedactionDecision]]) -> SoundPlan:
    """Plan the sound of a clip. ``current``: the decisions that apply, by span id, each with its index.

    Sound in both a hidden and a shown span is hidden. If the policy mutes all sound, edits cannot weaken that: a voice
    disguised in the edit log is muted unless a decision in this release says otherwise.

    Raises:
        DecisionInvalid: an edit has moved a span since the decision to show it.
        BadSpan: a span starts after the end of the footage.
    """
    decided = (_decided(rule, clip, index, decision) for index, decision in current.values())
    active = [segment for segment in decided if segment is not None]
    undecided = clip.sound.keys() - {segment.span_id for segment in active}
    muted = rule.mode is AudioMode.MUTE
    for id_ in sorted(undecided):
        span = clip.sound[id_]
        effect = SoundEffect.MUTE if muted else span.effect
        active.append(SoundSegment(id_, *exact_edges(span), effect, rule.codes, "", None))
    hidden = [segment for segment in active if segment.effect is not None]
    shown = [
        SoundSegment(segment.span_id, *interval, None, (), segment.reason, segment.decision)
        for segment in active
        if segment.effect is None
        for interval in without((segment.start, segment.end), hidden)
    ]
    if muted:
        hidden += [
            SoundSegment(None, *rest, SoundEffect.MUTE, rule.codes, "", None)
            for rest in without((Fraction(0), END), hidden + shown)
        ]
    segments = tuple(sorted(hidden + shown, key=lambda segment: (segment.start, segment.end, segment.span_id or 0)))
    if muted and all(segment.decision is None for segment in active):
        return SoundPlan(AudioMode.MUTE, (), segments)
    spans = tuple(_span(segment, segment.effect, clip) for segment in segments if segment.effect is not None)
    check_spans(spans, clip.seconds(clip.tracks.media.pts.size))
    return SoundPlan(AudioMode.KEEP, spans, segments)


def _decided(rule: SoundRule, clip: EditedClip, index: int, decision: RedactionDecision) -> SoundSegment | None:
    """The segment a decision hides or shows; None if the decision was withdrawn."""
    target = decision.target
    assert isinstance(target, SoundTarget)
    if decision.action is Action.DEFAULT:
        return None
    edges = exact_edges(SoundSpan(target.start, target.end, SoundEffect.MUTE))
    edited = clip.sound.get(target.span_id)
    if decision.action is Action.SHOW:
        if edited is not None and exact_edges(edited) != edges:
            raise DecisionInvalid(
                f"The decision to show {described(target)} covers {target.start} to {target.end} seconds, but the span"
                f" now runs from {edited.start} to {edited.end}.",
                "Listen to the span and decide again.",
            )
        return SoundSegment(target.span_id, *edges, None, (), decision.reason, index)
    effect = decision.effect if isinstance(decision.effect, SoundEffect) else None
    if edited is not None:
        edges = exact_edges(edited)
        effect = effect or (edited.effect if rule.mode is AudioMode.KEEP else None)
    return SoundSegment(
        target.span_id, *edges, effect or rule.effect, decision.codes or rule.codes, decision.reason, index
    )


def without(interval: Interval, excluded: Iterable[SoundSegment]) -> list[Interval]:
    """The parts of ``interval`` outside all ``excluded`` segments, in order."""
    remaining: list[Interval] = []
    start, end = interval
    for segment in sorted(excluded, key=lambda segment: segment.start):
        if segment.start >= end:
            break
        if segment.start > start:
            remaining.append((start, segment.start))
        start = max(start, segment.end)
    return [*remaining, (start, end)] if start < end else remaining


def within(segments: Sequence[SoundSegment], first: Fraction, last: Fraction) -> list[tuple[SoundSegment, Interval]]:
    """The segments that overlap [first, last), each with the overlapping interval."""
    overlaps = ((segment, (max(segment.start, first), min(segment.end, last))) for segment in segments)
    return [(segment, (start, end)) for segment, (start, end) in overlaps if start < end]


def _span(segment: SoundSegment, effect: SoundEffect, clip: EditedClip) -> SoundSpan:
    """A segment as a span for the renderer.

    The renderer refuses a span that starts at or after the end of the picture, such as the muted rest after a span
    shown to the very end. Such a span starts a thousandth of a second earlier and still mutes sound beyond the picture.
    """
    start = segment.start
    if segment.span_id is None:
        media = clip.tracks.media
        last = media.last_duration * media.time_base
        start = min(start, clip.seconds(media.pts.size) - min(Fraction(1, 1000), last / 2))
    return SoundSpan(float(start), float(segment.end), effect)
