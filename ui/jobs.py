"""Long work in words: how far it is, how long it will still take, and what went wrong."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from redact.cases.schema import Job
from redact.jobs.queue import ACTIVE, JobState
from redact.server.jobs import record
from ui.words import JOBS, moment, nothing, state, text, time_left

MOST = 12
"""Lines at a time; the newest."""


def jobs_about(session: Session, subjects: Sequence[str]) -> list[Job]:
    """The newest jobs about any of ``subjects``."""
    query = select(Job).where(Job.subject.in_(subjects)).order_by(Job.created_at.desc(), Job.id)
    return list(session.scalars(query.limit(MOST)))


def signature(jobs: Sequence[Job]) -> str:
    """Changes when a job is added or comes to another state."""
    return " ".join(f"{job.id}={job.state}" for job in jobs)


def job_lines(jobs: Sequence[Job], empty: str) -> str:
    """One line each, with a bar for what runs."""
    return "".join(_line(job) for job in jobs) or nothing(empty)


def _line(job: Job) -> str:
    told = record(job)
    name = JOBS.get(job.kind, job.kind)
    about = job.arguments.get("name") or job.arguments.get("release") or ""
    bar = note = ""
    if job.state == JobState.RUNNING:
        share = min(100, 100 * job.done // job.total) if job.total else None
        value = f' value="{share}"' if share is not None else ""
        bar = f'<progress max="100"{value} aria-label="{text(name)}"></progress>'
        percent = f"{share}%, this step" if share is not None else ""
        note = "; ".join(part for part in (percent, time_left(told["seconds_left"])) if part)
        note = "stopping" if job.cancel_requested else note
    elif job.state == JobState.FAILED:
        note = f"{job.error_text} ({job.error_code})"
    at = moment(job.finished_at or job.started_at or job.created_at)
    return (
        f'<div class="job"><span><strong>{text(name)}</strong> {text(about)}</span><span>{state(job.state)} {at}</span>'
        f'{bar}<span class="quiet">{text(note)}</span></div>'
    )


def job_choices(jobs: Sequence[Job]) -> list[tuple[str, str]]:
    """Jobs that can be stopped or tried again, for a list to choose from."""
    wanted = (*ACTIVE, JobState.FAILED, JobState.CANCELLED)
    return [(_choice(job), job.id) for job in jobs if job.state in wanted]


def _choice(job: Job) -> str:
    at = job.created_at.astimezone()
    return f"{JOBS.get(job.kind, job.kind)}, {job.state}, asked for at {at:%H:%M:%S}"
