from __future__ import annotations

import fcntl
import json
import os
import shutil
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import select, update

from redact.evidence.store import Store
from redact.jobs.worker import run_job
from redact.records import accounts
from redact.records.accounts import Role
from redact.records.database import Database
from redact.schema.tables import Job, Upload
from redact.server import uploads
from redact.server.app import create_app
from redact.server.uploads import upload_path
from tests.media.clips import make_clip
from tests.server.browser import Browser

New = Callable[..., Browser]
CASE = "FOI/26 1"


def begin(browser: Browser, size: int, name: str = "night.mp4") -> Any:
    return browser.post("/api/uploads", {"case": CASE, "name": name, "size": size})


def chunk(browser: Browser, id_: str, offset: int, content: bytes) -> Any:
    return browser.send("PATCH", f"/api/uploads/{id_}?offset={offset}", content=content)


def test_upload_arrives_in_chunks_and_becomes_footage(browser: New, db: Database, tmp_path: Path) -> None:
    content = make_clip(tmp_path / "other.mp4", frames=6, gop=6).read_bytes()
    officer = browser("officer")
    id_ = begin(officer, len(content)).json()["id"]
    half = len(content) // 2
    assert chunk(officer, id_, 0, content[:half]).json()["received"] == half
    assert chunk(officer, id_, 0, content[:half]).status_code == 409  # sent twice
    wrong = chunk(officer, id_, half + 1, content[half + 1 :])
    assert (wrong.status_code, wrong.json()["received"]) == (409, half)
    early = officer.post(f"/api/uploads/{id_}/finish")
    assert (early.status_code, early.json()["received"]) == (409, half)
    # Later, from another window:
    again = browser("officer")
    assert again.get("/api/uploads").json()["uploads"][0]["received"] == half
    assert chunk(again, id_, half, content[half:]).json()["received"] == len(content)
    job = again.post(f"/api/uploads/{id_}/finish", {"exhibit": "AB2"}).json()["job"]
    assert again.post(f"/api/uploads/{id_}/finish", {"exhibit": "AB2"}).json()["job"] == job
    run_job(db, job, lambda: False, lambda line: None)
    record = again.get(f"/api/jobs/{job}").json()
    assert record["state"] == "done", record
    added = again.get("/api/footage/2").json()
    assert added["name"] == "night.mp4" and added["exhibits"] == [{"case": CASE, "reference": "AB2"}]
    assert added["tracks_id"] is None and not added["may_edit"]
    assert again.get("/api/footage/2/tracks").json()["tracks"] == []
    assert not upload_path(id_).exists()


def test_upload_size_is_limited_to_announcement(browser: New) -> None:
    officer = browser("officer")
    assert begin(officer, 200_001).status_code == 413
    assert begin(officer, 0).status_code == 400
    id_ = begin(officer, 10).json()["id"]
    assert chunk(officer, id_, 0, b"x" * 11).status_code == 413
    assert chunk(officer, id_, 0, b"x" * 50_001).status_code == 413  # larger than a chunk may be
    assert chunk(officer, id_, 0, b"x" * 10).status_code == 200


def test_upload_is_truncated_to_recorded_size_after_crash(browser: New) -> None:
    officer = browser("officer")
    id_ = begin(officer, 10).json()["id"]
    chunk(officer, id_, 0, b"abcd")
    upload_path(id_).write_bytes(b"abcdXXXXXXXX")
    assert chunk(officer, id_, 4, b"efghij").status_code == 200
    assert upload_path(id_).read_bytes() == b"abcdefghij"


def test_upload_from_two_windows_is_taken_in_once(browser: New, db: Database, tmp_path: Path) -> None:
    content = make_clip(tmp_path / "other.mp4", frames=6, gop=6).read_bytes()
    one, other = browser("officer"), browser("officer")
    id_ = begin(one, len(content)).json()["id"]
    chunk(one, id_, 0, content[:100])
    with upload_path(id_).open("r+b") as file:  # while a chunk from the other window is being received
        fcntl.flock(file, fcntl.LOCK_EX)
        busy = chunk(other, id_, 50, content[50:])
    assert (busy.status_code, busy.json()["received"]) == (409, 100)
    assert chunk(other, id_, 100, content[100:]).status_code == 200
    with ThreadPoolExecutor(2) as pool:
        jobs = {a.json()["job"] for a in pool.map(lambda b: b.post(f"/api/uploads/{id_}/finish"), (one, other))}
    assert len(jobs) == 1
    late = chunk(one, id_, 100, content[100:])
    assert (late.status_code, late.json()["received"]) == (409, len(content))
    run_job(db, jobs.pop(), lambda: False, lambda line: None)
    one.post(f"/api/uploads/{id_}/finish")  # from a suspended page
    with db.reading() as session:
        assert [job.state for job in session.scalars(select(Job))] == ["done"]


def test_abandoned_uploads_are_removed_with_their_files(browser: New, db: Database, app: FastAPI) -> None:
    officer = browser("officer")
    old, new, failed, bare = (begin(officer, 10, f"{n}.mp4").json()["id"] for n in range(4))
    upload_path(bare).unlink()  # lost in a crash or by hand
    stray, fresh = (upload_path(old).with_name(f"0000000{n}-0000-0000-0000-000000000000") for n in (1, 2))
    for path in (stray, fresh):
        path.write_bytes(b"x")
    os.utime(stray, (0, time.time() - uploads.STRAY_SECONDS - 1))
    settings = app.state.services.settings
    with db.bookkeeping() as session:
        long_ago = session.get_one(Upload, old).created_at - settings.upload_kept - timedelta(minutes=1)
        session.execute(update(Upload).where(Upload.id.in_([old, failed])).values(changed_at=long_ago))
        session.execute(update(Upload).where(Upload.id == failed).values(state=uploads.FINISHED))
    again = create_app(db, Store(), settings)
    assert [path for path in (upload_path(old), upload_path(failed), stray) if path.exists()] == []
    assert upload_path(new).exists() and fresh.exists()
    with again.state.services.db.reading() as session:
        assert session.scalars(select(Upload.id)).all() == [new]


def test_upload_is_refused_without_disk_space(browser: New, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage("/")._replace(free=1_000_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    officer = browser("officer")
    # 200 kB are outstanding for each upload, and during intake a file takes its size twice.
    assert [begin(officer, 200_000).status_code for _ in range(4)] == [201, 201, 201, 201]
    answer = begin(officer, 200_000)
    assert answer.status_code == 507
    assert "It is 0.2 MB, and the server can take 0.1 MB" in answer.json()["text"]


def test_upload_that_is_not_footage_is_refused_by_content(browser: New, db: Database) -> None:
    officer = browser("officer")
    content = b"<html>" * 100
    id_ = begin(officer, len(content), "clip.mp4").json()["id"]
    chunk(officer, id_, 0, content)
    answer = officer.post(f"/api/uploads/{id_}/finish")
    answer_body = answer.json()
    assert answer.status_code == 400 and answer_body["code"] == "R718" and '"clip.mp4"' in answer_body["text"]
    assert officer.get(f"/api/uploads/{id_}").status_code == 404 and not upload_path(id_).exists()
    with db.reading() as session:
        assert session.scalars(select(Job)).first() is None


def test_upload_is_visible_only_to_its_owner(browser: New, db: Database) -> None:
    accounts.add(db, "admin", "olive", "correct horse battery", full_name="O", roles=[Role.OFFICER], must_change=False)
    officer, olive = browser("officer"), browser("olive")
    id_ = begin(officer, 10).json()["id"]
    assert olive.get(f"/api/uploads/{id_}").status_code == 404
    assert olive.get("/api/uploads").json()["uploads"] == []
    assert chunk(olive, id_, 0, b"x").status_code == 404
    assert olive.post(f"/api/uploads/{id_}/finish").status_code == 404
    assert olive.send("DELETE", f"/api/uploads/{id_}").status_code == 404
    assert begin(browser("rita"), 10).status_code == 403
    assert officer.send("DELETE", f"/api/uploads/{id_}").status_code == 200
    assert officer.get(f"/api/uploads/{id_}").status_code == 404 and not upload_path(id_).exists()


@pytest.mark.parametrize(
    ("untrusted", "name"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\clips\\a.mp4", "a.mp4"),
        ("..", "unnamed"),
        ("a\x00\nb.mp4", "a\ufffd\ufffdb.mp4"),
        ("\u202e4pm.exe", "\ufffd4pm.exe"),
        ("<img src=x>", "<img src=x>"),  # plain text, which pages escape
        ("\ud800.mp4", "?.mp4"),
    ],
)
def test_upload_names_are_never_paths(browser: New, untrusted: str, name: str) -> None:
    officer = browser("officer")
    body = json.dumps({"case": CASE, "name": untrusted, "size": 5}).encode()
    headers = {"origin": "http://localhost", "x-csrf-token": officer.csrf, "content-type": "application/json"}
    answer = officer.client.post("/api/uploads", content=body, headers=headers)
    assert answer.json()["name"] == name
    assert upload_path(answer.json()["id"]).parent.name == "uploads"
