"""What a release hides and shows, resolved from the records: tracks, edits and decisions for each clip."""

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
    """A release as it stands. ``edited`` and ``exhibits`` match the clips; ``decided_by`` matches the decisions."""

    release: Release
    policy: Policy
    codes: Codes
    edited: tuple[Edited, ...]
    exhibits: tuple[str, ...]
    resolved: ResolvedRelease
    decisions: tuple[RedactionDecision, ...]
    """In the order they were made; a mask's ``decision`` is an index into this."""
    decided_by: tuple[tuple[str, str], ...]
    """Full name of the officer who decided, and when, as text."""
    content: str
    """Content digest of the release."""
    outdated: tuple[str, ...]
    """Decisions that no longer apply, as sentences."""

    @property
    def problems(self) -> list[str]:
        """What prevents the release from being submitted, as sentences."""
        return [
            *self.outdated,
            *(p.text for p in self.resolved.problems),
            *details.missing(self.release, self.policy.kind),
        ]


def plan_of(session: Session, store: Store, release: Release) -> ReleasePlan:
    """The plan of a release. Raises what :func:`resolve` and reading tracks from the store raise."""
    policy, codes = releases.rules_of(release)
    exhibits = tuple(releases.exhibit_of(release, clip.footage_id) for clip in release.clips)
    edited = tuple(edited_tracks(session, store, clip.tracks_id) for clip in release.clips)
    clips = [
        EditedClip(exhibit, edits.tracks, clip.first_frame, clip.last_frame, edits.sounds, _links(edits))
        for clip, exhibit, edits in zip(release.clips, exhibits, edited, strict=True)
    ]
    # A decision on footage that no longer has a clip is dormant until it has one again.
    in_release = {clip.footage_id for clip in release.clips} | {None}
    rows = [row for row in releases.decisions_of(session, release) if row.footage_id in in_release]
    merges = {clip.footage_id: _merges(session, clip.tracks_id) for clip in release.clips}
    edited_by_footage = {clip.footage_id: edits for clip, edits in zip(release.clips, edited, strict=True)}
    read = [_read(release, row) for row in rows]
    current = latest(read)
    decisions: list[RedactionDecision] = []
    outdated: list[str] = []
    for row, decision in zip(rows, read, strict=True):
        successor, gone = _successor(decision, edited_by_footage.get(row.footage_id or 0))
        problem = ""
        if gone and successor is not None:
            later = current.get(key_of(successor))
            if later is None or rows[later[0]].event_seq < row.event_seq:
                problem = (
                    f"The decision on {described(decision.target)} concerns a track that was merged into track"
                    f" {successor.track_id}: decide on that track."
                )
        elif _older_than_merge(decision, row.event_seq, merges.get(row.footage_id or 0, ())):
            # The track may now include another person.
            problem = f"The decision to show {described(decision.target)} is older than a merge: decide again."
        if problem and decision is current[key_of(decision.target)][1]:
            outdated.append(problem)
        withdrawn = replace(decision, action=Action.DEFAULT, effect=None, codes=(), reason="")
        decisions.append(withdrawn if gone or problem else decision)
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


def _successor(decision: RedactionDecision, edited: Edited | None) -> tuple[TrackTarget | None, bool]:
    """The track into which the decision's track was merged, if any; and whether the decision's own track is gone.

    A rejected track hides nothing, whatever was decided. If it is restored, the decision applies again.
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
    """Event number and track of every merge in an edit log, including undone merges."""
    rows = session.execute(select(Edit.event_seq, Edit.payload).where(Edit.tracks_id == tracks_id))
    entries = [(seq, json.loads(payload)) for seq, payload in rows]
    merged = [(seq, entry) for seq, entry in entries if entry["op"] == "merge"]
    return [(seq, entry[key]) for seq, entry in merged for key in ("track", "other")]


def _older_than_merge(decision: RedactionDecision, seq: int, merges: Sequence[tuple[int, int]]) -> bool:
    """Whether a decision to show a track is older than a merge of another track into it."""
    target = decision.target
    shows = decision.action is Action.SHOW and isinstance(target, TrackTarget)
    return shows and any(
        later > seq and isinstance(target, TrackTarget) and track == target.track_id for later, track in merges
    )


def _links(edited: Edited) -> tuple[tuple[int, ...], ...]:
    """Groups of track ids that reviewers marked as the same person or thing."""
    groups: dict[int, list[int]] = {}
    for state in edited.states.values():
        groups.setdefault(state.subject, []).append(state.id)
    shown = {track.id for track in edited.tracks.tracks}
    kept = (tuple(id_ for id_ in ids if id_ in shown) for ids in groups.values())
    return tuple(group for group in kept if len(group) > 1)
