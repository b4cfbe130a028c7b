"""Long work in words: how far it is, how long it will still take, and what went wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from redact.records import accounts
from redact.records.accounts import Right
from redact.records.job_states import ACTIVE, JobState
from redact.schema.tables import Job, Person
from redact.server.jobs import job_json
from redact_ui.formatting import JOBS, empty_state, moment, state, text, time_left

MAX_JOBS = 12
"""Lines at a time; the newest."""


def jobs_about(session: Session, subjects: Sequence[str]) -> list[Job]:
    """The newest jobs about any of ``subjects``."""
    query = select(Job).where(Job.subject.in_(subjects)).order_by(Job.created_at.desc(), Job.id)
    return list(session.scalars(query.limit(MAX_JOBS)))


def signature(jobs: Sequence[Job]) -> str:
    """Changes when a job is added or comes to another state."""
    return " ".join(f"{job.id}={job.state}" for job in jobs)


def job_lines(jobs: Sequence[Job], empty: str, person: Person, exhibits: Mapping[str, str] | None = None) -> str:
    """One line each, with a bar for what runs, and buttons for what ``person`` may stop or have tried again. A click in
    these is for ``pages/job_buttons.js``. ``films`` gives what footage is called, by the subject of its jobs."""
    return "".join(_line(job, person, (exhibits or {}).get(job.subject, "")) for job in jobs) or empty_state(empty)


def _line(job: Job, person: Person, exhibit: str) -> str:
    record = job_json(job)
    name = JOBS.get(job.kind, job.kind)
    about = job.arguments.get("name") or job.arguments.get("release") or exhibit
    bar = note = ""
    if job.state == JobState.RUNNING:
        share = min(100, 100 * job.done // job.total) if job.total else None
        value = f' value="{share}"' if share is not None else ""
        bar = f'<progress max="100"{value} aria-label="{text(name)}"></progress>'
        percent = f"{share}%, this step" if share is not None else "just begun"
        note = "; ".join(part for part in (percent, time_left(record["seconds_left"])) if part)
        note = "It is stopping." if job.cancel_requested else note
    elif job.state == JobState.QUEUED:
        note = "Begins as soon as the work before it is done."
    elif job.state == JobState.FAILED:
        note = f"{job.error_text} ({job.error_code})"
    at = moment(job.finished_at or job.started_at or job.created_at)
    return (
        f'<div class="job"><span class="what"><strong>{text(name)}</strong> {text(about)}</span>'
        f'<span class="how">{state(job.state)} <span class="quiet">{at}</span></span>'
        f'<span class="acts">{_button(job, person, name)}</span>{bar}'
        f"{f'<span class=quiet>{text(note)}</span>' if note else ''}</div>"
    )


def _button(job: Job, person: Person, name: str) -> str:
    if job.owner_id != person.id and not accounts.may(person, Right.ADMINISTER):
        return ""
    if job.state in ACTIVE and not job.cancel_requested:
        action, label = "cancel", "Stop it"
    elif job.state in (JobState.FAILED, JobState.CANCELLED):
        action, label = "retry", "Try it again"
    else:
        return ""
    label = f"{label}: {text(name)}"
    return f'<button type="button" data-job="{job.id}" data-act="{action}" aria-label="{label}">{label}</button>'
