"""Jobs: requested, watched, stopped, interrupted and run again, on both databases."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from redact.errors import (
    BadJob,
    Cancelled,
    DeviceMemoryShort,
    NotAllowed,
    RecordMissing,
    RecordsUnavailable,
    WrongState,
)
from redact.evidence import machine_tracks
from redact.home import folder_for
from redact.jobs import handlers, queue, worker
from redact.jobs.message_queue import FILE, open_queue
from redact.jobs.queue import JobProgress, RunningJob
from redact.jobs.worker import run_job, run_worker
from redact.progress import Progress
from redact.records import accounts, cases
from redact.records.database import Database
from redact.records.deadlines import CaseKind
from redact.records.job_states import JobKind, JobState
from redact.schema.tables import Event, Exhibit, Footage, Job, Json, MachineTracks
from redact.server.jobs import job_json
from tests.jobs import steps
from tests.killing import children
from tests.media.clips import make_clip

HASH = "ab" * 32
KILLS = 8
DETECT = ("detect", "footage:ab", {"footage": HASH})

pytestmark = pytest.mark.usefixtures("staff")


def never() -> bool:
    return False


def ask(db: Database, actor: str = "anna", key: str | None = None) -> Job:
    return queue.enqueue(db, actor, *DETECT, unique_key=key)


def run(db: Database, job: Job, stop: Callable[[], bool] = never) -> Job:
    run_job(db, job.id, stop, lambda line: None)
    return queue.find(db, job.id)


def set_handlers(monkeypatch: pytest.MonkeyPatch, what: Callable[[RunningJob, Progress], Json]) -> None:
    monkeypatch.setattr(handlers, "_HANDLERS", dict.fromkeys(JobKind, what))


def upload(name: str = "u1") -> Path:
    return folder_for(handlers.UPLOADS) / name


def intake(db: Database, **more: Any) -> Job:
    arguments = {"upload": "u1", "name": "bodycam.mp4", "case": "F-1", **more}
    return queue.enqueue(db, "officer", "intake", "case:F-1", arguments)


@pytest.fixture
def case(db: Database, staff: dict[str, str]) -> None:
    cases.open_case(db, "officer", "F-1", kind=CaseKind.COURT, title="R v Doe", received=date(2026, 11, 2))


def test_unique_key_returns_active_job(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    set_handlers(monkeypatch, lambda running, progress: {})
    with ThreadPoolExecutor(4) as pool:
        ids = {job.id for job in pool.map(lambda n: ask(db, "anna" if n % 2 else "ben", "tracks:ab"), range(8))}
    assert len(ids) == 1 == len(queue.listed(db, "anna", mine=False))
    first = queue.find(db, ids.pop())
    assert ask(db, "anna", "tracks:cd").id != first.id
    run(db, first)
    assert ask(db, "anna", "tracks:ab").id != first.id  # the first has finished


def test_progress_is_throttled_and_cancels(db: Database) -> None:
    job = ask(db, key="k")
    with queue.claim(db, job.id) as running:
        assert running is not None
        progress = JobProgress(running, never)
        progress("find", 1, 10)
        progress("find", 2, 10)
        current = queue.find(db, job.id)
        assert (current.state, current.stage, current.done, current.total) == ("running", "find", 1, 10)
        time.sleep(queue.PROGRESS_SECONDS)
        progress("track", 3, None)
        current = queue.find(db, job.id)
        assert (current.stage, current.done, current.total) == ("track", 3, None)
        queue.cancel(db, "anna", job.id)
        assert ask(db, key="k").id != job.id  # a job being cancelled is not reused
        progress("track", 4, None)
        time.sleep(queue.PROGRESS_SECONDS)
        with pytest.raises(Cancelled):
            progress("track", 5, None)


def test_cancel_is_for_owner_and_administrator(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    job = ask(db)
    for stranger in ("ben", "officer", "approver"):
        with pytest.raises(NotAllowed):
            queue.cancel(db, stranger, job.id)
    assert queue.cancel(db, "admin", job.id).state == JobState.CANCELLED  # it had not started
    set_handlers(monkeypatch, lambda running, progress: pytest.fail("should not run"))
    assert run(db, job).state == JobState.CANCELLED

    def long(running: RunningJob, progress: Progress) -> Json:
        queue.cancel(db, "anna", running.job.id)
        progress("find", 1, 2)
        return {}

    set_handlers(monkeypatch, long)
    ended = run(db, ask(db))
    assert (ended.state, ended.error_code, ended.cancel_requested) == ("cancelled", "", True)
    again = queue.retry(db, "anna", ended.id)
    assert queue.retry(db, "anna", ended.id).id == again.id
    with pytest.raises(WrongState):
        queue.retry(db, "anna", again.id)
    with pytest.raises(RecordMissing):
        queue.cancel(db, "anna", "00000000-0000-0000-0000-000000000000")


def test_stopped_worker_requeues_its_job(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    def long(running: RunningJob, progress: Progress) -> Json:
        progress("find", 1, 2)
        return {"all": "of it"}

    set_handlers(monkeypatch, long)
    job = run(db, ask(db), stop=lambda: True)
    assert (job.state, job.attempts, job.worker) == ("queued", 0, "")
    job = run(db, job)
    assert (job.state, job.attempts, job.result) == ("done", 1, {"all": "of it"})


def test_job_cancelled_while_worker_stops_stays_cancelled(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    def long(running: RunningJob, progress: Progress) -> Json:
        queue.cancel(db, "anna", running.job.id)
        progress("find", 1, 2)
        return {}

    set_handlers(monkeypatch, long)
    assert run(db, ask(db), stop=lambda: True).state == JobState.CANCELLED


def test_transient_failure_is_retried_later(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    def short(running: RunningJob, progress: Progress) -> Json:
        raise DeviceMemoryShort("The card is full.")

    set_handlers(monkeypatch, short)
    job = run(db, ask(db, key="k"))
    assert (job.state, job.error_code, job.unique_key, job.finished_at) == ("queued", "R410", "k", None)
    assert ask(db, key="k").id == job.id
    assert run(db, job).attempts == 1  # not yet
    for attempt in (2, 3):
        with db.bookkeeping() as session:
            session.execute(update(Job).values(due_at=datetime.now(UTC)))
        job = run(db, job)
        assert job.attempts == attempt
    assert (job.state, job.error_code, job.unique_key) == ("failed", "R410", None)
    with db.bookkeeping() as session:
        session.execute(update(Job).values(state="queued", attempts=0, due_at=datetime.now(UTC) - timedelta(seconds=1)))
    set_handlers(monkeypatch, lambda running, progress: {})
    assert run(db, job).error_code == ""


def test_time_left_is_that_of_current_stage(db: Database) -> None:
    job = ask(db)
    with queue.claim(db, job.id) as running:
        assert running is not None
        progress = JobProgress(running, never)
        for stage, done, started, passed in (("find", 900, 0, 100), ("track", 10, 100, 4)):
            progress._next = 0.0
            progress(stage, done, 1000)
            with db.bookkeeping() as session:
                now = session.get_one(Job, job.id)
                assert now.stage_at is not None
                now.started_at = now.stage_at - timedelta(seconds=started + passed)
                now.stage_at -= timedelta(seconds=passed)
            left = job_json(queue.find(db, job.id))["seconds_left"]
            assert left == pytest.approx(passed * (1000 - done) / done, rel=0.3), stage


@pytest.mark.parametrize(
    ("actor", "kind", "arguments", "error"),
    [
        ("anna", "dig", {}, BadJob),  # no such kind
        ("anna", "detect", {"footage": "../etc"}, BadJob),
        ("anna", "detect", {"footage": HASH, "models": ["x.pt"]}, BadJob),  # unknown argument
        ("officer", "intake", {"upload": "../keys/k", "name": "n", "case": "F-1"}, BadJob),  # outside the folder
        ("officer", "intake", {"upload": "a/..", "name": "n", "case": "F-1"}, BadJob),
        ("officer", "intake", {"upload": "/etc/passwd", "name": "n", "case": "F-1"}, BadJob),
        ("anna", "intake", {"upload": "u1", "name": "n", "case": "F-1"}, NotAllowed),  # a reviewer
        ("approver", "detect", {"footage": HASH}, NotAllowed),
        ("anna", "export", {"release": "F-1#1"}, NotAllowed),
        ("nobody", "detect", {"footage": HASH}, RecordMissing),
    ],
)
def test_enqueue_refuses_bad_jobs(db: Database, actor: str, kind: str, arguments: Json, error: type[Exception]) -> None:
    with pytest.raises(error):
        queue.enqueue(db, actor, kind, "x", arguments)
    assert queue.listed(db, "admin", mine=False) == []


def test_job_of_disabled_owner_fails(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    set_handlers(monkeypatch, lambda running, progress: pytest.fail("should not run"))
    job = ask(db)
    accounts.disable(db, "admin", "anna", "left")
    job = run(db, job)
    assert (job.state, job.error_code) == ("failed", NotAllowed.code)
    with pytest.raises(NotAllowed):
        ask(db)


@pytest.mark.usefixtures("case")
def test_failed_job_keeps_code_and_text(db: Database) -> None:
    upload().write_text("not footage")
    job = run(db, intake(db))
    assert (job.state, job.error_code) == ("failed", "R202")
    assert "bodycam.mp4" in job.error_text
    assert job.finished_at is not None
    assert upload().exists()


@contextmanager
def process(db: Database, how: str) -> Iterator[subprocess.Popen[bytes]]:
    environment = {**os.environ, "REDACT_DATABASE_URL": db.url}
    killable = subprocess.Popen([sys.executable, "-m", "tests.jobs.dying_worker", how], env=environment)
    try:
        yield killable
    finally:
        killable.kill()
        killable.wait()


def wait_for(db: Database, job: Job, holds: Callable[[Job], bool]) -> Job:
    for _ in range(600):
        now = queue.find(db, job.id)
        if holds(now):
            return now
        time.sleep(0.1)
    raise AssertionError(f"{now.state} {now.stage} {now.done} {now.error_text}")


def test_recover_requeues_job_of_killed_worker_only(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue, "STALE_SECONDS", 0.0)
    set_handlers(monkeypatch, lambda running, progress: {"by": "another"})
    job = ask(db)
    with process(db, "stuck") as slow:
        assert wait_for(db, job, lambda now: now.done > 1).attempts == 1
        # As when a laptop lid closes: the heartbeat is old, and the worker continues later.
        slow.send_signal(signal.SIGSTOP)
        queue.recover(db)
        assert queue.find(db, job.id).state == JobState.RUNNING
        slow.kill()
        slow.wait()
    queue.recover(db)
    assert queue.find(db, job.id).state == JobState.QUEUED
    done = run(db, job)
    assert (done.state, done.attempts, done.result) == ("done", 2, {"by": "another"})


@pytest.mark.usefixtures("case")
def test_intake_repeated_after_kill_adds_footage_once(
    db: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue, "STALE_SECONDS", 0.0)
    upload().write_bytes(make_clip(tmp_path / "clip.mp4").read_bytes())
    job = intake(db, exhibit="AB/1")
    with process(db, "dies") as killable:
        assert killable.wait(120) == -signal.SIGKILL
    assert queue.find(db, job.id).state == JobState.RUNNING
    queue.recover(db)
    done = run(db, job)
    assert (done.state, done.attempts) == ("done", 2), done.error_text
    assert done.result["exhibit"] == "AB/1"
    assert not upload().exists()
    with db.reading() as session:
        assert [f.original_name for f in session.scalars(select(Footage))] == ["bodycam.mp4"]
        assert len(session.scalars(select(Exhibit)).all()) == 1
        assert len(session.scalars(select(Event).where(Event.kind.in_(("footage.added", "exhibit.added")))).all()) == 1


@pytest.mark.usefixtures("case")
def test_detect_repeated_after_lost_result_adds_tracks_once(
    db: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from redact.evidence.store import Store
    from tests.disclose.approved import found

    monkeypatch.setattr(queue, "STALE_SECONDS", 0.0)
    upload().write_bytes(make_clip(tmp_path / "clip.mp4", size=(256, 160), frames=24).read_bytes())
    sha256 = run(db, intake(db)).result["footage"]
    monkeypatch.setattr(machine_tracks, "analyse", lambda path, settings, progress: found(path, sha256))
    job = queue.enqueue(db, "anna", "detect", "footage:x", {"footage": sha256})
    with monkeypatch.context() as patch:  # the result cannot be written

        def lost(running: RunningJob, result: Json) -> None:
            raise RecordsUnavailable("The server went away.")

        patch.setattr(RunningJob, "done", lost)
        assert run(db, job).state == JobState.RUNNING
    queue.recover(db)
    done = run(db, job)
    assert (done.state, done.attempts) == ("done", 2)
    with db.reading() as session:
        rows = session.scalars(select(MachineTracks)).all()
        assert [(row.id, row.provenance["job"]) for row in rows] == [(done.result["tracks_id"], job.id)]
    other = run(db, queue.enqueue(db, "anna", "detect", "footage:x", {"footage": sha256}))
    assert other.result["tracks_id"] != done.result["tracks_id"]  # another run was requested
    assert Store().tracks_path(rows[0].file_sha256).is_file()


def test_job_is_given_up_after_three_killed_runs(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue, "STALE_SECONDS", 0.0)
    job = ask(db, key="k")
    for attempt in range(1, queue.MAX_ATTEMPTS + 1):
        with queue.claim(db, job.id) as running:
            assert running is not None
            assert running.job.attempts == attempt
        queue.recover(db)
    ended = queue.find(db, job.id)
    assert (ended.state, ended.error_code, ended.unique_key) == ("failed", "R701", None)


def test_claim_is_exclusive_and_lost_run_cannot_write(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    job = ask(db)
    with queue.claim(db, job.id) as mine, queue.claim(db, job.id) as other:
        assert mine is not None
        assert other is None
        queue.recover(db)
        assert queue.find(db, job.id).state == JobState.RUNNING  # its heartbeat is fresh
        with db.bookkeeping() as session:
            session.execute(update(Job).values(worker="another", heartbeat_at=datetime.now(UTC) - timedelta(hours=1)))
        for write in (mine.heartbeat, lambda: mine.done({"too": "late"}), mine.requeue):
            with pytest.raises(Cancelled):
                write()
    queue.recover(db)
    assert (queue.find(db, job.id).state, queue.find(db, job.id).result) == ("queued", {})


def test_worker_runs_short_jobs_first(db: Database, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []

    def note(running: RunningJob, progress: Progress) -> Json:
        order.append(running.job.kind)
        return {}

    set_handlers(monkeypatch, note)
    monkeypatch.setattr(worker, "RECOVER_SECONDS", 0.2)
    ask(db)
    preview = queue.enqueue(db, "anna", "preview", "release:F-1#1", {"release": "F-1#1"})
    with open_queue(db) as jobs:
        assert len(jobs.waiting()) == 2
    over = threading.Event()
    lines: list[str] = []
    thread = threading.Thread(target=run_worker, args=(db, over.is_set, lines.append))
    thread.start()
    try:
        wait_for(db, preview, lambda now: now.state == JobState.DONE)
        # A lost message must not leave the job waiting for ever.
        with monkeypatch.context() as patch:
            patch.setattr(queue, "announce", lambda db, job: None)
            unannounced = ask(db)
        wait_for(db, unannounced, lambda now: now.state == JobState.DONE)
    finally:
        over.set()
        thread.join()
    assert order == ["preview", "detect", "detect"]
    assert lines[0] == "preview release:F-1#1: done"
    assert (home / "records" / FILE).exists() == db.is_sqlite
    assert list(folder_for(queue.RUNNERS).iterdir()) == []


def test_old_job_runs_before_newer_short_one(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue, "announce", lambda db, job: None)
    old = ask(db)
    with db.bookkeeping() as session:
        session.execute(update(Job).values(created_at=datetime.now(UTC) - timedelta(minutes=30)))
    new = ask(db)
    preview = queue.enqueue(db, "anna", "preview", "release:F-1#1", {"release": "F-1#1"})
    queue.recover(db)
    begun: list[str] = []
    with open_queue(db, begun.append) as jobs:
        while jobs.run_next():
            pass
    assert begun == [old.id, preview.id, new.id]


@pytest.mark.usefixtures("home")
def test_two_workers_run_each_job_once(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[str] = []

    def note(running: RunningJob, progress: Progress) -> Json:
        begun.append(running.job.id)
        time.sleep(0.005)
        return {}

    set_handlers(monkeypatch, note)
    monkeypatch.setattr(worker, "RECOVER_SECONDS", 0.02)  # so that every message is queued again and again
    jobs = [ask(db) for _ in range(20)]
    over = threading.Event()
    workers = [threading.Thread(target=run_worker, args=(db, over.is_set)) for _ in range(2)]
    for thread in workers:
        thread.start()
    try:
        for job in jobs:
            wait_for(db, job, lambda now: now.state == JobState.DONE)
    finally:
        over.set()
        for thread in workers:
            thread.join()
    assert sorted(begun) == sorted(job.id for job in jobs)


def test_worker_killed_at_any_step_leaves_recoverable_job(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Job records and huey's messages are in two databases, which no transaction spans."""
    monkeypatch.setattr(queue, "STALE_SECONDS", 0.0)
    set_handlers(monkeypatch, steps.once)
    context = children()
    counted, chance = context.Value("q", 0), random.Random(5)

    def killed(kill_at: int) -> None:
        arguments = (os.environ["REDACT_HOME"], db.url, kill_at, counted)
        process = context.Process(target=steps.ask_and_work, args=arguments)
        process.start()
        process.join(120)
        assert process.exitcode == (-signal.SIGKILL if kill_at else 0)

    killed(0)
    for number in range(1, KILLS + 1):
        killed(chance.randrange(1, counted.value))
        queue.recover(db)
        with db.reading() as session:
            left = session.scalars(select(Job).where(Job.state != JobState.DONE)).all()
        assert len(left) <= 1, number
        for job in left:
            assert run(db, job).state == JobState.DONE, number
    with db.reading() as session:
        ids = set(session.scalars(select(Job.id)))
        once = session.scalars(select(Event.subject).where(Event.kind == steps.DONE)).all()
    assert sorted(once) == sorted(ids)
    with open_queue(db, lambda job_id: run_job(db, job_id, never, pytest.fail)) as jobs:
        while jobs.run_next():  # messages of jobs that are already done
            pass
    queue.delete_old(db)
    assert list(folder_for(queue.RUNNERS).iterdir()) == []


def test_delete_old_keeps_second_passes(db: Database) -> None:
    ended, cancelled, waits = ask(db), ask(db), ask(db)
    second_pass = queue.enqueue(db, "anna", "second-look", "release:F-1#1", {"release": "F-1#1"})
    long_ago = datetime.now(UTC) - queue.KEPT - timedelta(minutes=1)
    with db.bookkeeping() as session:
        for job, state in ((ended, "failed"), (cancelled, "cancelled"), (second_pass, "done")):
            session.execute(update(Job).where(Job.id == job.id).values(state=state, finished_at=long_ago))
        session.execute(update(Job).where(Job.id == cancelled.id).values(finished_at=datetime.now(UTC)))
    queue.delete_old(db)
    assert {job.id for job in queue.listed(db, "anna")} == {cancelled.id, waits.id, second_pass.id}


def test_listed_includes_jobs_of_others_on_request(db: Database) -> None:
    first, second = ask(db), ask(db, "ben")
    assert [job.id for job in queue.listed(db, "anna")] == [first.id]
    assert [job.id for job in queue.listed(db, "anna", mine=False)] == [second.id, first.id]
    queue.cancel(db, "ben", second.id)
    assert [job.id for job in queue.listed(db, "anna", mine=False, active=True, subject="footage:ab")] == [first.id]
