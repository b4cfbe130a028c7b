"""Long work as pages see it: what is under way, how far it is, and stopping it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter

from redact.errors import RecordMissing
from redact.evidence import footage_records
from redact.jobs import queue
from redact.records.job_states import JobKind, JobState
from redact.schema.tables import Job
from redact.server import footage_views
from redact.server.review import UntrustedJson
from redact.server.services import Seeing, TheParts

router = APIRouter(prefix="/api")

Json = dict[str, Any]
_LONGEST_ID = 64
_TOO_EARLY = 2.0
"""Seconds into a stage before anything is said of its end."""


@router.get("/jobs")
def listed(parts: TheParts, who: Seeing, mine: bool = True, active: bool = False, subject: str | None = None) -> Json:
    """Jobs, the newest first."""
    jobs = queue.listed(parts.db, who.name, mine=mine, active=active, subject=subject)
    return {"jobs": [record(job) for job in jobs]}


@router.get("/jobs/{job_id}")
def one(job_id: str, parts: TheParts, who: Seeing) -> Json:
    """One job as it stands."""
    return record(queue.find(parts.db, _checked(job_id)))


@router.post("/jobs/{job_id}/cancel")
def cancel(job_id: str, parts: TheParts, who: Seeing) -> Json:
    """Ask for its end. Of one that has ended already, nothing changes."""
    return record(queue.cancel(parts.db, who.name, _checked(job_id)))


@router.post("/jobs/{job_id}/retry", status_code=202)
def retry(job_id: str, parts: TheParts, who: Seeing) -> Json:
    """The same work once more, after it failed or was cancelled."""
    return started(queue.retry(parts.db, who.name, _checked(job_id)))


@router.post("/footage/{footage_id}/detect", status_code=202)
def detect(footage_id: int, parts: TheParts, who: Seeing, untrusted: UntrustedJson) -> Json:
    """Look for faces and plates; ``classes``, ``preset``, ``interlaced`` and ``on_corrupt`` may be given."""
    with parts.db.reading() as session:
        footage = footage_views.find_footage(session, footage_id)
    footage_records.require_held(footage)
    arguments = {**untrusted, "footage": footage.sha256}
    subject = footage_records.subject(footage.sha256)
    job = queue.enqueue(parts.db, who.name, JobKind.DETECT, subject, arguments, unique_key=f"detect:{footage.sha256}")
    return started(job)


def started(job: Job) -> Json:
    """The answer to a request for work."""
    return {"job": job.id}


def record(job: Job) -> Json:
    """A job for a page."""
    return {
        "id": job.id,
        "kind": job.kind,
        "subject": job.subject,
        "state": job.state,
        "stage": job.stage,
        "done": job.done,
        "total": job.total,
        "seconds_left": _seconds_left(job),
        "created_at": _text(job.created_at),
        "started_at": _text(job.started_at),
        "finished_at": _text(job.finished_at),
        "cancel_requested": job.cancel_requested,
        "error": {"code": job.error_code, "text": job.error_text} if job.error_code else None,
        "result": job.result,
    }


def _seconds_left(job: Job) -> float | None:
    """Of the stage at hand, if it goes on as it did since the stage was begun."""
    if job.state != JobState.RUNNING or not job.total or not job.done or job.stage_at is None:
        return None
    passed = (datetime.now(UTC) - job.stage_at).total_seconds()
    if passed < _TOO_EARLY:
        return None
    return round(passed * max(0, job.total - job.done) / job.done, 1)


def _text(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None


def _checked(untrusted_id: str) -> str:
    if len(untrusted_id) > _LONGEST_ID:
        raise RecordMissing("There is no such job.")
    return untrusted_id
