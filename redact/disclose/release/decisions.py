"""Redaction decisions and the arguments for them, checked against policy and reason codes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from redact.audio.spans import exact_edges
from redact.disclose.policy.policies import Action, Policy
from redact.disclose.policy.reason_codes import Codes
from redact.errors import DecisionInvalid
from redact.settings import AudioMode, EffectSettings, SoundEffect, SoundSpan


@dataclass(frozen=True, slots=True)
class TrackTarget:
    """One track. Track ids are unique within one piece of footage; ``footage`` is its key in the release's clips."""

    footage: str
    track_id: int


@dataclass(frozen=True, slots=True)
class ClassTarget:
    """All tracks of a class, in every clip."""

    label: str


@dataclass(frozen=True, slots=True)
class SoundTarget:
    """A span of sound: [start, end) in seconds from the first frame of the master's picture.

    ``span_id`` is the id of a span in the edit log, or a new id for a span that exists only in this release.
    """

    footage: str
    span_id: int
    start: float
    end: float


Target = TrackTarget | ClassTarget | SoundTarget


@dataclass(frozen=True, slots=True)
class RedactionDecision:
    """A decision to hide or show one target. The latest decision on a target applies.

    ``effect`` and ``codes`` are for hiding; if omitted, they come from the decision on the class or from the policy.
    ``reason`` is required for showing. ``subject`` identifies the person or thing: the log gives all targets with the
    same subject one pseudonym. It is an internal key and is never disclosed.
    """

    target: Target
    action: Action
    effect: EffectSettings | SoundEffect | None = None
    codes: tuple[str, ...] = ()
    reason: str = ""
    subject: str | None = None


class Limb(StrEnum):
    """Likelihood of prejudice, in the words of the Act."""

    WOULD = "would"
    LIKELY = "would be likely to"


@dataclass(frozen=True, slots=True)
class Ground:
    """The arguments for one code, given once for the whole release. :class:`.Code` says what each code requires."""

    limb: Limb | None = None
    harm: str = ""
    factors_for: tuple[str, ...] = ()
    """In favour of disclosure."""
    factors_against: tuple[str, ...] = ()
    balance: str = ""
    """Where the public interest lies, and why."""
    assessment: str = ""
    reference: str = ""


@dataclass(frozen=True, slots=True)
class ReleaseGrounds:
    """The arguments for the whole release, by code. ``requester``: subject key of the data subject who asked."""

    by_code: Mapping[str, Ground] = field(default_factory=dict)
    requester: str | None = None


def key_of(target: Target) -> tuple[object, ...]:
    """A key that is equal for two targets if a later decision on one replaces an earlier decision on the other."""
    match target:
        case TrackTarget():
            return ("track", target.footage, target.track_id)
        case ClassTarget():
            return ("class", target.label)
        case SoundTarget():
            return ("sound", target.footage, target.span_id)


def latest(decisions: Sequence[RedactionDecision]) -> dict[tuple[object, ...], tuple[int, RedactionDecision]]:
    """The decisions that apply, by :func:`key_of`, each with its index in ``decisions``."""
    return {key_of(decision.target): (index, decision) for index, decision in enumerate(decisions)}


def check_decision(policy: Policy, codes: Codes, decision: RedactionDecision) -> None:
    """Refuse a decision that no release under this policy can contain. Call this before recording a decision.

    Raises:
        DecisionInvalid: showing without a reason, or with codes or an effect; an effect of the wrong kind, or one that
            makes speech audible without a reason; a repeated code; a subject that is not allowed.
        CodeUnknown, CodeNotAllowed: see :meth:`Codes.for_hiding`.
        BadSpan: an invalid span of sound.
    """
    target, about = decision.target, described(decision.target)
    if isinstance(target, SoundTarget):
        exact_edges(SoundSpan(target.start, target.end, SoundEffect.MUTE))
    if decision.subject is not None and (not decision.subject.strip() or isinstance(target, ClassTarget)):
        raise DecisionInvalid(
            f"The decision on {about} cannot have this subject.", "Give a subject only for a track or span, or none."
        )
    if decision.action is Action.HIDE:
        _check_hiding(policy, codes, decision, about)
    elif decision.codes or decision.effect is not None:
        raise DecisionInvalid(
            f"The decision on {about} hides nothing, but has codes or an effect.", "Omit both, or hide it."
        )
    elif decision.action is Action.SHOW and not decision.reason.strip():
        raise DecisionInvalid(
            f"The decision to show {about} has no reason.", "Give a reason; it will appear in the log."
        )


def _check_hiding(policy: Policy, codes: Codes, decision: RedactionDecision, about: str) -> None:
    sound = isinstance(decision.target, SoundTarget)
    if decision.effect is not None and isinstance(decision.effect, SoundEffect) is not sound:
        raise DecisionInvalid(
            f"The decision on {about} has an effect for {'the picture' if sound else 'sound'}.",
            f"Choose an effect for {'sound' if sound else 'the picture'}, or none.",
        )
    if decision.effect is SoundEffect.DISGUISE and policy.sound.mode is AudioMode.MUTE and not decision.reason.strip():
        # A disguised voice leaves speech audible, which the policy alone would have muted.
        raise DecisionInvalid(
            f"The decision to disguise {about} makes speech audible that the policy mutes, and has no reason.",
            "Give a reason; it will appear in the log.",
        )
    if len(set(decision.codes)) < len(decision.codes):
        raise DecisionInvalid(f"The decision on {about} names a code twice.", "Name each code once.")
    for id_ in decision.codes:
        codes.for_hiding(id_, policy.kind, policy.regime)


def described(target: Target) -> str:
    """The target as a phrase for messages."""
    match target:
        case TrackTarget():
            return f"track {target.track_id} of {target.footage}"
        case ClassTarget():
            return f"the class {target.label}"
        case SoundTarget():
            return f"the sound span {target.span_id} of {target.footage}"
