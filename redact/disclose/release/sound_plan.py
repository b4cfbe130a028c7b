"""The sound of a clip: what policy, edits and decisions hide and show of it, piece by piece."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from redact.audio.spans import LONGEST_SECONDS, check_spans, exact_edges
from redact.disclose.policy.policies import Action, SoundRule
from redact.disclose.release.decisions import Decision, SoundTarget, described
from redact.disclose.release.resolved import Clip
from redact.errors import DecisionInvalid
from redact.settings import AudioMode, SoundEffect, SoundSpan

Interval = tuple[Fraction, Fraction]
END = Fraction(LONGEST_SECONDS)
"""Later than any sound. What is muted to the end is muted past the picture's end, too: sound often outlasts it."""


@dataclass(frozen=True, slots=True)
class Piece:
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
    """All of a master's sound: what the renderer is told, and the pieces for the log."""

    audio: AudioMode
    spans: tuple[SoundSpan, ...]
    pieces: tuple[Piece, ...]


def plan_sound(rule: SoundRule, clip: Clip, held: Mapping[int, tuple[int, Decision]]) -> SoundPlan:
    """``held``: the decisions that hold, by span, each with its place among all.

    What is hidden by one span and shown by another is hidden. Where the policy mutes all sound, the edits cannot soften
    that: a voice they disguise is muted until a decision in this release says otherwise.

    Raises:
        DecisionInvalid: a span is to be shown that the edits have moved since.
        BadSpan: a span starts after the footage has ended.
    """
    pieces = [_decided(rule, clip, place, decision) for place, decision in held.values()]
    active = [piece for piece in pieces if piece is not None]
    undecided = clip.sound.keys() - {piece.span_id for piece in active}
    muted = rule.mode is AudioMode.MUTE
    for id_ in sorted(undecided):
        span = clip.sound[id_]
        effect = SoundEffect.MUTE if muted else span.effect
        active.append(Piece(id_, *exact_edges(span), effect, rule.codes, "", None))
    hidden = [piece for piece in active if piece.effect is not None]
    shown = [
        Piece(piece.span_id, *interval, None, (), piece.reason, piece.decision)
        for piece in active
        if piece.effect is None
        for interval in without((piece.start, piece.end), hidden)
    ]
    if muted:
        hidden += [
            Piece(None, *rest, SoundEffect.MUTE, rule.codes, "", None)
            for rest in without((Fraction(0), END), hidden + shown)
        ]
    every = tuple(sorted(hidden + shown, key=lambda piece: (piece.start, piece.end, piece.span_id or 0)))
    if muted and all(piece.decision is None for piece in active):
        return SoundPlan(AudioMode.MUTE, (), every)
    spans = tuple(_span(piece, piece.effect, clip) for piece in every if piece.effect is not None)
    check_spans(spans, clip.seconds(clip.tracks.media.pts.size))
    return SoundPlan(AudioMode.KEEP, spans, every)


def _decided(rule: SoundRule, clip: Clip, place: int, decision: Decision) -> Piece | None:
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
        return Piece(target.span_id, *edges, None, (), decision.reason, place)
    effect = decision.effect if isinstance(decision.effect, SoundEffect) else None
    if edited is not None:
        edges = exact_edges(edited)
        effect = effect or (edited.effect if rule.mode is AudioMode.KEEP else None)
    return Piece(target.span_id, *edges, effect or rule.effect, decision.codes or rule.codes, decision.reason, place)


def without(interval: Interval, taken: Iterable[Piece]) -> list[Interval]:
    """What is left of ``interval`` outside of all pieces ``taken``, in order."""
    left: list[Interval] = []
    start, end = interval
    for piece in sorted(taken, key=lambda piece: piece.start):
        if piece.start >= end:
            break
        if piece.start > start:
            left.append((start, piece.start))
        start = max(start, piece.end)
    return [*left, (start, end)] if start < end else left


def within(pieces: Sequence[Piece], first: Fraction, last: Fraction) -> list[tuple[Piece, Interval]]:
    """The pieces heard in [first, last), each with the part of it that is."""
    cut = ((piece, (max(piece.start, first), min(piece.end, last))) for piece in pieces)
    return [(piece, (start, end)) for piece, (start, end) in cut if start < end]


def _span(piece: Piece, effect: SoundEffect, clip: Clip) -> SoundSpan:
    """A piece for the renderer.

    It takes no span that starts at or past the picture's end, as one does that mutes the rest behind a span shown to
    the very end. That one starts a thousandth of a second earlier, and so still mutes sound that outlasts the picture.
    """
    start = piece.start
    if piece.span_id is None:
        media = clip.tracks.media
        last = media.last_duration * media.time_base
        start = min(start, clip.seconds(media.pts.size) - min(Fraction(1, 1000), last / 2))
    return SoundSpan(float(start), float(piece.end), effect)
