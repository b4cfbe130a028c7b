"""``redact case``: requests and proceedings, their deadlines, and the people involved."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Annotated

import typer

from redact.cli.shared import options as opt
from redact.cli.shared.acting_user import As, acting
from redact.cli.shared.output import CommandReport
from redact.cli.shared.records import SEE, local, parse_day, parse_member, parse_pairs, reading

if TYPE_CHECKING:
    from redact.schema.tables import Case

app = typer.Typer(no_args_is_help=True, help="Open, change and close cases, and see when they are due.")

Reference = Annotated[str, typer.Argument(metavar="CASE", help="Case reference.")]
Reason = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Reason, recorded in the audit trail.")]
Due = Annotated[
    str | None,
    typer.Option("--due", metavar="DAY", help="Date set by the court or agreed, such as 2026-05-01."),
]
Details = Annotated[
    list[str] | None,
    typer.Option("--detail", metavar="KEY=TEXT", help="Further details, such as requester=NAME. Repeatable."),
]


@app.command()
def new(
    reference: Reference,
    *,
    kind: Annotated[
        str, typer.Option("--kind", metavar="KIND", help="court, foi, subject-access, complaint or internal.")
    ],
    title: Annotated[str, typer.Option("--title", metavar="TEXT", help="What the case is about, in a few words.")],
    login: As,
    received: Annotated[
        str | None, typer.Option("--received", metavar="DAY", help="Date received, such as 2026-05-01. Default: today.")
    ] = None,
    nation: Annotated[
        str,
        typer.Option(
            "--nation", metavar="NATION", help="Bank holidays of england-and-wales, scotland or northern-ireland."
        ),
    ] = "england-and-wales",
    due: Due = None,
    details: Details = None,
    as_json: opt.Json = False,
) -> None:
    """Open a case. FOI requests are due after 20 working days, subject access after a month, other cases on --due.

    Example: redact case new FOI-2026-017 --kind foi --title "Arrest in High Street" --received 2026-05-01 --as jsmith
    """
    with CommandReport("case new", as_json) as report:
        received_on, due_on = parse_day(received, "--received"), parse_day(due, "--due")
        pairs = parse_pairs(details, "--detail")
        with acting(login) as (db, actor):
            from redact.records import cases
            from redact.records.deadlines import CaseKind, Nation

            opened = cases.open_case(
                db,
                actor,
                reference,
                kind=parse_member(kind, CaseKind, "--kind"),
                title=title,
                received=received_on or date.today(),
                nation=parse_member(nation, Nation, "--nation"),
                due=due_on,
                details=pairs,
            )
        report.print(f"Case {opened.reference} is open; {clock_line(opened)}.")
        report.finish({"case": record(opened)})


@app.command("list")
def list_cases(
    *,
    everything: Annotated[bool, typer.Option("--all", help="Include closed cases.")] = False,
    login: As,
    as_json: opt.Json = False,
) -> None:
    """List cases, the most urgent first.

    Example: redact case list --as jsmith
    """
    with CommandReport("case list", as_json) as report:
        with reading(login, SEE) as (_, _, session):
            from redact.records import cases

            found = cases.list_cases(session, closed=everything)
        rows = [
            (c.reference, c.kind, c.title, c.received_on, c.due_on or "-", clock_text(c), len(c.exhibits))
            for c in found
        ]
        report.print_table(("case", "kind", "title", "received", "due", "clock", "exhibits"), rows)
        report.finish({"cases": [record(case) for case in found]})


@app.command()
def show(reference: Reference, *, login: As, as_json: opt.Json = False) -> None:
    """Show everything recorded about a case.

    Example: redact case show FOI-2026-017 --as jsmith
    """
    with CommandReport("case show", as_json) as report:
        with reading(login, SEE) as (_, _, session):
            from redact.records import cases

            case = cases.find(session, reference)
        report.print(f"{case.reference}: {case.title}")
        report.print(f"{case.kind} case, {case.state}; {clock_line(case)}")
        report.print(f"opened {local(case.opened_at)}; closed {local(case.closed_at)}")
        report.print(
            f"working time: {case.minutes_locating} minutes locating, retrieving and extracting (count towards the "
            f"FOIA s.12 limit), {case.minutes_redacting} minutes redacting (do not)"
        )
        for key, value in case.details.items():
            report.print(f"{key.replace('_', ' ')}: {value}")
        for member in case.members:
            report.print(f"{member.role}: {member.person.full_name} ({member.person.name})")
        rows = [(e.reference, e.footage.original_name, e.footage.sha256[:12], e.footage.state) for e in case.exhibits]
        if rows:
            report.print_table(("exhibit", "name", "footage", "state"), rows)
        report.finish({"case": record(case)})


@app.command()
def change(
    reference: Reference,
    *,
    reason: Reason,
    login: As,
    title: Annotated[str | None, typer.Option("--title", metavar="TEXT", help="New title.")] = None,
    due: Due = None,
    details: Details = None,
    as_json: opt.Json = False,
) -> None:
    """Change the title, due date or details of a case.

    Example: redact case change CC-17 --due 2026-06-12 --reason "order of 1 May" --as jsmith
    """
    with CommandReport("case change", as_json) as report:
        due_on, pairs = parse_day(due, "--due"), parse_pairs(details, "--detail")
        with acting(login) as (db, actor):
            from redact.records import cases

            cases.change(db, actor, reference, reason=reason, title=title, due=due_on, details=pairs)
            with db.reading() as session:
                case = cases.find(session, reference)
        report.print(f"Case {case.reference} is changed; {clock_line(case)}.")
        report.finish({"case": record(case)})


@app.command()
def close(reference: Reference, *, reason: Reason, login: As, as_json: opt.Json = False) -> None:
    """Close a case. This starts the retention clock of its footage.

    Example: redact case close FOI-2026-017 --reason "answered on 28 May" --as jsmith
    """
    with CommandReport("case close", as_json) as report:
        _set_closed(report, reference, reason, login, closed=True)


@app.command()
def reopen(reference: Reference, *, reason: Reason, login: As, as_json: opt.Json = False) -> None:
    """Reopen a closed case.

    Example: redact case reopen FOI-2026-017 --reason "internal review" --as jsmith
    """
    with CommandReport("case reopen", as_json) as report:
        _set_closed(report, reference, reason, login, closed=False)


@app.command()
def member(
    reference: Reference,
    person: Annotated[str, typer.Argument(metavar="LOGIN", help="Login of the person.")],
    *,
    role: Annotated[
        str,
        typer.Option(
            "--role",
            metavar="TEXT",
            help="officer in the case, disclosure officer, reviewer, approver or requester contact.",
        ),
    ],
    login: As,
    as_json: opt.Json = False,
) -> None:
    """Record a person's role in a case.

    Example: redact case member CC-17 jsmith --role "disclosure officer" --as jsmith
    """
    with CommandReport("case member", as_json) as report:
        with acting(login) as (db, actor):
            from redact.records import cases

            cases.add_member(db, actor, reference, person, role)
            with db.reading() as session:
                case = cases.find(session, reference)
        report.print(f"{person} is {role} of case {case.reference}.")
        report.finish({"case": record(case)})


@app.command()
def time(
    reference: Reference,
    *,
    locating: Annotated[
        int,
        typer.Option("--locating", metavar="MINUTES", help="Locating, retrieving, extracting: counts towards s.12."),
    ] = 0,
    redacting: Annotated[int, typer.Option("--redacting", metavar="MINUTES", help="Redacting: does not count.")] = 0,
    login: As,
    as_json: opt.Json = False,
) -> None:
    """Record working time on a case. Only locating counts towards the FOIA s.12 cost limit.

    Example: redact case time FOI-2026-017 --locating 45 --as jsmith
    """
    with CommandReport("case time", as_json) as report:
        with acting(login) as (db, actor):
            from redact.records import cases

            cases.add_working_time(db, actor, reference, locating=locating, redacting=redacting)
            with db.reading() as session:
                case = cases.find(session, reference)
        report.print(
            f"Case {case.reference}: {case.minutes_locating} minutes locating, {case.minutes_redacting} redacting."
        )
        report.finish({"case": record(case)})


def clock_text(case: Case) -> str:
    """How long until the case is due, or its state once closed."""
    from redact.records.deadlines import describe_due

    return case.state if case.closed_at else describe_due(case.due_on, date.today())


def clock_line(case: Case) -> str:
    """Date received, due date and the rule behind it."""
    due = f"due on {case.due_on} ({case.due_rule}), {clock_text(case)}" if case.due_on else "no due date"
    return f"received on {case.received_on}, {due}"


def record(case: Case) -> dict[str, object]:
    """A case as JSON."""
    return {
        "reference": case.reference,
        "kind": case.kind,
        "title": case.title,
        "nation": case.nation,
        "received_on": case.received_on.isoformat(),
        "due_on": case.due_on.isoformat() if case.due_on else None,
        "due_rule": case.due_rule,
        "clock": clock_text(case),
        "state": case.state,
        "details": case.details,
        "minutes_locating": case.minutes_locating,
        "minutes_redacting": case.minutes_redacting,
        "opened_at": case.opened_at.isoformat(),
        "closed_at": case.closed_at.isoformat() if case.closed_at else None,
        "members": [{"login": m.person.name, "role": m.role} for m in case.members],
        "exhibits": [
            {"reference": e.reference, "sha256": e.footage.sha256, "state": e.footage.state} for e in case.exhibits
        ],
    }


def _set_closed(report: CommandReport, reference: str, reason: str, login: str, *, closed: bool) -> None:
    with acting(login) as (db, actor):
        from redact.records import cases

        cases.set_closed(db, actor, reference, closed=closed, reason=reason)
        with db.reading() as session:
            case = cases.find(session, reference)
    report.print(f"Case {case.reference} is {case.state}; {clock_line(case)}.")
    report.finish({"case": record(case)})
