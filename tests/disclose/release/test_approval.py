"""The approval rule, and that nothing bypasses it."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from redact.disclose.log import release_log
from redact.disclose.pack import packs
from redact.disclose.release import approval, releases, review_items, watching
from redact.disclose.release.approval import OpenItems
from redact.disclose.release.plan import plan_of
from redact.disclose.release.releases import ClipRequest
from redact.disclose.release.review_items import _matters
from redact.disclose.release.second_pass import SecondPassState
from redact.errors import BadRecord, EditInvalid, NotAllowed, RecordMissing, WrongState
from redact.evidence import edit_log
from redact.evidence.edit_log import SentEdit
from redact.evidence.store import Store
from redact.jobs import handlers, queue
from redact.jobs.second_pass_findings import _distinct_keys
from redact.jobs.worker import run_job
from redact.mask.edits.types import Box, Edit, Keyframe, Settle, Undo
from redact.mask.risk_queue import Risk, RiskKind
from redact.records import accounts
from redact.records.database import Database
from redact.schema.tables import Event, Job, Json, MachineTracks
from tests.disclose import approved
from tests.disclose.approved import FRAMES, copied_home, made_home

RELEASE = "R-1#1"
SUSPECT = "suspect:face:3:4:5:2"
TRACK_2 = {"birth:2:8", "death:2:19"}
"""Both ends of the plate's track, which starts and ends in the middle of the picture."""


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with a release in review, to be copied."""
    folder = tmp_path_factory.mktemp("submitted")

    def make(db: Database) -> None:
        approved.submitted(db, Store(), folder)
        with db.writing("administrator") as change:
            accounts.find(change.session, "officer").roles = ["supervisor"]
            change.event("test.prepared", "person:officer", {})

    return made_home(folder, make)


@pytest.fixture
def ready(template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Database:
    return copied_home(template, tmp_path, monkeypatch)


def standing(db: Database) -> tuple[str, str]:
    """State and digest."""
    with db.reading() as session:
        release = releases.find(session, RELEASE)
        return release.state, releases.content_digest(session, release)


def still_open(db: Database) -> OpenItems:
    store = Store()
    with db.reading() as session:
        return approval.open_items(session, store, plan_of(session, store, releases.find(session, RELEASE)))


def keys(db: Database) -> set[str]:
    return {item["key"] for item in still_open(db).items}


def watch(db: Database, last: int = FRAMES - 1) -> None:
    watching.record_watched(db, "approver", RELEASE, 0, spans=[(0, last)], content=standing(db)[1])


def second_pass(db: Database, *found: str) -> None:
    """Records a second detection pass over the current content, as its job would."""
    with db.reading() as session:
        footage = releases.find(session, RELEASE).clips[0].footage.sha256
    about = {"kind": "suspect", "track": None, "label": "face", "footage": footage, "output": 1, "exhibit": "AB/1"}
    finding = {"first": 3, "last": 4, "frame": 3, "box": [1.0, 2.0, 3.0, 4.0], "score": 0.9, "text": "A face."}
    items: list[Json] = [{**about, **finding, "key": key} for key in found]
    content = standing(db)[1]
    asked = handlers.request_second_pass(db, "approver", RELEASE, content)
    with db.bookkeeping() as session:
        job = session.get_one(Job, asked.id)
        job.state, job.unique_key, job.finished_at = "done", None, datetime.now(UTC)
        job.result = {"content": content, "items": items, "looked_by": None}


def make(db: Database, *made: Edit) -> Sequence[str]:
    """Edits by the reviewer; returns their ids."""
    with db.reading() as session:
        row = session.scalars(select(MachineTracks)).one()
        revision = releases.find(session, RELEASE).clips[0].footage.revision
    sent = [SentEdit(f"edit-{revision + n:04}", edit) for n, edit in enumerate(made, start=1)]
    edit_log.record(db, "reviewer", row.id, sent, base_revision=revision)
    return [one.id for one in sent]


def settle(db: Database, *which: str) -> None:
    review_items.settle(db, Store(), "reviewer", RELEASE, sorted(which), reason="checked", exhibit=None)


def approve(db: Database, actor: str = "approver", **more: Any) -> None:
    approval.approve(db, Store(), actor, RELEASE, **more)


def approval_event(db: Database) -> Json:
    with db.reading() as session:
        event = session.scalars(select(Event).where(Event.kind == "release.approved")).one()
    body: Json = json.loads(event.body)
    return body


def test_approval_waits_for_every_open_item(ready: Database) -> None:
    state, content = standing(ready)
    with pytest.raises(
        WrongState, match=r"not been watched; 2 items of the review queue are not settled; no second detection pass"
    ):
        approve(ready)
    watch(ready)
    settle(ready, *TRACK_2)
    with pytest.raises(WrongState, match="yet: no second detection pass has run"):
        approve(ready)
    second_pass(ready, SUSPECT)
    with pytest.raises(WrongState, match="yet: 1 item of the review queue is not settled"):
        approve(ready)
    item = still_open(ready).items[0]
    assert (item["key"], item["track"], item["frame"], item["exhibit"]) == (SUSPECT, None, 3, "AB/1")
    settle(ready, SUSPECT)
    # Settling changes no picture: the release is the same, watched and checked, and still in review.
    assert standing(ready) == (state, content)
    approve(ready)
    assert approval_event(ready) == {"content": content}


def test_second_pass_counts_for_current_content_only(ready: Database) -> None:
    second_pass(ready)
    assert still_open(ready).second_pass is SecondPassState.DONE
    make(ready, Keyframe(1, 4, Box(20, 30, 70, 90)))
    assert still_open(ready).second_pass is SecondPassState.NONE
    second_pass(ready)
    second_pass(ready, SUSPECT)
    assert SUSPECT in keys(ready)


def test_override_needs_supervisor(ready: Database, tmp_path: Path) -> None:
    watch(ready, FRAMES - 3)
    with pytest.raises(NotAllowed, match="approve releases with open items"):
        approve(ready, override="no time")
    assert standing(ready)[0] == "in-review"
    approve(ready, "officer", override="the court sits today")
    override = {"override": "the court sits today", "unwatched": 1, "unsettled": 2, "second_look": False}
    assert approval_event(ready) == {"content": standing(ready)[1], **override}
    made = packs.export(ready, Store(), "officer", RELEASE, tmp_path / "pack")
    written = release_log.load((made.pack / "log.json").read_bytes())
    assert isinstance(written, release_log.ReleaseLog) and written.release.approver.override is not None
    assert written.release.approver.override.model_dump() == {"reason": override.pop("override"), **override}


def test_approval_is_refused_after_change_during_it(ready: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    watch(ready)
    settle(ready, *TRACK_2)
    second_pass(ready)
    (settling, *_) = edits_of(ready)
    found = approval.open_items
    # Changes between finding open items and recording the approval, even if nothing is open afterwards.
    changes: list[Callable[[], object]] = [
        lambda: edited_and_checked(ready),
        lambda: make(ready, Undo(settling)),
        lambda: second_pass(ready, SUSPECT),
    ]

    def found_then_changed(change: Callable[[], object], *arguments: Any) -> OpenItems:
        open_items = found(*arguments)
        change()
        if standing(ready)[0] == "draft":
            releases.submit(ready, "reviewer", RELEASE, [])
        return open_items

    for change in changes:
        monkeypatch.setattr(approval, "open_items", partial(found_then_changed, change))
        with pytest.raises(WrongState, match="changed in the meantime"):
            approve(ready)
        assert standing(ready)[0] == "in-review"
    with pytest.raises(WrongState, match="changed in the meantime"):
        approve(ready, "officer", override="x", content="0" * 64)


def edited_and_checked(db: Database) -> None:
    make(db, Keyframe(1, 4, Box(20, 30, 70, 90)))
    watch(db)
    second_pass(db)


def edits_of(db: Database) -> list[str]:
    with db.reading() as session:
        row = session.scalars(select(MachineTracks)).one()
        return [edit.id for edit in edit_log.logged_edits(session, row.id)]


def test_settling_undone_reopens_release(ready: Database) -> None:
    watch(ready)
    second_pass(ready)
    settle(ready, *TRACK_2)
    approve(ready)
    content = standing(ready)[1]
    make(ready, Undo(edits_of(ready)[0]))
    assert standing(ready) == ("draft", content)
    assert len(keys(ready)) == 1


def test_edit_beside_settling_reopens_release(ready: Database) -> None:
    content = standing(ready)[1]
    make(ready, Settle("birth:2:8", "a door"), Keyframe(1, 4, Box(20, 30, 70, 90)))
    state, now = standing(ready)
    assert state == "draft" and now != content


def test_review_queue_covers_hidden_tracks_within_clips(ready: Database) -> None:
    assert keys(ready) == TRACK_2
    releases.set_clips(ready, "reviewer", RELEASE, [ClipRequest("AB/1", 8, 19)])
    assert keys(ready) == set()  # a track that starts and ends with the clip raises nothing
    releases.set_clips(ready, "reviewer", RELEASE, [ClipRequest("AB/1", 7, 19)])
    assert keys(ready) == {"birth:2:8"}
    releases.set_clips(ready, "reviewer", RELEASE, [ClipRequest("AB/1", 0, 7)])
    assert keys(ready) == set()
    releases.set_clips(ready, "reviewer", RELEASE, [ClipRequest("AB/1")])
    releases.decide(ready, "reviewer", RELEASE, {"target": {"track": 2}, "action": "show", "reason": "a prop"}, "AB/1")
    assert keys(ready) == set()
    every = {kind: Risk(kind, 2, 8, 8, 0.5, "") for kind in RiskKind}
    # A track shown by decision may have passed to another person; for a class shown as a whole that does not matter.
    assert {kind for kind, risk in every.items() if _matters(risk, {2: True})} == {RiskKind.GAP, RiskKind.JUMP}
    assert not any(_matters(risk, {2: False}) for risk in every.values())
    assert all(_matters(risk, {1: True}) for risk in every.values())


def test_settling_needs_open_item_and_reason(ready: Database) -> None:
    for kind, key, reason in (
        (RecordMissing, "birth:9:9", "x"),
        (BadRecord, "birth:2:8", " "),
        (EditInvalid, "birth:2:8", "x" * 1001),
    ):
        with pytest.raises(kind):
            review_items.settle(ready, Store(), "reviewer", RELEASE, [key], reason=reason, exhibit=None)
    with pytest.raises(NotAllowed):
        review_items.settle(ready, Store(), "approver", RELEASE, ["birth:2:8"], reason="x", exhibit=None)
    assert keys(ready) == TRACK_2


def test_preview_requests_second_pass_once(ready: Database) -> None:
    def run(kind: str) -> None:
        asked = queue.enqueue(ready, "approver", kind, f"release:{RELEASE}", {"release": RELEASE})
        run_job(ready, asked.id, lambda: False, lambda line: None)
        assert queue.find(ready, asked.id).state == "done"

    def passes() -> list[Job]:
        with ready.reading() as session:
            return list(session.scalars(select(Job).where(Job.kind == "second-look")))

    run("preview")
    (asked,) = passes()
    assert (asked.state, still_open(ready).second_pass) == ("queued", SecondPassState.QUEUED)
    run("preview")
    assert len(passes()) == 1
    second_pass(ready)  # this completes the queued one
    assert len(passes()) == 1 and still_open(ready).second_pass is SecondPassState.DONE
    run("preview")
    assert len(passes()) == 1


def test_suspects_in_one_place_get_distinct_keys() -> None:
    two: list[Json] = [{"key": "a", "box": [1.0, 2.0, 3.0, 4.0]}, {"key": "a", "box": [1.2, 2.0, 9.0, 4.0]}]
    assert len({item["key"] for item in _distinct_keys([*two, {"key": "b", "box": [0.0, 0.0, 1.0, 1.0]}])}) == 3
    assert all(item["key"] != "a" for item in two)
