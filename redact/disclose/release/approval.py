"""Approving: four eyes, and nothing open, or a reason that is kept with the approval."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from redact.disclose.release import releases
from redact.errors import NotAllowed, WrongState
from redact.records import accounts
from redact.records.accounts import Right
from redact.records.database import Database
from redact.records.release_state import ReleaseState, release_subject
from redact.records.validation import checked
from redact.schema.tables import Event, Json, Release


@dataclass(frozen=True, slots=True)
class Judged:
    """What is open of a release beside watching: how many items of its risk queues nobody settled, and whether
    detectors had a second look at the copy as it is. See :mod:`redact.jobs.approval_gate`."""

    unsettled: int
    looked: bool


def approve(
    db: Database, actor: str, release_reference: str, judge: Callable[[Session, Release], Judged], *, override: str = ""
) -> None:
    """In review to approved; through :func:`redact.jobs.approval_gate.approve`, which knows how to ``judge`` it.

    Raises NotAllowed for somebody who made any of it (four eyes) and for an ``override`` by somebody who may give none,
    WrongState when something is open and ``override`` gives no reason for approving all the same, and what ``judge``
    raises, which is called in the transaction.
    """
    with db.writing(actor) as work:
        person = accounts.acting(work, Right.APPROVE)
        release = releases.find(work.session, release_reference)
        releases.require_state(release, ReleaseState.IN_REVIEW)
        policy, _ = releases.rules_of(release)
        if policy.four_eyes and person.name in releases.hands_in(work.session, release):
            raise NotAllowed(
                f"{person.name} has worked on release {releases.reference(release)} and cannot approve it.",
                "Somebody else has to.",
            )
        judged = judge(work.session, release)
        content = releases.content_digest(work.session, release)
        gaps = sum(len(spans) for spans in releases.unwatched(work.session, release, content))
        told: dict[str, object] = {"content": content}
        if policy.watch_all and (gaps or judged.unsettled or not judged.looked):
            if not override.strip():
                raise WrongState(
                    f"Release {releases.reference(release)} cannot be approved yet: {_open(gaps, judged)}.",
                    "See to that first; a supervisor can give a reason for approving all the same.",
                )
            accounts.require(person, Right.OVERRIDE)
            told["override"] = checked(override, "reason", releases.LONGEST_REASON)
            told |= {"unwatched": gaps, "unsettled": judged.unsettled, "second_look": judged.looked}
        release.state, release.approved_at, release.approved_by = ReleaseState.APPROVED.value, work.at, person.id
        release.approved_content = content
        work.event("release.approved", release_subject(release), told)


def _open(gaps: int, judged: Judged) -> str:
    """What is open, in words."""
    count = judged.unsettled
    items = f"{count} item{' of the queue is' if count == 1 else 's of the queue are'} not settled"
    parts = [
        "parts of it have not been watched" if gaps else "",
        items if count else "",
        "" if judged.looked else "detectors have not had a second look at the copy as it is",
    ]
    return "; ".join(filter(None, parts))


def approval(session: Session, release: Release) -> Json:
    """What was noted when the release was approved as it is approved now: ``override`` among it where something was
    open, see :func:`approve`. Empty for one that is not approved."""
    kind = (Event.subject == release_subject(release), Event.kind == "release.approved")
    newest = session.scalars(select(Event).where(*kind).order_by(Event.seq.desc()).limit(1)).first()
    told: Json = json.loads(newest.body) if newest is not None and release.approved_content else {}
    return told
