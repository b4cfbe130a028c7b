"""A worker in a separate process that is killed after a number of steps. A step is a call made from the code of the
workbench, huey or the database library, including calls to C functions such as writing and committing."""

from __future__ import annotations

import os
from typing import Any

from sqlalchemy import select

from redact.jobs import handlers, queue
from redact.jobs.queue import RunningJob
from redact.jobs.worker import run_worker
from redact.progress import Progress
from redact.records.database import Database
from redact.records.job_states import JobKind, JobState
from redact.schema.tables import Event, Json
from tests.killing import killed_at

STEPS_OF = ("/redact/", "/huey/", "/sqlalchemy/engine/")
DONE = "note.made"


def once(running: RunningJob, progress: Progress) -> Json:
    """A job like any other: it first checks whether its result already exists."""
    progress("find", 1, 2)
    with running.db.reading() as session:
        existing = select(Event).where(Event.kind == DONE, Event.subject == running.job.id)
        if session.scalars(existing).first() is not None:
            return {"found": True}
    with running.db.writing(running.owner) as change:
        change.event(DONE, running.job.id, {})
    progress("find", 2, 2)
    return {"found": False}


def ask_and_work(home: str, url: str, kill_at: int, steps: Any) -> None:
    """Queue a job and run it until killed at step ``kill_at``. ``steps`` receives the number of steps."""
    os.environ["REDACT_HOME"] = home
    handlers._HANDLERS = {JobKind.DETECT: once}
    db = Database(url)
    with killed_at(kill_at, STEPS_OF) as counted:
        job = queue.enqueue(db, "anna", "detect", "footage:ab", {"footage": "ab" * 32})
        run_worker(db, lambda: queue.find(db, job.id).state == JobState.DONE)
    steps.value = counted.done
