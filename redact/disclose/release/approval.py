"""The whole rule for approving a release.

A release in review can be approved by a person with the right to approve who

1. had no part in making it (the four-eyes rule), unless the policy waives that,
2. if the policy requires it (``watch_all``), approves only after every frame of the rendered copies has been watched,
   every item of the review queue is settled, and a second detection pass has run over the current copies.

A supervisor can approve while the second point is unmet by giving a reason, which the approval and the release log
record. An approval applies to one content digest: any change in the meantime, or later, voids it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from redact.disclose.release import releases, watching
from redact.disclose.release.plan import ReleasePlan, plan_of
from redact.disclose.release.review_items import Span, release_items
from redact.disclose.release.second_pass import SecondPassState, last_pass, state_of
from redact.errors import NotAllowed, WrongState
from redact.evidence.store import Store
from redact.records import accounts
from redact.records.accounts import Right
from redact.records.database import Database, UnitOfWork
from redact.records.release_state import ReleaseState, release_subject
from redact.records.validation import checked
from redact.schema import tables
from redact.schema.tables import Edit, Event, Json, Person, Release

CONTRIBUTIONS = ("release.created", "release.clips-set", "release.details-set", "release.submitted")
"""Events whose actor helped to make the release; edits and decisions have tables of their own."""


@dataclass(frozen=True, slots=True)
class OpenItems:
    """What is still open in a release with the digest ``content``.

    ``items``: the review queue, see :func:`redact.disclose.release.review_items.release_items`. ``unwatched``:
    unwatched spans of frames of each output.
    """

    content: str
    items: tuple[Json, ...]
    unwatched: tuple[tuple[Span, ...], ...]
    second_pass: SecondPassState
    second_pass_error: str = ""


def open_items(session: Session, store: Store, plan: ReleasePlan) -> OpenItems:
    """What is still open in a release as it stands. Raises what reading the store raises."""
    unwatched = watching.unwatched(session, plan.release, plan.content)
    state, error = state_of(session, plan.release, plan.content)
    items = release_items(session, store, plan)
    return OpenItems(plan.content, tuple(items), tuple(tuple(spans) for spans in unwatched), state, error)


def contributors(session: Session, release: Release) -> set[str]:
    """Logins of everyone with a part in the release: edits of its footage, decisions, clips, details."""
    footage = {clip.footage_id for clip in release.clips}
    edited = select(Person.name).join(Edit, Edit.person_id == Person.id).where(Edit.footage_id.in_(footage))
    decided = select(Person.name).join(tables.Decision, tables.Decision.person_id == Person.id)
    acted = select(Event.actor).where(Event.subject == release_subject(release), Event.kind.in_(CONTRIBUTIONS))
    return (
        set(session.scalars(edited))
        | set(session.scalars(decided.where(tables.Decision.release_id == release.id)))
        | set(session.scalars(acted))
    )


def approve(
    db: Database, store: Store, actor: str, reference: str, *, override: str = "", content: str | None = None
) -> None:
    """Move a release from in review to approved. ``content``: the digest shown to the approver, if any.

    Raises NotAllowed for a person who had a part in the release and for an ``override`` without the right to it,
    WrongState if something is open and ``override`` gives no reason or if the release changed in the meantime, and what
    reading the records and the store raises.
    """
    with db.reading() as session:
        release = releases.find(session, reference)
        before = _fingerprint(session, release)
        found = open_items(session, store, plan_of(session, store, release))
    with db.writing(actor) as work:
        person = accounts.authorise_actor(work, Right.APPROVE)
        release = releases.find(work.session, reference)
        releases.require_state(release, ReleaseState.IN_REVIEW)
        policy, _ = releases.rules_of(release)
        if policy.four_eyes and person.name in contributors(work.session, release):
            raise NotAllowed(
                f"{person.name} has worked on release {releases.reference(release)} and cannot approve it.",
                "Ask another approver.",
            )
        # Finding open items takes long, so it is done before the transaction: check that nothing has changed since.
        now = _fingerprint(work.session, release)
        if now != before or content not in (None, now[0]):
            raise WrongState(
                f"Release {reference} was changed in the meantime and has not been approved.", "Review it again."
            )
        record: dict[str, object] = {"content": now[0]}
        if policy.watch_all:
            record |= _overridden(work, person, release, found, override)
        release.state, release.approved_at, release.approved_by = ReleaseState.APPROVED.value, work.at, person.id
        release.approved_content = str(now[0])
        work.event("release.approved", release_subject(release), record)


def _overridden(
    work: UnitOfWork, person: Person, release: Release, found: OpenItems, override: str
) -> dict[str, object]:
    """What the approval event records about open items; empty if there are none."""
    gaps = sum(len(spans) for spans in watching.unwatched(work.session, release, found.content))
    unsettled, passed = len(found.items), found.second_pass is SecondPassState.DONE
    if not gaps and not unsettled and passed:
        return {}
    if not override.strip():
        raise WrongState(
            f"Release {releases.reference(release)} cannot be approved yet: {_open(gaps, unsettled, passed)}.",
            "Complete these first, or ask a supervisor to approve the release with a reason.",
        )
    accounts.require(person, Right.OVERRIDE)
    return {
        "override": checked(override, "reason", releases.LONGEST_REASON),
        "unwatched": gaps,
        "unsettled": unsettled,
        "second_look": passed,
    }


def _open(gaps: int, unsettled: int, passed: bool) -> str:
    items = f"{unsettled} item{'' if unsettled == 1 else 's'} of the review queue"
    reasons = [
        "parts of it have not been watched" if gaps else "",
        f"{items} {'is' if unsettled == 1 else 'are'} not settled" if unsettled else "",
        "" if passed else "no second detection pass has run over the current copies",
    ]
    return "; ".join(filter(None, reasons))


def _fingerprint(session: Session, release: Release) -> tuple[object, ...]:
    """Everything that open items depend on: content, settled items and the newest second detection pass."""
    content = releases.content_digest(session, release)
    second_pass = last_pass(session, release, content)
    return (content, *(clip.footage.revision for clip in release.clips), second_pass.id if second_pass else None)


def approval(session: Session, release: Release) -> Json:
    """What was recorded when the release was approved, including ``override`` if something was open: see
    :func:`approve`. Empty if the release is not approved."""
    kind = (Event.subject == release_subject(release), Event.kind == "release.approved")
    newest = session.scalars(select(Event).where(*kind).order_by(Event.seq.desc()).limit(1)).first()
    record: Json = json.loads(newest.body) if newest is not None and release.approved_content else {}
    return record
