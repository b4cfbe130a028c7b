"""``redact worker``: does the long work that the workbench's pages ask for."""

from __future__ import annotations

from redact.cli.shared import interrupt
from redact.cli.shared import options as opt
from redact.cli.shared.acting_user import records
from redact.cli.shared.copies import loading
from redact.cli.shared.output import CommandReport, raise_if_stopped


def worker(as_json: opt.Json = False) -> None:
    """Do the jobs that are waiting, one at a time, until stopped.

    `redact serve` starts one worker of its own; more of them, on machines that share the home folder, do more at once.
    The first Ctrl-C puts the job at hand back at its next frame.

    Example: redact worker
    """
    with CommandReport("worker", as_json) as report, records() as db:
        with loading():
            from redact.jobs.worker import run_worker

        with interrupt.working():
            run_worker(db, interrupt.stopped, tell=report.print)
        raise_if_stopped()
