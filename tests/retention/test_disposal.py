from __future__ import annotations

import ast
import json
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

import redact
from redact.audit import chain
from redact.errors import BadRecord, NotAllowed, RecordMissing, StoreNotWritable, WrongState
from redact.evidence.store import Store
from redact.records.database import Database, UnitOfWork
from redact.retention import disposal
from redact.retention.clock import MarkKind
from redact.retention.disposal import place
from redact.schema.tables import Disposal, Event, Footage, Mark
from tests.retention.factory import (
    KEEP_REASONS,
    NOW,
    add,
    dispose,
    files,
    sound,
    state,
    status_of,
)


@pytest.mark.parametrize("what", KEEP_REASONS)
def test_held_footage_is_never_disposed_of(db: Database, what: str) -> None:
    sha256, other = add(db, "a"), add(db, "b")
    end = KEEP_REASONS[what](db, sha256)
    assert not status_of(db, sha256).due
    assert [reason.why for reason in status_of(db, sha256).kept_by]
    run = dispose(db)
    assert [c["sha256"] for c in run.certificates] == [other]
    assert state(db, sha256) == "held"
    assert len(files(sha256)) == 3
    end()
    assert [c["sha256"] for c in dispose(db).certificates] == [sha256]
    assert not files(sha256)


@pytest.mark.parametrize("what", ["evidence", "complaint", "legal hold", "open case", "approved release"])
def test_hold_placed_between_listing_and_disposal_counts(
    db: Database, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    held, other = add(db, "a"), add(db, "b")
    begin = disposal._begin

    def late(*args: Any) -> None:
        if args[2].sha256 == held:
            KEEP_REASONS[what](db, held)
        begin(*args)

    monkeypatch.setattr(disposal, "_begin", late)
    run = dispose(db)
    assert sorted(one.sha256 for one in run.due) == sorted((held, other))
    assert [(one.sha256, error.code) for one, error in run.failed] == [(held, "R671")]
    assert [c["sha256"] for c in run.certificates] == [other]
    assert (state(db, held), len(files(held))) == ("held", 3)


def test_hold_after_disposal_began_is_refused(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    sha256 = add(db, "a")
    texts: list[str] = []

    def late(store: Store, name: str, tracks: Any) -> tuple[str, ...]:
        with pytest.raises(WrongState) as caught:
            place(db, "officer", sha256, MarkKind.EVIDENCE, "needed after all")
        texts.append(caught.value.text)
        return real(store, name, tracks)

    real = Store.dispose
    monkeypatch.setattr(Store, "dispose", late)
    dispose(db)
    with pytest.raises(WrongState) as caught:
        place(db, "officer", sha256, MarkKind.EVIDENCE, "needed after all")
    texts.append(caught.value.text)
    assert "is being disposed of" in texts[0]
    assert "has been disposed of" in texts[1]


class Killed(BaseException):
    """Simulates kill -9: nothing catches it."""


def boom(*_: Any, **__: Any) -> Any:
    raise Killed


def killed_between_files(patch: pytest.MonkeyPatch) -> None:
    """Kill the run after it removes the first file."""
    unlink = Path.unlink

    def once(path: Path, *args: Any, **more: Any) -> None:
        unlink(path, *args, **more)
        patch.setattr(Path, "unlink", boom)

    patch.setattr(Path, "unlink", once)


def killed_after(event: str) -> Callable[[pytest.MonkeyPatch], None]:
    """Kill the run inside the transaction, after its rows and this event were written."""

    def arrange(patch: pytest.MonkeyPatch) -> None:
        real = UnitOfWork.event

        def last(work: UnitOfWork, kind: str, *args: Any) -> Any:
            entry = real(work, kind, *args)
            if kind == event:
                raise Killed
            return entry

        patch.setattr(UnitOfWork, "event", last)

    return arrange


def instead_of(name: str, where: Any) -> Callable[[pytest.MonkeyPatch], None]:
    return lambda patch: patch.setattr(where, name, boom)


# Where the run is killed, and the remaining state and number of files.
KILLS: dict[str, tuple[Callable[[pytest.MonkeyPatch], None], str, int]] = {
    "before": (instead_of("_begin", disposal), "held", 3),
    "in the first transaction": (killed_after("footage.disposal-begun"), "held", 3),
    "between record and files": (instead_of("dispose", Store), "disposing", 3),
    "between two files": (killed_between_files, "disposing", 2),
    "between files and record": (instead_of("_finish", disposal), "disposing", 0),
    "in the second transaction": (killed_after("footage.disposed"), "disposing", 0),
}


@pytest.mark.parametrize("where", KILLS)
def test_killed_disposal_leaves_footage_intact_or_is_finished_later(
    db: Database, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    sha256 = add(db, "a")
    arrange, left, number = KILLS[where]
    with monkeypatch.context() as patch:
        arrange(patch)
        with pytest.raises(Killed):
            dispose(db)
    assert (state(db, sha256), len(files(sha256))) == (left, number)
    assert sound(db)
    listed = disposal.run(db, "admin", Store(), now=NOW)
    assert ([o.sha256 for o in listed.due], [o.sha256 for o in listed.unfinished]) == (
        ([sha256], []) if left == "held" else ([], [sha256])
    )
    # An interrupted disposal is finished even if the rules would now keep the footage: its files may be gone.
    run = dispose(db, now=NOW if left == "held" else NOW - timedelta(300))
    assert [c["resumed"] for c in run.certificates] == [left == "disposing"]
    assert (state(db, sha256), files(sha256)) == ("disposed", [])
    assert dispose(db).certificates == []
    with db.reading() as session:
        assert session.scalar(select(func.count()).select_from(Disposal)) == 1
    assert sound(db)


def test_disposal_with_stuck_files_is_finished_later(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    sha256, other = add(db, "a"), add(db, "b")
    real = Store.dispose

    def stuck(store: Store, name: str, tracks: Any) -> tuple[str, ...]:
        if name == sha256:
            raise StoreNotWritable("It is stuck.")
        return real(store, name, tracks)

    with monkeypatch.context() as patch:
        patch.setattr(Store, "dispose", stuck)
        run = dispose(db)
    assert [(one.sha256, error.code) for one, error in run.failed] == [(sha256, StoreNotWritable.code)]
    assert [c["sha256"] for c in run.certificates] == [other]
    assert [c["sha256"] for c in dispose(db).certificates] == [sha256]


def test_concurrent_runs_dispose_of_everything_once(db: Database) -> None:
    hashes = [add(db, str(number)) for number in range(6)]
    runs: list[disposal.DisposalRun] = []
    threads = [threading.Thread(target=lambda: runs.append(dispose(db))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(c["sha256"] for run in runs for c in run.certificates) == sorted(hashes)
    assert {error.code for run in runs for _, error in run.failed} <= {WrongState.code}
    assert not list(Store().folder.rglob("masters/*/*"))
    assert sound(db)


def test_disposal_certificate_content(db: Database) -> None:
    sha256 = add(db, "a", size=4711)
    with db.reading() as session:
        before = chain.signed_head(session)
    (certificate,) = dispose(db).certificates
    assert before is not None
    with db.reading() as session:
        (row,) = session.scalars(select(Disposal))
        events = {e.kind: e for e in session.scalars(select(Event).where(Event.subject == f"footage:{sha256[:12]}"))}
        footage = session.get_one(Footage, row.footage_id)
    begun, done = events["footage.disposal-begun"], events["footage.disposed"]
    assert row.certificate == certificate == json.loads(done.body)
    assert certificate["certificate"] == f"D-{begun.seq}"
    assert certificate["audit_head_before"] == {"count": before.count, "hash": before.hash, "merkle_root": before.root}
    assert (certificate["size_bytes"], certificate["original_name"]) == (4711, "a.mp4")
    people_and_times = (certificate["ordered_by"], certificate["ordered_at"], certificate["completed_at"])
    assert people_and_times == ("admin", begun.at, done.at)
    assert (certificate["rule"]["class"], certificate["rule"]["days"]) == ("standard", 31)
    assert certificate["rule"]["clock_ran_out"] == "2026-06-29T12:00:00.000000Z"
    assert f"masters/{sha256[:2]}/{sha256}" in certificate["removed"]
    assert len(certificate["removed"]) == 3
    assert (footage.state, footage.disposed_at) == ("disposed", row.at)


@pytest.mark.parametrize("who", ["officer", "anna", "approver", "auditor", "nobody"])
def test_disposal_is_for_administrators_only(db: Database, who: str) -> None:
    sha256 = add(db, "a")
    for dry_run in (True, False):
        with pytest.raises((NotAllowed, RecordMissing)):
            disposal.run(db, who, Store(), dry_run=dry_run, now=NOW)
    assert len(files(sha256)) == 3


def test_dry_run_changes_nothing(db: Database) -> None:
    sha256 = add(db, "a")
    with db.reading() as session:
        before = chain.signed_head(session)
    run = disposal.run(db, "admin", Store(), now=NOW)
    assert ([one.sha256 for one in run.due], run.certificates) == ([sha256], [])
    with db.reading() as session:
        assert chain.signed_head(session) == before
    assert (state(db, sha256), len(files(sha256))) == ("held", 3)


def test_marks_need_reason_and_are_lifted_by_number_or_kind(db: Database) -> None:
    sha256 = add(db, "a")
    with pytest.raises(BadRecord, match="reason"):
        place(db, "officer", sha256, MarkKind.EVIDENCE, " ")
    for who in ("anna", "auditor"):
        with pytest.raises(NotAllowed):
            place(db, who, sha256, MarkKind.EVIDENCE, "r")
    one = place(db, "officer", sha256, MarkKind.LEGAL_HOLD, "first claim")
    two = place(db, "officer", sha256[:8], MarkKind.LEGAL_HOLD, "second claim")
    with pytest.raises(BadRecord, match=rf"{one} \(legal-hold\), {two}"):
        disposal.lift(db, "officer", sha256, "r", kind=MarkKind.LEGAL_HOLD)
    with pytest.raises(RecordMissing):
        disposal.lift(db, "officer", sha256, "r", kind=MarkKind.EVIDENCE)
    with pytest.raises(NotAllowed):
        disposal.lift(db, "anna", sha256, "r", number=one)
    assert disposal.lift(db, "approver", sha256, "settled", number=one) == one
    assert disposal.lift(db, "approver", sha256, "settled", kind=MarkKind.LEGAL_HOLD) == two
    with pytest.raises(RecordMissing):
        disposal.lift(db, "approver", sha256, "again", number=two)
    with db.reading() as session:
        marks = session.scalars(select(Mark).order_by(Mark.id)).all()
        events = [json.loads(e.body) for e in session.scalars(select(Event).where(Event.kind.like("footage.mark-%")))]
    assert [mark.lift_reason for mark in marks] == ["settled", "settled"]
    assert [(e["mark"], e["reason"]) for e in events] == [
        (one, "first claim"),
        (two, "second claim"),
        (one, "settled"),
        (two, "settled"),
    ]


def test_store_disposal_is_called_by_retention_only() -> None:
    """Only one function removes masters, and only one module calls it."""
    callers = set()
    for path in Path(redact.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute) and node.attr == "dispose" and ast.unparse(node.value) != "self._engine":
                callers.add(path.name)
    assert callers == {"disposal.py"}
