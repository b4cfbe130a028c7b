"""Messages that bring jobs to workers: huey, on SQLite beside the records or in their PostgreSQL database.

A message holds a job id and nothing else. :func:`redact.jobs.queue.recover` replaces lost messages, and a duplicate
finds its job taken: the table ``jobs`` alone decides what is to be done.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from huey import Huey
from huey.registry import Message
from huey.serializer import Serializer
from huey.storage import PostgresStorage, SqliteStorage
from sqlalchemy import func, make_url, select

from redact.errors import RecordsUnavailable
from redact.records.database import BUSY_SECONDS, Database

FILE = "jobs.sqlite3"
_LOCK = 0x7265646163740002
"""Key of the PostgreSQL advisory lock held while the tables of the queue are created."""


class _JsonSerializer(Serializer):  # type: ignore[misc]
    """Messages as JSON. Huey's own format is pickle, which would run any code placed in the queue."""

    def _serialize(self, data: Message) -> bytes:
        return json.dumps(list(data)).encode()

    def _deserialize(self, data: bytes) -> Message:
        return Message(*json.loads(data))


class MessageQueue:
    """An open queue. :meth:`run_next` calls ``run`` with the id of a job."""

    def __init__(self, huey: Huey, run: Callable[[str], None]) -> None:
        def job(job_id: str) -> None:  # huey identifies it by module and name, so all processes must share them
            run(job_id)

        self._huey = huey
        self._task = huey.task()(job)

    def put(self, job_id: str, priority: float) -> None:
        """Queue a job for a worker. The highest ``priority`` is run first."""
        self._huey.enqueue(self._task.s(job_id, priority=priority))

    def waiting(self) -> set[str]:
        """Ids of the jobs in the queue."""
        return {task.args[0] for task in self._huey.pending()}

    def run_next(self) -> bool:
        """Run the next job. Returns False if there is none."""
        task = self._huey.dequeue()
        if task is not None:
            self._huey.execute(task)
        return task is not None


def _run_nothing(job_id: str) -> None:
    raise AssertionError("only workers take jobs from the queue")


@contextmanager
def open_queue(db: Database, run: Callable[[str], None] = _run_nothing) -> Iterator[MessageQueue]:
    """Open the queue of these records. Raises RecordsUnavailable."""
    with _as_records_errors():
        huey = _open(db)
    try:
        with _as_records_errors():
            yield MessageQueue(huey, run)
    finally:
        huey.storage.close()


def _open(db: Database) -> Huey:
    common: dict[str, Any] = {"results": False, "serializer": _JsonSerializer()}
    if db.is_sqlite:
        file = Path(make_url(db.url).database or "").with_name(FILE)
        return Huey("redact", storage_class=SqliteStorage, filename=str(file), timeout=BUSY_SECONDS, **common)
    # PostgreSQL fails when two processes create the same table at once, even with IF NOT EXISTS.
    with db.bookkeeping() as session:
        session.execute(select(func.pg_advisory_xact_lock(_LOCK)))
        dsn = "postgresql://" + db.url.partition("://")[2]
        return Huey("redact", storage_class=PostgresStorage, dsn=dsn, blocking=False, **common)


@contextmanager
def _as_records_errors() -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, psycopg.Error) as error:
        # Not the full text, which may contain the address with a password.
        raise RecordsUnavailable(
            f"The job queue cannot be used: {type(error).__name__}.", "Check the disk, and REDACT_DATABASE_URL."
        ) from error
