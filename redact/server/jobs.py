"""Jobs for the pages: their progress, cancelling and retrying."""

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
from redact.server.services import CaseViewer, ServicesDep

router = APIRouter(prefix="/api")

Json = dict[str, Any]
_LONGEST_ID = 64
_TOO_EARLY = 2.0
"""No estimate of the remaining time is given in the first seconds of a stage."""


@router.get("/jobs")
def list_jobs(
    services: ServicesDep, user: CaseViewer, mine: bool = True, active: bool = False, subject: str | None = None
) -> Json:
    """Jobs, newest first."""
    jobs = queue.listed(services.db, user.name, mine=mine, active=active, subject=subject)
    return {"jobs": [job_json(job) for job in jobs]}


@router.get("/jobs/{job_id}")
def get_job(job_id: str, services: ServicesDep, user: CaseViewer) -> Json:
    """One job in its current state."""
    return job_json(queue.find(services.db, _checked_id(job_id)))


@router.post("/jobs/{job_id}/cancel")
def cancel(job_id: str, services: ServicesDep, user: CaseViewer) -> Json:
    """Ask a job to stop. Does nothing if it has already ended."""
    return job_json(queue.cancel(services.db, user.name, _checked_id(job_id)))


@router.post("/jobs/{job_id}/retry", status_code=202)
def retry(job_id: str, services: ServicesDep, user: CaseViewer) -> Json:
    """Run a failed or cancelled job again."""
    return started(queue.retry(services.db, user.name, _checked_id(job_id)))


@router.post("/footage/{footage_id}/detect", status_code=202)
def detect(footage_id: int, services: ServicesDep, user: CaseViewer, untrusted: UntrustedJson) -> Json:
    """Detect faces and plates. Optional: ``classes``, ``preset``, ``interlaced``, ``on_corrupt``."""
    with services.db.reading() as session:
        footage = footage_views.find_footage(session, footage_id)
    footage_records.require_stored(footage)
    arguments = {**untrusted, "footage": footage.sha256}
    subject = footage_records.subject(footage.sha256)
    job = queue.enqueue(
        services.db, user.name, JobKind.DETECT, subject, arguments, unique_key=f"detect:{footage.sha256}"
    )
    return started(job)


def started(job: Job) -> Json:
    """The response to a request that started a job."""
    return {"job": job.id}


def job_json(job: Job) -> Json:
    """A job as JSON."""
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
    """For the current stage, at the pace since it began."""
    if job.state != JobState.RUNNING or not job.total or not job.done or job.stage_at is None:
        return None
    passed = (datetime.now(UTC) - job.stage_at).total_seconds()
    if passed < _TOO_EARLY:
        return None
    return round(passed * max(0, job.total - job.done) / job.done, 1)


def _text(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None


def _checked_id(untrusted_id: str) -> str:
    if len(untrusted_id) > _LONGEST_ID:
        raise RecordMissing("This job does not exist.")
    return untrusted_id
