"""The exported trail, and the heads that are noted outside of the database."""

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
from redact.errors import BadRecord, RecordMissing, WitnessUnusable
from redact.records.database import FILE, Database
from redact.schema.tables import Event

Lines = list[dict[str, Any]]


@pytest.fixture
def records(home: Path) -> Database:
    """Twelve events: of the key, and of two cases by turns."""
    db = Database()
    for number in range(11):
        with db.writing("anna") as work:
            work.event("note.made", f"case:{number % 2}", {"text": f"Zoë {number}", "number": number})
    return db


def exported(db: Database, wish: ExportRequest) -> Lines:
    with db.reading() as session:
        return [json.loads(line) for line in export.export(session, wish, db.key.public, datetime.now(UTC))]


def check(db: Database, lines: Lines) -> ExportReport:
    return export.check([canonical(line) + b"\n" for line in lines], db.key.public)


WISHES = {
    "all": (ExportRequest(), list(range(1, 13))),
    "since one": (ExportRequest(since=1), list(range(2, 13))),
    "since eight": (ExportRequest(since=8), [9, 10, 11, 12]),
    "since the last": (ExportRequest(since=12), []),
    "one case": (ExportRequest("case:0"), [2, 4, 6, 8, 10, 12]),
    "one case, lately": (ExportRequest("case:0", 7), [8, 10, 12]),
    "of nothing": (ExportRequest("case:9"), []),
}


@pytest.mark.parametrize("what", WISHES)
def test_what_was_exported_is_checked_without_the_database(records: Database, what: str) -> None:
    wish, numbers = WISHES[what]
    lines = exported(records, wish)
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
    """An event altered by somebody who knows how hashes are made, who then mends all that follow."""
    lines[3]["body"]["number"] = 99
    for before, line in pairwise(lines[2:]):
        line["previous"] = before["hash"]
        event = Event(**{k: v for k, v in line.items() if k != "inclusion"} | {"body": json.dumps(line["body"])})
        line["hash"] = chain.event_hash(before["hash"], event)


FORGERIES: dict[str, tuple[str, Callable[[Lines], object], str]] = {
    "altered": ("all", changed(3, actor="ben"), "Event 3 is not what"),
    "altered, hashes mended": ("all", rehashed, "last event is not the one"),
    "altered in a case, hashes mended": ("one case", rehashed, "none of those"),
    "removed": ("all", without(4), "Event 5 does not follow"),
    "last removed": ("all", without(12), "last event is not the one"),
    "first removed": ("all", without(1), "Event 2 does not follow"),
    "first after the earlier head removed": ("since eight", without(1), "does not follow event 8"),
    "reordered": ("all", swapped, "does not follow"),
    "moved": ("one case", swapped, "does not belong"),
    "of another case": ("one case", changed(0, subject="case:1"), "does not belong"),
    "a proof of another": ("one case", changed(2, inclusion=[]), "none of those"),
    "another count": ("all", lambda lines: lines[0]["head"].update(count=13), "signature"),
    "another root": ("all", lambda lines: lines[0]["head"].update(merkle_root="0" * 64), "signature"),
    "another beginning": ("since eight", changed(0, since_root="0" * 64), "first 8 events"),
    "no proof of the beginning": ("since eight", changed(0, consistency=[]), "first 8 events"),
    "a later beginning": ("since eight", changed(0, since=9), "first 9 events"),
    "no event": ("all", changed(5, hash=7), "Line 6 is no event"),
    "half an event": ("all", lambda lines: lines[5].pop("body"), "Line 6 is no event"),
    "no head": ("all", lambda lines: lines[0].pop("head"), "no export"),
    "nothing": ("all", lambda lines: lines.clear(), "no export"),
    "another schema": ("all", changed(0, schema="x"), "no export"),
}


@pytest.mark.parametrize("how", FORGERIES)
def test_every_forgery_of_the_file_is_found(records: Database, how: str) -> None:
    what, forge, found = FORGERIES[how]
    lines = exported(records, WISHES[what][0])
    forge(lines)
    faults = check(records, lines).faults
    assert any(found in fault for fault in faults), faults


def test_a_file_signed_by_somebody_else_is_found_with_the_right_key(records: Database, tmp_path: Path) -> None:
    other = load_or_create(tmp_path / "other")
    lines = [canonical(line) for line in exported(records, ExportRequest())]
    assert export.check(lines, other.public).faults == ("The head is signed by another key.",)
    own = export.check(lines, None)
    assert (own.own_key, own.faults) == (True, ())


def test_there_is_nothing_to_export(home: Path, records: Database) -> None:
    with pytest.raises(BadRecord, match="12 events"):
        exported(records, ExportRequest(since=13))
    empty = Database(f"sqlite:///{home}/empty.sqlite3", records.key)
    with pytest.raises(RecordMissing):
        exported(empty, ExportRequest())


def note(db: Database) -> None:
    with db.reading() as session:
        head = chain.signed_head(session)
    assert head is not None
    heads.record_head(head)


def known(db: Database) -> list[chain.SignedHead]:
    with db.reading() as session:
        return heads.known_heads(session)


def test_a_chain_that_was_made_anew_is_found_by_the_noted_heads(home: Path, records: Database) -> None:
    note(records)
    note(records)
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


def test_a_head_that_was_half_written_is_written_over(home: Path, records: Database) -> None:
    note(records)
    path = home / "audit" / heads.FILE
    whole = path.read_bytes()
    path.write_bytes(whole + whole[:50])
    assert [head.count for head in known(records)] == [12]
    with records.writing("anna") as work:
        work.event("note.made", "x", {})
    note(records)
    assert [head.count for head in known(records)] == [12, 13]
    assert path.read_bytes().startswith(whole)


@pytest.mark.parametrize("line", [b"", b"{}", b"[]", b"null", b'{"count":"1"}', b"\xff", b"[" * 5000])
def test_a_witness_that_is_damaged_is_not_passed_over(home: Path, records: Database, line: bytes) -> None:
    note(records)
    path = home / "audit" / heads.FILE
    path.write_bytes(line + b"\n" + path.read_bytes())
    for use in (known, note):
        with pytest.raises(WitnessUnusable, match="Line 1"):
            use(records)
