"""The states of a release. Editing footage turns its submitted and approved releases back into drafts."""

from __future__ import annotations

from enum import StrEnum

from sqlalchemy import select

from redact.records.database import UnitOfWork
from redact.schema.tables import Clip, Release


class ReleaseState(StrEnum):
    """The state of a release. An exported release stays exported: a change needs a new release."""

    DRAFT = "draft"
    IN_REVIEW = "in-review"
    APPROVED = "approved"
    EXPORTED = "exported"
    WITHDRAWN = "withdrawn"


REOPENABLE = (ReleaseState.IN_REVIEW, ReleaseState.APPROVED)


def release_subject(release: Release) -> str:
    """The subject of a release's events."""
    return f"release:{release.case.reference}#{release.number}"


def reopen(work: UnitOfWork, release: Release, why: str) -> None:
    """Turn a submitted or approved release back into a draft; leave others unchanged."""
    if release.state in REOPENABLE:
        was, release.state = release.state, ReleaseState.DRAFT.value
        release.submitted_at = release.submitted_by = release.approved_at = release.approved_by = None
        release.approved_content = ""
        work.event("release.reopened", release_subject(release), {"was": was, "why": why})


def reopen_for_footage(work: UnitOfWork, footage_id: int, why: str) -> None:
    """Reopen every release that has a clip of this footage. Call it in the transaction of the edit."""
    affected = select(Clip.release_id).where(Clip.footage_id == footage_id)
    query = select(Release).where(Release.id.in_(affected), Release.state.in_(REOPENABLE)).order_by(Release.id)
    for release in work.session.scalars(query).all():
        reopen(work, release, why)
