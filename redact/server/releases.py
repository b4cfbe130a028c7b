"""Release routes: decide, watch the preview, submit, approve, export, and download the pack.

The reference is a path parameter, because case references may contain slashes: ``/api/releases/FOI-1%232/preview``.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import FileResponse, StreamingResponse
from sqlalchemy import select
from sqlalchemy.orm import Session

from redact.disclose.release import approval, releases, watching
from redact.errors import BadRecord, RecordMissing, WrongState
from redact.evidence.store import PACKS
from redact.jobs import handlers, queue
from redact.records import accounts
from redact.records.accounts import Right
from redact.records.job_states import JobKind
from redact.records.release_state import release_subject
from redact.schema.tables import Export, Release
from redact.server import footage_views
from redact.server.jobs import started
from redact.server.review import UntrustedJson
from redact.server.services import CaseViewer, Services, ServicesDep
from redact.server.sessions import SignedInUser

router = APIRouter(prefix="/api/releases/{reference:path}")

Json = dict[str, Any]
MAX_SPANS = 1000
_BLOCK = 1 << 20


@router.post("/decide")
def decide(reference: str, services: ServicesDep, user: CaseViewer, untrusted: UntrustedJson) -> Json:
    """Record a ``decision`` (see :mod:`redact.disclose.release.decision_json`). ``exhibit`` is the footage that its
    track or sound belongs to."""
    releases.decide(services.db, user.name, reference, untrusted.get("decision"), _text(untrusted, "exhibit", None))
    return _state(services, reference)


@router.post("/submit")
def submit(reference: str, services: ServicesDep, user: CaseViewer) -> Json:
    """Submit the release for approval."""
    user.require(Right.RELEASE)
    with services.db.reading() as session:
        problems = footage_views.cached_plan(services, session, releases.find(session, reference)).problems
    releases.submit(services.db, user.name, reference, problems)
    return _state(services, reference)


@router.post("/approve")
def approve(reference: str, services: ServicesDep, user: CaseViewer, untrusted: UntrustedJson) -> Json:
    """Approve the release. ``override`` is the reason for approving with open items; ``content`` is the digest of the
    version that the approver saw."""
    user.require(Right.APPROVE)
    override = _text(untrusted, "override", "") or ""
    approval.approve(
        services.db, services.store, user.name, reference, override=override, content=_text(untrusted, "content", None)
    )
    return _state(services, reference)


@router.get("/open")
def open_items(reference: str, services: ServicesDep, user: CaseViewer) -> Json:
    """What is still open before approval: see :class:`redact.disclose.release.approval.OpenItems`."""
    with services.db.reading() as session:
        plan = footage_views.cached_plan(services, session, releases.find(session, reference))
        items = approval.open_items(session, services.store, plan)
    return {
        "content": items.content,
        "items": list(items.items),
        "unwatched": [[list(span) for span in spans] for spans in items.unwatched],
        "look": items.second_pass.value,
    }


@router.post("/send-back")
def send_back(reference: str, services: ServicesDep, user: CaseViewer, untrusted: UntrustedJson) -> Json:
    """Return the release to draft, with a ``note``."""
    releases.send_back(services.db, user.name, reference, _text(untrusted, "note", "") or "")
    return _state(services, reference)


@router.post("/withdraw")
def withdraw(reference: str, services: ServicesDep, user: CaseViewer, untrusted: UntrustedJson) -> Json:
    """Withdraw the release, with a ``reason``: it cannot be exported again."""
    releases.withdraw(services.db, user.name, reference, _text(untrusted, "reason", "") or "")
    return _state(services, reference)


@router.post("/preview", status_code=202)
def make_preview(reference: str, services: ServicesDep, user: CaseViewer) -> Json:
    """Render a preview of the release in its current state."""
    return _enqueue(services, user, reference, JobKind.PREVIEW)


@router.post("/second-look", status_code=202)
def second_pass(reference: str, services: ServicesDep, user: CaseViewer) -> Json:
    """Run the second detection pass on the rendered copies."""
    with services.db.reading() as session:
        release = releases.find(session, reference)
        digest = releases.content_digest(session, release)
    return started(handlers.request_second_pass(services.db, user.name, releases.reference(release), digest))


@router.post("/export", status_code=202)
def export(reference: str, services: ServicesDep, user: CaseViewer) -> Json:
    """Export the pack of an approved release."""
    user.require(Right.EXPORT)
    with services.db.reading() as session:
        releases.check_exportable(session, releases.find(session, reference))
    return _enqueue(services, user, reference, JobKind.EXPORT)


@router.api_route("/preview/{number}.mp4", methods=["GET", "HEAD"])
def preview(
    reference: str,
    number: int,
    services: ServicesDep,
    user: CaseViewer,
    content: Annotated[str, Query(max_length=64)] = "",
) -> FileResponse:
    """The rendered output ``number``, counted from 1. 404 if there is no rendering of the release in its current state,
    or if ``content`` is given and is not its digest."""
    with services.db.reading() as session:
        release = releases.find(session, reference)
        digest = releases.content_digest(session, release)
        if not 1 <= number <= len(release.clips):
            raise RecordMissing("The release has no output with this number.")
        path = services.store.preview_path(release.clips[number - 1].footage.sha256, digest, number)
    if content not in ("", digest) or not path.is_file():
        raise RecordMissing("There is no preview of the release in its current state.", "Render the preview.")
    return FileResponse(
        path,
        media_type="video/mp4",
        content_disposition_type="inline",
        headers={"cache-control": "private, no-cache", "x-release-content": digest},
    )


@router.get("/watched")
def watched(reference: str, services: ServicesDep, user: CaseViewer) -> Json:
    """How much of the release in its current state was watched: for each output, its frames, the spans not watched yet,
    and how many frames each person watched."""
    with services.db.reading() as session:
        release = releases.find(session, reference)
        digest = releases.content_digest(session, release)
        gaps = watching.unwatched(session, release, digest)
        shares = watching.watched_by(session, release, digest)
        names = releases.full_names(session, {person for share in shares for person in share})
        outputs = [
            {
                "output": n,
                "frames": clip.last_frame - clip.first_frame + 1,
                "unwatched": [list(span) for span in spans],
                "watched": [{"name": names[person], "frames": frames} for person, frames in sorted(share.items())],
            }
            for n, (clip, spans, share) in enumerate(zip(release.clips, gaps, shares, strict=True), start=1)
        ]
    return {"content": digest, "outputs": outputs}


@router.post("/watched")
def record_watched(reference: str, services: ServicesDep, user: CaseViewer, untrusted: UntrustedJson) -> Json:
    """Record ``spans`` (first and last frame of the preview, from 0) of ``output`` (from 1) as watched. ``content`` is
    the digest of the version that was watched."""
    output, untrusted_spans = untrusted.get("output"), untrusted.get("spans")
    content = _text(untrusted, "content", "") or ""
    if type(output) is not int or not isinstance(untrusted_spans, list) or not 0 < len(untrusted_spans) <= MAX_SPANS:
        raise BadRecord("The request does not say what was watched.")
    spans = [_span(untrusted_span) for untrusted_span in untrusted_spans]
    with services.db.reading() as session:
        current = releases.content_digest(session, releases.find(session, reference))
    if content != current:
        raise WrongState("The release has changed since this preview was rendered.", "Render the preview again.")
    watching.record_watched(services.db, user.name, reference, output - 1, spans=spans, content=content)
    return watched(reference, services, user)


@router.get("/pack.zip")
def pack(reference: str, services: ServicesDep, user: CaseViewer) -> StreamingResponse:
    """The pack as one ZIP file. The download is recorded in the audit trail."""
    user.require(Right.EXPORT)
    with services.db.writing(user.name) as work:
        accounts.authorise_actor(work, Right.EXPORT)
        release = releases.find(work.session, reference)
        releases.check_exportable(work.session, release)
        export_row = _newest_export(work.session, release)
        folder = services.store.folder / PACKS / export_row.log_id
        if not folder.is_dir():
            raise RecordMissing("The pack is missing from the store.")
        work.event("release.delivered", release_subject(release), {"log_id": export_row.log_id, "archive": False})
    name = f"{export_row.log_id}.zip"
    return StreamingResponse(
        _zipped(folder, export_row.log_id),
        media_type="application/zip",
        headers={"content-disposition": f'attachment; filename="{name}"'},
    )


def _newest_export(session: Session, release: Release) -> Export:
    query = select(Export).where(Export.release_id == release.id, Export.content == release.approved_content)
    export_row = session.scalars(query.order_by(Export.id.desc())).first()
    if export_row is None:
        raise RecordMissing("The pack has not been exported yet.", "Export the release first.")
    return export_row


def _enqueue(services: Services, user: SignedInUser, reference: str, kind: JobKind) -> Json:
    with services.db.reading() as session:
        release = releases.find(session, reference)
        digest = releases.content_digest(session, release)
    name = releases.reference(release)
    key = f"{kind}:{name}:{digest}"
    return started(
        queue.enqueue(services.db, user.name, kind, release_subject(release), {"release": name}, unique_key=key)
    )


def _state(services: Services, reference: str) -> Json:
    with services.db.reading() as session:
        release = releases.find(session, reference)
        return {
            "release": releases.reference(release),
            "state": release.state,
            "content": releases.content_digest(session, release),
        }


def _text(untrusted: Json, name: str, otherwise: str | None) -> str | None:
    value = untrusted.get(name, otherwise)
    if value is not None and not isinstance(value, str):
        raise BadRecord(f'"{name}" must be text.')
    return value


def _span(untrusted: object) -> tuple[int, int]:
    if not isinstance(untrusted, list) or len(untrusted) != 2 or any(type(end) is not int for end in untrusted):
        raise BadRecord("A span must be a first and a last frame.")
    return untrusted[0], untrusted[1]


class _ZipBuffer:
    """A write-only file for ``zipfile``, emptied block by block. It cannot seek, so ``zipfile`` treats it as a pipe."""

    def __init__(self) -> None:
        self._written: list[bytes] = []

    def write(self, data: bytes) -> int:
        """As files do."""
        self._written.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """As files do."""

    def take(self) -> bytes:
        """The bytes written since the last call."""
        data, self._written = b"".join(self._written), []
        return data


def _zipped(folder: Path, name: str) -> Iterator[bytes]:
    """The files of ``folder`` as an uncompressed ZIP, streamed without holding it in memory or on disk."""
    buffer = _ZipBuffer()
    paths: Sequence[Path] = sorted(folder.iterdir())
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:  # type: ignore[call-overload]
        for path in paths:
            entry = zipfile.ZipInfo.from_file(path, f"{name}/{path.name}")
            with path.open("rb") as source, archive.open(entry, "w", force_zip64=True) as target:
                while block := source.read(_BLOCK):
                    target.write(block)
                    yield buffer.take()
    yield buffer.take()
