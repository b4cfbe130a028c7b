"""Footage on its way in: in pieces, each after the one before, so that a broken connection costs one piece.

What arrives lies in a folder of its own under a name made here; the name it came with is a text in the record. Nobody
but the person who began an upload sees it. Whether it is footage is for its content to say.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from io import BufferedRandom
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from sqlalchemy import func, select
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect

from redact.errors import (
    FULL_ERRNOS,
    BadRecord,
    NotMedia,
    NoVideo,
    RecordMissing,
    RequestTooLarge,
    StoreFull,
    StoreNotWritable,
    UnsupportedMedia,
    UploadOutOfStep,
    UploadUnusable,
    WrongState,
)
from redact.evidence.intake import LONGEST_NAME
from redact.home import folder_for
from redact.jobs import queue
from redact.jobs.handlers import UPLOADS
from redact.media.probe import probe
from redact.records import cases
from redact.records.accounts import Right
from redact.records.job_states import ACTIVE, JobKind
from redact.records.untrusted_text import clean
from redact.schema.tables import Case, Job, Upload
from redact.server.jobs import started
from redact.server.review import UntrustedJson
from redact.server.services import CaseViewer, Services, ServicesDep
from redact.server.sessions import SignedInUser

router = APIRouter(prefix="/api/uploads")

RECEIVING, FINISHED = "receiving", "finished"
COPIES = 2
"""Of a file, while it is taken in: what was sent, and the master."""
STRAY_SECONDS = 600.0
GIGABYTE = 10**9
Json = dict[str, Any]


@router.post("", status_code=201)
def begin(services: ServicesDep, user: CaseViewer, untrusted: UntrustedJson) -> Json:
    """Announce a file: ``case``, ``name`` and ``size`` in bytes."""
    user.require(Right.INTAKE)
    untrusted_case, untrusted_name, size = (untrusted.get(key) for key in ("case", "name", "size"))
    if not isinstance(untrusted_case, str) or not isinstance(untrusted_name, str) or type(size) is not int:
        raise BadRecord("An upload needs a case, a name and a size.")
    if size <= 0:
        raise BadRecord("The file is empty.", "Choose another one.")
    if size > services.settings.largest_upload:
        limit = _gigabytes(services.settings.largest_upload)
        raise RequestTooLarge(f"The file has {_gigabytes(size)}; up to {limit} can be sent.", "Add it on the server.")
    remove_abandoned(services)
    upload_id = str(uuid.uuid4())
    with services.db.bookkeeping() as session:
        _check_room(services, session, size)
        case = cases.find(session, untrusted_case)
        if case.state == cases.CLOSED:
            raise WrongState(f"Case {case.reference} is closed.", "Open it again first.")
        own = select(func.count()).select_from(Upload)
        own = own.where(Upload.person_id == user.person.id, Upload.state == RECEIVING)
        if (session.scalar(own) or 0) >= services.settings.max_uploads:
            raise WrongState("Too many uploads are under way.", "Finish some of them, or drop them.")
        now = datetime.now(UTC)
        upload = Upload(
            id=upload_id,
            person_id=user.person.id,
            case_id=case.id,
            name=_plain_name(untrusted_name),
            size=size,
            received=0,
            state=RECEIVING,
            created_at=now,
            changed_at=now,
        )
        with _storage_errors():
            upload_path(upload_id).open("xb").close()
        session.add(upload)
        session.flush()
        return _upload_json(upload, case)


@router.get("")
def list_uploads(services: ServicesDep, user: CaseViewer) -> Json:
    """One's own uploads that are not finished, to go on with."""
    with services.db.reading() as session:
        query = select(Upload, Case).join(Case, Case.id == Upload.case_id).order_by(Upload.created_at)
        rows = session.execute(query.where(Upload.person_id == user.person.id, Upload.state == RECEIVING)).all()
        return {"uploads": [_upload_json(upload, case) for upload, case in rows]}


@router.get("/{upload_id}")
def get_upload(upload_id: str, services: ServicesDep, user: CaseViewer) -> Json:
    """How far it is."""
    with services.db.reading() as session:
        upload = _own_upload(session, user, upload_id)
        return _upload_json(upload, session.get_one(Case, upload.case_id))


@router.patch("/{upload_id}")
async def add_chunk(
    upload_id: str,
    request: Request,
    services: ServicesDep,
    user: CaseViewer,
    offset: Annotated[int, Query(ge=0, lt=2**62)],
) -> Json:
    """Add the bytes of the body from ``offset`` on, which has to be what was received before. What arrives before a
    connection breaks is kept."""
    upload = await run_in_threadpool(_open_upload, services, user, upload_id)
    with _storage_errors(), upload_path(upload.id).open("r+b") as file:
        received = await run_in_threadpool(_lock_at_offset, services, user, file, upload.id, offset)
        try:
            async for block in request.stream():
                if received + len(block) > upload.size:
                    raise RequestTooLarge("The file is longer than was announced.", "Start again.")
                await run_in_threadpool(file.write, block)
                received += len(block)
        except ClientDisconnect:
            pass
        finally:
            await run_in_threadpool(_save_progress, services, file, upload.id, received)
    return {"id": upload.id, "received": received, "size": upload.size}


@router.post("/{upload_id}/finish", status_code=202)
def finish(upload_id: str, services: ServicesDep, user: CaseViewer, untrusted: UntrustedJson) -> Json:
    """Have it taken in, once all of it is there; the body is what is told of the footage, such as its ``exhibit``."""
    with services.db.reading() as session:
        upload = _own_upload(session, user, upload_id)
        case = session.get_one(Case, upload.case_id).reference
    if upload.state == FINISHED:
        return started(queue.find(services.db, upload.id))
    if upload.received != upload.size:
        raise UploadOutOfStep("The upload is not complete.", "Send the rest of it.", received=upload.received)
    try:
        probe(upload_path(upload.id))
    except (NotMedia, NoVideo, UnsupportedMedia) as error:
        cancel(upload_id, services, user)
        raise UploadUnusable(f'"{upload.name}" is no footage that can be read.', "Check that it plays.") from error
    arguments = {**untrusted, "upload": upload.id, "name": upload.name, "case": case}
    with services.db.bookkeeping() as session:
        # The job has the upload's id: there is one of it, however many ask and whenever the server is killed.
        _own_upload(session, user, upload.id).state = FINISHED
        job = queue.add(session, user.name, JobKind.INTAKE, f"case:{case}", arguments, job_id=upload.id)
    queue.announce(services.db, job)
    return started(job)


@router.delete("/{upload_id}")
def cancel(upload_id: str, services: ServicesDep, user: CaseViewer) -> Json:
    """Give up an upload that is not finished."""
    with services.db.bookkeeping() as session:
        upload = _own_upload(session, user, upload_id)
        if upload.state == FINISHED:
            raise WrongState("The upload is finished already.")
        session.delete(upload)
    upload_path(upload.id).unlink(missing_ok=True)
    return {"id": upload.id}


def upload_path(upload_id: str) -> Path:
    """Where the bytes of an upload lie."""
    return folder_for(UPLOADS) / str(uuid.UUID(upload_id))


def _own_upload(session: Session, user: SignedInUser, untrusted_id: str) -> Upload:
    upload = session.get(Upload, untrusted_id) if len(untrusted_id) == 36 else None
    if upload is None or upload.person_id != user.person.id:
        raise RecordMissing("There is no such upload.")
    return upload


def _open_upload(services: Services, user: SignedInUser, upload_id: str) -> Upload:
    user.require(Right.INTAKE)
    with services.db.reading() as session:
        upload = _own_upload(session, user, upload_id)
    if upload.state != RECEIVING:  # by another window, which sent the rest
        raise UploadOutOfStep("The upload is finished already.", received=upload.received)
    return upload


def _lock_at_offset(services: Services, user: SignedInUser, file: BufferedRandom, upload_id: str, offset: int) -> int:
    """Hold the file for this request alone, and be where the next byte belongs."""
    try:
        fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        received = _open_upload(services, user, upload_id).received
        raise UploadOutOfStep("Another piece is on its way.", "Wait for it.", received=received) from error
    received = _open_upload(services, user, upload_id).received
    if offset != received:
        raise UploadOutOfStep("This piece does not follow what is there.", "Go on from there.", received=received)
    # A server that was killed may have left more than it could note.
    file.truncate(received)
    file.seek(received)
    return received


def _save_progress(services: Services, file: BufferedRandom, upload_id: str, received: int) -> None:
    """On the disk first, in the record then."""
    file.flush()
    os.fsync(file.fileno())
    with services.db.bookkeeping() as session:
        upload = session.get(Upload, upload_id)
        if upload is not None:  # it may have been given up meanwhile
            upload.received, upload.changed_at = received, datetime.now(UTC)


def _check_room(services: Services, session: Session, size: int) -> None:
    """Raise StoreFull where the disk will not hold the file, with all that is still to come of others."""
    outstanding = session.scalar(select(func.sum(Upload.size - Upload.received)).where(Upload.state == RECEIVING)) or 0
    room = shutil.disk_usage(folder_for(UPLOADS)).free - services.settings.spare_disk - int(outstanding)
    if size * COPIES > room:
        raise StoreFull(
            f"There is no room for this file: it has {_gigabytes(size)}, and the server can take "
            f"{_gigabytes(max(0, room) // COPIES)} at present.",
            "Ask an administrator to make room on the server's disk.",
        )


def _gigabytes(size: int) -> str:
    return f"{size / 1e9:.1f} GB" if size >= GIGABYTE else f"{size / 1e6:.1f} MB"


def remove_abandoned(services: Services) -> None:
    """Remove uploads that nobody went on with, and what their jobs left, with their files; and files that belong to no
    upload: a server that was killed left them."""
    now = datetime.now(UTC)
    with services.db.bookkeeping() as session:
        pending = select(Job).where(Job.kind == JobKind.INTAKE.value, Job.state.in_(ACTIVE))
        keep = {job.arguments["upload"] for job in session.scalars(pending)}
        for upload in session.scalars(select(Upload)).all():
            old = upload.changed_at < now - services.settings.upload_kept and upload.id not in keep
            if old or (upload.state == RECEIVING and not upload_path(upload.id).exists()):
                session.delete(upload)
                upload_path(upload.id).unlink(missing_ok=True)
            else:
                keep.add(upload.id)
    for path in folder_for(UPLOADS).iterdir():
        # One that was begun just now is recorded next.
        if path.name not in keep and now.timestamp() - path.lstat().st_mtime > STRAY_SECONDS and path.is_file():
            path.unlink(missing_ok=True)


def _plain_name(untrusted: str) -> str:
    """The last part of what may be a path of any system, fit for a record."""
    last = re.split(r"[\\/]", untrusted)[-1]
    name = clean(last.encode("utf-8", "replace").decode(), LONGEST_NAME)
    return name if name.strip(".") else "unnamed"


def _upload_json(upload: Upload, case: Case) -> Json:
    return {
        "id": upload.id,
        "case": case.reference,
        "name": upload.name,
        "size": upload.size,
        "received": upload.received,
        "state": upload.state,
    }


@contextmanager
def _storage_errors() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in FULL_ERRNOS:
            raise StoreFull("The disk ran full.", "Make room, then go on with the upload.") from error
        raise StoreNotWritable("The upload cannot be written.", "Check the server's disk.") from error
