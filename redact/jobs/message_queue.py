"""What brings jobs to workers: huey, on SQLite beside the records or in their PostgreSQL.

It carries ids and nothing else. A message that is lost is put in again by :func:`redact.jobs.queue.recover`, and one
that comes twice finds the job taken: the table ``jobs`` alone says what there is to do.
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
"""Of PostgreSQL's advisory locks: held while the queue's tables are looked for, and made."""


class _JsonSerializer(Serializer):  # type: ignore[misc]
    """Messages as JSON. Huey's own are pickles, which run whatever code somebody has put into the queue."""

    def _serialize(self, data: Message) -> bytes:
        return json.dumps(list(data)).encode()

    def _deserialize(self, data: bytes) -> Message:
        return Message(*json.loads(data))


class MessageQueue:
    """An open queue. ``run`` is called with the id of a job when :meth:`run_next` finds one."""

    def __init__(self, huey: Huey, run: Callable[[str], None]) -> None:
        def job(job_id: str) -> None:  # huey knows it by module and name, which must be one for all
            run(job_id)

        self._huey = huey
        self._task = huey.task()(job)

    def put(self, job_id: str, priority: float) -> None:
        """Have a worker told of a job; of the highest ``priority`` first."""
        self._huey.enqueue(self._task.s(job_id, priority=priority))

    def waiting(self) -> set[str]:
        """The jobs that some worker will be told of."""
        return {task.args[0] for task in self._huey.pending()}

    def run_next(self) -> bool:
        """Run the next job, if there is one."""
        task = self._huey.dequeue()
        if task is not None:
            self._huey.execute(task)
        return task is not None


def _run_nothing(job_id: str) -> None:
    raise AssertionError("only workers take jobs out")


@contextmanager
def open_queue(db: Database, run: Callable[[str], None] = _run_nothing) -> Iterator[MessageQueue]:
    """The queue that goes with the records. Raises RecordsUnavailable."""
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
    # PostgreSQL fails where two make the same table at once, even if it need not exist.
    with db.bookkeeping() as session:
        session.execute(select(func.pg_advisory_xact_lock(_LOCK)))
        dsn = "postgresql://" + db.url.partition("://")[2]
        return Huey("redact", storage_class=PostgresStorage, dsn=dsn, blocking=False, **common)


@contextmanager
def _as_records_errors() -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, psycopg.Error) as error:
        # Not its whole text, which may hold the address with a password.
        raise RecordsUnavailable(
            f"The queue of jobs cannot be used: {type(error).__name__}.", "Check the disk, and REDACT_DATABASE_URL."
        ) from error
