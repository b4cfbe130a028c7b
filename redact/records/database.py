"""The database of records: SQLite in the home folder, or PostgreSQL by URL. Opening it runs any pending migrations.

Every change goes through :meth:`Database.writing`, which allows one writer at a time, adds the events that describe the
change to the audit chain in the same transaction, and refuses a change without an event.
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
"""A connection idle for longer is tested before use: the server may have closed it."""
_USED = "used"
SYNCHRONOUS = "FULL"
"""A committed change survives a power cut."""
WRITE = "redact_write"
_LOCK = 0x7265646163740001
"""PostgreSQL advisory lock, held by the writer."""
_MIGRATIONS = Path(tables.__file__).parent / "migrations"
SYSTEM = "system"
"""Actor of events that no person caused."""


class UnitOfWork:
    """One change in progress: rows through ``session``, and the events that describe it."""

    def __init__(self, session: Session, actor: str, key: SigningKey) -> None:
        self.session, self.actor, self._key = session, actor, key
        self.at = datetime.now(UTC)
        self.events = 0

    def event(self, kind: str, subject: str, body: Mapping[str, object], actor: str | None = None) -> Event:
        """Add an event to the chain. ``body`` is JSON-ready and must not hold secrets. Pending rows are flushed first;
        add rows that refer to the event's ``seq`` afterwards."""
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
    """The open database. ``key`` signs the chain heads; by default it is the installation's, created on first use."""

    def __init__(self, url: str | None = None, key: SigningKey | None = None) -> None:
        self.key = key or load_or_create(folder_for("keys"))
        self.url = url or os.environ.get(DATABASE_URL) or f"sqlite:///{folder_for('records') / FILE}"
        self._engine = _engine(self.url)
        self._turn = threading.Lock()
        self._writing = self._engine.execution_options(**{WRITE: True})
        # By default, each statement of a PostgreSQL transaction sees whatever has been committed by then.
        repeatable = {} if self.is_sqlite else {"isolation_level": "REPEATABLE READ"}
        self._reading = self._engine.execution_options(**repeatable)
        single = {} if self.is_sqlite else {"isolation_level": "AUTOCOMMIT"}
        self._asking = self._engine.execution_options(**single)
        try:
            self._upgrade()
        except (SQLAlchemyError, OSError) as error:
            raise _unavailable(error) from error

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    @property
    def is_sqlite(self) -> bool:
        """Whether the records are in an SQLite file."""
        return self._engine.dialect.name == "sqlite"

    def reading(self) -> AbstractContextManager[Session]:
        """A read-only session that sees a single state of the records."""
        return _session(self._reading)

    def single_read(self) -> AbstractContextManager[Session]:
        """A session for a single query, without a transaction, which would cost PostgreSQL two more round trips."""
        return _session(self._asking)

    @contextmanager
    def writing(self, actor: str) -> Iterator[UnitOfWork]:
        """One change with its events, committed completely or not at all; ``actor`` is the login of the person making
        it.

        Raises RecordsUnavailable if the database cannot be written. An exception in the block rolls the change back.
        """
        try:
            with self._one_writer(), Session(self._writing, expire_on_commit=False) as session:
                # Take the lock before the time, so that events' times are in the same order as the events.
                if self.is_sqlite:
                    session.connection()
                else:
                    session.execute(select(func.pg_advisory_xact_lock(_LOCK)))
                work = UnitOfWork(session, actor, self.key)
                self._register_key(work)
                yield work
                session.flush()
                if not work.events:
                    raise AssertionError("a change without an event")
                session.commit()
        except DatabaseError as error:
            raise _unavailable(error) from error

    @contextmanager
    def bookkeeping(self) -> Iterator[Session]:
        """A change that is not a person's action (a job's progress, when a session was last active), without an event;
        committed completely or not at all. Raises the same errors as :meth:`writing`."""
        try:
            with self._one_writer(), Session(self._writing, expire_on_commit=False) as session:
                yield session
                session.commit()
        except DatabaseError as error:
            raise _unavailable(error) from error

    @contextmanager
    def _one_writer(self) -> Iterator[None]:
        """Make writing threads of this process wait for each other. Waiting in the database costs more: SQLite retries
        at intervals of up to a tenth of a second, and waiting for PostgreSQL's lock ties up a connection."""
        if not self._turn.acquire(timeout=BUSY_SECONDS):
            raise RecordsUnavailable("The database is busy: another change is still being written.", "Try again.")
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
            work.events -= 1  # describes the key, not the change

    def _upgrade(self) -> None:
        """Run pending migrations. Processes that start at the same time wait for each other."""
        script = ScriptDirectory(str(_MIGRATIONS))
        with self._writing.connect() as connection:
            if not self.is_sqlite:
                connection.execute(select(func.pg_advisory_xact_lock(_LOCK)))
            have = MigrationContext.configure(connection).get_current_revision()
            if have == script.get_current_head():
                return
            if have is not None and have not in {revision.revision for revision in script.walk_revisions()}:
                raise RecordsUnavailable(
                    "The database was created by a newer version of the workbench.", "Update the workbench."
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
            f"{DATABASE_URL} is not a valid database URL.",
            "Use sqlite:///FILE or postgresql://USER:PASSWORD@HOST/NAME.",
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
    """Test a connection that has been idle before it is used; ``pool_pre_ping`` would test it every time."""
    if time.monotonic() - record.info.get(_USED, math.inf) > IDLE_SECONDS:
        try:
            dialect.do_ping(connection)
        except dialect.loaded_dbapi.Error as error:
            raise DisconnectionError from error  # makes the pool open a new one


def _prepare(connection: Any, _record: object) -> None:
    # sqlite3 begins transactions too late for reads to see a single state, so turn that off; see _begin.
    connection.isolation_level = None
    waiting = f"busy_timeout={BUSY_SECONDS * 1000}"
    for pragma in ("journal_mode=WAL", f"synchronous={SYNCHRONOUS}", "foreign_keys=ON", waiting):
        connection.execute(f"PRAGMA {pragma}")


def _begin(connection: Connection) -> None:
    # A writer takes the lock at once: after reading first, it could find that the state had changed.
    connection.execute(text("BEGIN IMMEDIATE" if connection.get_execution_options().get(WRITE) else "BEGIN"))


def _unavailable(error: Exception) -> RecordsUnavailable:
    # Not the full text, which may contain the statement with its values and the URL with its password.
    reason = str(getattr(error, "orig", None) or type(error).__name__).splitlines()[0]
    return RecordsUnavailable(f"The database cannot be used: {reason}.", "Check the disk and REDACT_DATABASE_URL.")
