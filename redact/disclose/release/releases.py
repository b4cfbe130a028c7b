"""Releases: their clips, decisions and details, and their states from draft to export.

A release is draft, in review, approved, exported or withdrawn. Its content (clips, decisions, details, edits of its
footage, policy and codes) has one digest. An approval applies to that digest only, and so does a record of what was
watched. A change after submission returns the release to draft, in the same transaction as the change.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session, selectinload

from redact.canonical_json import canonical
from redact.disclose.policy.policies import Policy, load_policy, parse_policy
from redact.disclose.policy.reason_codes import Codes, load_codes, parse_codes
from redact.disclose.release import decision_json
from redact.disclose.release.decisions import check_decision
from redact.errors import BadRecord, RecordMissing, WrongState
from redact.evidence import edit_log
from redact.records import accounts, cases
from redact.records.accounts import Right
from redact.records.database import Database, UnitOfWork
from redact.records.release_state import ReleaseState, release_subject, reopen
from redact.records.validation import checked
from redact.schema import tables as recorded
from redact.schema.tables import (
    Case,
    Clip,
    Exhibit,
    Footage,
    MachineTracks,
    Person,
    Release,
)

LONGEST_REASON = 2000


@dataclass(frozen=True, slots=True)
class ClipRequest:
    """A span of an exhibit in frames of the master, both ends included; None for the exhibit's own start or end."""

    exhibit: str
    first_frame: int | None = None
    last_frame: int | None = None


def reference(release: Release) -> str:
    """The reference of a release: case reference, ``#``, number."""
    return f"{release.case.reference}#{release.number}"


_WHOLE = (
    selectinload(Release.case).selectinload(Case.exhibits),
    selectinload(Release.case).selectinload(Case.members),
    selectinload(Release.clips).selectinload(Clip.footage),
)


def find(session: Session, untrusted_reference: str) -> Release:
    """The release with a reference such as ``FOI-26-17#2``. Raises RecordMissing."""
    case, _, number = untrusted_reference.strip().rpartition("#")
    release = None
    if number.isdecimal() and len(number) < 9:
        query = select(Release).join(Case).where(Case.reference == case, Release.number == int(number))
        release = session.scalars(query.options(*_WHOLE)).first()
    if release is None:
        raise RecordMissing(
            f'There is no release "{untrusted_reference}".', "References are CASE#NUMBER: see `redact release list`."
        )
    return release


def listed(session: Session, case: Case | None = None) -> list[Release]:
    """Releases of one case, or of all cases, in the order they were created."""
    query = select(Release).options(*_WHOLE).order_by(Release.id)
    return list(session.scalars(query if case is None else query.where(Release.case_id == case.id)))


def create(
    db: Database, actor: str, case_reference: str, *, policy_name: str, clips: Sequence[ClipRequest] = ()
) -> Release:
    """Create a draft under a policy as it is now, with every exhibit of the case in full unless ``clips`` is given.

    Raises BadRecord for invalid clips, RecordMissing, NotAllowed, WrongState, and what loading the policy raises.
    """
    policy = load_policy(policy_name)
    codes = load_codes(policy.codes)
    with db.writing(actor) as work:
        person = accounts.authorise_actor(work, Right.RELEASE)
        case = cases.find(work.session, case_reference)
        if case.state == cases.CLOSED:
            raise WrongState(f"Case {case.reference} is closed.", "Reopen it first.")
        last = work.session.scalar(select(func.max(Release.number)).where(Release.case_id == case.id)) or 0
        release = Release(
            case=case,
            number=last + 1,
            policy_name=policy.name,
            policy=policy.raw.decode(),
            policy_sha256=policy.sha256,
            codes=codes.raw.decode(),
            codes_sha256=codes.sha256,
            state=ReleaseState.DRAFT.value,
            details={},
            created_at=work.at,
            created_by=person.id,
        )
        work.session.add(release)
        recorded_clips = _set_clips(
            work, release, clips or [ClipRequest(exhibit.reference) for exhibit in case.exhibits]
        )
        work.event(
            "release.created",
            release_subject(release),
            {
                "policy": policy.name,
                "policy_sha256": policy.sha256,
                "codes_sha256": codes.sha256,
                "clips": recorded_clips,
            },
        )
        work.session.flush()
        return find(work.session, reference(release))


def set_clips(db: Database, actor: str, release_reference: str, clips: Sequence[ClipRequest]) -> None:
    """Replace the clips of a release. Raises as :func:`create`."""
    with db.writing(actor) as work:
        accounts.authorise_actor(work, Right.RELEASE)
        release = _changeable(work, release_reference)
        for clip in list(release.clips):
            work.session.delete(clip)
        work.session.flush()
        work.session.expire(release, ["clips"])
        recorded_clips = _set_clips(work, release, clips)
        work.event("release.clips-set", release_subject(release), {"clips": recorded_clips})
        reopen(work, release, "its clips were changed")


def _set_clips(work: UnitOfWork, release: Release, clips: Sequence[ClipRequest]) -> list[dict[str, object]]:
    if not clips:
        raise BadRecord("A release needs at least one clip.", "Add footage to the case with `redact footage add`.")
    exhibits = {exhibit.reference: exhibit for exhibit in release.case.exhibits}
    recorded_clips: list[dict[str, object]] = []
    for position, request in enumerate(clips):
        exhibit = exhibits.get(request.exhibit)
        if exhibit is None:
            raise RecordMissing(f'The case has no exhibit "{request.exhibit}".', "See `redact case show`.")
        clip = _clip(work.session, exhibit, request, position)
        release.clips.append(clip)
        recorded_clips.append(
            {"exhibit": request.exhibit, "first_frame": clip.first_frame, "last_frame": clip.last_frame}
        )
    return recorded_clips


def _clip(session: Session, exhibit: Exhibit, request: ClipRequest, position: int) -> Clip:
    footage = exhibit.footage
    if footage.state != "held":
        raise WrongState(f"Exhibit {exhibit.reference} has been disposed of.")
    query = select(MachineTracks).where(MachineTracks.footage_id == footage.id).order_by(MachineTracks.id.desc())
    tracks = session.scalars(query.limit(1)).first()
    if tracks is None:
        raise WrongState(
            f"Detection has not been run on {exhibit.reference} yet.", "Run `redact footage detect` first."
        )
    frames = int(footage.media["frames"])
    first = 0 if request.first_frame is None else request.first_frame
    last = frames - 1 if request.last_frame is None else request.last_frame
    if not 0 <= first <= last < frames:
        raise BadRecord(f"{exhibit.reference} has frames 0 to {frames - 1}: {first} to {last} is not a valid span.")
    return Clip(position=position, footage=footage, tracks_id=tracks.id, first_frame=first, last_frame=last)


def set_details(db: Database, actor: str, release_reference: str, details: Mapping[str, object]) -> None:
    """Set details of a release, already checked by :func:`redact.disclose.release.details.check`.

    Details not named are kept; None removes one. Raises RecordMissing, NotAllowed, WrongState.
    """
    with db.writing(actor) as work:
        accounts.authorise_actor(work, Right.RELEASE)
        release = _changeable(work, release_reference)
        merged = {**release.details, **details}
        release.details = {key: value for key, value in merged.items() if value is not None}
        # Internal details, such as the sensitive schedule's reference, stay out of the audit trail, which records only
        # that there are some.
        loggable = {key: "(internal)" if key == "internal" and value else value for key, value in details.items()}
        work.event("release.details-set", release_subject(release), {"details": loggable})
        reopen(work, release, "its details were changed")


def decide(db: Database, actor: str, release_reference: str, untrusted: object, exhibit: str | None = None) -> None:
    """Record a decision in the form of :mod:`redact.disclose.release.decision_json`. ``exhibit``: the
    exhibit of the track or sound.

    Raises RecordMissing, NotAllowed, WrongState, and what reading and :func:`check_decision` raise.
    """
    with db.writing(actor) as work:
        person = accounts.authorise_actor(work, Right.RELEASE)
        release = _changeable(work, release_reference)
        footage = footage_of(release, exhibit) if exhibit is not None else None
        decision = decision_json.read(untrusted, exhibit)
        check_decision(*rules_of(release), decision)
        content = decision_json.written(decision)
        event = work.event("release.decided", release_subject(release), {"exhibit": exhibit, "content": content})
        work.session.add(
            recorded.Decision(
                release_id=release.id,
                footage_id=footage.id if footage else None,
                person_id=person.id,
                at=work.at,
                content=canonical(content).decode(),
                event_seq=event.seq,
            )
        )
        reopen(work, release, "a decision was made")


def rules_of(release: Release) -> tuple[Policy, Codes]:
    """Policy and codes as they were when the release was created."""
    policy_raw, codes_raw = release.policy.encode(), release.codes.encode()

    def codes_named(name: str) -> Codes:
        return parse_codes(codes_raw, name, f"stored with release {reference(release)}")

    policy = parse_policy(policy_raw, release.policy_name, f"stored with release {reference(release)}", codes_named)
    return policy, codes_named(policy.codes)


def footage_of(release: Release, exhibit: str) -> Footage:
    """The footage of an exhibit with a clip in the release. Raises RecordMissing."""
    ids = {clip.footage_id for clip in release.clips}
    for known in release.case.exhibits:
        if known.reference == exhibit and known.footage_id in ids:
            return known.footage
    raise RecordMissing(f'Release {reference(release)} has no exhibit "{exhibit}".', "See `redact release show`.")


def exhibit_of(release: Release, footage_id: int) -> str:
    """The exhibit reference of footage in the release's case."""
    return next(e.reference for e in release.case.exhibits if e.footage_id == footage_id)


def decisions_of(session: Session, release: Release) -> list[recorded.Decision]:
    """Decisions of a release, in the order they were made."""
    query = select(recorded.Decision).where(recorded.Decision.release_id == release.id)
    return list(session.scalars(query.order_by(recorded.Decision.id)))


def content_digest(session: Session, release: Release) -> str:
    """SHA-256 over all content of a release. Equal digests mean equal pictures and equal reasons.

    Settled items of the review queue are not included, as they change neither.
    """
    clips = []
    for clip in release.clips:
        tracks = session.get_one(MachineTracks, clip.tracks_id)
        edited = hashlib.sha256("\n".join(edit_log.output_edits(session, clip.tracks_id)).encode()).hexdigest()
        clips.append([clip.footage.sha256, tracks.file_sha256, edited, clip.first_frame, clip.last_frame])
    content = {
        "policy": release.policy_sha256,
        "codes": release.codes_sha256,
        "clips": clips,
        "decisions": [[d.footage_id, d.content] for d in decisions_of(session, release)],
        "details": release.details,
    }
    return hashlib.sha256(canonical(content)).hexdigest()


def submit(db: Database, actor: str, release_reference: str, problems: Sequence[str]) -> None:
    """Move a draft to in review. ``problems``: from :attr:`.ReleasePlan.problems`; any problem blocks submission.

    Raises WrongState, RecordMissing, NotAllowed.
    """
    with db.writing(actor) as work:
        person = accounts.authorise_actor(work, Right.RELEASE)
        release = find(work.session, release_reference)
        require_state(release, ReleaseState.DRAFT)
        if problems:
            raise WrongState(f"Release {reference(release)} is not ready: {' '.join(problems)}", "Add what is missing.")
        release.state, release.submitted_at, release.submitted_by = ReleaseState.IN_REVIEW.value, work.at, person.id
        body = {"content": content_digest(work.session, release)}
        work.event("release.submitted", release_subject(release), body)


def send_back(db: Database, actor: str, release_reference: str, note: str) -> None:
    """Return a release in review or approved to draft, with a note for its editors."""
    with db.writing(actor) as work:
        accounts.authorise_actor(work, Right.APPROVE)
        release = find(work.session, release_reference)
        require_state(release, ReleaseState.IN_REVIEW, ReleaseState.APPROVED)
        work.event("release.sent-back", release_subject(release), {"note": checked(note, "reason", LONGEST_REASON)})
        reopen(work, release, "it was sent back")


def withdraw(db: Database, actor: str, release_reference: str, reason: str) -> None:
    """Withdraw a release in any state, for good: no more exports. Past exports stay on record."""
    with db.writing(actor) as work:
        accounts.authorise_actor(work, Right.APPROVE)
        release = find(work.session, release_reference)
        if release.state == ReleaseState.WITHDRAWN:
            raise WrongState(f"Release {reference(release)} has already been withdrawn.")
        release.state, release.withdrawn_at = ReleaseState.WITHDRAWN.value, work.at
        work.event("release.withdrawn", release_subject(release), {"reason": checked(reason, "reason", LONGEST_REASON)})


def check_exportable(session: Session, release: Release) -> None:
    """Raise WrongState unless the release is approved and unchanged since."""
    require_state(release, ReleaseState.APPROVED, ReleaseState.EXPORTED)
    if release.approved_content != content_digest(session, release):
        raise WrongState(
            f"Release {reference(release)} has changed since it was approved.",
            "Create a new release." if release.state == ReleaseState.EXPORTED else "Submit it again.",
        )


def full_names(session: Session, ids: Collection[int]) -> dict[int, str]:
    """Full names of people, by their ids in the records."""
    return {p.id: p.full_name for p in session.scalars(select(Person).where(Person.id.in_(ids)))}


def _changeable(work: UnitOfWork, untrusted_reference: str) -> Release:
    release = find(work.session, untrusted_reference)
    require_state(release, ReleaseState.DRAFT, ReleaseState.IN_REVIEW, ReleaseState.APPROVED)
    return release


def require_state(release: Release, *states: ReleaseState) -> None:
    """Raise WrongState unless the release is in one of these states."""
    if release.state not in states:
        allowed = " or ".join(state.value for state in states)
        raise WrongState(
            f"Release {reference(release)} is {release.state}: this action needs a release that is {allowed}."
        )
