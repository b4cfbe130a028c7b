"""Uploads of footage, in consecutive chunks, so that a broken connection costs at most one chunk.

Uploaded bytes go into a separate folder under a generated name; the original name is only text in the record. Only the
person who started an upload sees it. Whether it is footage is decided by its content.
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
    UploadOffsetMismatch,
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
"""Copies of a file on disk during intake: the upload and the master."""
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
        raise BadRecord("The file is empty.", "Choose another file.")
    if size > services.settings.largest_upload:
        limit = _gigabytes(services.settings.largest_upload)
        raise RequestTooLarge(
            f"The file is {_gigabytes(size)}; the limit for uploads is {limit}.",
            "Ask an administrator to add it on the server.",
        )
    remove_abandoned(services)
    upload_id = str(uuid.uuid4())
    with services.db.bookkeeping() as session:
        _check_room(services, session, size)
        case = cases.find(session, untrusted_case)
        if case.state == cases.CLOSED:
            raise WrongState(f"Case {case.reference} is closed.", "Reopen it first.")
        own = select(func.count()).select_from(Upload)
        own = own.where(Upload.person_id == user.person.id, Upload.state == RECEIVING)
        if (session.scalar(own) or 0) >= services.settings.max_uploads:
            raise WrongState("You have too many unfinished uploads.", "Finish or cancel some of them.")
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
    """The user's own unfinished uploads, to resume."""
    with services.db.reading() as session:
        query = select(Upload, Case).join(Case, Case.id == Upload.case_id).order_by(Upload.created_at)
        rows = session.execute(query.where(Upload.person_id == user.person.id, Upload.state == RECEIVING)).all()
        return {"uploads": [_upload_json(upload, case) for upload, case in rows]}


@router.get("/{upload_id}")
def get_upload(upload_id: str, services: ServicesDep, user: CaseViewer) -> Json:
    """The progress of an upload."""
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
    """Append the request body at ``offset``, which must equal the bytes received so far. Bytes that arrive before a
    connection breaks are kept."""
    upload = await run_in_threadpool(_open_upload, services, user, upload_id)
    with _storage_errors(), upload_path(upload.id).open("r+b") as file:
        received = await run_in_threadpool(_lock_at_offset, services, user, file, upload.id, offset)
        try:
            async for block in request.stream():
                if received + len(block) > upload.size:
                    raise RequestTooLarge("The file is longer than announced.", "Start the upload again.")
                await run_in_threadpool(file.write, block)
                received += len(block)
        except ClientDisconnect:
            pass
        finally:
            await run_in_threadpool(_save_progress, services, file, upload.id, received)
    return {"id": upload.id, "received": received, "size": upload.size}


@router.post("/{upload_id}/finish", status_code=202)
def finish(upload_id: str, services: ServicesDep, user: CaseViewer, untrusted: UntrustedJson) -> Json:
    """Start intake of a complete upload. The body holds details of the footage, such as its ``exhibit``."""
    with services.db.reading() as session:
        upload = _own_upload(session, user, upload_id)
        case = session.get_one(Case, upload.case_id).reference
    if upload.state == FINISHED:
        return started(queue.find(services.db, upload.id))
    if upload.received != upload.size:
        raise UploadOffsetMismatch(
            "The upload is not complete.", "Send the rest of the file.", received=upload.received
        )
    try:
        probe(upload_path(upload.id))
    except (NotMedia, NoVideo, UnsupportedMedia) as error:
        cancel(upload_id, services, user)
        raise UploadUnusable(f'"{upload.name}" cannot be read as footage.', "Check that it plays.") from error
    arguments = {**untrusted, "upload": upload.id, "name": upload.name, "case": case}
    with services.db.bookkeeping() as session:
        # The job takes the upload's id, so there is only ever one, even after repeated requests or a crash.
        _own_upload(session, user, upload.id).state = FINISHED
        job = queue.add(session, user.name, JobKind.INTAKE, f"case:{case}", arguments, job_id=upload.id)
    queue.announce(services.db, job)
    return started(job)


@router.delete("/{upload_id}")
def cancel(upload_id: str, services: ServicesDep, user: CaseViewer) -> Json:
    """Cancel an unfinished upload."""
    with services.db.bookkeeping() as session:
        upload = _own_upload(session, user, upload_id)
        if upload.state == FINISHED:
            raise WrongState("The upload is already finished.")
        session.delete(upload)
    upload_path(upload.id).unlink(missing_ok=True)
    return {"id": upload.id}


def upload_path(upload_id: str) -> Path:
    """The file that holds the bytes of an upload."""
    return folder_for(UPLOADS) / str(uuid.UUID(upload_id))


def _own_upload(session: Session, user: SignedInUser, untrusted_id: str) -> Upload:
    upload = session.get(Upload, untrusted_id) if len(untrusted_id) == 36 else None
    if upload is None or upload.person_id != user.person.id:
        raise RecordMissing("This upload does not exist.")
    return upload


def _open_upload(services: Services, user: SignedInUser, upload_id: str) -> Upload:
    user.require(Right.INTAKE)
    with services.db.reading() as session:
        upload = _own_upload(session, user, upload_id)
    if upload.state != RECEIVING:  # another window sent the rest
        raise UploadOffsetMismatch("The upload is already finished.", received=upload.received)
    return upload


def _lock_at_offset(services: Services, user: SignedInUser, file: BufferedRandom, upload_id: str, offset: int) -> int:
    """Lock the file for this request and seek to the next byte. Raises UploadOffsetMismatch."""
    try:
        fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        received = _open_upload(services, user, upload_id).received
        raise UploadOffsetMismatch(
            "Another chunk is being received.", "Wait for it to finish.", received=received
        ) from error
    received = _open_upload(services, user, upload_id).received
    if offset != received:
        raise UploadOffsetMismatch(
            "This chunk does not follow the last one received.",
            "Continue after the last one received.",
            received=received,
        )
    # A server that was killed may have written more than it recorded.
    file.truncate(received)
    file.seek(received)
    return received


def _save_progress(services: Services, file: BufferedRandom, upload_id: str, received: int) -> None:
    """Flush to disk first, then update the record."""
    file.flush()
    os.fsync(file.fileno())
    with services.db.bookkeeping() as session:
        upload = session.get(Upload, upload_id)
        if upload is not None:  # it may have been cancelled in the meantime
            upload.received, upload.changed_at = received, datetime.now(UTC)


def _check_room(services: Services, session: Session, size: int) -> None:
    """Raise StoreFull if the disk cannot hold the file, allowing for the rest of all other uploads."""
    outstanding = session.scalar(select(func.sum(Upload.size - Upload.received)).where(Upload.state == RECEIVING)) or 0
    room = shutil.disk_usage(folder_for(UPLOADS)).free - services.settings.spare_disk - int(outstanding)
    if size * COPIES > room:
        raise StoreFull(
            f"There is no room for this file. It is {_gigabytes(size)}, and the server can take "
            f"{_gigabytes(max(0, room) // COPIES)} at present.",
            "Ask an administrator to free space on the server disk.",
        )


def _gigabytes(size: int) -> str:
    return f"{size / 1e9:.1f} GB" if size >= GIGABYTE else f"{size / 1e6:.1f} MB"


def remove_abandoned(services: Services) -> None:
    """Delete uploads that were abandoned or whose jobs have ended, with their files, and files without an upload, which
    a killed server can leave behind."""
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
        # A very recent file may belong to an upload that is about to be recorded.
        if path.name not in keep and now.timestamp() - path.lstat().st_mtime > STRAY_SECONDS and path.is_file():
            path.unlink(missing_ok=True)


def _plain_name(untrusted: str) -> str:
    """The last component of a path from any system, cleaned for the records."""
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
            raise StoreFull("The disk is full.", "Free some space, then resume the upload.") from error
        raise StoreNotWritable("The upload cannot be written.", "Check the server's disk.") from error
