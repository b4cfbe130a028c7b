"""The sound of a clip: what policy, edits and decisions hide and show of it, segment by segment."""

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
"""Later than any sound. What is muted to the end is muted past the picture's end, too: sound often outlasts it."""


@dataclass(frozen=True, slots=True)
class SoundSegment:
    """[start, end) of the master's sound, in seconds from its first frame, hidden or shown.

    ``span_id`` is None for what the policy mutes where nobody decided. ``decision`` is the place of the decision.
    """

    span_id: int | None
    start: Fraction
    end: Fraction
    effect: SoundEffect | None
    """None where it is shown."""
    codes: tuple[str, ...]
    reason: str
    decision: int | None


@dataclass(frozen=True, slots=True)
class SoundPlan:
    """All of a master's sound: what the renderer is told, and the segments for the log."""

    audio: AudioMode
    spans: tuple[SoundSpan, ...]
    segments: tuple[SoundSegment, ...]


def plan_sound(rule: SoundRule, clip: EditedClip, held: Mapping[int, tuple[int, RedactionDecision]]) -> SoundPlan:
    """``held``: the decisions that hold, by span, each with its place among all.

    What is hidden by one span and shown by another is hidden. Where the policy mutes all sound, the edits cannot soften
    that: a voice they disguise is muted until a decision in this release says otherwise.

    Raises:
        DecisionInvalid: a span is to be shown that the edits have moved since.
        BadSpan: a span starts after the footage has ended.
    """
    segments = [_decided(rule, clip, place, decision) for place, decision in held.values()]
    active = [segment for segment in segments if segment is not None]
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
    every = tuple(sorted(hidden + shown, key=lambda segment: (segment.start, segment.end, segment.span_id or 0)))
    if muted and all(segment.decision is None for segment in active):
        return SoundPlan(AudioMode.MUTE, (), every)
    spans = tuple(_span(segment, segment.effect, clip) for segment in every if segment.effect is not None)
    check_spans(spans, clip.seconds(clip.tracks.media.pts.size))
    return SoundPlan(AudioMode.KEEP, spans, every)


def _decided(rule: SoundRule, clip: EditedClip, place: int, decision: RedactionDecision) -> SoundSegment | None:
    """What a decision makes of a span; None where it has been taken back."""
    target = decision.target
    assert isinstance(target, SoundTarget)
    if decision.action is Action.DEFAULT:
        return None
    edges = exact_edges(SoundSpan(target.start, target.end, SoundEffect.MUTE))
    edited = clip.sound.get(target.span_id)
    if decision.action is Action.SHOW:
        if edited is not None and exact_edges(edited) != edges:
            raise DecisionInvalid(
                f"The decision to show {described(target)} is about {target.start} to {target.end} seconds, and the"
                f" span now lies at {edited.start} to {edited.end}.",
                "Listen to it there and decide again.",
            )
        return SoundSegment(target.span_id, *edges, None, (), decision.reason, place)
    effect = decision.effect if isinstance(decision.effect, SoundEffect) else None
    if edited is not None:
        edges = exact_edges(edited)
        effect = effect or (edited.effect if rule.mode is AudioMode.KEEP else None)
    return SoundSegment(
        target.span_id, *edges, effect or rule.effect, decision.codes or rule.codes, decision.reason, place
    )


def without(interval: Interval, taken: Iterable[SoundSegment]) -> list[Interval]:
    """What is left of ``interval`` outside of all segments ``taken``, in order."""
    left: list[Interval] = []
    start, end = interval
    for segment in sorted(taken, key=lambda segment: segment.start):
        if segment.start >= end:
            break
        if segment.start > start:
            left.append((start, segment.start))
        start = max(start, segment.end)
    return [*left, (start, end)] if start < end else left


def within(segments: Sequence[SoundSegment], first: Fraction, last: Fraction) -> list[tuple[SoundSegment, Interval]]:
    """The segments heard in [first, last), each with the part of it that is."""
    cut = ((segment, (max(segment.start, first), min(segment.end, last))) for segment in segments)
    return [(segment, (start, end)) for segment, (start, end) in cut if start < end]


def _span(segment: SoundSegment, effect: SoundEffect, clip: EditedClip) -> SoundSpan:
    """A segment for the renderer.

    It takes no span that starts at or past the picture's end, as one does that mutes the rest behind a span shown to
    the very end. That one starts a thousandth of a second earlier, and so still mutes sound that outlasts the picture.
    """
    start = segment.start
    if segment.span_id is None:
        media = clip.tracks.media
        last = media.last_duration * media.time_base
        start = min(start, clip.seconds(media.pts.size) - min(Fraction(1, 1000), last / 2))
    return SoundSpan(float(start), float(segment.end), effect)
