"""``redact audit``: verify and export the audit trail."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from redact.cli.shared import options as opt
from redact.cli.shared.acting_user import As, acting
from redact.cli.shared.output import CommandReport, failure_record
from redact.cli.shared.records import AUDIT, reading
from redact.environment import ORGANISATION, USER
from redact.errors import BadUsage, ChainBroken, InputMissing, RecordMissing, RedactError

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from redact.audit.chain import SignedHead
    from redact.audit.export import ExportRequest
    from redact.audit.keys import PublicKey
    from redact.records.database import Database

app = typer.Typer(no_args_is_help=True, help="Verify and export the audit trail.")

AsUnlessFile = Annotated[
    str | None,
    typer.Option("--as", envvar=USER, metavar="LOGIN", help="Your login. Not needed with --file.", show_default=False),
]


@app.command()
def verify(
    *,
    login: AsUnlessFile = None,
    file: Annotated[
        Path | None,
        typer.Option("--file", metavar="FILE.jsonl", help="Verify an exported trail, without the database."),
    ] = None,
    key: Annotated[
        list[Path] | None,
        typer.Option(
            "--key", metavar="PUBLIC.pem", help="Also trust this public key of another installation. Repeatable."
        ),
    ] = None,
    as_json: opt.Json = False,
) -> None:
    """Verify the whole audit trail. Exit status 1 if any event was altered, removed, moved or inserted.

    Prints the signed chain head and adds it to audit/heads.jsonl in REDACT_HOME. Later runs check the trail against
    these heads and against those in disclosed logs. Keep copies of that file elsewhere.

    Example: redact audit verify --as auditor

    Example: redact audit verify --file trail.jsonl --key public-key.pem
    """
    with CommandReport("audit verify", as_json) as report:
        keys = [_key(path) for path in key or ()]
        if file is not None:
            _verify_file(report, file, keys)
            return
        if login is None:
            raise BadUsage("No login was given.", "Give --as LOGIN, or --file for an exported trail.")
        with reading(login, AUDIT) as (db, _, session):
            from redact.audit import chain, heads

            known = heads.known_heads(session)
            # Not the keys in the database: whoever rewrites the database can insert their own.
            verified = chain.verify(session, [db.key.public, *keys], known)
            if verified.sound and verified.head is not None:
                heads.record_head(verified.head)
        _print_head(report, verified.head)
        failed = [_fault(report, fault.what, fault.seq) for fault in verified.faults]
        result = "no faults" if verified.sound else f"{len(failed)} faults"
        report.print(f"{verified.events} events, {result}; earlier chain heads compared: {len(known)}.")
        head = heads.head_json(verified.head) if verified.head else None
        report.finish({"events": verified.events, "head": head, "known_heads": len(known)}, failed)


@app.command()
def head(*, login: As, as_json: opt.Json = False) -> None:
    """Print the signed chain head: the number of events, and their hash, Merkle root and signature.

    Example: redact audit head --as auditor
    """
    with CommandReport("audit head", as_json) as report:
        with reading(login, AUDIT) as (_, _, session):
            from redact.audit import chain, heads

            newest = chain.signed_head(session)
        _print_head(report, newest)
        report.finish({"head": heads.head_json(newest) if newest else None})


@app.command()
def export(
    *,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FILE.jsonl", help="Write the trail as JSON Lines.")
    ] = None,
    pdf: Annotated[
        Path | None, typer.Option("--pdf", metavar="FILE.pdf", help="Write the trail as a PDF to read.")
    ] = None,
    subject: Annotated[
        str | None,
        typer.Option(
            "--subject",
            metavar="TEXT",
            help="Only events on this subject, such as case:FOI-2026-017, each with its proof.",
        ),
    ] = None,
    since: Annotated[
        int, typer.Option("--since", metavar="COUNT", min=0, help="Leave out the first COUNT events.")
    ] = 0,
    organisation: Annotated[
        str, typer.Option("--organisation", envvar=ORGANISATION, metavar="TEXT", help="Name printed on the PDF.")
    ] = "",
    overwrite: opt.Overwrite = False,
    login: As,
    as_json: opt.Json = False,
) -> None:
    """Export the audit trail as JSON Lines, as a PDF, or both. The export is recorded in the trail.

    A long trail makes several PDFs: FILE.pdf, FILE-2.pdf, and so on. Check the JSON Lines with
    `redact audit verify --file`, even if they hold only part of the trail.

    Example: redact audit export -o trail.jsonl --pdf trail.pdf --as auditor
    """
    with CommandReport("audit export", as_json) as report:
        if output is None and pdf is None:
            raise BadUsage("No output was given.", "Give -o FILE.jsonl, --pdf FILE.pdf, or both.")
        for target, other in ((output, pdf), (pdf, output)):
            if target is not None:
                opt.check_side_file(target, overwrite=overwrite, others=(other,) if other else ())
        with acting(login) as (db, actor):
            from redact.audit.export import ExportRequest

            request, made = ExportRequest(subject, since), datetime.now(UTC)
            with _allowed(db, actor) as session:
                files = []
                if output is not None:
                    files += _write_lines(session, db, request, output, made=made, overwrite=overwrite)
                if pdf is not None:
                    files += _write_pdfs(
                        session, request, pdf, organisation=organisation, made=made, overwrite=overwrite
                    )
            _record_export(db, actor, request, files)
        for path in files:
            report.print(str(path))
        report.finish({"files": [str(path) for path in files]})


def _write_lines(
    session: Session, db: Database, request: ExportRequest, target: Path, *, made: datetime, overwrite: bool
) -> list[Path]:
    from redact.audit import export
    from redact.audit.keys import PublicKey
    from redact.media.part_file import PartFile, remove_stale_parts
    from redact.schema.tables import Head, InstallationKey

    newest = session.get(Head, 1)
    signer = session.get(InstallationKey, newest.key) if newest else None
    key = PublicKey.from_pem(signer.public_pem.encode()) if signer else db.key.public
    remove_stale_parts(target)
    part = PartFile(target)
    try:
        for line in export.export(session, request, key, made):
            part.write(line)
        part.sync()
        part.publish(overwrite=overwrite)
    finally:
        part.discard()
    return [target]


def _write_pdfs(
    session: Session, request: ExportRequest, target: Path, *, organisation: str, made: datetime, overwrite: bool
) -> list[Path]:
    from sqlalchemy import func, select

    from redact.audit import chain, heads
    from redact.disclose.documents.audit_report import TrailEvent, audit_report
    from redact.disclose.log.entries import AuditHead
    from redact.media.part_file import write_whole

    newest = chain.signed_head(session)
    if newest is None:
        raise RecordMissing("The audit trail has no events yet.")
    events = (
        TrailEvent(e.seq, e.at, e.actor, e.kind, e.subject, e.body, e.hash)
        for e in session.scalars(request.query().execution_options(yield_per=chain.BATCH))
    )
    count = session.scalar(select(func.count()).select_from(request.query().subquery())) or 0
    printed = AuditHead.model_validate(heads.head_json(newest))
    files: list[Path] = []
    for part in audit_report(events, count=count, head=printed, organisation=organisation, made=made):
        name = target if part.number == 1 else target.with_name(f"{target.stem}-{part.number}{target.suffix}")
        write_whole(name, part.pdf, overwrite=overwrite)
        files.append(name)
    return files


def _record_export(db: Database, actor: str, request: ExportRequest, files: list[Path]) -> None:
    from redact.records import accounts

    with db.writing(actor) as work:
        accounts.authorise_actor(work, accounts.Right.AUDIT)
        names = [path.name for path in files]
        work.event("audit.exported", "audit", {"subject": request.subject, "since": request.since, "files": names})


@contextmanager
def _allowed(db: Database, actor: str) -> Iterator[Session]:
    """A snapshot of the records, for a person who may read the trail."""
    from redact.records import accounts

    with db.reading() as session:
        accounts.require(accounts.find(session, actor), accounts.Right.AUDIT)
        yield session


def _verify_file(report: CommandReport, file: Path, keys: list[PublicKey]) -> None:
    from redact.audit import export, heads

    if len(keys) > 1:
        raise BadUsage("An exported trail is signed by one key.", "Give one --key.")
    try:
        with file.open("rb") as lines:
            verified = export.check(lines, keys[0] if keys else None)
    except OSError as error:
        raise InputMissing(f"{file.name} cannot be read: {error.strerror}.", "Check the path.") from error
    _print_head(report, verified.head)
    failed = [_fault(report, what) for what in verified.faults]
    if verified.own_key and verified.head is not None:
        report.print("note: verified with the key in the file itself; compare its fingerprint, or give --key")
    report.print(f"{verified.events} events, {'no faults' if not failed else f'{len(failed)} faults'}.")
    printed = heads.head_json(verified.head) if verified.head else None
    report.finish({"events": verified.events, "head": printed, "own_key": verified.own_key}, failed)


def _key(path: Path) -> PublicKey:
    from redact.audit.keys import PublicKey

    try:
        return PublicKey.from_pem(path.read_bytes())
    except OSError as error:
        raise InputMissing(f"{path.name} cannot be read: {error.strerror}.", "Check the path.") from error


def _fault(report: CommandReport, what: str, seq: int | None = None) -> dict[str, object]:
    error: RedactError = ChainBroken(what)
    report.print_failure(error)
    return failure_record(error, event=seq)


def _print_head(report: CommandReport, newest: SignedHead | None) -> None:
    if newest is None:
        report.print("There is no signed chain head.")
        return
    rows = (
        ("events", newest.count),
        ("hash of last event", newest.hash),
        ("Merkle root", newest.root),
        ("signature", newest.signature),
        ("key", newest.key),
    )
    for name, value in rows:
        report.print(f"{name}: {value}")
