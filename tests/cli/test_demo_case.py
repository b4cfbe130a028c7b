"""The demo case: created once and complete, despite interruptions, and never among real records."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import argon2
import pytest
from sqlalchemy import func, select

from redact.audit.chain import verify
from redact.demo import case, scene
from redact.demo.case import APPROVER, PEOPLE, REVIEWER, ensure
from redact.disclose.release import releases
from redact.disclose.release.plan import plan_of
from redact.errors import Cancelled, SignInFailed, WrongState
from redact.evidence.store import Store
from redact.progress import silent
from redact.records import accounts
from redact.records.accounts import Role
from redact.records.cases import list_cases
from redact.records.database import Database
from redact.schema.tables import CaseMember, Decision, Event, Exhibit, Footage, MachineTracks, Record, Release
from tests.cli.runner import redact

SECONDS = 0.4


@pytest.fixture
def db(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    """Records in an empty home folder, and footage of a few frames."""
    monkeypatch.setenv("REDACT_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("REDACT_DATABASE_URL", raising=False)
    monkeypatch.setattr(accounts, "_HASHER", argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    monkeypatch.setattr(scene, "SECONDS", SECONDS)
    database = Database()
    yield database
    database.close()


def count(db: Database, kind: type[Record]) -> int:
    with db.reading() as session:
        return session.scalar(select(func.count()).select_from(kind)) or 0


@pytest.mark.slow
def test_demo_is_completed_after_interruptions(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store()
    for where in ("footage", "proxy", "find"):

        def stop(stage: str, done: int, total: int | None, where: str = where) -> None:
            if stage == where:
                raise Cancelled("Stopped on request.")

        with pytest.raises(Cancelled):
            ensure(db, store, stop)

    def stop_there(*_: object) -> None:
        raise Cancelled("Stopped on request.")

    with monkeypatch.context() as patch:
        patch.setattr(releases, "set_details", stop_there)
        with pytest.raises(Cancelled):
            ensure(db, store, silent)
    with db.reading() as session:
        assert case.is_demo(session)
    assert case.begin(db) is False

    made = ensure(db, store, silent)
    assert [person.login for person in made.people] == [person.login for person in PEOPLE]
    # Two cases that share one piece of footage, one detection run, and a release and two members per case.
    complete = {Footage: 1, Exhibit: 2, MachineTracks: 1, Release: 2, CaseMember: 4, Decision: 1}
    assert {kind: count(db, kind) for kind in complete} == complete
    with db.reading() as session:
        assert all(case.due_on for case in list_cases(session))
        footage = session.get_one(Footage, made.footage)
        assert footage.wearer and footage.recorded_start
        for release in releases.listed(session):
            assert not plan_of(session, store, release).problems  # ready to submit
        assert not verify(session, [db.key.public]).faults
    assert accounts.authenticate(db, REVIEWER, made.password).must_change is False

    assert case.begin(db) is True
    events = count(db, Event)
    again = ensure(db, store, silent)
    assert again.footage == made.footage and count(db, Event) == events + len(PEOPLE)
    assert accounts.authenticate(db, APPROVER, again.password).must_change is False
    with pytest.raises(SignInFailed):
        accounts.authenticate(db, APPROVER, made.password)

    accounts.disable(db, case.ADMIN, APPROVER, "left")
    assert APPROVER not in [person.login for person in ensure(db, store, silent).people]


def test_demo_is_refused_in_records_with_accounts(db: Database) -> None:
    accounts.add(db, "boss", "boss", "a real password", full_name="Boss", roles=[Role.ADMINISTRATOR], must_change=True)
    events = count(db, Event)
    with pytest.raises(WrongState, match="REDACT_HOME"):
        ensure(db, Store(), silent)
    assert count(db, Event) == events


def test_demo_is_refused_on_other_hosts_without_tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDACT_HOME", str(tmp_path / "home"))
    ended = redact("serve", "--demo", "--host", "0.0.0.0", "--port", "0")
    assert ended.code == 2 and "R100" in ended.err and "password" not in ended.out
    assert not (tmp_path / "home").exists()
