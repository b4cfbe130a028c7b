"""States, the four-eyes rule, watching, and the effect of edits on them. Uses records only, no footage."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from redact.disclose.policy.reason_codes import ReleaseKind
from redact.disclose.release import details, releases, watching
from redact.disclose.release.releases import ClipRequest
from redact.errors import BadRecord, CodeNotAllowed, DecisionInvalid, NotAllowed, RecordMissing, WrongState
from redact.records import cases
from redact.records.accounts import all_people
from redact.records.database import Database
from redact.records.deadlines import CaseKind
from redact.records.release_state import reopen_for_footage
from redact.schema.tables import Exhibit, Footage, MachineTracks, Release
from tests.disclose.approved import approve_with_nothing_open

FRAMES = 100
SHOW = {"target": {"track": 1}, "action": "show", "reason": "the requester"}
HIDE = {"target": {"class": "face"}, "action": "hide", "codes": ["s30(1)(a)"]}


@pytest.fixture
def case(db: Database, staff: dict[str, str]) -> str:
    """FOI-1 with the exhibits AB1 and AB2, both with machine tracks."""
    cases.open_case(db, "officer", "FOI-1", kind=CaseKind.FOI, title="t", received=date(2026, 11, 2))
    with db.writing("officer") as work:
        known = cases.find(work.session, "FOI-1")
        for number in (1, 2):
            footage = Footage(
                sha256=f"{number}" * 64, size=1, original_name="a.mp4", added_at=work.at, camera={},
                media={"frames": FRAMES, "codec": "h264"}, retention_class="default", state="held",
            )  # fmt: skip
            work.session.add(Exhibit(case=known, footage=footage, reference=f"AB{number}"))
            work.session.flush()
            work.session.add(
                MachineTracks(
                    footage_id=footage.id, file_sha256=f"{number + 2}" * 64, provenance={}, made_at=work.at, tracks=1
                )
            )
        work.event("test.prepared", "case:FOI-1", {})
    return "FOI-1"


def state(db: Database, name: str) -> str:
    with db.reading() as session:
        return releases.find(session, name).state


def digest(db: Database, name: str) -> str:
    with db.reading() as session:
        return releases.content_digest(session, releases.find(session, name))


def watch(db: Database, name: str, who: str, *spans: tuple[int, int]) -> None:
    watching.record_watched(db, who, name, 0, spans=spans or [(0, FRAMES - 1)], content=digest(db, name))


def give_roles(db: Database, roles: list[str], *logins: str) -> None:
    with db.writing("admin") as work:
        for person in all_people(work.session):
            person.roles = roles if person.name in logins else person.roles
        work.event("test.prepared", "case:FOI-1", {})


def ready(db: Database, name: str = "FOI-1#1") -> str:
    """A release of AB1, made by anna and submitted."""
    releases.create(db, "anna", "FOI-1", policy_name="public", clips=[ClipRequest("AB1")])
    releases.submit(db, "anna", name, [])
    return name


def test_release_goes_from_draft_to_approved_under_its_first_rules(
    db: Database, case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = ready(db)
    assert state(db, name) == "in-review"
    watch(db, name, "ben", (0, 40))
    watch(db, name, "approver", (41, FRAMES - 1))
    approve_with_nothing_open(db, "approver", name)
    assert state(db, name) == "approved"
    with db.reading() as session:
        release = releases.find(session, name)
        releases.check_exportable(session, release)
        policy, codes = releases.rules_of(release)
    assert (policy.sha256, codes.sha256) == (release.policy_sha256, release.codes_sha256)
    assert policy.kind is ReleaseKind.PUBLIC


@pytest.mark.parametrize("how", ["edit", "decision", "details", "clips", "submission", "creation"])
def test_maker_of_release_cannot_approve(db: Database, case: str, how: str) -> None:
    give_roles(db, ["supervisor", "reviewer", "officer"], "anna", "ben", "officer")
    acts: dict[str, Callable[[], object]] = {
        "edit": lambda: _edit(db, "ben"),
        "decision": lambda: releases.decide(db, "ben", "FOI-1#1", SHOW, "AB1"),
        "details": lambda: releases.set_details(db, "ben", "FOI-1#1", {"organisation": "Force"}),
        "clips": lambda: releases.set_clips(db, "ben", "FOI-1#1", [ClipRequest("AB1", 0, 50)]),
    }
    maker = "ben" if how == "creation" else "anna"
    releases.create(db, maker, "FOI-1", policy_name="public", clips=[ClipRequest("AB1")])
    if how in acts:
        acts[how]()
    releases.submit(db, "ben" if how == "submission" else "anna", "FOI-1#1", [])
    with pytest.raises(NotAllowed, match="cannot approve"):
        approve_with_nothing_open(db, "ben", "FOI-1#1", override="no time")
    assert state(db, "FOI-1#1") == "in-review"
    approve_with_nothing_open(db, "officer", "FOI-1#1", override="no time")


def _edit(db: Database, actor: str) -> None:
    """An edit in the records, and its effect on releases."""
    from redact.records import accounts
    from redact.schema.tables import Edit

    with db.writing(actor) as work:
        person = accounts.find(work.session, actor)
        event = work.event("edit.made", "footage:1", {"content": {"op": "delete"}})
        work.session.add(
            Edit(
                footage_id=1, tracks_id=1, revision=1, op_id="op-00001", person_id=person.id, at=work.at,
                payload='{"op":"delete"}', event_seq=event.seq,
            )
        )  # fmt: skip
        reopen_for_footage(work, 1, "its footage was edited")


CHANGES: dict[str, Callable[[Database], object]] = {
    "edit of its footage": lambda db: _edit(db, "anna"),
    "decision": lambda db: releases.decide(db, "anna", "FOI-1#1", HIDE),
    "clips": lambda db: releases.set_clips(db, "anna", "FOI-1#1", [ClipRequest("AB1", 10, 20)]),
    "details": lambda db: releases.set_details(db, "anna", "FOI-1#1", {"organisation": "Force"}),
}


@pytest.mark.parametrize("what", CHANGES)
def test_change_returns_approved_release_to_unwatched_draft(db: Database, case: str, what: str) -> None:
    name = ready(db)
    watch(db, name, "approver")
    approve_with_nothing_open(db, "approver", name)
    before = digest(db, name)
    CHANGES[what](db)
    assert state(db, name) == "draft"
    assert digest(db, name) != before
    releases.submit(db, "anna", name, [])
    with pytest.raises(WrongState, match="watched"):
        approve_with_nothing_open(db, "approver", name)


def test_edit_of_other_footage_changes_nothing(db: Database, case: str) -> None:
    releases.create(db, "anna", "FOI-1", policy_name="public", clips=[ClipRequest("AB2")])
    releases.submit(db, "anna", "FOI-1#1", [])
    _edit(db, "anna")
    assert state(db, "FOI-1#1") == "in-review"


# Watched frames, and the unwatched rest of frames 0 to 99.
SPANS: list[tuple[list[tuple[int, int]], list[tuple[int, int]]]] = [
    ([], [(0, 99)]),
    ([(0, 99)], []),
    ([(0, 49), (50, 99)], []),
    ([(1, 99)], [(0, 0)]),  # the first frame is a frame
    ([(0, 98)], [(99, 99)]),
    ([(60, 99), (0, 70), (20, 30)], []),
    ([(10, 20), (15, 40)], [(0, 9), (41, 99)]),
]


@pytest.mark.parametrize(("spans", "left"), SPANS)
def test_unwatched_frames_block_approval(
    db: Database, case: str, spans: list[tuple[int, int]], left: list[tuple[int, int]]
) -> None:
    name = ready(db)
    if spans:
        watch(db, name, "ben", *spans)
    with db.reading() as session:
        release = releases.find(session, name)
        assert watching.unwatched(session, release, digest(db, name)) == [left]
    if left:
        with pytest.raises(WrongState, match="not been watched"):
            approve_with_nothing_open(db, "approver", name)
        with pytest.raises(NotAllowed):
            approve_with_nothing_open(db, "approver", name, override="the rest is black")
        give_roles(db, ["supervisor"], "officer")
        approve_with_nothing_open(db, "officer", name, override="the rest is black")
    else:
        approve_with_nothing_open(db, "approver", name)


def test_invalid_request_changes_nothing(db: Database, case: str) -> None:
    name = ready(db)
    before = digest(db, name)
    wrong: list[tuple[type[Exception], Callable[[], object]]] = [
        (RecordMissing, lambda: releases.create(db, "anna", "FOI-1", policy_name="public", clips=[ClipRequest("XX")])),
        (BadRecord, lambda: releases.set_clips(db, "anna", name, [ClipRequest("AB1", 0, FRAMES)])),
        (BadRecord, lambda: releases.set_clips(db, "anna", name, [])),
        (NotAllowed, lambda: releases.create(db, "auditor", "FOI-1", policy_name="public")),
        (NotAllowed, lambda: releases.decide(db, "approver", name, SHOW, "AB1")),
        (DecisionInvalid, lambda: releases.decide(db, "anna", name, {**SHOW, "reason": None}, "AB1")),
        (DecisionInvalid, lambda: releases.decide(db, "anna", name, {"action": "show"}, "AB1")),
        (DecisionInvalid, lambda: releases.decide(db, "anna", name, SHOW)),
        (CodeNotAllowed, lambda: releases.decide(db, "anna", name, {**HIDE, "codes": ["TP"]})),
        (RecordMissing, lambda: releases.decide(db, "anna", name, SHOW, "AB2")),
        (WrongState, lambda: releases.submit(db, "anna", name, [])),
        (BadRecord, lambda: releases.send_back(db, "approver", name, "  ")),
        (BadRecord, lambda: watch(db, name, "ben", (0, FRAMES))),
        (RecordMissing, lambda: watch(db, "FOI-1#9", "ben")),
    ]
    for kind, act in wrong:
        with pytest.raises(kind):
            act()
    assert digest(db, name) == before
    assert state(db, name) == "in-review"


def test_withdrawn_release_allows_nothing(db: Database, case: str) -> None:
    name = ready(db)
    releases.withdraw(db, "approver", name, "the request was withdrawn")
    acts: list[Callable[[], object]] = [
        lambda: approve_with_nothing_open(db, "approver", name, override="x"),
        lambda: releases.set_clips(db, "anna", name, [ClipRequest("AB1")]),
        lambda: releases.withdraw(db, "approver", name, "again"),
    ]
    for act in acts:
        with pytest.raises(WrongState):
            act()


def test_submission_waits_for_required_details(db: Database, case: str) -> None:
    releases.create(db, "anna", "FOI-1", policy_name="public", clips=[ClipRequest("AB1")])
    with db.reading() as session:
        release: Release = releases.find(session, "FOI-1#1")
        problems = details.missing(release, ReleaseKind.PUBLIC)
    assert "organisation, recipient, delivery, retention" in problems[0]
    with pytest.raises(WrongState, match="recipient"):
        releases.submit(db, "anna", "FOI-1#1", problems)


@pytest.mark.parametrize(
    "fields",
    [
        {"mg6c_item": "4"},  # only for court releases
        {"nonsense": 1},
        {"recipient": {"name": "A", "purpose": "x", "more": 1}},
        {"retention": {"rule": "7 years", "keep_until": "soon"}},
        {"retrieving_minutes": -1},
        {"organisation": 3},
    ],
)
def test_invalid_details_are_refused(fields: dict[str, object]) -> None:
    with pytest.raises(BadRecord):
        details.check(ReleaseKind.PUBLIC, fields)


def test_sensitive_schedule_stays_out_of_audit_trail(db: Database, case: str, tmp_path: Path) -> None:
    from redact.schema.tables import Event

    name = ready(db)
    fields = details.check(ReleaseKind.PUBLIC, {"internal": {"mg6d_reference": "ZZ-SECRET-9"}})
    releases.set_details(db, "anna", name, fields)
    with db.reading() as session:
        assert all("ZZ-SECRET-9" not in event.body for event in session.query(Event))
        assert details.of(releases.find(session, name)).internal is not None
