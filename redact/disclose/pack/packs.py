"""Disclosure packs: built completely in the store, recorded, and only then delivered.

A pack is built in the store's ``incoming`` folder: masters are hashed again, copies rendered from them and given C2PA
manifests, files hashed, logs and documents written, and everything signed. The pack moves to ``packs`` inside the
transaction that records the export. A run killed before that leaves undelivered files, which ``redact store verify``
reports. Delivery copies the folder, which gets its name only once it is complete.
"""

from __future__ import annotations

import hashlib
import secrets
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

import redact
from redact.audit.keys import c2pa_credentials
from redact.disclose.documents import drafts, log_pdf
from redact.disclose.documents.verification_guide import verification_guide
from redact.disclose.log import csv_table
from redact.disclose.log.published_edition import published
from redact.disclose.log.release_log import (
    LOG_FILE,
    MASKS_FILE,
    FiledLog,
    PublishedLog,
    ReleaseLog,
    dump,
    dump_filed,
)
from redact.disclose.pack import statement
from redact.disclose.pack.delivery import check_free, copy_folder, deliver, sync_tree, write_archive, writing_to
from redact.disclose.pack.log_builder import LogBuilder
from redact.disclose.pack.mask_samples import mask_samples
from redact.disclose.pack.mask_stills import mask_stills
from redact.disclose.pack.redacted_copies import RedactedCopy, render_copy, sign_rendered
from redact.disclose.policy.reason_codes import ReleaseKind
from redact.disclose.release import releases
from redact.disclose.release.plan import ReleasePlan, plan_of
from redact.errors import BadUsage
from redact.evidence.pack_verification import DRAFTS
from redact.evidence.store import PACKS, Store, sync
from redact.home import folder_for
from redact.media.hashing import hash_file
from redact.progress import Progress, silent
from redact.records import accounts
from redact.records.accounts import Right
from redact.records.database import Database
from redact.records.release_state import ReleaseState, release_subject
from redact.schema.tables import Edit, Event, Export

LOG_CSV, LOG_PDF = "log.csv", "log.pdf"
HOW_TO_CHECK = "how-to-check.pdf"
LEAST_ZIP_PASSWORD = 12


@dataclass(frozen=True, slots=True)
class DeliveredPack:
    """A delivered pack. ``new`` is False if it had been built before."""

    pack: Path
    drafts: Path | None
    archive: Path | None
    log_id: str
    statement_sha256: str
    new: bool


@dataclass(frozen=True, slots=True)
class StoredPack:
    """A recorded pack in the store. ``new`` is False if it had been built before."""

    folder: Path
    drafts: Path | None
    log_id: str
    statement_sha256: str
    new: bool


def export(
    db: Database,
    store: Store,
    actor: str,
    release_reference: str,
    target: Path,
    *,
    archive_password: str | None = None,
    overwrite: bool = False,
    progress: Progress = silent,
) -> DeliveredPack:
    """Write the pack of an approved release to the folder ``target``, with an AES-256 archive beside it if a password
    is given. A pack is built once for the same content and can be delivered any number of times.

    Raises OutputExists, and what :func:`redact.disclose.release.releases.check_exportable`, rendering, signing and
    writing raise.
    """
    if archive_password is not None and len(archive_password) < LEAST_ZIP_PASSWORD:
        raise BadUsage(f"The password of the archive needs at least {LEAST_ZIP_PASSWORD} characters.")
    check_free(target, archive_password is not None, overwrite=overwrite)
    pack = make(db, store, actor, release_reference, progress=progress)
    source, stored_drafts = pack.folder, pack.drafts
    archive = target.with_name(f"{target.name}.zip") if archive_password is not None else None
    drafts_target = target.with_name(f"{target.name}-{DRAFTS}") if stored_drafts is not None else None
    with writing_to(target):
        if archive is not None and archive_password is not None:
            deliver(
                archive, lambda part: write_archive(source, part, target.name, archive_password), overwrite=overwrite
            )
        if drafts_target is not None and stored_drafts is not None:
            deliver(drafts_target, lambda part: copy_folder(stored_drafts, part), overwrite=overwrite)
        deliver(target, lambda part: copy_folder(source, part), overwrite=overwrite)
    with db.writing(actor) as work:
        accounts.authorise_actor(work, Right.EXPORT)
        release = releases.find(work.session, release_reference)
        body = {"log_id": pack.log_id, "archive": archive is not None}
        work.event("release.delivered", release_subject(release), body)
    return DeliveredPack(target, drafts_target, archive, pack.log_id, pack.statement_sha256, pack.new)


def make(db: Database, store: Store, actor: str, release_reference: str, *, progress: Progress = silent) -> StoredPack:
    """The pack of an approved release in the store: an existing one with the same content, or a new one.

    Raises what :func:`redact.disclose.release.releases.check_exportable`, rendering and signing raise.
    """
    with db.reading() as session:
        accounts.require(accounts.find(session, actor), Right.EXPORT)
        release = releases.find(session, release_reference)
        releases.check_exportable(session, release)
        plan = plan_of(session, store, release)
        recorded = _existing_export(session, release.id, plan.content)
    new = recorded is None
    if recorded is None:
        recorded = _build(db, store, actor, plan, progress)
    folder = store.folder / PACKS / recorded.log_id
    stored_drafts = folder.with_name(f"{recorded.log_id}.{DRAFTS}")
    return StoredPack(
        folder, stored_drafts if stored_drafts.is_dir() else None, recorded.log_id, recorded.statement_sha256, new
    )


def preview(
    db: Database, store: Store, release_reference: str, folder: Path, *, progress: Progress = silent
) -> tuple[str, list[Path]]:
    """Render the copies of a release as it stands into ``folder`` for watching; returns content digest and files.

    The copies have neither slate nor manifest, so their frame numbers are those of the clip.
    """
    with db.reading() as session:
        plan = plan_of(session, store, releases.find(session, release_reference))
    count = len(plan.exhibits)
    return plan.content, [render_copy(store, plan, n, folder, progress, slate=False).path for n in range(count)]


def _build(db: Database, store: Store, actor: str, plan: ReleasePlan, progress: Progress) -> Export:
    for clip in plan.release.clips:
        store.verified_master(clip.footage.sha256, progress)
    log_id = f"L{secrets.token_hex(8)}"
    with store.staging() as staged:
        folder, drafts_folder = staged.folder / "pack", staged.folder / DRAFTS
        folder.mkdir()
        credentials = c2pa_credentials(folder_for("keys"), db.key)
        copies = [
            sign_rendered(render_copy(store, plan, n, staged.folder, progress), plan, n, folder, credentials)
            for n in range(len(plan.exhibits))
        ]
        created = datetime.now(UTC).replace(microsecond=0)
        with db.reading() as session:
            release = releases.find(session, releases.reference(plan.release))
            releases.check_exportable(session, release)
            filed = LogBuilder(session, replace(plan, release=release), copies, log_id, created).build()
        _write_logs(folder, plan, filed, copies)
        _write_drafts(drafts_folder, filed.for_release())
        digest = _sign(db, folder, plan, filed.log, created)
        sync_tree(staged.folder)
        return _record(db, store, actor, plan, _StagedPack(folder, drafts_folder, filed, digest))


@dataclass(frozen=True, slots=True)
class _StagedPack:
    """A pack still in ``incoming``, with its drafts and filed log; ``digest``: SHA-256 of its statement."""

    folder: Path
    drafts: Path
    filed: FiledLog
    digest: str


def _record(db: Database, store: Store, actor: str, plan: ReleasePlan, staged: _StagedPack) -> Export:
    """Move the pack to ``packs`` and record it, both or neither."""
    log_id = staged.filed.log.identity.log_id
    folder = store.folder / PACKS / log_id
    drafts_folder = folder.with_name(f"{log_id}.{DRAFTS}")
    with store.locked():
        try:
            with db.writing(actor) as work:
                person = accounts.authorise_actor(work, Right.EXPORT)
                release = releases.find(work.session, releases.reference(plan.release))
                releases.check_exportable(work.session, release)
                head = staged.filed.log.audit_head
                row = Export(
                    release_id=release.id,
                    at=work.at,
                    person_id=person.id,
                    log_id=log_id,
                    log=dump_filed(staged.filed).decode(),
                    content=plan.content,
                    statement_sha256=staged.digest,
                    head_count=head.count,
                    head_hash=head.hash,
                )
                work.session.add(row)
                release.state = ReleaseState.EXPORTED.value
                body = {"log_id": log_id, "statement_sha256": staged.digest, "content": plan.content}
                work.event("release.exported", release_subject(release), body)
                staged.folder.replace(folder)
                if staged.drafts.is_dir():
                    staged.drafts.replace(drafts_folder)
                sync(folder.parent)
        except BaseException:
            if not _is_recorded(db, log_id):
                shutil.rmtree(folder, ignore_errors=True)
                shutil.rmtree(drafts_folder, ignore_errors=True)
            raise
    return row


def _is_recorded(db: Database, log_id: str) -> bool:
    with db.reading() as session:
        return session.scalars(select(Export).where(Export.log_id == log_id)).first() is not None


def _existing_export(session: Session, release_id: int, content: str) -> Export | None:
    query = select(Export).where(Export.release_id == release_id, Export.content == content)
    return session.scalars(query.order_by(Export.id.desc())).first()


def _write_logs(folder: Path, plan: ReleasePlan, filed: FiledLog, copies: Sequence[RedactedCopy]) -> None:
    log = filed.for_release()
    files: dict[str, bytes]
    if plan.policy.log.published_edition:
        edition: PublishedLog = published(log)
        files = {LOG_FILE: dump(edition), LOG_CSV: csv_table.published_table(edition)}
        files[LOG_PDF] = log_pdf.published_log(edition)
    else:
        stills = mask_stills(log, [copy.path for copy in copies]) if plan.policy.log.stills else {}
        files = {LOG_FILE: dump(log), LOG_CSV: csv_table.release_table(log), LOG_PDF: log_pdf.release_log(log, stills)}
    if plan.policy.log.samples:
        files[MASKS_FILE] = dump(mask_samples(plan.resolved.clips, copies))
    for name, content in files.items():
        (folder / name).write_bytes(content)


def _write_drafts(folder: Path, log: ReleaseLog) -> None:
    by_kind: Mapping[str, tuple[str, Callable[[ReleaseLog], bytes]]] = {
        ReleaseKind.COURT: ("draft-mg6c.pdf", drafts.mg6c_draft),
        ReleaseKind.PUBLIC: ("draft-foi-notice.pdf", drafts.foi_notice_draft),
        ReleaseKind.SUBJECT_ACCESS: ("draft-letter.pdf", drafts.subject_access_draft),
    }
    if log.kind in by_kind:
        name, draft = by_kind[log.kind]
        folder.mkdir()
        (folder / name).write_bytes(draft(log))


def _sign(db: Database, folder: Path, plan: ReleasePlan, log: ReleaseLog, created: datetime) -> str:
    """Write the public key, the verification guide and the statement of all files; returns the statement's SHA-256."""
    (folder / statement.PUBLIC_KEY_FILE).write_bytes(db.key.public_pem)
    (folder / HOW_TO_CHECK).write_bytes(verification_guide(log, db.key.fingerprint))
    files = {path.name: hash_file(path) for path in sorted(folder.iterdir())}
    public = plan.policy.kind is ReleaseKind.PUBLIC
    predicate = statement.Predicate(
        kind=log.kind,
        masters=None if public else tuple(dict.fromkeys(output.master.sha256 for output in log.outputs)),
        models=tuple(statement.ModelRef(name=m.name, sha256=m.sha256) for m in log.versions.models if m.sha256),
        edit_head=_edit_head(db, plan),
        policy=log.policy,
        codes=log.codes_list,
        outputs=tuple(
            statement.OutputClaim(file=o.file, frames=o.frames, pts_sha256=o.pts_sha256) for o in log.outputs
        ),
        audit_head=log.audit_head,
        software=f"redact-workbench {redact.__version__}",
        created=created.isoformat(),
    )
    content = statement.sign(files, predicate, db.key)
    (folder / statement.STATEMENT_FILE).write_bytes(content)
    return hashlib.sha256(content).hexdigest()


def _edit_head(db: Database, plan: ReleasePlan) -> str | None:
    """Hash of the last event that records an edit of the release's footage."""
    tracks = {clip.tracks_id for clip in plan.release.clips}
    query = select(Event.hash).join(Edit, Edit.event_seq == Event.seq).where(Edit.tracks_id.in_(tracks))
    with db.reading() as session:
        return session.scalars(query.order_by(Event.seq.desc()).limit(1)).first()
