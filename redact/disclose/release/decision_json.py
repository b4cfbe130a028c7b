"""Redaction decisions as JSON, from a command, a page or the records, and back. Input is untrusted.

``{"target": {"track": 5}, "action": "hide", "effect": "solid", "fill": [0, 0, 0], "codes": ["TP"]}``. A target is
``{"track": ID}``, ``{"class": NAME}`` or ``{"sound": ID, "start": S, "end": S}``. The record keeps the footage that a
track or sound belongs to in a column of its own.
"""

from __future__ import annotations

import json
from typing import Annotated, Literal

from pydantic import Field, ValidationError

from redact.disclose.log.entries import FreeText, Frozen, Level, Name, WholeNumber
from redact.disclose.policy.policies import Action
from redact.disclose.release.decisions import ClassTarget, RedactionDecision, SoundTarget, Target, TrackTarget
from redact.errors import DecisionInvalid
from redact.settings import Effect, EffectSettings, SoundEffect

_PICTURE = {effect.value for effect in Effect}


class _TargetJson(Frozen):
    track: WholeNumber | None = None
    label: Name | None = Field(default=None, alias="class")
    sound: WholeNumber | None = None
    start: Annotated[float, Field(ge=0)] | None = None
    end: Annotated[float, Field(ge=0)] | None = None


class _DecisionJson(Frozen):
    target: _TargetJson
    action: Literal["hide", "show", "default"]
    effect: Literal["solid", "mosaic", "blur", "mute", "bleep", "disguise"] | None = None
    fill: tuple[Level, Level, Level] | None = None
    codes: tuple[Name, ...] = ()
    reason: FreeText | None = None
    subject: Name | None = None


def read(untrusted: object, footage: str | None) -> RedactionDecision:
    """A decision from JSON. ``footage`` is the key of the footage it concerns; None for a decision on a class.

    Raises :class:`redact.errors.DecisionInvalid` for any other input. Does not check the decision against policy and
    codes: see :func:`redact.disclose.release.decisions.check_decision`.
    """
    try:
        parsed = _DecisionJson.model_validate_json(json.dumps(untrusted))
    except (ValidationError, TypeError, ValueError) as error:
        raise _invalid("it does not have the form of a decision") from error
    effect: EffectSettings | SoundEffect | None = None
    if parsed.effect in _PICTURE:
        effect = EffectSettings(Effect(parsed.effect), parsed.fill or EffectSettings().fill)
    elif parsed.effect is not None:
        effect = SoundEffect(parsed.effect)
    if parsed.fill is not None and parsed.effect != "solid":
        raise _invalid("only a solid mask can have a fill colour")
    return RedactionDecision(
        _target(parsed.target, footage),
        Action(parsed.action),
        effect,
        parsed.codes,
        parsed.reason or "",
        parsed.subject,
    )


def _target(target: _TargetJson, footage: str | None) -> Target:
    targets = sum(key is not None for key in (target.track, target.label, target.sound))
    if (
        targets != 1
        or (target.sound is None) != (target.start is None)
        or (target.start is None) != (target.end is None)
    ):
        raise _invalid("its target must be exactly one track, class or sound span")
    if target.label is not None:
        return ClassTarget(target.label)
    if footage is None:
        raise _invalid("it does not name the exhibit")
    if target.track is not None:
        return TrackTarget(footage, target.track)
    assert target.sound is not None and target.start is not None and target.end is not None
    return SoundTarget(footage, target.sound, target.start, target.end)


def written(decision: RedactionDecision) -> dict[str, object]:
    """The decision as a JSON-ready object, which :func:`read` turns back into the same decision."""
    target: dict[str, object]
    match decision.target:
        case TrackTarget(track_id=track):
            target = {"track": track}
        case ClassTarget(label=label):
            target = {"class": label}
        case SoundTarget(span_id=span, start=start, end=end):
            target = {"sound": span, "start": float(start), "end": float(end)}
    content: dict[str, object] = {"target": target, "action": decision.action.value}
    if isinstance(decision.effect, EffectSettings):
        content["effect"] = decision.effect.effect.value
        if decision.effect.effect is Effect.SOLID:
            content["fill"] = list(decision.effect.fill)
    elif decision.effect is not None:
        content["effect"] = decision.effect.value
    optional = {"codes": list(decision.codes), "reason": decision.reason, "subject": decision.subject}
    return content | {key: value for key, value in optional.items() if value}


def _invalid(why: str) -> DecisionInvalid:
    return DecisionInvalid(
        f"The decision was not accepted: {why}.", "See docs/decisions.md for the form of a decision."
    )
