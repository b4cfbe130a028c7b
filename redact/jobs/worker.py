"""The worker: runs jobs, one at a time."""

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

ReportLine = Callable[[str], None]


def run_worker(db: Database, stop: Callable[[], bool], report: ReportLine = lambda line: None) -> None:
    """Run jobs until ``stop`` returns True; the current job is then put back. ``report`` gets a line when a job ends.

    Waits while the database cannot be reached.
    """
    reported = ""
    while not stop():
        try:
            with open_queue(db, lambda job_id: run_job(db, job_id, stop, report)) as jobs:
                _work(db, jobs.run_next, stop)
        except RecordsUnavailable as error:
            if error.text != reported:
                report(f"{error.code} {error.text}")
            reported = error.text
            _wait(RECOVER_SECONDS, stop)


def _work(db: Database, run_next: Callable[[], bool], stop: Callable[[], bool]) -> None:
    next_recovery = next_tidy = 0.0
    while not stop():
        if time.monotonic() >= next_recovery:
            queue.recover(db)
            next_recovery = time.monotonic() + RECOVER_SECONDS
        if time.monotonic() >= next_tidy:
            queue.delete_old(db)
            next_tidy = time.monotonic() + TIDY_SECONDS
        if not run_next():
            _wait(POLL_SECONDS, stop)


def _wait(seconds: float, stop: Callable[[], bool]) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until and not stop():
        time.sleep(min(POLL_SECONDS, seconds))


def run_job(db: Database, job_id: str, stop: Callable[[], bool], report: ReportLine) -> None:
    """Run one job if it is still queued. The outcome goes into its record; only exceptions that end the process are
    raised."""
    with contextlib.suppress(RecordsUnavailable), queue.claim(db, job_id) as running:
        # If the outcome cannot be written, the job counts as interrupted and is run again.
        if running is not None:
            with contextlib.suppress(Cancelled):
                report(f"{running.job.kind} {running.job.subject}: {_run(running, stop)}")


def _run(running: RunningJob, stop: Callable[[], bool]) -> str:
    """Returns the outcome as text. Raises Cancelled if the job no longer belongs to this run."""
    progress = JobProgress(running, stop)
    try:
        with _heartbeat(running):
            result = handlers.run_handler(running, progress)
    except Exception as error:
        if progress.stop_reason is StopReason.STOPPED:
            running.requeue()
            return "put back in the queue"
        if progress.stop_reason is StopReason.CANCELLED:
            running.cancelled()
            return "cancelled"
        if running.failed(error):
            return f"failed: {error}"
        return f"to be retried: {error}"
    except BaseException:
        running.requeue()
        raise
    running.done(result)
    return "done"


@contextmanager
def _heartbeat(running: RunningJob) -> Iterator[None]:
    """Keep the heartbeat going: loading a model or closing a file takes time without any progress call."""
    ended = threading.Event()

    def beat() -> None:
        while not ended.wait(queue.HEARTBEAT_SECONDS):
            with contextlib.suppress(RecordsUnavailable, Cancelled):
                running.heartbeat()

    thread = threading.Thread(target=beat, name="heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
