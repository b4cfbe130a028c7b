from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text

from redact.audit import chain
from redact.records import database as records
from redact.records.database import Database
from redact.schema.tables import Record, as_text, parse_text


def test_migrations_create_declared_tables(db: Database) -> None:
    with db._engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, Record.metadata) == []


def test_reading_session_sees_one_state(db: Database) -> None:
    """Otherwise, verifying the chain during work would report false faults."""

    def add_event() -> None:
        with db.writing("anna") as work:
            work.event("note.made", "x", {})

    add_event()
    with db.reading() as session:
        before = chain.signed_head(session)
        add_event()
        report = chain.verify(session, [db.key.public])
        assert (report.head, report.faults) == (before, ())
    with db.reading() as session:
        assert chain.verify(session, [db.key.public]).events == 3


@pytest.mark.parametrize("db", ["postgresql"], indirect=True)
def test_broken_idle_connection_is_replaced(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "IDLE_SECONDS", 0.0)
    with db.reading() as session:
        before = session.scalar(text("SELECT pg_backend_pid()"))
    other = Database(db.url, db.key)
    with other.single_read() as session:
        assert session.scalar(text(f"SELECT pg_terminate_backend({before}, 5000)"))
    other.close()
    with db.reading() as session:
        assert session.scalar(text("SELECT pg_backend_pid()")) != before


def test_times_as_text_sort_in_time_order() -> None:
    moment = datetime(2026, 5, 1, 12, 0, 0, 5, UTC)
    assert as_text(moment) == as_text(moment.astimezone(timezone(timedelta(hours=5)))) == "2026-05-01T12:00:00.000005Z"
    assert parse_text(as_text(moment)) == moment
    assert as_text(moment) < as_text(moment + timedelta(microseconds=1)) < as_text(moment + timedelta(days=300))
    with pytest.raises(ValueError, match="does not match"):
        parse_text("2026-05-01 12:00:00")
