"""The database of records: SQLite in the home folder, or PostgreSQL by URL; brought up to date when it is opened.

Whoever changes something does it in :meth:`Database.writing`, which has one writer at a time, puts the events that tell
of the change into the audit chain in the same transaction, and refuses a change that no event tells of.
"""

from __future__ import annotations

import functools
import math
import os
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Dialect, Engine, create_engine, event, func, select, text
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DatabaseError, DisconnectionError, SQLAlchemyError
from sqlalchemy.orm import Session
from sqlalchemy.pool import ConnectionPoolEntry

from redact.audit import chain
from redact.audit.keys import SigningKey, load_or_create
from redact.canonical_json import canonical
from redact.environment import DATABASE_URL
from redact.errors import RecordsUnavailable
from redact.home import folder_for
from redact.schema import tables
from redact.schema.tables import Event, InstallationKey, as_text

FILE = "records.sqlite3"
BUSY_SECONDS = 30
IDLE_SECONDS = 2.0
"""After which the other end of a connection may have gone away unnoticed."""
_USED = "used"
SYNCHRONOUS = "FULL"
"""A change that was acknowledged survives a power cut, too."""
WRITE = "redact_write"
_LOCK = 0x7265646163740001
"""Of PostgreSQL's advisory locks: held by the one who writes."""
_MIGRATIONS = Path(tables.__file__).parent / "migrations"
SYSTEM = "system"
"""Actor of what nobody in particular does."""


class UnitOfWork:
    """One change under way: rows through ``session``, and the events that tell of it."""

    def __init__(self, session: Session, actor: str, key: SigningKey) -> None:
        self.session, self.actor, self._key = session, actor, key
        self.at = datetime.now(UTC)
        self.events = 0

    def event(self, kind: str, subject: str, body: Mapping[str, object], actor: str | None = None) -> Event:
        """Add an event to the chain; ``body`` is JSON-ready and never holds a secret. Rows it speaks of are flushed
        before, rows that name its ``seq`` come after."""
        self.session.flush()
        entry = Event(
            at=as_text(self.at),
            actor=actor or self.actor,
            kind=kind,
            subject=subject,
            body=canonical(dict(body)).decode(),
        )
        chain.append(self.session, [entry], self._key)
        self.events += 1
        return entry


class Database:
    """Open records. ``key`` signs the chain's heads; it is made on first use."""

    def __init__(self, url: str | None = None, key: SigningKey | None = None) -> None:
        self.key = key or load_or_create(folder_for("keys"))
        self.url = url or os.environ.get(DATABASE_URL) or f"sqlite:///{folder_for('records') / FILE}"
        self._engine = _engine(self.url)
        self._turn = threading.Lock()
        self._writing = self._engine.execution_options(**{WRITE: True})
        # PostgreSQL shows each statement of a transaction what was committed by then, unless told otherwise.
        repeatable = {} if self.is_sqlite else {"isolation_level": "REPEATABLE READ"}
        self._reading = self._engine.execution_options(**repeatable)
        single = {} if self.is_sqlite else {"isolation_level": "AUTOCOMMIT"}
        self._asking = self._engine.execution_options(**single)
        try:
            self._upgrade()
        except (SQLAlchemyError, OSError) as error:
            raise _unavailable(error) from error

    def close(self) -> None:
        """Let go of all connections."""
        self._engine.dispose()

    @property
    def is_sqlite(self) -> bool:
        """Whether the records lie in one file."""
        return self._engine.dialect.name == "sqlite"

    def reading(self) -> AbstractContextManager[Session]:
        """A session that sees one state of the records, and changes nothing."""
        return _session(self._reading)

    def single_read(self) -> AbstractContextManager[Session]:
        """A session for one question, which needs no transaction: that would be two questions more to PostgreSQL."""
        return _session(self._asking)

    @contextmanager
    def writing(self, actor: str) -> Iterator[UnitOfWork]:
        """One change, all of it or nothing, with its events; ``actor`` is the login of who makes it.

        Raises RecordsUnavailable when the database cannot be written; whatever the block raises undoes the change.
        """
        try:
            with self._one_by_one(), Session(self._writing, expire_on_commit=False) as session:
                # The lock first, so that the times of events are in the order of the events.
                if self.is_sqlite:
                    session.connection()
                else:
                    session.execute(select(func.pg_advisory_xact_lock(_LOCK)))
                work = UnitOfWork(session, actor, self.key)
                self._register_key(work)
                yield work
                session.flush()
                if not work.events:
                    raise AssertionError("a change that no event tells of")
                session.commit()
        except DatabaseError as error:
            raise _unavailable(error) from error

    @contextmanager
    def bookkeeping(self) -> Iterator[Session]:
        """One change of what is nobody's act (a job's progress, when a session was last seen), all of it or nothing,
        without an event. Raises as :meth:`writing`."""
        try:
            with self._one_by_one(), Session(self._writing, expire_on_commit=False) as session:
                yield session
                session.commit()
        except DatabaseError as error:
            raise _unavailable(error) from error

    @contextmanager
    def _one_by_one(self) -> Iterator[None]:
        """Threads of this process that write wait for each other. Whoever finds SQLite busy only asks again
        after a while, and is late by up to a tenth of a second each time; whoever waits for PostgreSQL's lock keeps a
        connection from those that read."""
        if not self._turn.acquire(timeout=BUSY_SECONDS):
            raise RecordsUnavailable("The records cannot be used: somebody else writes all the time.", "Try again.")
        try:
            yield
        finally:
            self._turn.release()

    def _register_key(self, work: UnitOfWork) -> None:
        public = self.key.public
        if work.session.get(InstallationKey, public.fingerprint) is None:
            pem = public.pem.decode()
            work.session.add(InstallationKey(fingerprint=public.fingerprint, public_pem=pem, added_at=work.at))
            work.event("key.registered", f"key:{public.fingerprint}", {"public_pem": pem}, SYSTEM)
            work.events -= 1  # tells of the key, not of the change

    def _upgrade(self) -> None:
        """Bring the tables up to date. Two that start at once wait for one another."""
        script = ScriptDirectory(str(_MIGRATIONS))
        with self._writing.connect() as connection:
            if not self.is_sqlite:
                connection.execute(select(func.pg_advisory_xact_lock(_LOCK)))
            have = MigrationContext.configure(connection).get_current_revision()
            if have == script.get_current_head():
                return
            if have is not None and have not in {revision.revision for revision in script.walk_revisions()}:
                raise RecordsUnavailable(
                    "The records were made by a newer version of the workbench.", "Update the workbench."
                )
            config = Config()
            config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
            connection.commit()


@contextmanager
def _session(engine: Engine) -> Iterator[Session]:
    try:
        with Session(engine, expire_on_commit=False) as session:
            yield session
    except DatabaseError as error:
        raise _unavailable(error) from error


def _engine(url: str) -> Engine:
    try:
        if url.startswith("postgresql://"):
            url = "postgresql+psycopg://" + url.removeprefix("postgresql://")
        sqlite: dict[str, Any] = {"connect_args": {"timeout": BUSY_SECONDS, "check_same_thread": False}}
        engine = create_engine(url, **(sqlite if url.startswith("sqlite") else {}))
    except (SQLAlchemyError, ImportError, ValueError) as error:
        raise RecordsUnavailable(
            f"The address in {DATABASE_URL} is not one of a database.",
            "Give sqlite:///FILE or postgresql://USER:PASSWORD@HOST/NAME.",
        ) from error
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _prepare)
        event.listen(engine, "begin", _begin)
    else:
        event.listen(engine, "checkin", _record_use)
        event.listen(engine, "checkout", functools.partial(_check_connection, engine.dialect))
    return engine


def _record_use(_connection: object, record: ConnectionPoolEntry) -> None:
    record.info[_USED] = time.monotonic()


def _check_connection(
    dialect: Dialect, connection: DBAPIConnection, record: ConnectionPoolEntry, _proxy: object
) -> None:
    """Ask a connection that was not used for a while, as ``pool_pre_ping`` asks each time, before it is relied on."""
    if time.monotonic() - record.info.get(_USED, math.inf) > IDLE_SECONDS:
        try:
            dialect.do_ping(connection)
        except dialect.loaded_dbapi.Error as error:
            raise DisconnectionError from error  # the pool opens another one


def _prepare(connection: Any, _record: object) -> None:
    # Python's own transactions begin too late for reads to be of one state: off, and see _begin.
    connection.isolation_level = None
    waiting = f"busy_timeout={BUSY_SECONDS * 1000}"
    for pragma in ("journal_mode=WAL", f"synchronous={SYNCHRONOUS}", "foreign_keys=ON", waiting):
        connection.execute(f"PRAGMA {pragma}")


def _begin(connection: Connection) -> None:
    # A writer takes the lock at once: one that reads first and then wants to write could find the state changed.
    connection.execute(text("BEGIN IMMEDIATE" if connection.get_execution_options().get(WRITE) else "BEGIN"))


def _unavailable(error: Exception) -> RecordsUnavailable:
    # Not the whole text: it may hold the statement with its values, and the URL with its password.
    reason = str(getattr(error, "orig", None) or type(error).__name__).splitlines()[0]
    return RecordsUnavailable(f"The records cannot be used: {reason}.", "Check the disk, and REDACT_DATABASE_URL.")
