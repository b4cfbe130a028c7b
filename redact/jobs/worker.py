"""The process that does the jobs, one at a time."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from redact.errors import Cancelled, RecordsUnavailable
from redact.jobs import handlers, queue
from redact.jobs.message_queue import open_queue
from redact.jobs.queue import JobProgress, RunningJob, StopReason
from redact.records.database import Database

POLL_SECONDS = 0.25
RECOVER_SECONDS = 5.0
TIDY_SECONDS = 3600.0

Tell = Callable[[str], None]


def run_worker(db: Database, stop: Callable[[], bool], tell: Tell = lambda line: None) -> None:
    """Do jobs until ``stop`` says so; the one at hand is put back then. ``tell`` is given a line for each job's end.

    A database that cannot be reached is waited for.
    """
    told_of = ""
    while not stop():
        try:
            with open_queue(db, lambda job_id: run_job(db, job_id, stop, tell)) as jobs:
                _work(db, jobs.run_next, stop)
        except RecordsUnavailable as error:
            if error.text != told_of:
                tell(f"{error.code} {error.text}")
            told_of = error.text
            _wait(RECOVER_SECONDS, stop)


def _work(db: Database, run_next: Callable[[], bool], stop: Callable[[], bool]) -> None:
    look = tidy = 0.0
    while not stop():
        if time.monotonic() >= look:
            queue.recover(db)
            look = time.monotonic() + RECOVER_SECONDS
        if time.monotonic() >= tidy:
            queue.delete_old(db)
            tidy = time.monotonic() + TIDY_SECONDS
        if not run_next():
            _wait(POLL_SECONDS, stop)


def _wait(seconds: float, stop: Callable[[], bool]) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until and not stop():
        time.sleep(min(POLL_SECONDS, seconds))


def run_job(db: Database, job_id: str, stop: Callable[[], bool], tell: Tell) -> None:
    """Do one job, if it still waits to be done. Whatever becomes of it is in its record; nothing is raised but what
    ends the process."""
    with contextlib.suppress(RecordsUnavailable), queue.claim(db, job_id) as running:
        # Where the end cannot be written down, the job counts as broken off, and is done again.
        if running is not None:
            with contextlib.suppress(Cancelled):
                tell(f"{running.job.kind} {running.job.subject}: {_run(running, stop)}")


def _run(running: RunningJob, stop: Callable[[], bool]) -> str:
    """Returns what became of the job. Raises Cancelled where it is no longer this run's."""
    progress = JobProgress(running, stop)
    try:
        with _heartbeat(running):
            result = handlers.run_handler(running, progress)
    except Exception as error:
        if progress.stop_reason is StopReason.STOPPED:
            running.requeue()
            return "put back"
        if progress.stop_reason is StopReason.CANCELLED:
            running.cancelled()
            return "cancelled"
        if running.failed(error):
            return f"failed: {error}"
        return f"put off: {error}"
    except BaseException:
        running.requeue()
        raise
    running.done(result)
    return "done"


@contextmanager
def _heartbeat(running: RunningJob) -> Iterator[None]:
    """Loading a model or closing a file takes its time without a word of progress."""
    over = threading.Event()

    def beat() -> None:
        while not over.wait(queue.HEARTBEAT_SECONDS):
            with contextlib.suppress(RecordsUnavailable, Cancelled):
                running.heartbeat()

    thread = threading.Thread(target=beat, name="heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
