"""Changing the details of footage: recorded in the audit trail, and never beneath an approved release."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import argon2
import pytest
from sqlalchemy import select

from redact.disclose.release import releases
from redact.errors import BadRecord, NotAllowed
from redact.evidence import footage_records
from redact.evidence.footage_details import change_footage
from redact.evidence.store import Store
from redact.records import accounts
from redact.records.database import Database
from redact.schema.tables import Event
from tests.disclose import approved

START = datetime(2026, 5, 1, 14, 30, tzinfo=UTC)


@pytest.fixture
def db(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    monkeypatch.setenv("REDACT_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("REDACT_DATABASE_URL", raising=False)
    monkeypatch.setattr(accounts, "_HASHER", argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    db = Database()
    approved.staff(db)
    approved.prepared(db, Store(), tmp_path)
    yield db
    db.close()


def test_changed_details_are_recorded_and_reopen_releases(db: Database) -> None:
    releases.submit(db, "reviewer", "R-1#1", [])
    change_footage(db, "officer", "AB/1", case="R-1", reason="typo", wearer="PC 4711", recorded_start=START)
    with db.reading() as session:
        footage = footage_records.find(session, "AB/1", "R-1")
        assert (footage.wearer, footage.recorded_start) == ("PC 4711", START)
        assert footage.recorded_end == START + timedelta(seconds=approved.FRAMES / 25)
        assert releases.find(session, "R-1#1").state == "draft"
        event = session.scalars(select(Event).where(Event.kind == "footage.changed")).one()
        body = json.loads(event.body)
        assert body["reason"] == "typo" and body["before"]["wearer"] == ""
        assert body["after"]["wearer"] == "PC 4711" and "retention_class" not in body["after"]
    change_footage(db, "officer", "AB/1", case="R-1", reason="wearer unknown", wearer="")
    with db.reading() as session:
        assert footage_records.find(session, "AB/1", "R-1").wearer == ""


def test_invalid_details_change_nothing(db: Database) -> None:
    with pytest.raises(NotAllowed):
        change_footage(db, "reviewer", "AB/1", case="R-1", reason="typo", wearer="PC 4711")
    for changes in (
        {},  # nothing
        {"wearer": ""},  # unchanged
        {"retention_class": "for ever"},  # no such class
        {"recorded_start": datetime(2026, 5, 1)},  # no time zone
    ):
        with pytest.raises(BadRecord):
            change_footage(db, "officer", "AB/1", case="R-1", reason="typo", **changes)
    with pytest.raises(BadRecord):
        change_footage(db, "officer", "AB/1", case="R-1", reason=" ", wearer="PC 4711")
    with db.reading() as session:
        assert not session.scalars(select(Event).where(Event.kind == "footage.changed")).first()
