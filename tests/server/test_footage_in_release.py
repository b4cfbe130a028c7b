"""Releases in the reviewer, and copying masks to other footage."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import pytest
from sqlalchemy import func, select

from redact.disclose.release import releases
from redact.disclose.release.plan import plan_of
from redact.evidence import footage_records
from redact.evidence.frame_tables import frame_table
from redact.evidence.intake import add_footage
from redact.evidence.machine_tracks import add_machine_tracks
from redact.evidence.store import Store
from redact.records.database import Database
from redact.schema.tables import Edit
from redact.track.types import MediaRef, TrackSet
from tests.evidence.factory import open_case
from tests.media.clips import make_clip
from tests.server.browser import Browser
from tests.server.conftest import FRAMES

New = Callable[..., Browser]
NAME = "FOI/26 1#1"
ASKED = f"/api/footage/1/decisions?release={quote(NAME, safe='')}"
DECIDE = f"/api/releases/{quote(NAME, safe='')}/decide"


def get_json(browser: Browser, path: str = ASKED) -> Any:
    answer = browser.get(path)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_release_outcomes_state_what_is_hidden_and_why(browser: New, db: Database) -> None:
    assert get_json(browser("rita"), "/api/footage/1/releases") == {"releases": []}
    releases.create(db, "officer", "FOI/26 1", policy_name="public")
    rita = browser("rita")
    listed = get_json(rita, "/api/footage/1/releases")["releases"]
    assert [(one["release"], one["state"]) for one in listed] == [(NAME, "draft")]
    before = get_json(rita)
    face = before["tracks"][0]
    assert (face["id"], face["hidden"], face["by"], face["who"]) == (1, True, "policy", None)
    assert before["exhibit"] == "AB1" and before["same_tracks"] and before["may_decide"]
    assert not get_json(browser("auditor"))["may_decide"]
    ids = [code["id"] for code in before["codes"]]
    assert "s40(2)" in " ".join(ids) and set(face["codes"]) <= set(ids)

    code = ids[0]
    hidden = {"target": {"class": "face"}, "action": "hide", "effect": "mosaic", "codes": [code]}
    shown = {"target": {"track": 2}, "action": "show", "reason": "an officer on duty"}
    for decision in (hidden, shown):
        assert rita.post(DECIDE, {"decision": decision, "exhibit": "AB1"}).status_code == 200
    after = get_json(rita)
    one, two = after["tracks"]
    assert (one["effect"], one["codes"], one["by"], one["who"]) == ("mosaic", [code], "class", "Rita")
    assert (two["hidden"], two["reason"], two["by"]) == (False, "an officer on duty", "own")
    classes = {each["label"]: each for each in after["classes"]}
    assert classes["face"]["decided"]["effect"] == "mosaic" and classes["face"]["policy"]["hidden"]
    assert after["content"] != before["content"]
    assert rita.get("/api/footage/1/decisions?release=Nothing%231").status_code == 404
    assert {
        item["key"] for item in get_json(rita, f"/api/footage/1/risks?release={quote(NAME, safe='')}")["items"]
    } == {
        "gap:1:15",
        "birth:1:5",
        "death:1:44",
    }


def test_release_is_readable_after_decided_track_is_gone(browser: New, db: Database) -> None:
    releases.create(db, "officer", "FOI/26 1", policy_name="public")
    rita = browser("rita")
    shown = {"target": {"track": 2}, "action": "show", "reason": "an officer on duty"}
    assert rita.post(DECIDE, {"decision": shown, "exhibit": "AB1"}).status_code == 200

    def edit(revision: int, **op: Any) -> None:
        sent = {"tracks_id": 1, "base_revision": revision, "ops": [{"id": f"edit-{revision:08d}", **op}]}
        answer = rita.post("/api/footage/1/ops", sent)
        assert answer.status_code == 200, answer.text

    def doubts() -> tuple[str, ...]:
        with db.reading() as session:
            return plan_of(session, Store(), releases.find(session, NAME)).outdated

    edit(0, op="delete", track=2, reason="not a face")
    assert [one["id"] for one in get_json(rita)["tracks"]] == [1] and doubts() == ()
    edit(1, op="restore", track=2)
    assert not get_json(rita)["tracks"][1]["hidden"], "as it was decided"
    # After a merge it has to be decided again, and is hidden until then.
    edit(2, op="merge", track=1, other=2)
    (one,) = get_json(rita)["tracks"]
    assert one["hidden"] and "merged into track 1" in doubts()[0]
    again = {"target": {"track": 1}, "action": "show", "reason": "both are officers"}
    assert rita.post(DECIDE, {"decision": again, "exhibit": "AB1"}).status_code == 200
    assert doubts() == () and not get_json(rita)["tracks"][0]["hidden"]


def other_footage(db: Database, folder: Path, case: str, *, name: str, width: int = 320) -> int:
    """Another clip in a case, without any tracks."""
    store = Store()
    clip = make_clip(folder / name, frames=FRAMES, size=(width, 192))
    added = add_footage(db, "officer", clip, case=case, exhibit=name[:3].upper(), store=store)
    with db.reading() as session:
        footage = footage_records.find(session, added.sha256)
    table = frame_table(store, footage)
    media = MediaRef(footage.sha256, width, 192, table.time_base, table.pts, table.last_duration)
    add_machine_tracks(db, "rita", footage, TrackSet(media, (), (), {"made by": "a test"}), store=store)
    return footage.id


def test_mask_copy_stays_within_case(browser: New, db: Database, tmp_path: Path) -> None:
    near = other_footage(db, tmp_path, "FOI/26 1", name="ab2.mp4")
    far = other_footage(db, tmp_path, open_case(db, "FOI/26 2"), name="zz9.mp4", width=256)
    rita = browser("rita")
    others = get_json(rita, "/api/footage/1/others")["footage"]
    assert [(one["id"], one["searched"]) for one in others] == [(near, True)]
    body = {"track": 1, "to": near, "shift_seconds": 0.4, "id": "act0000001_0"}
    answer = rita.post("/api/footage/1/copy", body)
    assert answer.status_code == 200, answer.text
    made = answer.json()
    (lane,) = get_json(rita, f"/api/footage/{near}/tracks")["tracks"]
    # Ten frames later, in a picture twice as wide; frames beyond the end are dropped.
    assert (lane["id"], lane["first"], lane["last"], lane["origin"]) == (made["track"], 15, FRAMES - 1, "manual")
    (frame,) = get_json(rita, f"/api/footage/{near}/boxes?from=15&count=1")["frames"]
    assert np.allclose(frame[0][1:5], [141, 85, 40, 50], atol=0.2)
    assert rita.post("/api/footage/1/copy", body).json() == {**made, "revision": made["revision"]}
    with db.reading() as session:
        assert session.scalar(select(func.count()).select_from(Edit)) == len(made["edits"])

    assert rita.post("/api/footage/1/copy", {**body, "to": far, "id": "act0000002"}).status_code == 404
    assert rita.post("/api/footage/1/copy", {**body, "to": 1, "id": "act0000003"}).status_code == 404
    assert rita.post("/api/footage/1/copy", {**body, "track": 9, "id": "act0000004"}).status_code == 404
    assert browser("auditor").post("/api/footage/1/copy", {**body, "id": "act0000005"}).status_code == 403
    undo = [{"id": f"undo00000{n}", "op": "undo", "edit": edit} for n, edit in enumerate(reversed(made["edits"]))]
    sent = {"tracks_id": made["tracks_id"], "base_revision": made["revision"], "ops": undo}
    assert rita.post(f"/api/footage/{near}/ops", sent).status_code == 200
    assert get_json(rita, f"/api/footage/{near}/tracks")["tracks"] == []


@pytest.mark.parametrize(
    "wrong",
    [{"track": "1"}, {"to": None}, {"to": True}, {"shift_seconds": "soon"}, {"shift_seconds": 1e9}, {"id": "short"},
     {"id": "x" * 57}, {"shift_seconds": 60}],
)  # fmt: skip
def test_mask_copy_refuses_invalid_request(browser: New, db: Database, tmp_path: Path, wrong: dict[str, Any]) -> None:
    near = other_footage(db, tmp_path, "FOI/26 1", name="ab2.mp4")
    body = {"track": 1, "to": near, "shift_seconds": 0, "id": "act0000001"}
    assert browser("rita").post("/api/footage/1/copy", {**body, **wrong}).status_code == 400
    with db.reading() as session:
        assert session.scalar(select(func.count()).select_from(Edit)) == 0


def test_tracks_are_paged_and_then_limited_to_changes(browser: New) -> None:
    rita = browser("rita")
    at = "/api/footage/1/tracks"
    whole = get_json(rita, at)
    second = get_json(rita, f"{at}?from=1&count=1")
    assert (whole["total"], second["total"], second["tracks"]) == (2, 2, whole["tracks"][1:])
    ops = [
        {"id": "moved-2222", "op": "keyframe", "track": 2, "frame": 9, "box": [1, 10, 15, 30]},
        {
            "id": "drawn-3333",
            "op": "draw",
            "track": 300000,
            "label": "face",
            "frame": 3,
            "last": 9,
            "box": [1, 2, 9, 9],
        },
    ]
    for n, op in enumerate(ops):
        sent = {"tracks_id": 1, "base_revision": n, "ops": [op]}
        assert rita.post("/api/footage/1/ops", sent).status_code == 200
    changed = get_json(rita, f"{at}?revision=2&after=0")
    assert [lane["id"] for lane in changed["tracks"]] == [2, 300000] and changed["gone"] == []
    # Neither the track edited earlier nor the unedited machine track is sent again.
    assert [lane["id"] for lane in get_json(rita, f"{at}?revision=2&after=1")["tracks"]] == [300000]
    back = get_json(rita, f"{at}?revision=1&after=2")
    assert back["gone"] == [300000] and back["tracks"] == []
