"""The second detection pass over the rendered copies of a release, as recorded.

:mod:`redact.jobs.second_pass_findings` runs the pass; this module reports its progress and what it found.
"""

from __future__ import annotations

from enum import StrEnum

from sqlalchemy import select
from sqlalchemy.orm import Session

from redact.records.job_states import ACTIVE, JobKind, JobState
from redact.records.release_state import release_subject
from redact.schema.tables import Job, Json, Release


class SecondPassState(StrEnum):
    """Progress of the second detection pass over the current content of a release."""

    NONE = "none"
    QUEUED = "waits"
    RUNNING = "runs"
    FAILED = "failed"
    DONE = "done"


def last_pass(session: Session, release: Release, content: str) -> Job | None:
    """The newest finished second pass over a release with this content digest; None if there is none."""
    done = (Job.kind == JobKind.SECOND_PASS.value, Job.state == JobState.DONE.value)
    query = select(Job).where(*done, Job.subject == release_subject(release)).order_by(Job.finished_at.desc())
    return next((job for job in session.scalars(query) if job.result["content"] == content), None)


def suspects_of(session: Session, release: Release, content: str) -> list[Json] | None:
    """Unmasked suspects that pass found, as :mod:`redact.jobs.second_pass_findings` gives them; None if there was no
    pass."""
    job = last_pass(session, release, content)
    items: list[Json] | None = None if job is None else job.result["items"]
    return items


def state_of(session: Session, release: Release, content: str) -> tuple[SecondPassState, str]:
    """The state of the pass over this content and, if it failed, the reason."""
    if last_pass(session, release, content) is not None:
        return SecondPassState.DONE, ""
    query = select(Job).where(Job.kind == JobKind.SECOND_PASS.value, Job.subject == release_subject(release))
    newest = session.scalars(query.order_by(Job.created_at.desc()).limit(1)).first()
    if newest is None:
        return SecondPassState.NONE, ""
    if newest.state in ACTIVE:
        return SecondPassState.RUNNING if newest.state == JobState.RUNNING else SecondPassState.QUEUED, ""
    if newest.state == JobState.FAILED:
        return SecondPassState.FAILED, newest.error_text
    return SecondPassState.NONE, ""
