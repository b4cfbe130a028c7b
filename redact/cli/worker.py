"""``redact worker``: run the jobs requested in the workbench."""

from __future__ import annotations

from redact.cli.shared import interrupt
from redact.cli.shared import options as opt
from redact.cli.shared.acting_user import open_records
from redact.cli.shared.copies import loading
from redact.cli.shared.output import CommandReport, raise_if_stopped


def worker(as_json: opt.Json = False) -> None:
    """Run queued jobs, one at a time, until stopped.

    `redact serve` starts one worker itself. To run more jobs at once, start more workers, on any machine that shares
    the home folder. The first Ctrl-C stops the current job at its next frame and puts it back in the queue.

    Example: redact worker
    """
    with CommandReport("worker", as_json) as report, open_records() as db:
        with loading():
            from redact.jobs.worker import run_worker

        with interrupt.working():
            run_worker(db, interrupt.stopped, report=report.print)
        raise_if_stopped()
