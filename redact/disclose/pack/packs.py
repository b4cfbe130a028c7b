"""Packs: the folder that is handed out, made whole in the store, recorded, and only then delivered.

A pack is built in the store's ``incoming`` folder: copies rendered from masters that were hashed again, C2PA manifests
put in, final files hashed, logs and papers written, everything signed. It moves to ``packs`` inside the transaction
that records the export; a run killed before leaves something that ``redact store verify`` names and nobody was given.
What is delivered is a copy of that folder, under its name only once it is complete.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path

import pyzipper
from sqlalchemy import select
from sqlalchemy.orm import Session

import redact
from redact.audit.keys import C2paCredentials, c2pa_credentials
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
from redact.disclose.pack import c2pa_manifest, statement
from redact.disclose.pack.c2pa_manifest import HiddenRange, SoundRange
from redact.disclose.pack.log_builder import LogBuilder, RedactedCopy
from redact.disclose.pack.mask_stills import mask_stills
from redact.disclose.policy.policies import fill_in
from redact.disclose.policy.reason_codes import ReleaseKind
from redact.disclose.release import releases
from redact.disclose.release.plan import ReleasePlan, plan_of
from redact.errors import FULL_ERRNOS, BadUsage, DiskFull, OutputExists, OutputNotWritable
from redact.evidence.pack_verification import DRAFTS
from redact.evidence.store import PACKS, Store, sync
from redact.home import folder_for
from redact.media.hashing import hash_file
from redact.pipeline.rendering import render
from redact.progress import Progress, silent
from redact.records import accounts
from redact.records.accounts import Right
from redact.records.database import Database
from redact.records.release_state import ReleaseState, release_subject
from redact.schema.tables import Edit, Event, Export
from redact.settings import FrameSpan, RenderSettings

LOG_CSV, LOG_PDF = "log.csv", "log.pdf"
HOW_TO_CHECK = "how-to-check.pdf"
LEAST_ZIP_PASSWORD = 12


@dataclass(frozen=True, slots=True)
class DeliveredPack:
    """``new`` is False where a pack that had been made before was given out again."""

    pack: Path
    drafts: Path | None
    archive: Path | None
    log_id: str
    statement_sha256: str
    new: bool


@dataclass(frozen=True, slots=True)
class StoredPack:
    """A pack in the store, recorded. ``new`` is False where it had been made before."""

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
    """Write the pack of an approved release to the folder ``target``, and its AES-256 archive beside it if there is a
    password for it. The same content is made once and delivered as often as wanted.

    Raises what :func:`redact.disclose.release.releases.check_exportable`, rendering, signing and writing raise;
    OutputExists.
    """
    if archive_password is not None and len(archive_password) < LEAST_ZIP_PASSWORD:
        raise BadUsage(f"The archive's password needs {LEAST_ZIP_PASSWORD} characters or more.")
    _check_free(target, archive_password is not None, overwrite=overwrite)
    pack = make(db, store, actor, release_reference, progress=progress)
    source, papers = pack.folder, pack.drafts
    archive = target.with_name(f"{target.name}.zip") if archive_password is not None else None
    beside = target.with_name(f"{target.name}-{DRAFTS}") if papers is not None else None
    with _writing_to(target):
        if archive is not None and archive_password is not None:
            _deliver(archive, lambda part: _archive(source, part, target.name, archive_password), overwrite=overwrite)
        if beside is not None and papers is not None:
            _deliver(beside, lambda part: _copied(papers, part), overwrite=overwrite)
        _deliver(target, lambda part: _copied(source, part), overwrite=overwrite)
    with db.writing(actor) as work:
        accounts.authorise_actor(work, Right.EXPORT)
        release = releases.find(work.session, release_reference)
        told = {"log_id": pack.log_id, "archive": archive is not None}
        work.event("release.delivered", release_subject(release), told)
    return DeliveredPack(target, beside, archive, pack.log_id, pack.statement_sha256, pack.new)


def make(db: Database, store: Store, actor: str, release_reference: str, *, progress: Progress = silent) -> StoredPack:
    """The pack of an approved release, in the store: the one there is of this very content, or a new one.

    Raises what :func:`redact.disclose.release.releases.check_exportable`, rendering and signing raise.
    """
    with db.reading() as session:
        accounts.require(accounts.find(session, actor), Right.EXPORT)
        release = releases.find(session, release_reference)
        releases.check_exportable(session, release)
        plan = plan_of(session, store, release)
        made = _made_before(session, release.id, plan.content)
    new = made is None
    if made is None:
        made = _make(db, store, actor, plan, progress)
    folder = store.folder / PACKS / made.log_id
    papers = folder.with_name(f"{made.log_id}.{DRAFTS}")
    return StoredPack(folder, papers if papers.is_dir() else None, made.log_id, made.statement_sha256, new)


def preview(
    db: Database, store: Store, release_reference: str, folder: Path, *, progress: Progress = silent
) -> tuple[str, list[Path]]:
    """Render the copies of a release as it stands into ``folder``, to be watched; returns the digest of its content.

    Without slate and manifest: frame numbers are those of the clip.
    """
    with db.reading() as session:
        plan = plan_of(session, store, releases.find(session, release_reference))
    count = len(plan.exhibits)
    return plan.content, [_render(store, plan, n, folder, progress, title=False).path for n in range(count)]


def _make(db: Database, store: Store, actor: str, plan: ReleasePlan, progress: Progress) -> Export:
    for clip in plan.release.clips:
        store.verified_master(clip.footage.sha256, progress)
    log_id = f"L{secrets.token_hex(8)}"
    with store.staging() as staged:
        folder, papers = staged.folder / "pack", staged.folder / DRAFTS
        folder.mkdir()
        credentials = c2pa_credentials(folder_for("keys"), db.key)
        copies = [
            _signed(_render(store, plan, place, staged.folder, progress), plan, place, folder, credentials)
            for place in range(len(plan.exhibits))
        ]
        at = datetime.now(UTC).replace(microsecond=0)
        with db.reading() as session:
            release = releases.find(session, releases.reference(plan.release))
            releases.check_exportable(session, release)
            book = LogBuilder(session, replace(plan, release=release), copies, log_id, at)
            filed = book.filed()
        _write_logs(folder, plan, filed, book, copies)
        _write_drafts(papers, filed.for_release())
        digest = _sign(db, folder, plan, filed.log, at)
        _sync_tree(staged.folder)
        return _record(db, store, actor, plan, _StagedPack(folder, papers, filed, digest))


@dataclass(frozen=True, slots=True)
class _StagedPack:
    """A pack, still in ``incoming``, its drafts and its filed log; ``digest`` is of its statement."""

    folder: Path
    papers: Path
    filed: FiledLog
    digest: str


def _record(db: Database, store: Store, actor: str, plan: ReleasePlan, made: _StagedPack) -> Export:
    """Move the pack to its place and record it, both or neither."""
    log_id = made.filed.log.identity.log_id
    place = store.folder / PACKS / log_id
    beside = place.with_name(f"{log_id}.{DRAFTS}")
    with store.locked():
        try:
            with db.writing(actor) as work:
                person = accounts.authorise_actor(work, Right.EXPORT)
                release = releases.find(work.session, releases.reference(plan.release))
                releases.check_exportable(work.session, release)
                head = made.filed.log.audit_head
                row = Export(
                    release_id=release.id,
                    at=work.at,
                    person_id=person.id,
                    log_id=log_id,
                    log=dump_filed(made.filed).decode(),
                    content=plan.content,
                    statement_sha256=made.digest,
                    head_count=head.count,
                    head_hash=head.hash,
                )
                work.session.add(row)
                release.state = ReleaseState.EXPORTED.value
                body = {"log_id": log_id, "statement_sha256": made.digest, "content": plan.content}
                work.event("release.exported", release_subject(release), body)
                made.folder.replace(place)
                if made.papers.is_dir():
                    made.papers.replace(beside)
                sync(place.parent)
        except BaseException:
            if not _is_recorded(db, log_id):
                shutil.rmtree(place, ignore_errors=True)
                shutil.rmtree(beside, ignore_errors=True)
            raise
    return row


def _is_recorded(db: Database, log_id: str) -> bool:
    with db.reading() as session:
        return session.scalars(select(Export).where(Export.log_id == log_id)).first() is not None


def _made_before(session: Session, release_id: int, content: str) -> Export | None:
    query = select(Export).where(Export.release_id == release_id, Export.content == content)
    return session.scalars(query.order_by(Export.id.desc())).first()


def _render(
    store: Store, plan: ReleasePlan, place: int, folder: Path, progress: Progress, *, title: bool = True
) -> RedactedCopy:
    target = folder / f"preview-{place + 1}.mp4"
    resolved, policy = plan.resolved.clips[place], plan.policy
    clip, release = resolved.clip, plan.release
    words = {
        "reference": release.case.reference,
        "exhibit": clip.footage,
        "kind": policy.kind.value,
        "number": str(place + 1),
    }
    slate = policy.slate if title else None
    settings = RenderSettings(
        effects=resolved.effects,
        encode=policy.encode,
        audio=resolved.audio,
        spans=resolved.spans,
        clip=FrameSpan(clip.first_frame, clip.last_frame),
        slate=replace(slate, lines=tuple(fill_in(line, words) for line in slate.lines)) if slate else None,
        watermark=fill_in(policy.watermark, words) if policy.watermark else "",
    )
    master = store.master(release.clips[place].footage.sha256)
    report = render(master, resolved.hidden, target, settings, progress=progress)
    return RedactedCopy(target, report.sha256, report)


def _signed(
    plain: RedactedCopy, plan: ReleasePlan, place: int, folder: Path, credentials: C2paCredentials
) -> RedactedCopy:
    """A rendered copy under its name in the pack, with its manifest."""
    public = plan.policy.kind is ReleaseKind.PUBLIC
    target = folder / plan.policy.output_name(place + 1, plan.exhibits[place])
    hidden, sound = _changed(plan, place, plain)
    c2pa_manifest.sign_copy(
        plain.path,
        target,
        credentials,
        policy_sha256=plan.policy.sha256,
        master_sha256=None if public else plan.release.clips[place].footage.sha256,
        hidden=hidden,
        sound=sound,
    )
    plain.path.unlink()
    return RedactedCopy(target, hash_file(target), plain.report)


def _changed(plan: ReleasePlan, place: int, copy: RedactedCopy) -> tuple[list[HiddenRange], list[SoundRange]]:
    """When anything is hidden, however many it takes: nobody's number can be read out of the manifest."""
    resolved, timeline = plan.resolved.clips[place], copy.report.timeline
    times = list(timeline.times())
    shift = timeline.slate_frames - resolved.clip.first_frame
    spans = sorted((first + shift, last + shift) for mask in resolved.masks for first, last in mask.runs)
    ranges: list[list[int]] = []
    near = 1 / max(float(times[-1]) / max(len(times) - 1, 1), 1e-6)
    for first, last in spans:
        if ranges and first <= ranges[-1][1] + near:
            ranges[-1][1] = max(ranges[-1][1], last)
        else:
            ranges.append([first, last])
    ends = [*times[1:], times[-1] + Fraction(1, 25)]
    hidden = [HiddenRange(first, last, times[first], ends[last]) for first, last in ranges]
    start = resolved.clip.seconds(resolved.clip.first_frame)
    offset = times[timeline.slate_frames] - start
    end = ends[-1]
    sound = [SoundRange(s.start + offset, min(s.end + offset, end)) for s in resolved.sound if s.start + offset < end]
    return hidden, sound


def _write_logs(
    folder: Path, plan: ReleasePlan, filed: FiledLog, book: LogBuilder, copies: Sequence[RedactedCopy]
) -> None:
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
        files[MASKS_FILE] = dump(book.samples())
    for name, content in files.items():
        (folder / name).write_bytes(content)


def _write_drafts(papers: Path, log: ReleaseLog) -> None:
    made: Mapping[str, tuple[str, Callable[[ReleaseLog], bytes]]] = {
        ReleaseKind.COURT: ("draft-mg6c.pdf", drafts.mg6c_draft),
        ReleaseKind.PUBLIC: ("draft-foi-notice.pdf", drafts.foi_notice_draft),
        ReleaseKind.SUBJECT_ACCESS: ("draft-letter.pdf", drafts.subject_access_draft),
    }
    if log.kind in made:
        name, draft = made[log.kind]
        papers.mkdir()
        (papers / name).write_bytes(draft(log))


def _sign(db: Database, folder: Path, plan: ReleasePlan, log: ReleaseLog, at: datetime) -> str:
    """Key, paper on how to check, and the statement over all files; returns the statement's SHA-256."""
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
        created=at.isoformat(),
    )
    content = statement.sign(files, predicate, db.key)
    (folder / statement.STATEMENT_FILE).write_bytes(content)
    return hashlib.sha256(content).hexdigest()


def _edit_head(db: Database, plan: ReleasePlan) -> str | None:
    """Hash of the last event that tells of an edit of the release's footage."""
    tracks = {clip.tracks_id for clip in plan.release.clips}
    query = select(Event.hash).join(Edit, Edit.event_seq == Event.seq).where(Edit.tracks_id.in_(tracks))
    with db.reading() as session:
        return session.scalars(query.order_by(Event.seq.desc()).limit(1)).first()


def _check_free(target: Path, archive: bool, *, overwrite: bool) -> None:
    places = [target, target.with_name(f"{target.name}-{DRAFTS}")]
    places += [target.with_name(f"{target.name}.zip")] if archive else []
    if not target.parent.is_dir():
        raise OutputNotWritable(f'The folder "{target.parent}" does not exist.', "Make it, or choose another one.")
    for place in places:
        if os.path.lexists(place) and not overwrite:
            raise OutputExists(f'"{place}" exists already.', "Choose another name or --overwrite.")


def _deliver(target: Path, make: Callable[[Path], None], *, overwrite: bool) -> None:
    """Let ``make`` write a file or folder under another name, and give it its own once it is on the disk."""
    part = target.with_name(f".{target.name}.{secrets.token_hex(6)}.part")
    try:
        make(part)
        _sync_tree(part)
        if overwrite and os.path.lexists(target):
            gone = part.with_suffix(".old")
            target.replace(gone)
            part.replace(target)
            shutil.rmtree(gone) if gone.is_dir() and not gone.is_symlink() else gone.unlink()
        else:
            part.rename(target)
        sync(target.parent)
    finally:
        shutil.rmtree(part, ignore_errors=True) if part.is_dir() else part.unlink(missing_ok=True)


def _copied(source: Path, part: Path) -> None:
    part.mkdir()
    for path in sorted(source.iterdir()):
        shutil.copyfile(path, part / path.name)


def _archive(source: Path, part: Path, name: str, password: str) -> None:
    """A ZIP with AES-256 that ordinary archivers open."""
    with pyzipper.AESZipFile(part, "w", compression=pyzipper.ZIP_STORED, encryption=pyzipper.WZ_AES) as archive:
        archive.setpassword(password.encode())
        archive.setencryption(pyzipper.WZ_AES, nbits=256)
        for path in sorted(source.iterdir()):
            archive.write(path, f"{name}/{path.name}")


@contextmanager
def _writing_to(target: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in FULL_ERRNOS:
            raise DiskFull(f'There is no room left for "{target.name}".', "Make room, and export again.") from error
        raise OutputNotWritable(f'"{target}" cannot be written: {error.strerror}.', "Choose another folder.") from error


def _sync_tree(path: Path) -> None:
    for entry in sorted(path.rglob("*")) if path.is_dir() else ():
        if entry.is_file():
            sync(entry)
    for entry in (path, *(e for e in path.rglob("*") if e.is_dir())) if path.is_dir() else (path,):
        sync(entry)
