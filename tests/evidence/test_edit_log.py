"""The edit log: nothing twice, nothing lost, conflicts reported. Only one test opens footage."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import func, select

from redact.audit import chain
from redact.errors import EditConflict, EditInvalid, EditReused, NotAllowed, RecordMissing, WrongState
from redact.evidence import edit_log
from redact.evidence.edit_log import SentEdit
from redact.evidence.footage_records import FootageState
from redact.evidence.machine_tracks import add_machine_tracks
from redact.evidence.store import Store
from redact.mask.edits.types import Box, Delete, Edit, Keyframe, LoggedEdit, Outside, SetClass, Undo
from redact.records.database import Database
from redact.records.release_state import ReleaseState
from redact.schema.tables import Case, Clip, Event, Footage, MachineTracks, Release
from redact.schema.tables import Edit as Row
from tests.evidence.factory import add_clip, open_case, tracks_of

BOX = Box(10.0, 10.0, 40.0, 40.0)


@pytest.fixture
def tracks(db: Database, staff: dict[str, str]) -> int:
    """Machine tracks of footage with 100 frames."""
    with db.writing("officer") as work:
        footage = Footage(
            sha256="1" * 64, size=1, original_name="a.mp4", added_at=work.at, camera={},
            media={"frames": 100, "width": 640, "height": 480}, retention_class="default", state="held",
        )  # fmt: skip
        work.session.add(footage)
        work.session.flush()
        row = MachineTracks(footage_id=footage.id, file_sha256="2" * 64, provenance={}, made_at=work.at, tracks=1)
        work.session.add(row)
        work.event("test.prepared", "footage:1", {})
        work.session.flush()
        return row.id


def key(frame: int, track: int = 1) -> Keyframe:
    return Keyframe(track, frame, BOX)


def sent(name: str, *many: Edit) -> list[SentEdit]:
    return [SentEdit(f"{name}-{number:04}", edit) for number, edit in enumerate(many)]


def log(db: Database, tracks: int, after: int = 0) -> tuple[LoggedEdit, ...]:
    with db.reading() as session:
        return edit_log.logged_edits(session, tracks, after=after)


def ids(db: Database, tracks: int) -> list[str]:
    return [entry.id for entry in log(db, tracks)]


def report(db: Database) -> chain.ChainReport:
    with db.reading() as session:
        return chain.verify(session, [db.key.public])


def test_edits_and_events_are_read_back_unchanged(db: Database, tracks: int) -> None:
    made = edit_log.record(db, "anna", tracks, sent("anna", key(1), Delete(2, "a poster")), base_revision=0)
    edit_log.record(db, "ben", tracks, sent("ben", key(5)), base_revision=2)
    entries = log(db, tracks)
    assert [(e.id, e.revision, e.actor, e.edit) for e in entries] == [
        ("anna-0000", 1, "anna", key(1)),
        ("anna-0001", 2, "anna", Delete(2, "a poster")),
        ("ben-0000", 3, "ben", key(5)),
    ]
    assert (made.edits, made.revision) == (entries[:2], 2)
    assert log(db, tracks, after=2) == entries[2:]
    with db.reading() as session:
        events = session.scalars(select(Event).where(Event.kind == edit_log.EDIT_MADE).order_by(Event.seq)).all()
        assert [(e.actor, e.at) for e in events] == [(e.actor, e.at) for e in entries]
    assert report(db).sound


def test_resent_edits_are_not_recorded_twice(db: Database, tracks: int) -> None:
    batch = sent("anna", key(1), key(2))
    first = edit_log.record(db, "anna", tracks, batch, base_revision=0)
    events = report(db).events
    assert edit_log.record(db, "anna", tracks, batch, base_revision=0) == first
    assert report(db).events == events
    # Partly known, with an old base revision: a person's own resent edits do not conflict.
    more = edit_log.record(db, "anna", tracks, sent("anna", key(1), key(2), Outside(1, 1)), base_revision=0)
    assert [e.revision for e in more.edits] == [1, 2, 3]
    assert ids(db, tracks) == ["anna-0000", "anna-0001", "anna-0002"]


def test_edit_id_stands_for_one_edit_of_one_person(db: Database, tracks: int) -> None:
    edit_log.record(db, "anna", tracks, sent("anna", key(1)), base_revision=0)
    for who, edit in (("anna", key(2)), ("ben", key(1))):
        with pytest.raises(EditReused):
            edit_log.record(db, who, tracks, sent("anna", edit), base_revision=1)
    with pytest.raises(EditInvalid):
        edit_log.record(db, "ben", tracks, sent("ben", key(1)) * 2, base_revision=1)
    assert ids(db, tracks) == ["anna-0000"]


def test_conflict_is_reported_and_nothing_recorded(db: Database, tracks: int) -> None:
    edit_log.record(db, "anna", tracks, sent("anna", key(1), key(9, track=7)), base_revision=0)
    # Made without knowledge of anna's edit: all or nothing is recorded.
    batch = sent("ben", key(50), Delete(1, "a poster"))
    with pytest.raises(EditConflict) as caught:
        edit_log.record(db, "ben", tracks, batch, base_revision=0)
    assert (caught.value.revision, caught.value.conflicts) == (2, ("anna-0000",))
    assert "anna" in caught.value.happened
    assert ids(db, tracks) == ["anna-0000", "anna-0001"]
    # Other frames do not conflict; and ben, who now knows anna's edit, may insist.
    assert edit_log.record(db, "ben", tracks, sent("beside", key(50)), base_revision=0).revision == 3
    assert edit_log.record(db, "ben", tracks, sent("again", Delete(1, "a poster")), base_revision=3).revision == 4
    assert report(db).sound


def test_conflict_between_windows_of_one_person_is_reported(db: Database, tracks: int) -> None:
    edit_log.record(db, "anna", tracks, sent("window1", key(1)), base_revision=0)
    with pytest.raises(EditConflict):
        edit_log.record(db, "anna", tracks, sent("window2", key(1)), base_revision=0)


def test_undo_conflicts_with_later_edits_of_the_same_item(db: Database, tracks: int) -> None:
    edit_log.record(db, "anna", tracks, sent("anna", key(1), SetClass(1, "plate")), base_revision=0)
    edit_log.record(db, "ben", tracks, sent("ben", key(1)), base_revision=2)
    with pytest.raises(EditConflict) as caught:
        edit_log.record(db, "anna", tracks, sent("undo", Undo("anna-0000")), base_revision=2)
    assert caught.value.conflicts == ("ben-0000",)
    edit_log.record(db, "anna", tracks, sent("other", Undo("anna-0001")), base_revision=2)


def test_edits_of_other_machine_tracks_do_not_conflict(db: Database, tracks: int) -> None:
    with db.writing("officer") as work:
        was = work.session.get_one(MachineTracks, tracks)
        again = MachineTracks(footage_id=was.footage_id, file_sha256="3" * 64, provenance={}, made_at=work.at, tracks=1)
        work.session.add(again)
        work.event("test.prepared", "footage:1", {})
        other = again.id
    edit_log.record(db, "anna", tracks, sent("anna", key(1)), base_revision=0)
    assert edit_log.record(db, "ben", other, sent("ben", key(1)), base_revision=0).revision == 2
    assert (ids(db, tracks), ids(db, other)) == (["anna-0000"], ["ben-0000"])


def test_edits_are_refused_without_right_or_footage(db: Database, tracks: int) -> None:
    batch = sent("some", key(1))
    for who in ("auditor", "approver", "admin"):
        with pytest.raises(NotAllowed):
            edit_log.record(db, who, tracks, batch, base_revision=0)
    with pytest.raises(RecordMissing):
        edit_log.record(db, "anna", tracks + 1, batch, base_revision=0)
    for base in (-1, 1):
        with pytest.raises(EditInvalid):
            edit_log.record(db, "anna", tracks, batch, base_revision=base)
    with pytest.raises(EditInvalid):
        edit_log.record(db, "anna", tracks, [], base_revision=0)
    with db.writing("officer") as work:
        work.session.scalars(select(Footage)).one().state = FootageState.DISPOSED
        work.event("test.prepared", "footage:1", {})
    with pytest.raises(WrongState):
        edit_log.record(db, "anna", tracks, batch, base_revision=0)
    assert ids(db, tracks) == []


def test_edit_reopens_approved_release(db: Database, tracks: int) -> None:
    open_case(db, "C/1")
    with db.writing("officer") as work:
        release = Release(
            case_id=work.session.scalars(select(Case.id)).one(), number=1, policy_name="court", policy="",
            policy_sha256="", codes="", codes_sha256="", state=ReleaseState.APPROVED, details={}, created_at=work.at,
            created_by=1,
        )  # fmt: skip
        footage = work.session.scalars(select(Footage)).one()
        release.clips = [Clip(position=0, footage=footage, tracks_id=tracks, first_frame=0, last_frame=9)]
        work.session.add(release)
        work.event("test.prepared", "case:C/1", {})
    edit_log.record(db, "anna", tracks, sent("anna", key(1)), base_revision=0)
    with db.reading() as session:
        assert session.scalars(select(Release.state)).one() == ReleaseState.DRAFT


def test_failed_edit_leaves_nothing(db: Database, tracks: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError

    before = report(db).events
    monkeypatch.setattr(edit_log, "reopen_for_footage", fail)
    with pytest.raises(RuntimeError):
        edit_log.record(db, "anna", tracks, sent("anna", key(1), key(2)), base_revision=0)
    assert ids(db, tracks) == []
    with db.reading() as session:
        assert session.scalars(select(Footage.revision)).one() == 0
    assert (report(db).events, report(db).sound) == (before, True)


def test_concurrent_editors_lose_nothing(db: Database, tracks: int) -> None:
    """Both edit the same frames and retry after each conflict with the reported revision, as the page does."""
    conflicts: dict[str, int] = {"anna": 0, "ben": 0}
    errors: list[BaseException] = []
    started = threading.Barrier(2)

    def edit(who: str) -> None:
        try:
            base = 0
            started.wait(10)
            for number in range(15):
                # Every third edit is on a frame that the other person also edits.
                frame = number if number % 3 == 0 else number + (20 if who == "anna" else 40)
                while True:
                    try:
                        batch = [SentEdit(f"{who}-{number:04}", key(frame))]
                        base = edit_log.record(db, who, tracks, batch, base_revision=base).revision
                        break
                    except EditConflict as conflict:
                        conflicts[who] += 1
                        base = conflict.revision
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=edit, args=(who,)) for who in conflicts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert not errors
    entries = log(db, tracks)
    assert [e.revision for e in entries] == list(range(1, 31))
    assert {e.id for e in entries} == {f"{who}-{n:04}" for who in conflicts for n in range(15)}
    assert report(db).sound
    with db.reading() as session:
        assert session.scalars(select(func.count()).select_from(Row)).one() == 30


def test_edits_resent_concurrently_are_recorded_once(db: Database, tracks: int) -> None:
    batch = sent("anna", *(key(n) for n in range(10)))
    results: list[object] = []
    started = threading.Barrier(3)

    def send() -> None:
        started.wait(10)
        try:
            results.append(edit_log.record(db, "anna", tracks, batch, base_revision=0))
        except BaseException as error:
            results.append(error)

    threads = [threading.Thread(target=send) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert results[0] == results[1] == results[2]
    assert [e.revision for e in log(db, tracks)] == list(range(1, 11))


def test_altered_edit_record_is_reported(db: Database, tracks: int) -> None:
    with db.writing("anna") as work:
        event = work.event(edit_log.EDIT_MADE, "footage:1", {"content": {}})
        row = Row(footage_id=1, tracks_id=tracks, revision=1, op_id="x" * 8, person_id=1, at=work.at, payload="{}")
        row.event_seq = event.seq
        work.session.add(row)
    with pytest.raises(EditInvalid, match="audit verify"):
        log(db, tracks)


_SENT = {"id": "anna-0001", "op": "keyframe", "track": 1, "frame": 99, "box": [10, 10, 40, 40]}


@pytest.mark.parametrize(
    "change",
    [
        lambda good: [good],
        lambda good: good,
        lambda good: [],
        lambda good: [good] * (edit_log.MAX_BATCH + 1),
        lambda good: ["keyframe"],
        lambda good: [good | {"id": None}],
        # The footage has 100 frames.
        lambda good: [good | {"frame": 100}],
    ],
    ids=["good", "not a list", "none", "too many", "not an object", "no id", "no such frame"],
)
def test_edit_requests_are_checked(change: Callable[[dict[str, object]], object]) -> None:
    footage = Footage(media={"frames": 100, "width": 640, "height": 480})
    untrusted = change(_SENT)
    if untrusted == [_SENT]:
        assert edit_log.parse_sent(untrusted, footage) == (SentEdit("anna-0001", key(99)),)
    else:
        with pytest.raises(EditInvalid):
            edit_log.parse_sent(untrusted, footage)


def test_edits_are_applied_to_tracks(db: Database, staff: dict[str, str], tmp_path: Path) -> None:
    footage = add_clip(db, tmp_path)
    row = add_machine_tracks(db, "officer", footage, tracks_of(footage))
    edit_log.record(db, "anna", row.id, sent("anna", Outside(0, 2), key(5, track=9)), base_revision=0)
    with db.reading() as session:
        edited = edit_log.edited_tracks(session, Store(), row.id)
    assert [(t.id, t.frames.tolist()) for t in edited.tracks.tracks] == [(0, [0, 1])]
    assert [s.edit for s in edited.skipped] == ["anna-0001"]
    with db.reading() as session, pytest.raises(RecordMissing):
        edit_log.edited_tracks(session, Store(), row.id + 1)
