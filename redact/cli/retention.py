"""``redact retention``, and the marks on footage: what is kept, why, until when, and disposing of what is not."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from redact.cli import options as opt
from redact.cli.acting import As, acting
from redact.cli.reading import SEE, local, parse_member, reading
from redact.cli.report import Job, failure_record
from redact.errors import BadUsage

if TYPE_CHECKING:
    from redact.cases.db import Database
    from redact.cases.retention_clock import Due

retention_app = typer.Typer(no_args_is_help=True, help="What is kept, why, and until when; disposing of what is due.")

Name = Annotated[
    str,
    typer.Argument(metavar="FOOTAGE", help="First digits of its SHA-256 or, with --case, its exhibit reference."),
]
CaseOf = Annotated[str | None, typer.Option("--case", metavar="REF", help="The case of the exhibit.")]
Reason = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why. It goes into the audit trail.")]


@retention_app.command()
def status(
    *,
    due_only: Annotated[bool, typer.Option("--due", help="Only what is due.")] = False,
    login: As,
    as_json: opt.Json = False,
) -> None:
    """List all footage with its retention clock: what is due, and what keeps the rest.

    Example: redact retention status --due --as admin
    """
    with Job("retention status", as_json) as job:
        now = datetime.now(UTC)
        with reading(login, SEE) as (_, _, session):
            from redact.cases import retention

            found = [one for one in retention.status(session, now) if one.due or not due_only]
        say_table(job, found)
        job.finish({"footage": [record(one) for one in found]})


@retention_app.command()
def run(
    *,
    really: Annotated[
        bool, typer.Option("--dispose", help="Do it. Without this, only what would be done is shown.")
    ] = False,
    organisation: Annotated[
        str,
        typer.Option("--organisation", envvar="REDACT_ORGANISATION", metavar="TEXT", help="Printed on certificates."),
    ] = "",
    login: As,
    as_json: opt.Json = False,
) -> None:
    """Dispose of what is due: files are deleted for good, records and trail stay, and each gets a certificate.

    Whatever is marked, in an open case, or in a release that still counts is left alone. Certificates are written to
    the folder certificates/ of REDACT_HOME; those that an earlier run did not come to are made up for.

    Example: redact retention run --dispose --as admin
    """
    with Job("retention run", as_json) as job:
        with acting(login) as (db, actor):
            from redact.cases import retention
            from redact.cases.store import Store
            from redact.disclose.certificates import write_certificates

            done = retention.run(db, actor, Store(), dry_run=not really)
            files = write_certificates(db, organisation) if really else []
        listed = [*done.unfinished, *done.due]
        failed = []
        for one, error in done.failed:
            job.say_failure(error, one.original_name)
            failed.append(failure_record(error, sha256=one.sha256))
        if not really:
            say_table(job, listed)
            job.say(f"{len(listed)} would be disposed of; nothing was done. Do it with --dispose.")
        for certificate in done.certificates:
            job.say(f"{certificate['certificate']}: {certificate['original_name']} has been disposed of")
        for path in files:
            job.say(f"certificate: {path}")
        if really and not listed:
            job.say("Nothing is due.")
        result = {
            "dry_run": not really,
            "due": [record(one) for one in done.due],
            "unfinished": [record(one) for one in done.unfinished],
            "disposed": done.certificates,
            "certificates": [str(path) for path in files],
        }
        job.finish(result, failed)


def mark(name: Name, *, reason: Reason, case: CaseOf = None, login: As, as_json: opt.Json = False) -> None:
    """Mark footage as evidence: its retention clock stops until the mark is lifted.

    Example: redact footage mark JS/1 --case CC-17 --reason "shows the assault" --as jsmith
    """
    _place("mark", name, case, "evidence", reason=reason, login=login, as_json=as_json)


def hold(
    name: Name,
    *,
    kind: Annotated[str, typer.Option("--kind", metavar="KIND", help="complaint or legal-hold.")],
    reason: Reason,
    case: CaseOf = None,
    login: As,
    as_json: opt.Json = False,
) -> None:
    """Hold footage for a complaint or by law: its retention clock stops until the hold is lifted.

    Example: redact footage hold 9f86d081 --kind legal-hold --reason "claim 17/26" --as jsmith
    """
    _place("hold", name, case, kind, reason=reason, login=login, as_json=as_json)


def lift(
    name: Name,
    *,
    reason: Reason,
    kind: Annotated[
        str | None, typer.Option("--kind", metavar="KIND", help="evidence, complaint or legal-hold.")
    ] = None,
    number: Annotated[int | None, typer.Option("--mark", metavar="NUMBER", help="Which, if there are several.")] = None,
    case: CaseOf = None,
    login: As,
    as_json: opt.Json = False,
) -> None:
    """Lift a mark or a hold: the retention clock goes on with the days that were left.

    Example: redact footage lift 9f86d081 --kind legal-hold --reason "claim settled" --as jsmith
    """
    with Job("footage lift", as_json) as job:
        with acting(login) as (db, actor):
            from redact.cases import retention
            from redact.cases.retention_clock import MarkKind

            which = parse_member(kind, MarkKind, "--kind") if kind is not None else None
            lifted = retention.lift(db, actor, name, reason, case=case, kind=which, number=number)
            told = _one(db, name, case)
        job.say(f"Mark {lifted} is lifted.")
        say_table(job, [told])
        job.finish({"mark": lifted, "footage": record(told)})


def _place(command: str, name: str, case: str | None, kind: str, *, reason: str, login: str, as_json: bool) -> None:
    with Job(f"footage {command}", as_json) as job:
        with acting(login) as (db, actor):
            from redact.cases import retention
            from redact.cases.retention_clock import MarkKind

            which = parse_member(kind, MarkKind, "--kind")
            if command == "hold" and which is MarkKind.EVIDENCE:
                raise BadUsage("Evidence is marked, not held.", "Use `redact footage mark`.")
            number = retention.place(db, actor, name, which, reason, case=case)
            told = _one(db, name, case)
        job.say(f"Mark {number}: {told.original_name} is kept.")
        say_table(job, [told])
        job.finish({"mark": number, "footage": record(told)})


def _one(db: Database, name: str, case: str | None) -> Due:
    from redact.cases import footage, retention

    with db.reading() as session:
        found = footage.find(session, name, case)
        return next(o for o in retention.status(session, datetime.now(UTC)) if o.footage_id == found.id)


def say_table(job: Job, found: list[Due]) -> None:
    """Clocks for people."""
    rows = [
        (
            one.sha256[:12],
            one.original_name,
            ", ".join(one.exhibits) or "-",
            one.retention_class,
            f"{local(one.started)} ({one.started_by})",
            local(one.runs_out),
            words(one),
        )
        for one in found
    ]
    job.table(("footage", "name", "exhibits", "class", "clock from", "runs out", "state"), rows)


def words(one: Due) -> str:
    """How the clock stands."""
    if one.state == "disposing":
        return "being disposed of; the next run goes on"
    if one.kept_by:
        return "; ".join(f"[{k.number}] {k.why}" if k.number is not None else k.why for k in one.kept_by)
    from redact.cases.clocks import in_words

    assert one.runs_out is not None  # else something keeps it
    day: date = one.runs_out.astimezone().date()
    said = in_words(day, one.now.astimezone().date())
    return f"{said}: disposed of by the next run" if one.due else said


def record(one: Due) -> dict[str, object]:
    """A clock in a document."""
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
