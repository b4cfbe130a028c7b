"""``redact retention``: retention clocks, and disposal of footage that is due."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from redact.cli.shared import options as opt
from redact.cli.shared.acting_user import As, acting
from redact.cli.shared.output import CommandReport, failure_record
from redact.cli.shared.records import SEE, local, reading
from redact.environment import ORGANISATION

if TYPE_CHECKING:
    from redact.records.database import Database
    from redact.retention.clock import RetentionStatus

app = typer.Typer(no_args_is_help=True, help="See how long footage is kept and why, and dispose of what is due.")


@app.command()
def status(
    *,
    due_only: Annotated[bool, typer.Option("--due", help="Only footage due for disposal.")] = False,
    login: As,
    as_json: opt.Json = False,
) -> None:
    """List all footage with its retention clock: what is due for disposal, and why the rest is kept.

    Example: redact retention status --due --as admin
    """
    with CommandReport("retention status", as_json) as report:
        now = datetime.now(UTC)
        with reading(login, SEE) as (_, _, session):
            from redact.retention import disposal

            found = [one for one in disposal.status(session, now) if one.due or not due_only]
        print_clocks(report, found)
        report.finish({"footage": [record(one) for one in found]})


@app.command()
def run(
    *,
    really: Annotated[
        bool,
        typer.Option(
            "--dispose", help="Dispose of it. Without this, the command only lists what would be disposed of."
        ),
    ] = False,
    organisation: Annotated[
        str,
        typer.Option("--organisation", envvar=ORGANISATION, metavar="TEXT", help="Name printed on certificates."),
    ] = "",
    login: As,
    as_json: opt.Json = False,
) -> None:
    """Dispose of footage that is due. Files are deleted permanently; records and audit trail stay.

    Footage that is marked, in an open case or in a current release is kept. Each disposal gets a certificate in the
    folder certificates/ of REDACT_HOME; certificates missing from an earlier run are written too.

    Example: redact retention run --dispose --as admin
    """
    with CommandReport("retention run", as_json) as report:
        with acting(login) as (db, actor):
            from redact.disclose.documents.certificate_files import write_certificates
            from redact.evidence.store import Store
            from redact.retention import disposal

            done = disposal.run(db, actor, Store(), dry_run=not really)
            files = write_certificates(db, organisation) if really else []
        listed = [*done.unfinished, *done.due]
        failed = []
        for one, error in done.failed:
            report.print_failure(error, one.original_name)
            failed.append(failure_record(error, sha256=one.sha256))
        if not really:
            print_clocks(report, listed)
            report.print(f"{len(listed)} would be disposed of. Nothing was deleted; use --dispose to do so.")
        for certificate in done.certificates:
            report.print(f"{certificate['certificate']}: {certificate['original_name']} disposed of")
        for path in files:
            report.print(f"certificate: {path}")
        if really and not listed:
            report.print("Nothing is due for disposal.")
        result = {
            "dry_run": not really,
            "due": [record(one) for one in done.due],
            "unfinished": [record(one) for one in done.unfinished],
            "disposed": done.certificates,
            "certificates": [str(path) for path in files],
        }
        report.finish(result, failed)


def footage_clock(db: Database, name: str, case: str | None) -> RetentionStatus:
    """The retention clock of one piece of footage."""
    from redact.evidence import footage_records
    from redact.retention import disposal

    with db.reading() as session:
        found = footage_records.find(session, name, case)
        return next(o for o in disposal.status(session, datetime.now(UTC)) if o.footage_id == found.id)


def print_clocks(report: CommandReport, found: list[RetentionStatus]) -> None:
    """Print retention clocks as a table."""
    rows = [
        (
            one.sha256[:12],
            one.original_name,
            ", ".join(one.exhibits) or "-",
            one.retention_class,
            f"{local(one.started)} ({one.started_by})",
            local(one.runs_out),
            clock_text(one),
        )
        for one in found
    ]
    report.print_table(("footage", "name", "exhibits", "class", "clock started", "runs out", "state"), rows)


def clock_text(one: RetentionStatus) -> str:
    """Why the footage is kept, or when it is due for disposal."""
    if one.state == "disposing":
        return "disposal unfinished; the next run completes it"
    if one.kept_by:
        return "; ".join(f"[{k.number}] {k.why}" if k.number is not None else k.why for k in one.kept_by)
    from redact.records.deadlines import describe_due

    assert one.runs_out is not None  # otherwise kept_by is set
    day: date = one.runs_out.astimezone().date()
    due = describe_due(day, one.now.astimezone().date())
    return f"{due}: the next run disposes of it" if one.due else due


def record(one: RetentionStatus) -> dict[str, object]:
    """A retention clock as JSON."""
    return {
        "sha256": one.sha256,
        "original_name": one.original_name,
        "size_bytes": one.size,
        "exhibits": one.exhibits,
        "retention_class": one.retention_class,
        "state": one.state,
        "clock_started": one.started.isoformat(),
        "clock_started_by": one.started_by,
        "clock_runs_out": one.runs_out.isoformat() if one.runs_out else None,
        "due": one.due,
        "kept_by": [{"kind": k.kind, "why": k.why, "mark": k.number} for k in one.kept_by],
    }
