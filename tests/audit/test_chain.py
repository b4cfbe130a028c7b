from __future__ import annotations

import hashlib
import sqlite3
import threading
import time
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DatabaseError

from redact.audit import chain
from redact.audit.keys import load_or_create
from redact.errors import RecordsUnavailable
from redact.records import cases
from redact.records.database import FILE, Database


def fill(db: Database, count: int) -> None:
    for number in range(count):
        with db.writing("anna") as work:
            work.event("note.made", "case:1", {"number": number, "text": "Zoë – naïve"})


def report(db: Database) -> chain.ChainReport:
    with db.reading() as session:
        return chain.verify(session, [db.key.public])


def test_chain_verifies_and_root_matches_rfc_6962(db: Database) -> None:
    fill(db, 6)  # and the event that registers the key: seven leaves
    with db.reading() as session:
        hashes = [row[0] for row in session.execute(text("SELECT hash FROM events ORDER BY seq"))]
        head = chain.signed_head(session)

    def tree(leaves: list[bytes]) -> bytes:
        """Section 2.1, word for word."""
        if len(leaves) == 1:
            return hashlib.sha256(b"\0" + leaves[0]).digest()
        k = 1
        while 2 * k < len(leaves):
            k *= 2
        return hashlib.sha256(b"\1" + tree(leaves[:k]) + tree(leaves[k:])).digest()

    assert head is not None
    assert (head.count, head.root) == (7, tree([bytes.fromhex(h) for h in hashes]).hex())
    assert report(db).sound


# What a person with access to the database file could do, and the fault that must be reported.
FORGERIES: dict[str, tuple[list[str], str]] = {
    "altered": (["UPDATE events SET body = '{\"number\":99}' WHERE seq = 4"], "Event 4 has been altered"),
    "other actor": (["UPDATE events SET actor = 'ben' WHERE seq = 4"], "Event 4 has been altered"),
    "removed": (["DELETE FROM events WHERE seq = 4"], "Event 4 missing"),
    "first removed": (["DELETE FROM events WHERE seq = 1"], "Event 1 missing"),
    "last removed": (["DELETE FROM events WHERE seq = 7"], "covers 7 events"),
    "last removed, head changed": (
        ["DELETE FROM events WHERE seq = 7", "UPDATE head SET count = 6, hash = (SELECT hash FROM events WHERE seq=6)"],
        "root",
    ),
    "reordered": (
        [
            "UPDATE events SET seq = 104 WHERE seq = 4",
            "UPDATE events SET seq = 4 WHERE seq = 5",
            "UPDATE events SET seq = 5 WHERE seq = 104",
        ],
        "does not follow",
    ),
    "inserted": (
        [
            "INSERT INTO events (seq, at, actor, kind, subject, body, previous, hash) SELECT 8, at, actor, kind, "
            "subject, body, hash, 'ab' || substr(hash, 3) FROM events WHERE seq = 7"
        ],
        "Event 8 has been altered",
    ),
    "no head": (["DELETE FROM head"], "head is missing"),
    "all gone": (["DELETE FROM head", "DELETE FROM events"], "have been removed"),
}


@pytest.mark.parametrize("how", FORGERIES)
def test_forgery_of_the_database_is_found(home: Path, how: str) -> None:
    db = Database()
    fill(db, 6)
    assert report(db).sound
    statements, expected = FORGERIES[how]
    with sqlite3.connect(home / "records" / FILE) as raw:
        for table in ("events",):
            for act in ("update", "delete"):
                raw.execute(f"DROP TRIGGER {table}_no_{act}")
        for statement in statements:
            raw.execute(statement)
    assert any(expected in fault.what for fault in report(db).faults), report(db).faults


# Changes to an edit's row in the edit log, and the fault that must be reported.
ALTERED_ROWS = {
    "altered": ('UPDATE edits SET payload = \'{"op":"delete"}\'', "The record of event 2 differs from the event."),
    "removed": ("DELETE FROM edits", "The record of event 2 is missing."),
    "without event": ("UPDATE edits SET event_seq = 1", "A record refers to edit.made event 1, which does not exist."),
}


@pytest.mark.parametrize("how", ALTERED_ROWS)
def test_altered_edit_row_is_found(home: Path, how: str) -> None:
    db = Database()
    with db.writing("anna") as work:
        work.event("edit.made", "footage:1", {"content": {"op": "keyframe"}})
    statement, expected = ALTERED_ROWS[how]
    with sqlite3.connect(home / "records" / FILE) as raw:
        raw.execute(
            "INSERT INTO edits (footage_id, tracks_id, revision, op_id, person_id, at, payload, event_seq) "
            "VALUES (1, 1, 1, 'anna-0001', 1, '', '{\"op\":\"keyframe\"}', 2)"
        )
    assert report(db).sound
    with sqlite3.connect(home / "records" / FILE) as raw:
        for act in ("update", "delete"):
            raw.execute(f"DROP TRIGGER edits_no_{act}")
        raw.execute(statement)
    assert expected in [fault.what for fault in report(db).faults]


def test_chain_rewritten_with_the_key_is_found_by_recorded_head(home: Path) -> None:
    db = Database()
    fill(db, 3)
    with db.reading() as session:
        recorded = chain.signed_head(session)
    assert recorded is not None
    with sqlite3.connect(home / "records" / FILE) as raw:
        raw.executescript(
            "DROP TRIGGER events_no_delete; DELETE FROM events; DELETE FROM head; DELETE FROM installation_keys"
        )
    fill(db, 5)
    assert report(db).sound
    with db.reading() as session:
        assert not chain.verify(session, [db.key.public], [recorded]).sound


def test_head_signed_with_another_key_is_not_trusted(db: Database, tmp_path: Path) -> None:
    fill(db, 2)
    other = load_or_create(tmp_path / "other")
    with db.reading() as session:
        faults = chain.verify(session, [other.public]).faults
    assert [f.what for f in faults] == ["The head is signed with a key that is not trusted."]


def test_events_cannot_be_changed_through_the_database(db: Database) -> None:
    fill(db, 1)
    for statement in ("UPDATE events SET actor = 'x'", "DELETE FROM events"):
        with pytest.raises(RecordsUnavailable, match="append-only"), db.writing("anna") as work:
            work.event("note.made", "case:1", {})
            work.session.execute(text(statement))
    assert report(db).events == 2


def test_change_and_event_are_committed_together(db: Database, staff: dict[str, str]) -> None:
    before = report(db).events

    def refuse(*_: object) -> None:
        raise DatabaseError("insert", {}, Exception("gone"))

    with pytest.raises(RecordsUnavailable), db.writing("officer") as work:
        work.session.add(_case(work.at))
        work.event("case.opened", "case:X", {})
        refuse()
    with pytest.raises(AssertionError), db.writing("officer") as work:
        work.session.add(_case(work.at))
    with db.reading() as session:
        assert cases.list_cases(session) == []
    assert report(db).events == before


def _case(at: object) -> object:
    from redact.schema.tables import Case

    values = {"kind": "foi", "reference": "X", "title": "t", "nation": "scotland", "due_rule": "", "state": "open"}
    return Case(**values, received_on=date(2026, 1, 1), details={}, opened_at=at)


def test_concurrent_writers_make_one_chain(db: Database) -> None:
    fill(db, 1)
    errors: list[BaseException] = []

    def write(who: str) -> None:
        try:
            for number in range(25):
                with db.writing(who) as work:
                    work.event("note.made", f"case:{who}", {"number": number})
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=write, args=(f"p{n}",)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert report(db).sound
    assert report(db).events == 102


def test_database_of_newer_version_is_refused(home: Path) -> None:
    Database().close()
    with sqlite3.connect(home / "records" / FILE) as raw:
        raw.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(RecordsUnavailable, match="newer"):
        Database()


@pytest.mark.parametrize("url", ["nonsense", "mysql+nothing://x", "postgresql://u:topsecret@127.0.0.1:1/none"])
def test_invalid_database_url_is_reported_without_password(home: Path, url: str) -> None:
    with pytest.raises(RecordsUnavailable) as caught:
        Database(url)
    assert "topsecret" not in caught.value.text


@pytest.mark.slow
def test_chain_speed(home: Path) -> None:
    """Measured in CPU time: wall-clock time depends on what else the machine is doing."""
    db = Database()
    fill(db, 10)
    started = time.process_time()
    fill(db, 300)
    rate = 300 / (time.process_time() - started)
    with db.writing("anna") as work:
        for number in range(10_000):
            work.event("note.made", "case:1", {"number": number})
    started = time.process_time()
    found = report(db)
    took = time.process_time() - started
    assert found.sound
    assert rate >= 300
    assert took * 100_000 / found.events < 20
