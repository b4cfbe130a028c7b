"""The exported audit trail, and chain heads recorded outside the database."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from redact.audit import chain, export, heads
from redact.audit.export import ExportReport, ExportRequest
from redact.audit.keys import load_or_create
from redact.canonical_json import canonical
from redact.errors import BadRecord, HeadsFileUnusable, RecordMissing
from redact.records.database import FILE, Database
from redact.schema.tables import Event

Lines = list[dict[str, Any]]


@pytest.fixture
def records(home: Path) -> Database:
    """Twelve events: one for the key, the others about two cases in turn."""
    db = Database()
    for number in range(11):
        with db.writing("anna") as work:
            work.event("note.made", f"case:{number % 2}", {"text": f"Zoë {number}", "number": number})
    return db


def exported(db: Database, request: ExportRequest) -> Lines:
    with db.reading() as session:
        return [json.loads(line) for line in export.export(session, request, db.key.public, datetime.now(UTC))]


def check(db: Database, lines: Lines) -> ExportReport:
    return export.check([canonical(line) + b"\n" for line in lines], db.key.public)


REQUESTS = {
    "all": (ExportRequest(), list(range(1, 13))),
    "since one": (ExportRequest(since=1), list(range(2, 13))),
    "since eight": (ExportRequest(since=8), [9, 10, 11, 12]),
    "since the last": (ExportRequest(since=12), []),
    "one case": (ExportRequest("case:0"), [2, 4, 6, 8, 10, 12]),
    "one case, since seven": (ExportRequest("case:0", 7), [8, 10, 12]),
    "unknown case": (ExportRequest("case:9"), []),
}


@pytest.mark.parametrize("what", REQUESTS)
def test_export_is_checked_without_the_database(records: Database, what: str) -> None:
    request, numbers = REQUESTS[what]
    lines = exported(records, request)
    assert [line["seq"] for line in lines[1:]] == numbers
    report = check(records, lines)
    assert (report.events, report.faults, report.own_key) == (len(numbers), (), False)
    with records.reading() as session:
        assert report.head == chain.signed_head(session)


def without(number: int) -> Callable[[Lines], object]:
    return lambda lines: lines.pop(number)


def changed(number: int, **more: Any) -> Callable[[Lines], object]:
    return lambda lines: lines[number].update(more)


def swapped(lines: Lines) -> None:
    lines[3], lines[4] = lines[4], lines[3]


def rehashed(lines: Lines) -> None:
    """An altered event, with all following hashes recalculated."""
    lines[3]["body"]["number"] = 99
    for before, line in pairwise(lines[2:]):
        line["previous"] = before["hash"]
        event = Event(**{k: v for k, v in line.items() if k != "inclusion"} | {"body": json.dumps(line["body"])})
        line["hash"] = chain.event_hash(before["hash"], event)


FORGERIES: dict[str, tuple[str, Callable[[Lines], object], str]] = {
    "altered": ("all", changed(3, actor="ben"), "Event 3 has been altered"),
    "altered, hashes recalculated": ("all", rehashed, "last event does not match"),
    "altered in a case, hashes recalculated": ("one case", rehashed, "not covered by the signed head"),
    "removed": ("all", without(4), "Event 5 does not follow"),
    "last removed": ("all", without(12), "last event does not match"),
    "first removed": ("all", without(1), "Event 2 does not follow"),
    "first after the earlier head removed": ("since eight", without(1), "does not follow event 8"),
    "reordered": ("all", swapped, "does not follow"),
    "moved": ("one case", swapped, "is out of order"),
    "of another case": ("one case", changed(0, subject="case:1"), "about another subject"),
    "another proof": ("one case", changed(2, inclusion=[]), "not covered by the signed head"),
    "another count": ("all", lambda lines: lines[0]["head"].update(count=13), "signature"),
    "another root": ("all", lambda lines: lines[0]["head"].update(merkle_root="0" * 64), "signature"),
    "another earlier root": ("since eight", changed(0, since_root="0" * 64), "first 8 events"),
    "no consistency proof": ("since eight", changed(0, consistency=[]), "first 8 events"),
    "later start": ("since eight", changed(0, since=9), "first 9 events"),
    "not an event": ("all", changed(5, hash=7), "Line 6 is not an event"),
    "half an event": ("all", lambda lines: lines[5].pop("body"), "Line 6 is not an event"),
    "no head": ("all", lambda lines: lines[0].pop("head"), "not an exported audit trail"),
    "nothing": ("all", lambda lines: lines.clear(), "not an exported audit trail"),
    "another schema": ("all", changed(0, schema="x"), "not an exported audit trail"),
}


@pytest.mark.parametrize("how", FORGERIES)
def test_forgery_of_the_export_is_found(records: Database, how: str) -> None:
    what, forge, expected = FORGERIES[how]
    lines = exported(records, REQUESTS[what][0])
    forge(lines)
    faults = check(records, lines).faults
    assert any(expected in fault for fault in faults), faults


def test_export_signed_with_another_key_is_found(records: Database, tmp_path: Path) -> None:
    other = load_or_create(tmp_path / "other")
    lines = [canonical(line) for line in exported(records, ExportRequest())]
    assert export.check(lines, other.public).faults == ("The head is signed with another key.",)
    own = export.check(lines, None)
    assert (own.own_key, own.faults) == (True, ())


def test_export_without_events_is_refused(home: Path, records: Database) -> None:
    with pytest.raises(BadRecord, match="12 events"):
        exported(records, ExportRequest(since=13))
    empty = Database(f"sqlite:///{home}/empty.sqlite3", records.key)
    with pytest.raises(RecordMissing):
        exported(empty, ExportRequest())


def record_head(db: Database) -> None:
    with db.reading() as session:
        head = chain.signed_head(session)
    assert head is not None
    heads.record_head(head)


def known(db: Database) -> list[chain.SignedHead]:
    with db.reading() as session:
        return heads.known_heads(session)


def test_rebuilt_chain_is_found_by_recorded_heads(home: Path, records: Database) -> None:
    record_head(records)
    record_head(records)
    assert [head.count for head in known(records)] == [12]
    assert (home / "audit" / heads.FILE).stat().st_mode & 0o777 == 0o600
    with sqlite3.connect(home / "records" / FILE) as raw:
        raw.executescript(
            "DROP TRIGGER events_no_delete; DELETE FROM events; DELETE FROM head; DELETE FROM installation_keys"
        )
    for number in range(20):
        with records.writing("anna") as work:
            work.event("note.made", "case:0", {"number": number})
    with records.reading() as session:
        assert chain.verify(session, [records.key.public]).sound
        assert not chain.verify(session, [records.key.public], heads.known_heads(session)).sound


def test_half_written_head_is_overwritten(home: Path, records: Database) -> None:
    record_head(records)
    path = home / "audit" / heads.FILE
    complete = path.read_bytes()
    path.write_bytes(complete + complete[:50])
    assert [head.count for head in known(records)] == [12]
    with records.writing("anna") as work:
        work.event("note.made", "x", {})
    record_head(records)
    assert [head.count for head in known(records)] == [12, 13]
    assert path.read_bytes().startswith(complete)


@pytest.mark.parametrize("line", [b"", b"{}", b"[]", b"null", b'{"count":"1"}', b"\xff", b"[" * 5000])
def test_damaged_heads_file_is_reported(home: Path, records: Database, line: bytes) -> None:
    record_head(records)
    path = home / "audit" / heads.FILE
    path.write_bytes(line + b"\n" + path.read_bytes())
    for use in (known, record_head):
        with pytest.raises(HeadsFileUnusable, match="Line 1"):
            use(records)
