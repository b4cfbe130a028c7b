"""A real worker in a separate process that hangs in a job (``stuck``) or dies right after it (``dies``)."""

from __future__ import annotations

import os
import signal
import sys
import time
from typing import Any

from redact.jobs import handlers
from redact.jobs.queue import RunningJob
from redact.jobs.worker import run_worker
from redact.progress import Progress
from redact.records.database import Database
from redact.records.job_states import JobKind
from redact.schema.tables import Json


def stuck(running: RunningJob, progress: Progress) -> Json:
    for done in range(1_000_000):
        progress("find", done, 1_000_000)
        time.sleep(0.01)
    return {}


def dies(*positional: Any, **named: Any) -> None:
    """Add the footage, then die before reporting it."""
    added(*positional, **named)
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    if sys.argv[1] == "stuck":
        handlers._HANDLERS = {JobKind.DETECT: stuck}
    else:
        from redact.evidence import intake

        added = intake.add_footage
        intake.add_footage = dies  # type: ignore[assignment]
    run_worker(Database(), lambda: False)
