"""Jobs on a release: previews, second detection passes and packs; and the worker command."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from redact.disclose.release import releases, second_pass
from redact.evidence.store import Store
from redact.evidence.store_verification import verify_store
from redact.jobs import queue
from redact.jobs.message_queue import FILE
from redact.jobs.worker import run_job
from redact.records.database import Database
from redact.schema.tables import Export, Job, Json
from redact.track.types import Track, TrackSet
from tests.cli.runner import hear_ctrl_c
from tests.disclose.approved import FRAMES, approved, copied_home, luma, made_home
from tests.track.factory import track

RELEASE = "R-1#1"


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home folder with an approved release, to be copied."""
    folder = tmp_path_factory.mktemp("approved")
    return made_home(folder, lambda db: approved(db, Store(), folder))


@pytest.fixture
def ready(template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Database:
    return copied_home(template, tmp_path, monkeypatch)


def result(db: Database, actor: str, kind: str) -> Json:
    job = queue.enqueue(db, actor, kind, f"release:{RELEASE}", {"release": RELEASE})
    run_job(db, job.id, lambda: False, lambda line: None)
    with db.reading() as session:
        done = session.get_one(Job, job.id)
    assert done.state == "done", done.error_text
    return done.result


def test_preview_is_rendered_once_per_content(ready: Database) -> None:
    store = Store()
    first = result(ready, "approver", "preview")
    place = store.folder / first["outputs"][0]["file"]
    assert first["made"]
    assert len(luma(place)) == FRAMES
    assert not result(ready, "reviewer", "preview")["made"]
    assert verify_store(ready, store).sound
    shown = {"target": {"track": 1}, "action": "show", "reason": "an actor"}
    releases.decide(ready, "reviewer", RELEASE, shown, "AB/1")
    second = result(ready, "approver", "preview")
    assert (second["made"], second["content"] == first["content"]) == (True, False)
    assert not place.exists()  # it is outdated
    assert (luma(store.folder / second["outputs"][0]["file"])[:, 50, 30] > 30).any()


def test_export_makes_pack_once(ready: Database) -> None:
    first, second = result(ready, "approver", "export"), result(ready, "approver", "export")
    assert (first["new"], second["new"]) == (True, False)
    assert {**first, "new": False} == second
    assert (Store().folder / first["folder"] / "statement.dsse.json").is_file()
    with ready.reading() as session:
        assert len(session.scalars(select(Export)).all()) == 1


def test_second_pass_reports_unmasked_detections(ready: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    from redact.pipeline.analysis import Analyser

    analysed: list[Path] = []
    left = [15.0, 25.0, 65.0, 85.0]

    def detections(path: Path) -> tuple[Track, ...]:
        analysed.append(path)
        frames = list(range(FRAMES))
        return (
            track(1, "face", frames, [[20.0 + n, 30.0, 60.0 + n, 80.0] for n in frames]),  # masked throughout
            track(2, "plate", [4, 5, 6, 7, 8, 9], [[160.0, 120.0, 220.0, 140.0]] * 6),  # masked from frame 8 on
            track(3, "face", [3, 4, 10], [[180.0, 20.0, 220.0, 70.0]] * 3),  # masked nowhere
            track(4, "face", [1], [[left[0], left[1], 140.0, 85.0]]),  # under a mask by less than half
        )

    def analyse(self: Analyser, source: Path, **more: Any) -> TrackSet:
        with ready.reading() as session:
            release = releases.find(session, RELEASE)
            edited = work_plan(session, release)
        return TrackSet(edited.media, detections(source), (), {"models": [{"name": "test"}]})

    def work_plan(session: Any, release: Any) -> TrackSet:
        from redact.disclose.release.plan import plan_of

        return plan_of(session, Store(), release).edited[0].tracks

    monkeypatch.setattr(Analyser, "__init__", lambda self, settings: None)
    monkeypatch.setattr(Analyser, "analyse", analyse)
    found = result(ready, "approver", "second-look")
    assert analysed == [Store().folder / result(ready, "approver", "preview")["outputs"][0]["file"]]
    assert {(i["label"], i["first"], i["last"]) for i in found["items"]} == {
        ("plate", 4, 7),
        ("face", 3, 4),
        ("face", 10, 10),
        ("face", 1, 1),
    }
    assert len({item["key"] for item in found["items"]}) == 4
    assert found["items"][0]["exhibit"] == "AB/1"
    with ready.reading() as session:
        release = releases.find(session, RELEASE)
        assert second_pass.suspects_of(session, release, found["content"]) == found["items"]
        assert second_pass.suspects_of(session, release, "0" * 64) is None
    shown = {"target": {"track": 2}, "action": "show", "reason": "a prop"}
    releases.decide(ready, "reviewer", RELEASE, shown, "AB/1")
    found = result(ready, "approver", "second-look")
    assert ("plate", 4, 7) in {(i["label"], i["first"], i["last"]) for i in found["items"]}
    assert not any(i["label"] == "plate" and i["last"] > 7 for i in found["items"])  # shown on purpose


def test_worker_command_stops_on_ctrl_c(home: Path) -> None:
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    running = subprocess.Popen(
        [sys.executable, "-m", "redact", "worker"],
        env=environment,
        stderr=subprocess.PIPE,
        preexec_fn=hear_ctrl_c,  # noqa: PLW1509
    )
    try:
        for _ in range(600):
            if (home / "records" / FILE).exists():
                break
            time.sleep(0.1)
        running.send_signal(signal.SIGINT)
        _, errors = running.communicate(timeout=60)
    finally:
        running.kill()
    assert (running.returncode, b"R900" in errors) == (130, True)


@pytest.mark.parametrize("db", ["postgresql"], indirect=True)
def test_worker_command_runs_job_on_postgresql(db: Database, tmp_path: Path) -> None:
    name = approved(db, Store(), tmp_path)
    job = queue.enqueue(db, "approver", "preview", f"release:{name}", {"release": name})
    environment = {**os.environ, "REDACT_DATABASE_URL": db.url}
    running = subprocess.Popen([sys.executable, "-m", "redact", "worker"], env=environment, preexec_fn=hear_ctrl_c)  # noqa: PLW1509
    try:
        for _ in range(600):
            done = queue.find(db, job.id)
            if done.state not in ("queued", "running") or done.error_code:
                break
            time.sleep(0.1)
        running.send_signal(signal.SIGINT)
        running.wait(60)
    finally:
        running.kill()
    assert (done.state, done.error_text) == ("done", "")
    assert all((Store().folder / output["file"]).is_file() for output in done.result["outputs"])
