"""Decisions as JSON, from a command, a page or the records, and back. Nothing that is read is trusted.

``{"target": {"track": 5}, "action": "hide", "effect": "solid", "fill": [0, 0, 0], "codes": ["TP"]}``; a target is
``{"track": ID}``, ``{"class": NAME}`` or ``{"sound": ID, "start": S, "end": S}``. Whose track or sound it is, of the
footage in a release, stands beside it in the record.
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
    """A decision; ``footage`` is the key of the footage that it stands beside, None where it is on a class.

    Raises :class:`redact.errors.DecisionInvalid` for anything else. Whether policy and codes allow it is for
    :func:`redact.disclose.release.decisions.check_decision`.
    """
    try:
        told = _DecisionJson.model_validate_json(json.dumps(untrusted))
    except (ValidationError, TypeError, ValueError) as error:
        raise _invalid("it is not written as a decision is") from error
    effect: EffectSettings | SoundEffect | None = None
    if told.effect in _PICTURE:
        effect = EffectSettings(Effect(told.effect), told.fill or EffectSettings().fill)
    elif told.effect is not None:
        effect = SoundEffect(told.effect)
    if told.fill is not None and told.effect != "solid":
        raise _invalid("only a solid mask has a colour")
    return RedactionDecision(
        _target(told.target, footage), Action(told.action), effect, told.codes, told.reason or "", told.subject
    )


def _target(told: _TargetJson, footage: str | None) -> Target:
    given = sum(part is not None for part in (told.track, told.label, told.sound))
    if given != 1 or (told.sound is None) != (told.start is None) or (told.start is None) != (told.end is None):
        raise _invalid("it does not say what it is about")
    if told.label is not None:
        return ClassTarget(told.label)
    if footage is None:
        raise _invalid("it does not say which footage it is about")
    if told.track is not None:
        return TrackTarget(footage, told.track)
    assert told.sound is not None and told.start is not None and told.end is not None
    return SoundTarget(footage, told.sound, told.start, told.end)


def written(decision: RedactionDecision) -> dict[str, object]:
    """JSON-ready; :func:`read` gives the same decision again."""
    target: dict[str, object]
    match decision.target:
        case TrackTarget(track_id=track):
            target = {"track": track}
        case ClassTarget(label=label):
            target = {"class": label}
        case SoundTarget(span_id=span, start=start, end=end):
            target = {"sound": span, "start": float(start), "end": float(end)}
    told: dict[str, object] = {"target": target, "action": decision.action.value}
    if isinstance(decision.effect, EffectSettings):
        told["effect"] = decision.effect.effect.value
        if decision.effect.effect is Effect.SOLID:
            told["fill"] = list(decision.effect.fill)
    elif decision.effect is not None:
        told["effect"] = decision.effect.value
    optional = {"codes": list(decision.codes), "reason": decision.reason, "subject": decision.subject}
    return told | {key: value for key, value in optional.items() if value}


def _invalid(why: str) -> DecisionInvalid:
    return DecisionInvalid(
        f"This decision cannot be taken: {why}.", "The page docs/decisions.md shows how a decision is written."
    )
