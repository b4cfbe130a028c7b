"""What people decide in a release, and what they argue for it, checked against policy and codes."""

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
    """One track. Track ids are those of one footage only; ``footage`` is the key the clips of the release use."""

    footage: str
    track_id: int


@dataclass(frozen=True, slots=True)
class ClassTarget:
    """All tracks of a class, in every clip."""

    label: str


@dataclass(frozen=True, slots=True)
class SoundTarget:
    """A span of sound: [start, end) in seconds from the first frame of the master's picture.

    ``span_id`` is that of a span in the edits, or a new one for a span that only this release knows.
    """

    footage: str
    span_id: int
    start: float
    end: float


Target = TrackTarget | ClassTarget | SoundTarget


@dataclass(frozen=True, slots=True)
class RedactionDecision:
    """One decision of a person. Of several about one thing the latest holds.

    ``effect`` and ``codes`` are for hiding; left out, they come from the decision on the class or from the policy.
    ``reason`` must be given for showing. ``subject`` is the person or thing it is about: all targets of one subject are
    one person in the log. It is a key, not a pseudonym, and never told.
    """

    target: Target
    action: Action
    effect: EffectSettings | SoundEffect | None = None
    codes: tuple[str, ...] = ()
    reason: str = ""
    subject: str | None = None


class Limb(StrEnum):
    """How sure prejudice is."""

    WOULD = "would"
    LIKELY = "would be likely to"


@dataclass(frozen=True, slots=True)
class Ground:
    """What a person argued for one code, once for the whole release. What a code asks for is in :class:`codes.Code`."""

    limb: Limb | None = None
    harm: str = ""
    factors_for: tuple[str, ...] = ()
    """In favour of disclosing."""
    factors_against: tuple[str, ...] = ()
    balance: str = ""
    """Where the public interest lies, and why."""
    assessment: str = ""
    reference: str = ""


@dataclass(frozen=True, slots=True)
class ReleaseGrounds:
    """What people gave besides decisions. ``requester`` is the subject that asked for its own data."""

    grounds: Mapping[str, Ground] = field(default_factory=dict)
    requester: str | None = None


def key_of(target: Target) -> tuple[object, ...]:
    """What two decisions have in common when the later one replaces the earlier."""
    match target:
        case TrackTarget():
            return ("track", target.footage, target.track_id)
        case ClassTarget():
            return ("class", target.label)
        case SoundTarget():
            return ("sound", target.footage, target.span_id)


def latest(decisions: Sequence[RedactionDecision]) -> dict[tuple[object, ...], tuple[int, RedactionDecision]]:
    """The decisions that hold, by :func:`key_of`, each with its place in ``decisions``."""
    return {key_of(decision.target): (place, decision) for place, decision in enumerate(decisions)}


def check_decision(policy: Policy, codes: Codes, decision: RedactionDecision) -> None:
    """Refuse what no release of this policy can hold, whatever its clips. To be called before a decision is recorded.

    Raises:
        DecisionInvalid: showing without a reason, or with codes or an effect; an effect of the wrong sort, or one that
            lets words be heard without a reason; a code or subject that makes no sense.
        CodeUnknown, CodeNotAllowed: see :meth:`Codes.for_hiding`.
        BadSpan: a span of sound that is none.
    """
    target, about = decision.target, described(decision.target)
    if isinstance(target, SoundTarget):
        exact_edges(SoundSpan(target.start, target.end, SoundEffect.MUTE))
    if decision.subject is not None and (not decision.subject.strip() or isinstance(target, ClassTarget)):
        raise DecisionInvalid(
            f"The decision on {about} names a subject that it cannot have.", "Name one of a track or span, or none."
        )
    if decision.action is Action.HIDE:
        _check_hiding(policy, codes, decision, about)
    elif decision.codes or decision.effect is not None:
        raise DecisionInvalid(
            f"The decision on {about} hides nothing, but has codes or an effect.", "Leave both out, or hide it."
        )
    elif decision.action is Action.SHOW and not decision.reason.strip():
        raise DecisionInvalid(
            f"The decision to show {about} has no reason.", "Say why it may be seen or heard; the log will hold it."
        )


def _check_hiding(policy: Policy, codes: Codes, decision: RedactionDecision, about: str) -> None:
    sound = isinstance(decision.target, SoundTarget)
    if decision.effect is not None and isinstance(decision.effect, SoundEffect) is not sound:
        raise DecisionInvalid(
            f"The decision on {about} has an effect for {'the picture' if sound else 'sound'}.",
            f"Name one for {'sound' if sound else 'the picture'}, or none.",
        )
    if decision.effect is SoundEffect.DISGUISE and policy.sound.mode is AudioMode.MUTE and not decision.reason.strip():
        # The words can be heard then, where the policy alone would have let nothing be heard.
        raise DecisionInvalid(
            f"The decision to disguise {about} lets words be heard that the policy mutes, and has no reason.",
            "Say why they may be heard; the log will hold it.",
        )
    if len(set(decision.codes)) < len(decision.codes):
        raise DecisionInvalid(f"The decision on {about} names a code twice.", "Name each code once.")
    for id_ in decision.codes:
        codes.for_hiding(id_, policy.kind, policy.regime)


def described(target: Target) -> str:
    """A target in a sentence."""
    match target:
        case TrackTarget():
            return f"track {target.track_id} of {target.footage}"
        case ClassTarget():
            return f"the class {target.label}"
        case SoundTarget():
            return f"the sound span {target.span_id} of {target.footage}"
