from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest

from redact.disclose.policy.reason_codes import ReleaseKind
from redact.disclose.release import details, releases
from redact.jobs.worker import run_job
from redact.records import accounts, cases
from redact.records.database import Database
from redact.schema.tables import Event
from tests.server.browser import Browser

New = Callable[..., Browser]
RELEASE = f"/api/releases/{quote('FOI/26 1#1', safe='/')}"

CASE = {"urn": "01AB1234526", "officer_in_case": "DC Ash", "disclosure_officer": "DC Elm"}
DETAILS = {
    "organisation": "Example Police",
    "recipient": {"name": "Crown Prosecution Service", "purpose": "Service on the defence"},
    "delivery": {"method": "Digital Case System", "encryption": "TLS"},
    "retention": {"rule": "As the case file"},
    "material": "used",
    "mg6c_item": "12",
    "cpia": {"hidden_may_meet_test": False, "considered_by": "DS Birch", "considered_at": "2026-11-20T10:00:00Z"},
}


def do(browser: Browser, db: Database, path: str) -> Any:
    """Request a job and run it, as the worker would."""
    answer = browser.post(f"{RELEASE}/{path}")
    assert answer.status_code == 202, answer.text
    run_job(db, answer.json()["job"], lambda: False, lambda line: None)
    record = browser.get(f"/api/jobs/{answer.json()['job']}").json()
    assert record["state"] == "done", record
    return record


@pytest.mark.slow
def test_release_routes_lead_from_decision_to_pack(browser: New, db: Database) -> None:
    releases.create(db, "officer", "FOI/26 1", policy_name="court")
    officer, rita, approver = browser("officer"), browser("rita"), browser("approver")
    assert officer.post(f"{RELEASE}/submit").status_code == 400  # the recipient is missing
    cases.change(db, "officer", "FOI/26 1", reason="now known", details=CASE)
    releases.set_details(db, "officer", "FOI/26 1#1", details.check(ReleaseKind.COURT, DETAILS))
    shown = {"exhibit": "AB1", "decision": {"target": {"track": 2}, "action": "show", "reason": "an officer on duty"}}
    assert rita.post(f"{RELEASE}/decide", shown).status_code == 200
    assert rita.post(f"{RELEASE}/decide", {"decision": {"target": {"track": 9}}}).status_code == 400
    masks = rita.get(f"/api/footage/1/shapes?from=5&count=1&release={quote('FOI/26 1#1')}").json()
    assert [mask[0] for mask in masks["frames"][0]] == [1]

    assert rita.get(f"{RELEASE}/preview/1.mp4").status_code == 404
    do(rita, db, "preview")
    video = rita.get(f"{RELEASE}/preview/1.mp4", range="bytes=0-9")
    content = video.headers["x-release-content"]
    assert video.status_code == 206 and rita.get(f"{RELEASE}/preview/2.mp4").status_code == 404
    assert rita.get(f"{RELEASE}/preview/1.mp4?content={'0' * 64}").status_code == 404
    assert content == masks["content"]

    answer = officer.post(f"{RELEASE}/submit")
    assert answer.status_code == 200, answer.text
    assert rita.post(f"{RELEASE}/approve").status_code == 403
    assert approver.post(f"{RELEASE}/approve").status_code == 400  # not watched yet
    spans = {"output": 1, "spans": [[0, 30]], "content": content}
    assert approver.post(f"{RELEASE}/watched", {**spans, "content": "0" * 64}).status_code == 400
    assert approver.post(f"{RELEASE}/watched", {**spans, "spans": [[0, 50]]}).status_code == 400
    left = approver.post(f"{RELEASE}/watched", spans).json()
    mine = {"output": 1, "frames": 50, "unwatched": [[31, 49]], "watched": [{"name": "Approver", "frames": 31}]}
    assert left == {"content": content, "outputs": [mine]}
    assert approver.get(f"{RELEASE}/watched").json() == left
    approver.post(f"{RELEASE}/watched", {**spans, "spans": [[25, 49]]})
    assert approver.post(f"{RELEASE}/send-back", {"note": ""}).status_code == 400
    known = {"override": "the queue's items are known"}
    assert approver.post(f"{RELEASE}/approve", known).status_code == 403
    left = approver.get(f"{RELEASE}/open").json()
    assert left["look"] == "waits" and left["unwatched"] == [[]]
    assert {item["key"] for item in left["items"]} == {"birth:1:5", "death:1:44", "gap:1:15"}
    ops = [
        {"id": f"settle-{n:04}", "op": "settle", "key": item["key"], "reason": ""}
        for n, item in enumerate(left["items"])
    ]
    assert rita.post("/api/footage/1/ops", {"tracks_id": 1, "base_revision": 0, "ops": ops}).status_code == 200
    assert approver.get(f"{RELEASE}/open").json()["items"] == []
    with db.writing("admin") as work:
        accounts.find(work.session, "approver").roles = ["supervisor"]
        work.event("test.prepared", "person:approver", {})
    assert approver.post(f"{RELEASE}/approve", {**known, "content": "0" * 64}).status_code == 400
    answer = approver.post(f"{RELEASE}/approve", {**known, "content": content})
    assert answer.json()["state"] == "approved", answer.text

    assert rita.get(f"{RELEASE}/pack.zip").status_code == 403
    assert officer.get(f"{RELEASE}/pack.zip").status_code == 404  # not exported yet
    assert rita.post(f"{RELEASE}/export").status_code == 403
    made = do(officer, db, "export")["result"]
    answer = officer.get(f"{RELEASE}/pack.zip")
    assert answer.headers["content-type"] == "application/zip"
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.testzip() is None
        names = [name.removeprefix(f"{made['log_id']}/") for name in archive.namelist()]
    assert {"log.json", "statement.dsse.json", "01-AB1.mp4"} <= set(names)
    with db.reading() as session:
        event = session.query(Event).order_by(Event.seq.desc()).first()
        assert event is not None and (event.kind, event.actor) == ("release.delivered", "officer")
    # After an edit, the approved pack no longer matches the release.
    ops = [{"id": "after-12345", "op": "keyframe", "track": 1, "frame": 9, "box": [1, 1, 20, 20]}]
    assert rita.post("/api/footage/1/ops", {"tracks_id": 1, "base_revision": 3, "ops": ops}).status_code == 200
    assert officer.get(f"{RELEASE}/pack.zip").status_code == 400
    assert approver.post(f"{RELEASE}/withdraw", {"reason": "wrong person"}).json()["state"] == "withdrawn"
