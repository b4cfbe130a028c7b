"""The releases that contain footage, and what each one hides or shows, why, and who decided it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any

from fastapi import APIRouter, Query
from sqlalchemy import select

from redact.disclose.policy.policies import Action, Policy
from redact.disclose.release import releases
from redact.disclose.release.decisions import ClassTarget, RedactionDecision, latest
from redact.disclose.release.plan import ReleasePlan
from redact.disclose.release.resolved import PictureMask, ResolvedClip, ShownSound, ShownTrack, SoundMask
from redact.errors import BadRecord
from redact.evidence import footage_records, machine_tracks
from redact.records.accounts import Right
from redact.records.release_state import ReleaseState
from redact.schema.tables import Clip, Release
from redact.server import footage_views
from redact.server.services import CaseViewer, ServicesDep
from redact.settings import EffectSettings

router = APIRouter(prefix="/api/footage/{footage_id}")

Json = dict[str, Any]
DECIDABLE = (ReleaseState.DRAFT, ReleaseState.IN_REVIEW, ReleaseState.APPROVED)
"""States in which decisions can still be made."""


@router.get("/releases")
def list_releases(footage_id: int, services: ServicesDep, user: CaseViewer) -> Json:
    """Releases that contain part of the footage, newest first."""
    with services.db.reading() as session:
        footage = footage_views.find_footage(session, footage_id)
        having = select(Clip.release_id).where(Clip.footage_id == footage.id)
        rows = session.scalars(select(Release).where(Release.id.in_(having)).order_by(Release.id.desc()))
        return {
            "releases": [
                {"release": releases.reference(row), "state": row.state, "policy": row.policy_name} for row in rows
            ]
        }


@router.get("/decisions")
def decisions(
    footage_id: int,
    services: ServicesDep,
    user: CaseViewer,
    release: Annotated[str, Query(min_length=1, max_length=100)],
) -> Json:
    """What a release does with each track and sound of the footage, and the reason codes available to it.

    Tracks and sounds outside the release's clips are not listed. ``same_tracks`` is false if the release was created
    from an earlier detection run, whose tracks have different ids.
    """
    with services.db.reading() as session:
        footage = footage_views.find_footage(session, footage_id)
        footage_records.require_stored(footage)
        found = releases.find(session, release)
        plan = footage_views.cached_plan(services, session, found)
        newest = machine_tracks.newest(session, footage)
        pairs = list(zip(found.clips, plan.resolved.clips, strict=True))
        clips_here = [(clip, resolved) for clip, resolved in pairs if clip.footage_id == footage.id]
        if not clips_here:
            raise BadRecord("The release does not contain this footage.")
        return {
            "release": releases.reference(found),
            "state": found.state,
            "policy": plan.policy.title,
            "may_decide": user.may(Right.RELEASE) and found.state in DECIDABLE,
            "content": plan.content,
            "exhibit": releases.exhibit_of(found, footage.id),
            "same_tracks": newest is not None and all(clip.tracks_id == newest.id for clip, _ in clips_here),
            "clips": [[clip.first_frame, clip.last_frame] for clip, _ in clips_here],
            "codes": [
                {"id": code.id, "title": code.title} for code in plan.codes.hiding(plan.policy.kind, plan.policy.regime)
            ],
            **_outcomes(plan, [resolved for _, resolved in clips_here]),
        }


def _outcomes(plan: ReleasePlan, clips: list[ResolvedClip]) -> Json:
    """Outcomes by track, sound and class. A track in two clips has the same outcome in both."""
    tracks: dict[int, Json] = {}
    sounds: dict[int, Json] = {}
    labels = set(plan.policy.classes)
    for clip in clips:
        labels |= {track.label for track in clip.clip.tracks.tracks}
        picture_outcomes: tuple[PictureMask | ShownTrack, ...] = (*clip.masks, *clip.shown_tracks)
        sound_outcomes: tuple[SoundMask | ShownSound, ...] = (*clip.sound, *clip.shown_sound)
        tracks |= {item.track_id: {"id": item.track_id, **_outcome(plan, item)} for item in picture_outcomes}
        sounds |= {
            item.span_id: {"id": item.span_id, **_outcome(plan, item)}
            for item in sound_outcomes
            if item.span_id is not None
        }
    decided = latest(plan.decisions).values()
    of_class = {d.target.label: (at, d) for at, d in decided if isinstance(d.target, ClassTarget) and _is_decision(d)}
    return {
        "tracks": _in_order(tracks.values()),
        "sounds": _in_order(sounds.values()),
        "classes": [
            {
                "label": label,
                "policy": _policy_outcome(plan.policy, label),
                "decided": {**_class_outcome(of_class[label][1]), **_decided_by(plan, of_class[label][0])}
                if label in of_class
                else None,
            }
            for label in sorted(labels)
        ],
    }


def _in_order(outcomes: Iterable[Json]) -> list[Json]:
    return sorted(outcomes, key=lambda outcome: int(outcome["id"]))


def _is_decision(decision: RedactionDecision) -> bool:
    return decision.action is not Action.DEFAULT


def _outcome(plan: ReleasePlan, item: PictureMask | ShownTrack | SoundMask | ShownSound) -> Json:
    outcome: Json = {"hidden": False, "effect": None, "codes": [], "reason": item.reason, "subject": item.subject}
    if isinstance(item, PictureMask):
        outcome |= {"hidden": True, "effect": item.effect.effect.value, "codes": list(item.codes)}
    elif isinstance(item, SoundMask):
        outcome |= {"hidden": True, "effect": item.effect.value, "codes": list(item.codes)}
    if item.decision is None:
        return {**outcome, "by": "policy", "who": None, "at": None}
    on_class = isinstance(plan.decisions[item.decision].target, ClassTarget)
    return {**outcome, "by": "class" if on_class else "own", **_decided_by(plan, item.decision)}


def _decided_by(plan: ReleasePlan, place: int) -> Json:
    name, at = plan.decided_by[place]
    return {"who": name, "at": at}


def _class_outcome(decision: RedactionDecision) -> Json:
    """The decision on a class; whatever it leaves open is for the policy."""
    return {
        "hidden": decision.action is Action.HIDE,
        "effect": decision.effect.effect.value if isinstance(decision.effect, EffectSettings) else None,
        "codes": list(decision.codes),
        "reason": decision.reason,
    }


def _policy_outcome(policy: Policy, label: str) -> Json:
    rule = policy.rule(label)
    hidden = rule.action is Action.HIDE
    return {
        "hidden": hidden,
        "effect": rule.effect.effect.value if hidden else None,
        "codes": list(rule.codes),
        "reason": rule.reason,
    }
