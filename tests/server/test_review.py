from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from fastapi import FastAPI
from PIL import Image
from sqlalchemy import func, select, update

from redact.evidence.store import Store
from redact.evidence.store_verification import verify_store
from redact.records.database import Database
from redact.schema.tables import Edit, Footage
from redact.server.cache import Cache
from tests.server.browser import Browser
from tests.server.conftest import FRAMES, SIZE

New = Callable[..., Browser]
FOOTAGE = "/api/footage/1"
KEYFRAME = {"op": "keyframe", "track": 1, "frame": 12, "box": [70, 40, 90, 65], "angle": 0}


def get_json(browser: Browser, path: str) -> Any:
    answer = browser.get(path)
    assert answer.status_code == 200, answer.text
    return answer.json()


def edit(browser: Browser, base: int, *ops: dict[str, Any]) -> Any:
    return browser.post(f"{FOOTAGE}/ops", {"tracks_id": 1, "base_revision": base, "ops": list(ops)})


def count(db: Database) -> int:
    with db.reading() as session:
        return session.scalar(select(func.count()).select_from(Edit)) or 0


def test_footage_description(browser: New) -> None:
    rita = browser("rita")
    about = get_json(rita, FOOTAGE)
    assert about["exhibits"] == [{"case": "FOI/26 1", "reference": "AB1"}]
    assert (about["width"], about["height"]) == (about["proxy_width"], about["proxy_height"]) == SIZE
    assert (about["frames"], about["tracks_id"], about["revision"], about["sound"]) == (FRAMES, 1, 0, True)
    assert about["user"] == "rita" and about["may_edit"] and about["csrf"] == rita.csrf
    assert not get_json(browser("auditor"), FOOTAGE)["may_edit"]
    base = about["time_base"][0] / about["time_base"][1]
    pts = get_json(rita, f"{FOOTAGE}/frames?from=1&count=2")
    assert [round(p * base, 6) for p in pts["pts"]] == [0.04, 0.08]
    assert get_json(rita, f"{FOOTAGE}/frames")["pts"][0] == 0
    assert get_json(rita, f"{FOOTAGE}/frames?from=100")["pts"] == []
    assert rita.get(f"{FOOTAGE}/frames?count=20001").status_code == 400


def test_tracks_have_lanes(browser: New) -> None:
    rita = browser("rita")
    answer = get_json(rita, f"{FOOTAGE}/tracks?revision=0")
    one = answer["tracks"][0]
    assert (one["id"], one["kind"], one["origin"], one["first"], one["last"]) == (1, "object", "machine", 5, 44)
    assert one["runs"] == [[5, 14], [35, 44]] and one["filled"] == [[15, 34]]
    assert rita.get(f"{FOOTAGE}/tracks?revision=1").status_code == 400  # does not exist yet


def test_boxes_and_masks_match_frame(browser: New) -> None:
    rita = browser("rita")
    frames = get_json(rita, f"{FOOTAGE}/boxes?from=4&count=2")["frames"]
    assert frames == [[[2, 7, 20, 14, 20, 0]], [[1, 70.5, 42.5, 20, 25, 0], [2, 7, 20, 14, 20, 0]]]
    answer = get_json(rita, f"{FOOTAGE}/shapes?from=4&count=2")
    face, other = [
        [track, answer["forms"][int(form)], answer["effects"][int(effect)], *place]
        for track, *place, form, effect in answer["frames"][1]
    ]
    assert face[:3] == [1, "ellipse", "solid"] and face[5] > 20 and face[6] > 25
    assert other[:2] == [2, "rectangle"]  # cut off by the border
    assert len(get_json(rita, f"{FOOTAGE}/boxes?from=48&count=250")["frames"]) == 2


def test_edits_are_recorded_once_and_visible_at_their_revision(browser: New, db: Database) -> None:
    rita = browser("rita")
    answer = edit(rita, 0, {"id": "a1b2c3d4e5", **KEYFRAME})
    assert (answer.status_code, answer.json()) == (200, {"revision": 1, "edits": ["a1b2c3d4e5"]})
    assert edit(rita, 0, {"id": "a1b2c3d4e5", **KEYFRAME}).json() == answer.json()  # sent again after a lost response
    assert count(db) == 1
    assert get_json(rita, f"{FOOTAGE}/tracks?revision=1")["tracks"][0]["keyframes"] == [12]
    assert get_json(rita, f"{FOOTAGE}/tracks?revision=0")["tracks"][0]["keyframes"] == []
    (frame,) = get_json(rita, f"{FOOTAGE}/boxes?revision=1&from=12&count=1")["frames"]
    assert frame[0] == [1, 80, 52.5, 20, 25, 0]
    since = get_json(rita, f"{FOOTAGE}/tracks?revision=1&after=0")
    assert [track["id"] for track in since["tracks"]] == [1] and since["changed"] == [[5, 44]]
    settle = {"id": "settled-1", "op": "settle", "key": "birth:2:0", "reason": "a door"}
    assert edit(rita, 1, settle).status_code == 200
    assert get_json(rita, f"{FOOTAGE}/tracks?revision=2&after=1")["changed"] == []
    assert edit(rita, 2, {"id": "undone-1", "op": "undo", "edit": "a1b2c3d4e5"}).status_code == 200
    assert get_json(rita, f"{FOOTAGE}/tracks?revision=3&after=0")["changed"] == []
    assert get_json(rita, f"{FOOTAGE}/tracks?revision=3&after=2")["changed"] == [[5, 44]]
    log = get_json(rita, f"{FOOTAGE}/edits?after=0")
    assert log["edits"][0]["actor"] == "rita" and log["edits"][0]["edit"]["box"] == [70, 40, 90, 65]
    assert get_json(rita, f"{FOOTAGE}/edits?after=3") == {"revision": 3, "edits": []}


def test_conflicting_edit_is_refused(browser: New, db: Database) -> None:
    rita, ben = browser("rita"), browser("ben")
    assert edit(rita, 0, {"id": "by-rita-1", **KEYFRAME}).status_code == 200
    answer = edit(ben, 0, {"id": "by-ben-12", **KEYFRAME, "box": [0, 0, 9, 9]})
    assert answer.status_code == 409
    assert (answer.json()["revision"], answer.json()["conflicts"]) == (1, ["by-rita-1"])
    assert count(db) == 1
    # An edit to another track does not conflict, nor does the same edit based on rita's revision.
    assert edit(ben, 0, {"id": "by-ben-34", **KEYFRAME, "track": 2}).status_code == 200
    assert edit(ben, 2, {"id": "by-ben-12", **KEYFRAME, "box": [0, 0, 9, 9]}).status_code == 200


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"tracks_id": 1, "base_revision": 0, "ops": []}, 400),
        ({"tracks_id": 1, "base_revision": 0, "ops": [{"id": "a1b2c3d4e5", **KEYFRAME, "frame": FRAMES}]}, 400),
        ({"tracks_id": 1, "base_revision": 0, "ops": [{"id": "short", **KEYFRAME}]}, 400),
        ({"tracks_id": 1, "base_revision": 7, "ops": [{"id": "a1b2c3d4e5", **KEYFRAME}]}, 400),
        ({"tracks_id": True, "base_revision": 0, "ops": [{"id": "a1b2c3d4e5", **KEYFRAME}]}, 400),
        ({"tracks_id": 2, "base_revision": 0, "ops": [{"id": "a1b2c3d4e5", **KEYFRAME}]}, 404),
        ([], 400),
    ],
)
def test_invalid_edits_are_refused_as_a_whole(browser: New, db: Database, body: object, status: int) -> None:
    answer = browser("rita").post(f"{FOOTAGE}/ops", body)
    assert answer.status_code == status
    assert set(answer.json()) == {"code", "text"} and "`redact" not in answer.json()["text"]
    assert count(db) == 0


def test_editing_needs_right(browser: New, db: Database) -> None:
    for login in ("auditor", "approver", "admin"):
        assert edit(browser(login), 0, {"id": "a1b2c3d4e5", **KEYFRAME}).status_code == 403
        assert browser(login).post(f"{FOOTAGE}/follow", {"frame": 1, "box": [1, 1, 9, 9]}).status_code == 403
        assert browser(login).post(f"{FOOTAGE}/detect", {}).status_code == 403
    assert count(db) == 0


def test_review_queue_drops_settled_and_corrected_items(browser: New) -> None:
    rita = browser("rita")
    items = {item["key"]: item for item in get_json(rita, f"{FOOTAGE}/risks")["items"]}
    assert set(items) == {"gap:1:15", "birth:1:5", "death:1:44"}
    assert items["gap:1:15"]["text"] == "20 frames were filled in"
    settle = {"id": "settle-1234", "op": "settle", "key": "birth:1:5", "reason": "came out of a door"}
    assert edit(rita, 0, settle, {"id": "a1b2c3d4e5", **KEYFRAME, "frame": 44}).status_code == 200
    assert {item["key"] for item in get_json(rita, f"{FOOTAGE}/risks")["items"]} == {"gap:1:15"}


@pytest.mark.parametrize(("direction", "frames"), [("on", range(20, 33)), ("back", range(8, 21))])
def test_box_is_followed(browser: New, direction: str, frames: range) -> None:
    body = {"track": 1, "frame": 20, "box": [60, 30, 100, 60], "direction": direction, "seconds": 0.48}
    answer = browser("rita").post(f"{FOOTAGE}/follow", body)
    assert answer.status_code == 200, answer.text
    rows = answer.json()["rows"]
    assert [row[0] for row in rows] == list(frames)
    assert [60, 30, 100, 60, 0] in [row[1:] for row in rows]
    followed = {"id": "followed-1", "op": "add-boxes", "track": 1, "rows": rows}
    assert edit(browser("rita"), 0, followed).status_code == 200


@pytest.mark.parametrize(
    "wrong",
    [{"frame": FRAMES}, {"frame": "1"}, {"box": [1, 2, 3]}, {"box": None}, {"direction": "up"}, {"seconds": 60},
     {"seconds": -1}, {"seconds": True}],
)  # fmt: skip
def test_follow_refuses_invalid_box(browser: New, wrong: dict[str, object]) -> None:
    body = {"track": 1, "frame": 20, "box": [60, 30, 100, 60], "direction": "on", "seconds": 1}
    assert browser("rita").post(f"{FOOTAGE}/follow", {**body, **wrong}).status_code == 400


def test_missing_records_are_not_found(browser: New) -> None:
    rita = browser("rita")
    for path in ("", "/frames", "/tracks", "/boxes", "/shapes", "/risks", "/edits", "/proxy.mp4", "/strip.jpg",
                 "/thumbs/1.jpg", "/waveform"):  # fmt: skip
        for id_ in ("2", "0", "99999999999999999999"):
            assert rita.get(f"/api/footage/{id_}{path}").status_code == 404, (id_, path)
    for path in (f"{FOOTAGE}/thumbs/9.jpg", "/api/jobs/x", "/api/releases/A%231/watched", "/review/2", "/api/nothing"):
        assert rita.get(path).status_code == 404, path


def test_disposed_footage_shows_only_its_record(browser: New, db: Database) -> None:
    with db.bookkeeping() as session:
        session.execute(update(Footage).values(state="disposed"))
    rita = browser("rita")
    assert get_json(rita, FOOTAGE)["state"] == "disposed"
    for path in ("proxy.mp4", "strip.jpg", "thumbs/1.jpg", "waveform", "tracks", "boxes", "frames", "risks"):
        assert rita.get(f"{FOOTAGE}/{path}").status_code in (400, 404), path


def test_proxy_supports_ranges(browser: New) -> None:
    rita = browser("rita")
    whole = rita.get(f"{FOOTAGE}/proxy.mp4")
    assert whole.headers["content-type"] == "video/mp4" and whole.headers["accept-ranges"] == "bytes"
    assert "attachment" not in whole.headers.get("content-disposition", "")
    part = rita.get(f"{FOOTAGE}/proxy.mp4", range="bytes=10-19")
    assert part.status_code == 206 and part.content == whole.content[10:20]
    assert part.headers["content-range"] == f"bytes 10-19/{len(whole.content)}"
    assert rita.get(f"{FOOTAGE}/proxy.mp4", range="bytes=999999999-").status_code == 416
    assert "private" in whole.headers["cache-control"]


def test_thumbnails_strip_and_waveform(browser: New, app: FastAPI, db: Database) -> None:
    rita = browser("rita")
    with Image.open(io.BytesIO(rita.get(f"{FOOTAGE}/thumbs/1.jpg").content)) as picture:
        assert picture.height == 96 and picture.width > 40
    assert rita.get(f"{FOOTAGE}/strip.jpg").headers["content-type"] == "image/jpeg"
    wave = get_json(rita, f"{FOOTAGE}/waveform?buckets=20")
    assert wave["buckets"] == len(wave["peaks"]) == 20
    assert all(0.05 < peak <= 1 for peak in wave["peaks"][1:-1])
    (place,) = Store().folder.glob("derived/*/waveform.npy")
    np.save(place, np.full(20_000, 51, np.uint8))
    app.state.services = replace(app.state.services, cache=Cache(1))  # as after a restart
    assert get_json(rita, f"{FOOTAGE}/waveform?buckets=3")["peaks"] == [0.2, 0.2, 0.2]
    place.write_bytes(b"cut off")
    app.state.services = replace(app.state.services, cache=Cache(1))
    assert get_json(rita, f"{FOOTAGE}/waveform?buckets=20") == wave
    assert verify_store(db, Store()).sound


def test_reviewer_page_escapes_hostile_names(browser: New, db: Database) -> None:
    hostile = '"></div><script>alert(1)</script>'
    with db.bookkeeping() as session:
        session.execute(update(Footage).values(original_name=hostile))
    rita = browser("rita")
    page = rita.get("/review/1?release=%22%3E%3Cscript%3E")
    assert page.status_code == 200 and page.text.count("<script") == 1
    assert 'data-footage="1"' in page.text and f'data-csrf="{rita.csrf}"' in page.text
    about = rita.get(FOOTAGE)
    assert about.headers["content-type"] == "application/json" and about.json()["name"] == hostile
