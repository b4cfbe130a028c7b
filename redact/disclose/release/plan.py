"""From the records to what a release hides and shows: tracks, edits and decisions of each clip, resolved."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlalchemy import select
from sqlalchemy.orm import Session

from redact.disclose.policy.policies import Action, Policy
from redact.disclose.policy.reason_codes import Codes
from redact.disclose.release import decision_json, details, releases
from redact.disclose.release.decisions import RedactionDecision, TrackTarget, described, key_of, latest
from redact.disclose.release.resolve import resolve
from redact.disclose.release.resolved import EditedClip, ResolvedRelease
from redact.evidence.edit_log import edited_tracks
from redact.evidence.store import Store
from redact.mask.edits.result import Edited
from redact.schema import tables as recorded
from redact.schema.tables import Edit, Release


@dataclass(frozen=True, slots=True)
class ReleasePlan:
    """A release as it stands: ``edited`` and ``exhibits`` go with the clips, ``decided_by`` with the decisions."""

    release: Release
    policy: Policy
    codes: Codes
    edited: tuple[Edited, ...]
    exhibits: tuple[str, ...]
    resolved: ResolvedRelease
    decisions: tuple[RedactionDecision, ...]
    """In the order they were made; ``decision`` of a mask is a place in it."""
    decided_by: tuple[tuple[str, str], ...]
    """Full name of who decided, and when, as text."""
    content: str
    """Digest of all of it."""
    outdated: tuple[str, ...]
    """Decisions that do not hold any more, a sentence each."""

    @property
    def problems(self) -> list[str]:
        """What keeps the release from being submitted, a sentence each."""
        return [
            *self.outdated,
            *(p.text for p in self.resolved.problems),
            *details.missing(self.release, self.policy.kind),
        ]


def plan_of(session: Session, store: Store, release: Release) -> ReleasePlan:
    """Raises what reading tracks from the store, and resolving, raise."""
    policy, codes = releases.rules_of(release)
    exhibits = tuple(releases.exhibit_of(release, clip.footage_id) for clip in release.clips)
    edited = tuple(edited_tracks(session, store, clip.tracks_id) for clip in release.clips)
    clips = [
        EditedClip(exhibit, edits.tracks, clip.first_frame, clip.last_frame, edits.sounds, _links(edits))
        for clip, exhibit, edits in zip(release.clips, exhibits, edited, strict=True)
    ]
    # A decision on footage that has no clip any more waits until it has one again.
    there = {clip.footage_id for clip in release.clips} | {None}
    rows = [row for row in releases.decisions_of(session, release) if row.footage_id in there]
    merges = {clip.footage_id: _merges(session, clip.tracks_id) for clip in release.clips}
    now = {clip.footage_id: edits for clip, edits in zip(release.clips, edited, strict=True)}
    read = [_read(release, row) for row in rows]
    held = latest(read)
    decisions: list[RedactionDecision] = []
    outdated: list[str] = []
    for row, decision in zip(rows, read, strict=True):
        heir, gone = _heir(decision, now.get(row.footage_id or 0))
        outdated_text = ""
        if gone and heir is not None:
            later = held.get(key_of(heir))
            if later is None or rows[later[0]].event_seq < row.event_seq:
                outdated_text = (
                    f"The decision on {described(decision.target)} is about a track that was merged into track"
                )
                outdated_text += f" {heir.track_id}: decide on that."
        elif _outdated(decision, row.event_seq, merges.get(row.footage_id or 0, ())):
            # Somebody else may be in it now.
            outdated_text = f"The decision to show {described(decision.target)} is older than a merge: decide again."
        if outdated_text and decision is held[key_of(decision.target)][1]:
            outdated.append(outdated_text)
        idle = replace(decision, action=Action.DEFAULT, effect=None, codes=(), reason="")
        decisions.append(idle if gone or outdated_text else decision)
    resolved = resolve(policy, codes, clips, decisions, details.of(release).release_grounds)
    names = releases.full_names(session, {row.person_id for row in rows})
    return ReleasePlan(
        release,
        policy,
        codes,
        edited,
        exhibits,
        resolved,
        tuple(decisions),
        tuple((names[row.person_id], row.at.isoformat()) for row in rows),
        releases.content_digest(session, release),
        tuple(outdated),
    )


def _read(release: Release, row: recorded.Decision) -> RedactionDecision:
    footage = releases.exhibit_of(release, row.footage_id) if row.footage_id is not None else None
    return decision_json.read(json.loads(row.content), footage)


def _heir(decision: RedactionDecision, edited: Edited | None) -> tuple[TrackTarget | None, bool]:
    """The track that took in the decision's, if there is one; and whether there is the decision's own no more.

    One that was rejected hides nothing, whatever was decided. Restored, it is as it was decided again.
    """
    target = decision.target
    if edited is None or not isinstance(target, TrackTarget) or decision.action is Action.DEFAULT:
        return None, False
    shown = {track.id for track in edited.tracks.tracks}
    at: int | None = target.track_id
    while at is not None and at not in shown:
        at = edited.states[at].merged_into if at in edited.states else None
    if at is None or at == target.track_id:
        return None, at is None
    return replace(target, track_id=at), True


def _merges(session: Session, tracks_id: int) -> list[tuple[int, int]]:
    """Event and track of every merge in an edit log, undone ones too."""
    rows = session.execute(select(Edit.event_seq, Edit.payload).where(Edit.tracks_id == tracks_id))
    told = [(seq, json.loads(payload)) for seq, payload in rows]
    merged = [(seq, entry) for seq, entry in told if entry["op"] == "merge"]
    return [(seq, entry[key]) for seq, entry in merged for key in ("track", "other")]


def _outdated(decision: RedactionDecision, seq: int, merges: Sequence[tuple[int, int]]) -> bool:
    """Whether a decision to show a track was made before another track became part of it."""
    target = decision.target
    shows = decision.action is Action.SHOW and isinstance(target, TrackTarget)
    return shows and any(
        later > seq and isinstance(target, TrackTarget) and track == target.track_id for later, track in merges
    )


def _links(edited: Edited) -> tuple[tuple[int, ...], ...]:
    """SubjectGroups of tracks that reviewers marked as one person or thing."""
    groups: dict[int, list[int]] = {}
    for state in edited.states.values():
        groups.setdefault(state.subject, []).append(state.id)
    shown = {track.id for track in edited.tracks.tracks}
    kept = (tuple(id_ for id_ in ids if id_ in shown) for ids in groups.values())
    return tuple(group for group in kept if len(group) > 1)
