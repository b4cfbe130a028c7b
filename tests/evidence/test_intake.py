from __future__ import annotations

import hashlib
import json
import os
import random
import signal
import stat
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from redact.audit import chain
from redact.errors import (
    BadRecord,
    EmptyFile,
    NotAllowed,
    NotMedia,
    RecordExists,
    RecordMissing,
    RedactError,
    SourceChanged,
    StoreDamaged,
    TracksMismatch,
    TruncatedFile,
    WrongState,
)
from redact.evidence import footage_records, intake
from redact.evidence.frame_tables import frame_table
from redact.evidence.intake import add_footage
from redact.evidence.machine_tracks import add_machine_tracks, load_tracks
from redact.evidence.store import STRIP, Store
from redact.evidence.store_verification import verify_store
from redact.media.probe import probe
from redact.media.reader import scan
from redact.records import cases
from redact.records.database import Database, UnitOfWork
from redact.schema.tables import Event, Exhibit, Footage, MachineTracks
from redact.settings import Interlaced, OnCorrupt
from tests.cli.runner import listing
from tests.evidence import factory
from tests.evidence.factory import add_clip, open_case, padded_copy, tracks_of
from tests.killing import children
from tests.media.clips import AudioSpec, make_clip
from tests.media.test_reader import damage, wipe
from tests.track.factory import assert_same

SQLITE = pytest.mark.parametrize("db", ["sqlite"], indirect=True)
CREATED = {"creation_time": "2026-05-01T10:11:12Z"}


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return make_clip(tmp_path / "clip.mp4", frames=6, audio=[AudioSpec()], metadata=CREATED)


def events(db: Database) -> list[tuple[str, str, str, dict[str, Any]]]:
    with db.reading() as session:
        return [
            (e.kind, e.actor, e.subject, json.loads(e.body)) for e in session.scalars(select(Event).order_by(Event.seq))
        ]


def counts(db: Database) -> list[int]:
    with db.reading() as session:
        return [session.scalar(select(func.count()).select_from(t)) or 0 for t in (Footage, Exhibit, Event)]


@pytest.mark.usefixtures("staff")
def test_footage_is_added_with_record_and_event(db: Database, clip: Path) -> None:
    before = (clip.read_bytes(), clip.stat().st_mtime_ns, clip.stat().st_mode)
    added = add_footage(
        db,
        "officer",
        clip,
        case=open_case(db, "C/1"),
        exhibit="JS/1",
        wearer=" PC 1 ",
        clock_offset=-90.0,
        pre_event=30,
    )
    assert (clip.read_bytes(), clip.stat().st_mtime_ns, clip.stat().st_mode) == before
    store = Store()
    assert store.verified_master(added.sha256).read_bytes() == before[0]
    assert stat.S_IMODE(store.master(added.sha256).stat().st_mode) == 0o444
    assert verify_store(db, store).sound
    # Details entered, details from the file, and those derived from both.
    assert (added.wearer, added.clock_offset_seconds, added.pre_event_seconds) == ("PC 1", -90.0, 30.0)
    start = datetime(2026, 5, 1, 10, 11, 12, tzinfo=UTC)
    assert (added.recorded_start, added.recorded_end) == (start, start + timedelta(seconds=0.24))
    assert (added.retention_class, added.state, added.original_name) == ("standard", "held", "clip.mp4")
    media = {"frames": 6, "rate": "25/1", "codec": "h264", "width": 160, "height": 96, "damaged_frames": 0}
    assert media.items() <= added.media.items()
    table = scan(probe(clip), interlaced=Interlaced.KEEP, on_corrupt=OnCorrupt.STOP)
    stored = frame_table(store, added)
    assert stored.pts.tolist() == table.pts.tolist() and stored.time_base == table.time_base
    assert (stored.keyframe.tolist(), stored.last_duration) == (table.keyframe.tolist(), table.last_duration)
    assert store.derived(added.sha256, STRIP).read_bytes().startswith(b"\xff\xd8\xff")
    kind, actor, subject, body = events(db)[-1]
    assert (kind, actor, subject) == ("footage.added", "officer", f"footage:{added.sha256[:12]}")
    named = {"sha256": added.sha256, "size": len(before[0]), "name": "clip.mp4", "case": "C/1", "exhibit": "JS/1"}
    assert named.items() <= body.items()
    with db.reading() as session:
        assert (
            footage_records.find(session, added.sha256[:8]).id
            == footage_records.find(session, "JS/1", "C/1").id
            == added.id
        )
        with pytest.raises(RecordMissing):
            footage_records.find(session, "JS/1", "C/2")


@pytest.mark.usefixtures("staff")
def test_footage_in_second_case_becomes_another_exhibit(db: Database, clip: Path) -> None:
    first = add_footage(db, "officer", clip, case=open_case(db, "C/1"), wearer="PC 1")
    copy = clip.with_name("copy.mp4")
    copy.write_bytes(clip.read_bytes())
    open_case(db, "C/2")
    state = (listing(Store().folder), counts(db))
    with pytest.raises(RecordExists, match="exhibit BWV-1"):
        add_footage(db, "officer", copy, case="C/1")
    with pytest.raises(BadRecord, match="with PC 1 as its wearer, not PC 2"):
        add_footage(db, "officer", copy, case="C/2", wearer="PC 2")
    assert (listing(Store().folder), counts(db)) == state
    second = add_footage(db, "officer", copy, case="C/2", wearer="PC 1")
    assert second.id == first.id
    assert [(e.case.reference, e.reference) for e in second.exhibits] == [("C/1", "BWV-1"), ("C/2", "BWV-1")]
    assert listing(Store().folder) == state[0]
    kind, _, _, body = events(db)[-1]
    assert (kind, body["name"], body["case"]) == ("exhibit.added", "copy.mp4", "C/2")
    with db.writing("officer") as work:
        work.session.get_one(Footage, first.id).state = "disposed"
        work.event("footage.disposed", "footage:x", {})
    with pytest.raises(WrongState):
        add_footage(db, "officer", copy, case=open_case(db, "C/3"))


@pytest.mark.usefixtures("staff")
def test_footage_added_twice_at_once_is_stored_once(db: Database, clip: Path) -> None:
    references = [open_case(db, f"C/{number}") for number in range(2)]
    start = threading.Barrier(2)

    def add(case: str) -> None:
        start.wait()
        add_footage(db, "officer", clip, case=case)

    threads = [threading.Thread(target=add, args=(case,)) for case in references]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with db.reading() as session:
        (only,) = footage_records.list_footage(session)
    assert sorted(e.case.reference for e in only.exhibits) == references
    assert verify_store(db, Store()).sound
    assert sorted(kind for kind, *_ in events(db))[-1] == "person.added" and len(events(db)) == 1 + 6 + 2 + 2


@SQLITE
@pytest.mark.usefixtures("staff")
def test_damaged_footage_is_accepted(db: Database, tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "a.mp4", frames=20, gop=8)
    damage(clip, {11}, wipe)
    added = add_footage(db, "officer", clip, case=open_case(db, "C/1"))
    assert (added.media["frames"], added.media["damaged_frames"], added.media["damaged_ranges"]) == (20, 5, [[11, 15]])
    assert frame_table(Store(), added).corrupt.sum() == 5


def cut(clip: Path) -> None:
    data = clip.read_bytes()
    clip.write_bytes(data[: data.index(b"moov") + 100])


def only_sound(clip: Path) -> None:
    make_clip(clip, frames=0, audio=[AudioSpec(codec="flac", seconds=None)], container_format="matroska")


REFUSED: dict[str, tuple[Callable[[Path], object], type[RedactError]]] = {
    "empty": (lambda clip: clip.write_bytes(b""), EmptyFile),
    "no media": (lambda clip: clip.write_bytes(os.urandom(5000)), NotMedia),
    "cut short": (cut, TruncatedFile),
}


@SQLITE
@pytest.mark.usefixtures("staff")
@pytest.mark.parametrize(("spoil", "kind"), REFUSED.values(), ids=REFUSED)
def test_incomplete_footage_is_refused(
    db: Database, clip: Path, spoil: Callable[[Path], object], kind: type[RedactError]
) -> None:
    spoil(clip)
    open_case(db, "C/1")
    with Store().locked():
        state = (listing(Store().folder), counts(db))
    with pytest.raises(kind, match=r"clip\.mp4"):
        add_footage(db, "officer", clip, case="C/1")
    assert (listing(Store().folder), counts(db)) == state


@SQLITE
@pytest.mark.usefixtures("staff")
def test_invalid_intake_is_refused_before_any_work(db: Database, clip: Path) -> None:
    open_case(db, "C/1")
    add_footage(db, "officer", padded_copy(clip, 1), case="C/1", exhibit="JS/1")
    cases.set_closed(db, "officer", open_case(db, "C/2"), closed=True, reason="done")
    state = (listing(Store().folder), counts(db))
    refused: list[tuple[type[RedactError], dict[str, Any]]] = [
        (NotAllowed, {"actor": "approver"}),
        (RecordMissing, {"case": "C/9"}),
        (WrongState, {"case": "C/2"}),
        (RecordExists, {"exhibit": "JS/1"}),
        (BadRecord, {"exhibit": "../1"}),
        (BadRecord, {"wearer": "PC\x1b[31m"}),
        (BadRecord, {"pre_event": 120.5}),
        (BadRecord, {"pre_event": float("nan")}),
        (BadRecord, {"clock_offset": float("inf")}),
        (BadRecord, {"recorded_start": datetime(2026, 5, 1)}),
        (BadRecord, {"retention_class": "for-ever"}),
    ]
    for kind, wrong in refused:
        with pytest.raises(kind):
            add_footage(db, path=clip, progress=unreachable, **{"actor": "officer", "case": "C/1", **wrong})
    assert (listing(Store().folder), counts(db)) == state


def unreachable(stage: str, done: int, total: int | None) -> None:
    raise AssertionError("work was started")


@pytest.mark.usefixtures("staff")
def test_intake_failing_at_the_end_leaves_nothing(db: Database, clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    open_case(db, "C/1")
    add_footage(db, "officer", padded_copy(clip, 1), case="C/1")
    state = (listing(Store().folder), counts(db))

    def fail(self: UnitOfWork, *_: object) -> None:
        self.session.flush()
        raise RuntimeError

    with monkeypatch.context() as patch, pytest.raises(RuntimeError):
        patch.setattr(UnitOfWork, "event", fail)
        add_footage(db, "officer", clip, case="C/1")
    assert (listing(Store().folder), counts(db)) == state
    added = add_footage(db, "officer", clip, case="C/1")
    assert [e.reference for e in added.exhibits] == ["BWV-2"]


@SQLITE
@pytest.mark.usefixtures("staff")
def test_intake_refuses_changing_source(db: Database, clip: Path) -> None:
    open_case(db, "C/1")
    state = counts(db)

    def record_on(stage: str, done: int, total: int | None) -> None:
        with clip.open("ab") as file:
            file.write(b"x")

    with pytest.raises(SourceChanged):
        add_footage(db, "officer", clip, case="C/1", progress=record_on)
    assert counts(db) == state
    assert verify_store(db, Store()).sound


def test_original_names_are_cleaned() -> None:
    assert intake.original_name(Path("/a/b\x1b[31m\u202e.mp4")) == "b\ufffd[31m\ufffd.mp4"
    assert intake.original_name(Path(os.fsdecode(b"caf\xe9.mp4"))) == "caf\ufffd.mp4"
    assert len(intake.original_name(Path("x" * 300))) == 255


@pytest.mark.usefixtures("staff")
def test_machine_tracks_are_read_back_unchanged(db: Database, tmp_path: Path) -> None:
    added = add_clip(db, tmp_path)
    made = tracks_of(added)
    row = add_machine_tracks(db, "anna", added, made)
    again = add_machine_tracks(db, "anna", added, made)  # another run is another record of the same file
    assert (again.id, again.file_sha256) == (row.id + 1, row.file_sha256)
    store = Store()
    with db.reading() as session:
        rows = list(session.scalars(select(MachineTracks)))
        assert [r.tracks for r in rows] == [1, 1]
        assert_same(load_tracks(session, store, rows[0]), made)
        path = store.tracks(row.file_sha256)
        path.chmod(0o644)
        path.write_bytes(path.read_bytes().replace(b'"face"', b'"fake"'))
        with pytest.raises(StoreDamaged):
            load_tracks(session, store, rows[0])
    kind, actor, _, body = events(db)[-1]
    assert (kind, actor, body["tracks"], body["tracks_sha256"]) == ("tracks.made", "anna", {"face": 1}, row.file_sha256)


@SQLITE
@pytest.mark.usefixtures("staff")
def test_machine_tracks_of_other_footage_are_refused(db: Database, tmp_path: Path, clip: Path) -> None:
    added = add_clip(db, tmp_path)
    other = add_footage(db, "officer", padded_copy(clip, 2), case="C/1")
    state = (listing(Store().folder), counts(db))
    with pytest.raises(TracksMismatch):
        add_machine_tracks(db, "anna", added, tracks_of(other))
    with pytest.raises(NotAllowed):
        add_machine_tracks(db, "auditor", added, tracks_of(added))
    with db.writing("officer") as work:
        work.session.get_one(Footage, added.id).state = "disposing"
        work.event("footage.disposal-begun", "footage:x", {})
    with pytest.raises(WrongState):
        add_machine_tracks(db, "anna", added, tracks_of(added))
    assert listing(Store().folder) == state[0]


def whole_or_nothing(db: Database, store: Store) -> int:
    """Check that every record is complete and everything else in the store is reported; return the record count."""
    report = verify_store(db, store)
    assert not report.damaged and not report.missing
    with db.reading() as session:
        assert chain.verify(session, [db.key.public]).sound
        held = footage_records.list_footage(session)
    hashes = [body["sha256"] for kind, _, _, body in events(db) if kind == "footage.added"]
    assert hashes == [one.sha256 for one in held]
    assert all(len(one.exhibits) == 1 for one in held)
    reported = {fault.place for fault in report.orphans}
    for place in listing(store.folder):
        recorded = any(one.sha256 in place for one in held)
        assert recorded or place == "lock" or place in reported or str(Path(place).parent) in reported
    return len(held)


@SQLITE
@pytest.mark.usefixtures("staff")
@pytest.mark.timeout(1800)
def test_killed_intake_leaves_all_or_nothing(db: Database, home: Path, clip: Path) -> None:
    """Set ``KILLS`` in the environment for more rounds than CI has time for."""
    kills = int(os.environ.get("KILLS", "20"))
    context = children()
    steps = context.Value("q", 0)

    def run(number: int, kill_at: int = 0) -> None:
        # Each in its own case, so that all take the same steps.
        arguments = (str(home), str(padded_copy(clip, number)), open_case(db, f"C/{number}"), kill_at, steps)
        process = context.Process(target=factory.add_killed_at, args=arguments)
        process.start()
        process.join(60)
        assert process.exitcode in ((0, -signal.SIGKILL) if kill_at else (0,))

    run(0)
    run(1)
    assert whole_or_nothing(db, Store()) == 2
    chance = random.Random(4)
    kept = 2
    for number in range(2, 2 + kills):
        # Anywhere; while files are moved and records written; around the commit.
        last = (steps.value, steps.value // 4, 100)[number % 3]
        run(number, chance.randint(steps.value - last + 1, steps.value + 50))
        kept, before = whole_or_nothing(db, Store()), kept
        assert kept in (before, before + 1)
    assert 2 < kept < 2 + kills, "no kill happened before the records were written, or none after"
    # The next process clears up the leftovers, and footage whose intake was killed can be added again.
    for number in range(2 + kills):
        path = padded_copy(clip, number)
        if hashlib.sha256(path.read_bytes()).hexdigest() not in known(db):
            add_footage(db, "officer", path, case=f"C/{number}")
    assert verify_store(db, Store()).sound
    assert whole_or_nothing(db, Store()) == 2 + kills


def known(db: Database) -> set[str]:
    with db.reading() as session:
        return set(session.scalars(select(Footage.sha256)))
