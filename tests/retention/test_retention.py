from __future__ import annotations

import ast
import hashlib
import json
import threading
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

import redact
from redact.audit import chain
from redact.errors import BadRecord, NotAllowed, RecordMissing, RetentionInvalid, StoreNotWritable, WrongState
from redact.evidence.store import Store
from redact.records import cases
from redact.records.database import Database, UnitOfWork
from redact.records.deadlines import CaseKind
from redact.retention import clock, disposal, rules
from redact.retention.clock import MarkKind, RetentionStatus
from redact.retention.disposal import place
from redact.schema.tables import Clip, Disposal, Event, Exhibit, Footage, MachineTracks, Mark, Release

NOW = datetime(2026, 6, 30, 12, tzinfo=UTC)
OLD = NOW - timedelta(32)
"""Due since a day, by the 31 days that ship."""


@pytest.fixture(autouse=True)
def _people(request: pytest.FixtureRequest) -> None:
    if "db" in request.fixturenames:
        request.getfixturevalue("staff")


def add(db: Database, text: str, recorded: datetime | None = OLD, **more: Any) -> str:
    """Footage with its files in the store, in no case."""
    data = text.encode()
    sha256 = hashlib.sha256(data).hexdigest()
    tracks = hashlib.sha256(sha256.encode()).hexdigest()
    store = Store()
    for path in (
        store.master_path(sha256),
        store.folder / "derived" / sha256 / "strip.jpg",
        store.tracks_path(tracks),
    ):
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)
    told = {"original_name": f"{text}.mp4", "added_at": NOW, "media": {}, "camera": {}, "recorded_start": recorded}
    with db.writing("officer") as work:
        footage = Footage(**{"retention_class": "standard", "state": "held", "size": 1, **told, **more}, sha256=sha256)
        work.session.add(footage)
        work.session.flush()
        work.session.add(MachineTracks(footage_id=footage.id, file_sha256=tracks, provenance={}, made_at=NOW, tracks=0))
        work.event("footage.added", f"footage:{sha256[:12]}", {})
    return sha256


def files(sha256: str) -> list[Path]:
    store = Store()
    tracks = store.tracks_path(hashlib.sha256(sha256.encode()).hexdigest())
    found = (store.master_path(sha256), store.folder / "derived" / sha256, tracks)
    return [path for path in found if path.exists()]


def due_of(db: Database, sha256: str, now: datetime = NOW) -> RetentionStatus:
    with db.reading() as session:
        return next(one for one in disposal.status(session, now) if one.sha256 == sha256)


def dispose(db: Database, who: str = "admin", now: datetime = NOW) -> disposal.DisposalRun:
    return disposal.run(db, who, Store(), dry_run=False, now=now)


def state(db: Database, sha256: str) -> str:
    with db.reading() as session:
        return session.scalars(select(Footage).where(Footage.sha256 == sha256)).one().state


def sound(db: Database) -> bool:
    with db.reading() as session:
        return chain.verify(session, [db.key.public]).sound


# What is known of the recording, and what the clock then runs from: 31 days later it runs out.
STARTS: dict[str, tuple[dict[str, Any], datetime, str]] = {
    "start only": ({}, OLD, "recorded"),
    "end, which is later": ({"recorded_end": OLD + timedelta(1)}, OLD + timedelta(1), "recorded"),
    "a camera an hour behind": ({"clock_offset_seconds": 3600.0}, OLD + timedelta(hours=1), "recorded"),
    "unknown": ({"recorded": None}, NOW, "added; when it was recorded is not known"),
    "never set": ({"recorded": datetime(1970, 1, 1, tzinfo=UTC)}, NOW, "added; the camera's clock was not set"),
    "set back": ({"clock_offset_seconds": -1e9}, NOW, "added; the camera's clock was not set"),
    "off the calendar": (
        {"recorded": datetime(9999, 12, 31, tzinfo=UTC), "clock_offset_seconds": 1e9},
        NOW,
        "added; the camera's clock was not set",
    ),
    "ahead": ({"recorded": NOW + timedelta(400)}, NOW, "added; the camera's clock is ahead of that"),
}


@pytest.mark.parametrize("what", STARTS)
def test_what_the_clock_runs_from(db: Database, what: str) -> None:
    known, started, by = STARTS[what]
    sha256 = add(db, "a", **known)
    one = due_of(db, sha256)
    assert (one.started, one.started_by, one.runs_out) == (started, by, started + timedelta(31))
    # Due at that very moment, and not before.
    assert due_of(db, sha256, started + timedelta(31)).due
    assert not due_of(db, sha256, started + timedelta(31, seconds=-1)).due


# Days after the recording on which marks were placed and lifted, and on which the clock of 31 days then runs out.
STOPPED: list[tuple[list[tuple[float, float | None]], float | None]] = [
    ([], 31),
    ([(10, 15)], 36),  # five days do not count
    ([(10, 15), (12, 20)], 41),  # two at once stop it once: from 10 to 20
    ([(12, 13), (10, 20)], 41),  # one within the other, and not in order
    ([(10, 15), (15, 16)], 37),  # one right after the other
    ([(31, 40)], 31),  # it had run out at that moment
    ([(30.5, 40)], 40.5),  # half a day was left
    ([(5, 6), (31.5, 100)], 100.5),  # the first made it 32, so half a day was left again
    ([(5, 6), (32, 100)], 32),
    ([(-3, 2)], 33),  # before the recording there was nothing to stop
    ([(-3, -1)], 31),
    ([(10, 15), (20, None)], None),
]


@pytest.mark.parametrize(("spans", "out"), STOPPED)
def test_the_clock_stands_still_while_there_is_a_mark(
    spans: list[tuple[float, float | None]], out: float | None
) -> None:
    marks = [
        Mark(placed_at=OLD + timedelta(start), lifted_at=None if end is None else OLD + timedelta(end))
        for start, end in spans
    ]
    expected = None if out is None else OLD + timedelta(out)
    assert clock._runs_out(OLD, timedelta(31), marks) == expected


def hold(kind: MarkKind) -> Callable[[Database, str], Callable[[], object]]:
    def placed(db: Database, sha256: str) -> Callable[[], object]:
        number = place(db, "approver", sha256, kind, "Civil claim 17/26")
        return lambda: disposal.lift(db, "officer", sha256, "Claim settled", number=number)

    return placed


def in_a_case(db: Database, sha256: str) -> None:
    cases.open_case(db, "officer", "FOI-1", kind=CaseKind.FOI, title="t", received=date(2026, 5, 1))
    with db.writing("officer") as work:
        case = cases.find(work.session, "FOI-1")
        footage = work.session.scalars(select(Footage).where(Footage.sha256 == sha256)).one()
        work.session.add(Exhibit(case_id=case.id, footage_id=footage.id, reference="A/1"))
        work.event("exhibit.added", cases.subject(case), {})


def close(db: Database, at: datetime) -> None:
    cases.set_closed(db, "officer", "FOI-1", closed=True, reason="answered")
    closed_at(db, at)


def closed_at(db: Database, at: datetime) -> None:
    with db.writing("officer") as work:
        cases.find(work.session, "FOI-1").closed_at = at
        work.event("note.made", "x", {})


def open_case(db: Database, sha256: str) -> Callable[[], object]:
    in_a_case(db, sha256)
    return lambda: close(db, NOW - timedelta(120))


def closed_lately(db: Database, sha256: str) -> Callable[[], object]:
    in_a_case(db, sha256)
    close(db, NOW - timedelta(120, seconds=-1))
    return lambda: closed_at(db, NOW - timedelta(120))


def release(state: str, details: dict[str, Any]) -> Callable[[Database, str], Callable[[], object]]:
    """A release of a case that was closed long ago; what ends it is its withdrawal."""

    def made(db: Database, sha256: str) -> Callable[[], object]:
        in_a_case(db, sha256)
        close(db, NOW - timedelta(400))
        with db.writing("officer") as work:
            footage = work.session.scalars(select(Footage).where(Footage.sha256 == sha256)).one()
            tracks = work.session.scalars(select(MachineTracks).where(MachineTracks.footage_id == footage.id)).one()
            one = Release(
                case_id=cases.find(work.session, "FOI-1").id,
                number=1,
                state=state,
                details=details,
                created_at=NOW,
                created_by=1,
                **dict.fromkeys(("policy_name", "policy", "policy_sha256", "codes", "codes_sha256"), ""),
                approved_content="",
            )
            one.clips = [Clip(position=0, footage_id=footage.id, tracks_id=tracks.id, first_frame=0, last_frame=1)]
            work.session.add(one)
            work.event("release.created", "release:FOI-1#1", {})

        def withdraw() -> None:
            with db.writing("approver") as work:
                work.session.scalars(select(Release)).one().state = "withdrawn"
                work.event("release.withdrawn", "release:FOI-1#1", {})

        return withdraw

    return made


def kept_until(text: str) -> dict[str, Any]:
    return {"retention": {"rule": "two years", "destroy_on": text}}


# What keeps footage whose clock has run out. Each puts it there, and gives what takes it away.
KEEPERS: dict[str, Callable[[Database, str], Callable[[], object]]] = {
    "evidence": hold(MarkKind.EVIDENCE),
    "complaint": hold(MarkKind.COMPLAINT),
    "legal hold": hold(MarkKind.LEGAL_HOLD),
    "open case": open_case,
    "closed lately": closed_lately,
    "draft release": release("draft", {}),
    "draft release with a date": release("draft", kept_until("2026-01-01")),
    "approved release": release("approved", {}),
    "exported, no date": release("exported", {}),
    "exported, date to come": release("exported", kept_until("2026-07-02")),
    "exported, date that is none": release("exported", kept_until("when it suits")),
    "exported, half a date": release("exported", {"retention": {"rule": "two years", "destroy_on": None}}),
}


@pytest.mark.parametrize("what", KEEPERS)
def test_held_footage_is_never_disposed_of(db: Database, what: str) -> None:
    sha256, other = add(db, "a"), add(db, "b")
    end = KEEPERS[what](db, sha256)
    assert not due_of(db, sha256).due
    assert [keeper.why for keeper in due_of(db, sha256).kept_by]
    run = dispose(db)
    assert [c["sha256"] for c in run.certificates] == [other]
    assert state(db, sha256) == "held"
    assert len(files(sha256)) == 3
    end()
    assert [c["sha256"] for c in dispose(db).certificates] == [sha256]
    assert not files(sha256)


def test_a_release_frees_its_footage_on_the_day_it_is_destroyed(db: Database) -> None:
    sha256 = add(db, "a")
    release("exported", kept_until("2026-06-30"))(db, sha256)
    assert due_of(db, sha256).due
    assert not due_of(db, sha256, NOW - timedelta(1)).due


def test_footage_of_a_class_without_a_rule_is_kept(db: Database) -> None:
    sha256 = add(db, "a", retention_class="covert")
    assert [k.kind for k in due_of(db, sha256, NOW + timedelta(9999)).kept_by] == ["class"]
    assert dispose(db, now=NOW + timedelta(9999)).certificates == []


@pytest.mark.parametrize("what", ["evidence", "complaint", "legal hold", "open case", "approved release"])
def test_a_hold_placed_between_listing_and_disposal_counts(
    db: Database, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    held, other = add(db, "a"), add(db, "b")
    begin = disposal._begin

    def late(*args: Any) -> None:
        if args[2].sha256 == held:
            KEEPERS[what](db, held)
        begin(*args)

    monkeypatch.setattr(disposal, "_begin", late)
    run = dispose(db)
    assert sorted(one.sha256 for one in run.due) == sorted((held, other))
    assert [(one.sha256, error.code) for one, error in run.failed] == [(held, "R671")]
    assert [c["sha256"] for c in run.certificates] == [other]
    assert (state(db, held), len(files(held))) == ("held", 3)


def test_a_hold_that_comes_too_late_is_refused(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    sha256 = add(db, "a")
    said: list[str] = []

    def late(store: Store, name: str, tracks: Any) -> tuple[str, ...]:
        with pytest.raises(WrongState) as caught:
            place(db, "officer", sha256, MarkKind.EVIDENCE, "needed after all")
        said.append(caught.value.text)
        return real(store, name, tracks)

    real = Store.dispose
    monkeypatch.setattr(Store, "dispose", late)
    dispose(db)
    with pytest.raises(WrongState) as caught:
        place(db, "officer", sha256, MarkKind.EVIDENCE, "needed after all")
    said.append(caught.value.text)
    assert "is being disposed of" in said[0]
    assert "has been disposed of" in said[1]


class Killed(BaseException):
    """Stands for kill -9: nothing catches it."""


def boom(*_: Any, **__: Any) -> Any:
    raise Killed


def killed_in_between(patch: pytest.MonkeyPatch) -> None:
    """After the first of the files."""
    unlink = Path.unlink

    def once(path: Path, *args: Any, **more: Any) -> None:
        unlink(path, *args, **more)
        patch.setattr(Path, "unlink", boom)

    patch.setattr(Path, "unlink", once)


def killed_at(event: str) -> Callable[[pytest.MonkeyPatch], None]:
    """In the transaction, after its rows and its event were written."""

    def arrange(patch: pytest.MonkeyPatch) -> None:
        tell = UnitOfWork.event

        def last(work: UnitOfWork, kind: str, *args: Any) -> Any:
            told = tell(work, kind, *args)
            if kind == event:
                raise Killed
            return told

        patch.setattr(UnitOfWork, "event", last)

    return arrange


def instead_of(name: str, where: Any) -> Callable[[pytest.MonkeyPatch], None]:
    return lambda patch: patch.setattr(where, name, boom)


# Where it is killed, and what is left: state and number of files.
KILLS: dict[str, tuple[Callable[[pytest.MonkeyPatch], None], str, int]] = {
    "before": (instead_of("_begin", disposal), "held", 3),
    "in the first transaction": (killed_at("footage.disposal-begun"), "held", 3),
    "between record and files": (instead_of("dispose", Store), "disposing", 3),
    "between two files": (killed_in_between, "disposing", 2),
    "between files and record": (instead_of("_finish", disposal), "disposing", 0),
    "in the second transaction": (killed_at("footage.disposed"), "disposing", 0),
}


@pytest.mark.parametrize("where", KILLS)
def test_killed_anywhere_footage_is_whole_or_the_next_run_finishes(
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
    told = disposal.run(db, "admin", Store(), now=NOW)
    assert ([o.sha256 for o in told.due], [o.sha256 for o in told.unfinished]) == (
        ([sha256], []) if left == "held" else ([], [sha256])
    )
    # Even where the rules would keep it now: there may be nothing left to keep.
    run = dispose(db, now=NOW if left == "held" else NOW - timedelta(300))
    assert [c["resumed"] for c in run.certificates] == [left == "disposing"]
    assert (state(db, sha256), files(sha256)) == ("disposed", [])
    assert dispose(db).certificates == []
    with db.reading() as session:
        assert session.scalar(select(func.count()).select_from(Disposal)) == 1
    assert sound(db)


def test_files_that_cannot_be_removed_are_finished_later(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
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


def test_two_runs_at_once_dispose_of_everything_once(db: Database) -> None:
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


def test_the_certificate_says_what_when_by_whom_how_and_under_which_rule(db: Database) -> None:
    sha256 = add(db, "a", size=4711)
    with db.reading() as session:
        before = chain.signed_head(session)
    (told,) = dispose(db).certificates
    assert before is not None
    with db.reading() as session:
        (row,) = session.scalars(select(Disposal))
        events = {e.kind: e for e in session.scalars(select(Event).where(Event.subject == f"footage:{sha256[:12]}"))}
        footage = session.get_one(Footage, row.footage_id)
    begun, done = events["footage.disposal-begun"], events["footage.disposed"]
    assert row.certificate == told == json.loads(done.body)
    assert told["certificate"] == f"D-{begun.seq}"
    assert told["audit_head_before"] == {"count": before.count, "hash": before.hash, "merkle_root": before.root}
    assert (told["size_bytes"], told["original_name"]) == (4711, "a.mp4")
    assert (told["ordered_by"], told["ordered_at"], told["completed_at"]) == ("admin", begun.at, done.at)
    assert (told["rule"]["class"], told["rule"]["days"]) == ("standard", 31)
    assert told["rule"]["clock_ran_out"] == "2026-06-29T12:00:00.000000Z"
    assert f"masters/{sha256[:2]}/{sha256}" in told["removed"]
    assert len(told["removed"]) == 3
    assert (footage.state, footage.disposed_at) == ("disposed", row.at)


@pytest.mark.parametrize("who", ["officer", "anna", "approver", "auditor", "nobody"])
def test_only_an_administrator_disposes(db: Database, who: str) -> None:
    sha256 = add(db, "a")
    for dry_run in (True, False):
        with pytest.raises((NotAllowed, RecordMissing)):
            disposal.run(db, who, Store(), dry_run=dry_run, now=NOW)
    assert len(files(sha256)) == 3


def test_a_dry_run_changes_nothing(db: Database) -> None:
    sha256 = add(db, "a")
    with db.reading() as session:
        before = chain.signed_head(session)
    run = disposal.run(db, "admin", Store(), now=NOW)
    assert ([one.sha256 for one in run.due], run.certificates) == ([sha256], [])
    with db.reading() as session:
        assert chain.signed_head(session) == before
    assert (state(db, sha256), len(files(sha256))) == ("held", 3)


def test_marks_have_a_reason_and_are_lifted_by_number_or_kind(db: Database) -> None:
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
        told = [json.loads(e.body) for e in session.scalars(select(Event).where(Event.kind.like("footage.mark-%")))]
    assert [mark.lift_reason for mark in marks] == ["settled", "settled"]
    assert [(t["mark"], t["reason"]) for t in told] == [
        (one, "first claim"),
        (two, "second claim"),
        (one, "settled"),
        (two, "settled"),
    ]


def test_nothing_but_retention_disposes_of_files() -> None:
    """Masters are removed in one place only, and that is called from one place only."""
    callers = set()
    for path in Path(redact.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute) and node.attr == "dispose" and ast.unparse(node.value) != "self._engine":
                callers.add(path.name)
    assert callers == {"disposal.py"}


GOOD = """
version = 1
default = "standard"
[class.standard]
days = 31
note = "n"
[class.use-of-force]
days = 183
note = "n"
[after-case]
court = 1
foi = 2
subject-access = 3
complaint = 4
internal = 0
"""


def own_rules(home: Path, text: str) -> None:
    home.mkdir(exist_ok=True)
    (home / rules.FILE).write_text(text)


def test_a_force_has_rules_of_its_own(db: Database, home: Path) -> None:
    own_rules(home, GOOD.replace("days = 31", "days = 40"))
    sha256, long = add(db, "a"), add(db, "b", retention_class="use-of-force")
    assert due_of(db, sha256).runs_out == OLD + timedelta(40)
    assert due_of(db, long).runs_out == OLD + timedelta(183)
    assert [c["sha256"] for c in dispose(db, now=OLD + timedelta(40)).certificates] == [sha256]


# What is wrong with a file of rules, as a replacement in a good one.
WRONG = [
    ("days = 31", "days = 0"),
    ("days = 31", "days = 31.5"),
    ("days = 31", "days = true"),
    ("days = 31", 'days = "31"'),
    ("days = 31", "days = 36526"),
    ("days = 31", ""),
    ("days = 31", "days = 31\nhours = 1"),
    ('note = "n"', 'note = ""'),
    ("version = 1", "version = 2"),
    ("version = 1", ""),
    ('default = "standard"', 'default = "other"'),
    ("[class.standard]", "[class.Standard]"),
    ("court = 1", "court = -1"),
    ("court = 1", ""),
    ("court = 1", "court = 1\ncivil = 3"),
    ("[after-case]", "[after_case]"),
    ("version", "verson"),
]


@pytest.mark.parametrize(("good", "wrong"), WRONG)
def test_rules_that_are_not_understood_dispose_of_nothing(home: Path, good: str, wrong: str) -> None:
    rules.parse(GOOD.encode(), "the file")
    own_rules(home, GOOD.replace(good, wrong, 1))
    with pytest.raises(RetentionInvalid, match=r"retention\.toml"):
        rules.load_rules()


def test_the_rules_that_ship_can_be_read(home: Path) -> None:
    shipped = rules.load_rules()
    assert shipped.classes[shipped.default].days == 31
    assert shipped.after_case[CaseKind.FOI] >= 56 + 42  # internal review, then the Commissioner
