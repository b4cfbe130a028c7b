"""Jobs: long work that outlives the request for it. Request, watch, cancel and run them.

The table ``jobs`` is authoritative. A job is queued, running, done, failed or cancelled. The process that runs a job
holds a lock on a file while it lives (:func:`claim`) and records a heartbeat every few seconds. A running job with
neither was interrupted, and is queued again (:func:`recover`). So no job is run by two processes at once, and the next
run reuses work finished just before the interruption: see :mod:`redact.jobs.handlers`. Transient failures are retried
after a delay.
"""

from __future__ import annotations

import contextlib
import fcntl
import secrets
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path

from pydantic import ValidationError
from sqlalchemy import ColumnElement, and_, delete, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from redact.errors import (
    BadJob,
    Cancelled,
    DeviceMemoryShort,
    JobGivenUp,
    NotAllowed,
    RecordMissing,
    RecordsUnavailable,
    WrongState,
)
from redact.home import folder_for
from redact.jobs.failures import as_failure
from redact.jobs.kinds import JOB_RULES
from redact.jobs.message_queue import open_queue
from redact.records import accounts
from redact.records.accounts import Right
from redact.records.database import Database
from redact.records.job_states import ACTIVE, JobKind, JobState
from redact.schema.tables import Job, Json, Person

MAX_ATTEMPTS = 3
TRANSIENT = (RecordsUnavailable, DeviceMemoryShort)
"""Errors that may pass by themselves. All others need someone to act."""
RETRY_SECONDS = (15.0, 120.0)
"""Delay after the first transient failure, and after the second."""
KEPT = timedelta(days=90)
"""How long finished jobs are kept. Their results are in the records, and who acted is in the audit trail."""
HEARTBEAT_SECONDS = 2.0
STALE_SECONDS = 15.0
PROGRESS_SECONDS = 0.5
RUNNERS = "runners"
"""Folder of the lock files of running jobs."""


class StopReason(StrEnum):
    """Why a running job has to stop."""

    CANCELLED = "cancelled"
    """A person cancelled it."""
    STOPPED = "stopped"
    """The worker is stopping: the job goes back into the queue."""


def enqueue(
    db: Database,
    actor: str,
    kind: str,
    subject: str,
    arguments: Mapping[str, object],
    *,
    unique_key: str | None = None,
) -> Job:
    """Queue a job for ``actor``. ``subject`` is what it is about, as in audit events; for ``arguments``, see
    :data:`redact.jobs.kinds.JOB_RULES`. An active job with the same ``unique_key`` is returned instead.

    Raises BadJob, NotAllowed, RecordMissing, RecordsUnavailable.
    """
    with db.bookkeeping() as session:
        job = add(session, actor, kind, subject, arguments, unique_key=unique_key)
    announce(db, job)
    return job


def add(
    session: Session,
    actor: str,
    kind: str,
    subject: str,
    arguments: Mapping[str, object],
    *,
    unique_key: str | None = None,
    job_id: str | None = None,
) -> Job:
    """Like :func:`enqueue`, as part of a larger change: call :func:`announce` once that is committed. If a job with
    this ``job_id`` exists, it is returned, whatever its state."""
    job_kind, checked = _checked(kind, arguments)
    person = accounts.authorise(session, actor, JOB_RULES[job_kind].right)
    return _added(
        session,
        Job(
            id=job_id or str(uuid.uuid4()),
            kind=job_kind.value,
            subject=subject,
            arguments=checked,
            owner_id=person.id,
            state=JobState.QUEUED.value,
            created_at=datetime.now(UTC),
            result={},
            unique_key=unique_key,
        ),
    )


def _checked(untrusted_kind: str, untrusted_arguments: Mapping[str, object]) -> tuple[JobKind, Json]:
    try:
        kind = JobKind(untrusted_kind)
        checked = JOB_RULES[kind].arguments.model_validate(dict(untrusted_arguments))
    except ValidationError as error:
        wrong = ", ".join(sorted({".".join(map(str, one["loc"])) or "all" for one in error.errors()}))
        raise BadJob(f"Invalid arguments for the {kind} job: {wrong}.", "Correct them and request it again.") from error
    except ValueError as error:
        raise BadJob(f'There is no job kind "{untrusted_kind[:40]}".', f"Choose from {', '.join(JobKind)}.") from error
    return kind, checked.model_dump(mode="json")


def _added(session: Session, job: Job) -> Job:
    """Add the job, or return the one with its id or the active one with its unique key."""
    same = Job.id == job.id
    query = select(Job).where(same if job.unique_key is None else or_(same, Job.unique_key == job.unique_key))
    while True:
        known = session.scalars(query).first()
        if known is not None:
            return known
        with contextlib.suppress(IntegrityError):  # another process added it first
            with session.begin_nested():
                session.add(job)
            return job


def announce(db: Database, job: Job) -> None:
    """Notify a worker of a queued job. Missed jobs are picked up by :func:`recover`."""
    if job.state == JobState.QUEUED:
        with contextlib.suppress(RecordsUnavailable), open_queue(db) as queue:
            queue.put(job.id, _priority(job))


def _priority(job: Job) -> float:
    return -(job.created_at + JOB_RULES[JobKind(job.kind)].patience).timestamp()


def find(db: Database, job_id: str) -> Job:
    """The job in its current state. Raises RecordMissing."""
    with db.reading() as session:
        return _get(session, job_id)


def listed(
    db: Database, actor: str, *, mine: bool = True, active: bool = False, subject: str | None = None, limit: int = 200
) -> list[Job]:
    """Jobs of ``actor``, or of everybody, newest first. ``active``: only queued and running ones.

    Raises NotAllowed, RecordMissing.
    """
    with db.reading() as session:
        person = accounts.authorise(session, actor, Right.SEE)
        query = select(Job).order_by(Job.created_at.desc(), Job.id).limit(limit)
        if mine:
            query = query.where(Job.owner_id == person.id)
        if active:
            query = query.where(Job.state.in_(ACTIVE))
        if subject is not None:
            query = query.where(Job.subject == subject)
        return list(session.scalars(query))


def cancel(db: Database, actor: str, job_id: str) -> Job:
    """Cancel a job: at once if it is queued, at its next frame if it is running. A finished job is not changed.

    Raises NotAllowed for anyone but its owner and administrators, RecordMissing.
    """
    with db.bookkeeping() as session:
        job = _own_job(session, actor, job_id)
        if job.state in ACTIVE:
            job.cancel_requested = True
            job.unique_key = None  # the same request made now is a new job
        if job.state == JobState.QUEUED:
            _end(job, JobState.CANCELLED)
    return job


def retry(db: Database, actor: str, job_id: str) -> Job:
    """Queue a failed or cancelled job again, as a new job. Requesting it twice gives the same new job.

    Raises as :func:`cancel` and :func:`enqueue`, and WrongState.
    """
    with db.reading() as session:
        job = _own_job(session, actor, job_id)
    if job.state not in (JobState.FAILED, JobState.CANCELLED):
        raise WrongState(f"This job is {job.state}.", "Only failed and cancelled jobs can be retried.")
    return enqueue(db, actor, job.kind, job.subject, job.arguments, unique_key=f"again:{job.id}")


def _get(session: Session, job_id: str, *, lock: bool = False) -> Job:
    job = session.get(Job, job_id, with_for_update=lock)
    if job is None:
        raise RecordMissing("This job does not exist.", "See the list of jobs.")
    return job


def _own_job(session: Session, actor: str, job_id: str) -> Job:
    job = _get(session, job_id, lock=True)
    person = accounts.authorise(session, actor, Right.SEE)
    if job.owner_id != person.id and not accounts.may(person, Right.ADMINISTER):
        raise NotAllowed(f"This job does not belong to {person.name}.", "Ask its owner or an administrator.")
    return job


def _end(job: Job, state: JobState) -> None:
    job.state, job.unique_key, job.finished_at = state.value, None, datetime.now(UTC)


def _fail(job: Job, error: BaseException) -> None:
    failure = as_failure(error)
    job.error_code, job.error_text = failure.code, failure.text
    _end(job, JobState.FAILED)


class RunningJob:
    """A job run by this process. ``token`` identifies the run in the job's record."""

    def __init__(self, db: Database, job: Job, owner: str, token: str) -> None:
        self.db, self.job, self.owner, self.token = db, job, owner, token

    @contextmanager
    def change(self) -> Iterator[Job]:
        """Change the record. Raises Cancelled if the job no longer belongs to this run."""
        with self.db.bookkeeping() as session:
            job = _get(session, self.job.id, lock=True)
            if job.worker != self.token or job.state != JobState.RUNNING:
                raise Cancelled("Another worker has taken over this job.")
            yield job

    def heartbeat(self) -> None:
        """Record that the run is alive."""
        with self.change() as job:
            job.heartbeat_at = datetime.now(UTC)

    def note(self, result: Json) -> None:
        """Save a result before the job ends: the run after an interruption finds it in ``job.result``."""
        with self.change() as job:
            job.result = result

    def done(self, result: Json) -> None:
        """Record success and the result."""
        with self.change() as job:
            job.result = result
            if job.total is not None:
                job.done = job.total
            _end(job, JobState.DONE)

    def failed(self, error: BaseException) -> bool:
        """Record a failure. Returns False if it was transient and the job has been queued for a retry."""
        with self.change() as job:
            key, transient = job.unique_key, isinstance(error, TRANSIENT) and not job.cancel_requested
            _fail(job, error)
            if transient and job.attempts < MAX_ATTEMPTS:
                job.state, job.worker, job.unique_key, job.finished_at = JobState.QUEUED.value, "", key, None
                job.due_at = datetime.now(UTC) + timedelta(seconds=RETRY_SECONDS[job.attempts - 1])
            return job.state == JobState.FAILED

    def cancelled(self) -> None:
        """Record that the job was cancelled."""
        with self.change() as job:
            _end(job, JobState.CANCELLED)

    def requeue(self) -> None:
        """Queue it again, as if it had not been started."""
        with self.change() as job:
            job.worker, job.attempts = "", job.attempts - 1
            if job.cancel_requested:
                _end(job, JobState.CANCELLED)
            else:
                job.state = JobState.QUEUED.value
            queued = job
        announce(self.db, queued)


class JobProgress:
    """The :class:`redact.progress.Progress` of a running job. Writes at most twice a second. Raises Cancelled if the
    job was cancelled or ``stop`` returns True; ``stop_reason`` says which."""

    def __init__(self, running: RunningJob, stop: Callable[[], bool]) -> None:
        self._running, self._stop = running, stop
        self._next = 0.0
        self._stage, self._done, self._since = "", 0, datetime.now(UTC)
        self.stop_reason: StopReason | None = None

    def __call__(self, stage: str, done: int, total: int | None) -> None:
        """See :class:`redact.progress.Progress`."""
        if self._stop():
            self.stop_reason = StopReason.STOPPED
            raise Cancelled("The worker was stopped.", "The job continues when a worker runs again.")
        if stage != self._stage or done < self._done:  # the same stage of the next file
            self._stage, self._since = stage, datetime.now(UTC)
        self._done = done
        if time.monotonic() < self._next:
            return
        # Late progress is better than a failed job: a busy database is no reason to stop.
        with contextlib.suppress(RecordsUnavailable), self._running.change() as job:
            job.stage, job.done, job.total, job.stage_at = stage, done, total, self._since
            job.heartbeat_at = datetime.now(UTC)
            self.stop_reason = StopReason.CANCELLED if job.cancel_requested else None
        self._next = time.monotonic() + PROGRESS_SECONDS
        if self.stop_reason is not None:
            raise Cancelled("The job was cancelled.")


@contextmanager
def claim(db: Database, job_id: str) -> Iterator[RunningJob | None]:
    """Claim a queued job for this process for the duration of the block. Yields None if it is not queued."""
    token = secrets.token_hex(8)
    place = _lock_path(token)
    with place.open("xb") as lock:
        fcntl.flock(lock.fileno(), fcntl.LOCK_EX)
        try:
            yield _claimed(db, job_id, token)
        finally:
            place.unlink(missing_ok=True)


def _claimed(db: Database, job_id: str, token: str) -> RunningJob | None:
    now = datetime.now(UTC)
    with db.bookkeeping() as session:
        taken = session.scalars(
            update(Job)
            .where(Job.id == job_id, _waiting(now))
            .values(
                state=JobState.RUNNING.value,
                worker=token,
                attempts=Job.attempts + 1,
                started_at=now,
                heartbeat_at=now,
                stage="",
                stage_at=now,
                due_at=None,
                done=0,
                total=None,
                error_code="",
                error_text="",
            )
            .returning(Job.id)
        ).first()
        if taken is None:
            return None
        job = _get(session, taken)
        return RunningJob(db, job, session.get_one(Person, job.owner_id).name, token)


def _waiting(now: datetime) -> ColumnElement[bool]:
    """Condition for jobs that are ready to run."""
    return and_(Job.state == JobState.QUEUED.value, or_(Job.due_at.is_(None), Job.due_at <= now))


def recover(db: Database) -> None:
    """Requeue interrupted jobs, give up on those interrupted too often, and notify workers of all queued jobs."""
    with db.bookkeeping() as session:
        before = datetime.now(UTC) - timedelta(seconds=STALE_SECONDS)
        query = select(Job).where(Job.state == JobState.RUNNING.value, Job.heartbeat_at < before)
        for job in session.scalars(query.with_for_update(skip_locked=True)).all():
            if not _alive(job.worker):
                _lock_path(job.worker).unlink(missing_ok=True)
                _requeue(job)
    with db.reading() as session:
        waiting = list(session.scalars(select(Job).where(_waiting(datetime.now(UTC))).order_by(Job.created_at)))
    if waiting:
        with open_queue(db) as queue:
            known = queue.waiting()
            for job in waiting:
                if job.id not in known:
                    queue.put(job.id, _priority(job))


def delete_old(db: Database) -> None:
    """Delete jobs finished long ago, and the lock files of killed workers. Finished second detection passes stay:
    releases were approved on their results."""
    for lock in folder_for(RUNNERS).glob("*.lock"):
        with contextlib.suppress(FileNotFoundError):  # its worker has just ended
            if time.time() - lock.stat().st_mtime >= STALE_SECONDS and not _alive(lock.stem):
                lock.unlink()
    old = Job.finished_at < datetime.now(UTC) - KEPT
    found = and_(Job.kind == JobKind.SECOND_PASS.value, Job.state == JobState.DONE.value)
    with db.bookkeeping() as session:
        session.execute(delete(Job).where(old, ~found))


def _requeue(job: Job) -> None:
    job.worker = ""
    if job.cancel_requested:
        _end(job, JobState.CANCELLED)
    elif job.attempts >= MAX_ATTEMPTS:
        error = JobGivenUp(
            f"The worker ended unexpectedly during this job, {job.attempts} times.",
            "Check the worker's log and the machine's memory, then retry.",
        )
        _fail(job, error)
    else:
        job.state = JobState.QUEUED.value


def _lock_path(token: str) -> Path:
    return folder_for(RUNNERS) / f"{token}.lock"


def _alive(token: str) -> bool:
    """Whether the process that runs a job under this token is alive."""
    try:
        with _lock_path(token).open("rb") as file:
            fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False
