"""What an edit of footage means for releases made of it: what was submitted or approved is a draft again."""

from __future__ import annotations

from enum import StrEnum

from sqlalchemy import select

from redact.records.database import UnitOfWork
from redact.schema.tables import Clip, Release


class ReleaseState(StrEnum):
    """Of a release. What was exported stays exported: a change of it is another release."""

    DRAFT = "draft"
    IN_REVIEW = "in-review"
    APPROVED = "approved"
    EXPORTED = "exported"
    WITHDRAWN = "withdrawn"


REOPENABLE = (ReleaseState.IN_REVIEW, ReleaseState.APPROVED)


def release_subject(release: Release) -> str:
    """How events name a release."""
    return f"release:{release.case.reference}#{release.number}"


def reopen(work: UnitOfWork, release: Release, why: str) -> None:
    """Make a draft of a release that was submitted or approved; others stay as they are."""
    if release.state in REOPENABLE:
        was, release.state = release.state, ReleaseState.DRAFT.value
        release.submitted_at = release.submitted_by = release.approved_at = release.approved_by = None
        release.approved_content = ""
        work.event("release.reopened", release_subject(release), {"was": was, "why": why})


def reopen_for_footage(work: UnitOfWork, footage_id: int, why: str) -> None:
    """The same for every release that has a clip of this footage. Call it in the transaction of the edit."""
    made_of_it = select(Clip.release_id).where(Clip.footage_id == footage_id)
    query = select(Release).where(Release.id.in_(made_of_it), Release.state.in_(REOPENABLE)).order_by(Release.id)
    for release in work.session.scalars(query).all():
        reopen(work, release, why)
