"""Jobs as HTML: progress, remaining time, errors, and buttons to stop or retry them."""

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
"""Most jobs listed; the newest are kept."""


def jobs_about(session: Session, subjects: Sequence[str]) -> list[Job]:
    """The newest jobs about any of ``subjects``."""
    query = select(Job).where(Job.subject.in_(subjects)).order_by(Job.created_at.desc(), Job.id)
    return list(session.scalars(query.limit(MAX_JOBS)))


def signature(jobs: Sequence[Job]) -> str:
    """A string that changes when a job is added or changes state."""
    return " ".join(f"{job.id}={job.state}" for job in jobs)


def job_lines(jobs: Sequence[Job], empty: str, person: Person, exhibits: Mapping[str, str] | None = None) -> str:
    """One line per job, with a progress bar, and buttons for jobs that ``person`` may stop or retry;
    ``pages/job_buttons.js`` handles their clicks. ``exhibits`` maps job subjects to exhibit references."""
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
        percent = f"{share}%, this step" if share is not None else "just started"
        note = "; ".join(part for part in (percent, time_left(record["seconds_left"])) if part)
        note = "Stopping." if job.cancel_requested else note
    elif job.state == JobState.QUEUED:
        note = "Starts when the jobs before it have finished."
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
        action, label = "cancel", "Stop"
    elif job.state in (JobState.FAILED, JobState.CANCELLED):
        action, label = "retry", "Retry"
    else:
        return ""
    label = f"{label}: {text(name)}"
    return f'<button type="button" data-job="{job.id}" data-act="{action}" aria-label="{label}">{label}</button>'
