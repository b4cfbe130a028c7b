"""``redact footage mark``, ``hold`` and ``lift``: evidence marks and holds, which stop disposal."""

from __future__ import annotations

from typing import Annotated

import typer

from redact.cli.footage import CaseOf, Name
from redact.cli.retention import footage_clock, print_clocks, record
from redact.cli.shared import options as opt
from redact.cli.shared.acting_user import As, acting
from redact.cli.shared.output import CommandReport
from redact.cli.shared.records import parse_member
from redact.errors import BadUsage

Reason = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Reason, recorded in the audit trail.")]


def mark(name: Name, *, reason: Reason, case: CaseOf = None, login: As, as_json: opt.Json = False) -> None:
    """Mark footage as evidence. Its retention clock stops until the mark is lifted.

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
    """Hold footage for a complaint or legal reasons. Its retention clock stops until the hold is lifted.

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
    number: Annotated[
        int | None, typer.Option("--mark", metavar="NUMBER", help="Number of the mark, if there are several.")
    ] = None,
    case: CaseOf = None,
    login: As,
    as_json: opt.Json = False,
) -> None:
    """Lift an evidence mark or a hold. The retention clock resumes with the days that were left.

    Example: redact footage lift 9f86d081 --kind legal-hold --reason "claim settled" --as jsmith
    """
    with CommandReport("footage lift", as_json) as report:
        with acting(login) as (db, actor):
            from redact.retention import disposal
            from redact.retention.clock import MarkKind

            which = parse_member(kind, MarkKind, "--kind") if kind is not None else None
            lifted = disposal.lift(db, actor, name, reason, case=case, kind=which, number=number)
            clock = footage_clock(db, name, case)
        report.print(f"Mark {lifted} has been lifted.")
        print_clocks(report, [clock])
        report.finish({"mark": lifted, "footage": record(clock)})


def _place(command: str, name: str, case: str | None, kind: str, *, reason: str, login: str, as_json: bool) -> None:
    with CommandReport(f"footage {command}", as_json) as report:
        with acting(login) as (db, actor):
            from redact.retention import disposal
            from redact.retention.clock import MarkKind

            which = parse_member(kind, MarkKind, "--kind")
            if command == "hold" and which is MarkKind.EVIDENCE:
                raise BadUsage("Evidence is marked, not held.", "Use `redact footage mark`.")
            number = disposal.place(db, actor, name, which, reason, case=case)
            clock = footage_clock(db, name, case)
        report.print(f"Mark {number}: {clock.original_name} is kept.")
        print_clocks(report, [clock])
        report.finish({"mark": number, "footage": record(clock)})
