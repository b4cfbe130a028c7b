"""``redact user``: accounts, their roles and their passwords."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from redact.cli.shared import options as opt
from redact.cli.shared.acting_user import As, acting, password_of, records
from redact.cli.shared.output import CommandReport
from redact.cli.shared.records import SEE, local, parse_member, reading
from redact.environment import NEW_PASSWORD, NEW_PASSWORD_FILE, USER
from redact.errors import BadUsage

if TYPE_CHECKING:
    from redact.records.database import Database
    from redact.schema.tables import Person

app = typer.Typer(no_args_is_help=True, help="The people who may act, their roles and passwords.")


Login = Annotated[str, typer.Argument(metavar="LOGIN", help="The person's login.")]
AsUnlessFirst = Annotated[
    str | None,
    typer.Option(
        "--as",
        envvar=USER,
        metavar="LOGIN",
        help="Who you are. Only the very first account, an administrator's, is added by nobody.",
        show_default=False,
    ),
]


@app.command()
def add(
    login: Login,
    *,
    role: Annotated[
        list[str],
        typer.Option(
            "--role",
            metavar="ROLE",
            help="officer, reviewer, approver, supervisor, auditor or administrator. Repeatable.",
        ),
    ],
    name: Annotated[str, typer.Option("--name", metavar="TEXT", help="The full name; else the login.")] = "",
    acting_login: AsUnlessFirst = None,
    as_json: opt.Json = False,
) -> None:
    """Add an account. Its password has to be changed at first use, and is printed once, unless you give it.

    To give it, set REDACT_NEW_PASSWORD_FILE to a file that holds it, or REDACT_NEW_PASSWORD.

    Example: redact user add jsmith --name "Jo Smith" --role officer --as admin
    """
    with CommandReport("user add", as_json) as report:
        with _adding(acting_login) as (db, actor):
            from redact.records import accounts

            roles = [accounts.Role(parse_member(word, accounts.Role, "--role")) for word in role]
            password, made = given_or_made(login)
            # Whoever adds the first account is the person it is for.
            chosen = actor is None and not made
            person = accounts.add(
                db, actor or login, login, password, full_name=name, roles=roles, must_change=not chosen
            )
        report.print(f"{person.name} ({person.full_name}) is {', '.join(person.roles)}.")
        _print_password(report, person.name, password if made else None)
        report.finish({"person": record(person), **({"password": password} if made else {})})


@app.command()
def disable(
    login: Login,
    *,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why. It goes into the audit trail.")],
    acting_login: As,
    as_json: opt.Json = False,
) -> None:
    """End what a person may do. The account stays in the records; there is no way back.

    Example: redact user disable jsmith --reason "left the force" --as admin
    """
    with CommandReport("user disable", as_json) as report:
        with acting(acting_login) as (db, actor):
            from redact.records import accounts

            accounts.disable(db, actor, login, reason)
        report.print(f"{login} is disabled.")
        report.finish({"person": {"login": login, "disabled": True}})


@app.command()
def roles(
    login: Login,
    *,
    role: Annotated[list[str], typer.Option("--role", metavar="ROLE", help="Repeatable: all that they are to have.")],
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why. It goes into the audit trail.")],
    acting_login: As,
    as_json: opt.Json = False,
) -> None:
    """Give a person other roles, from now on.

    Example: redact user roles jsmith --role officer --role reviewer --reason "new post" --as admin
    """
    with CommandReport("user roles", as_json) as report:
        with acting(acting_login) as (db, actor):
            from redact.records import accounts

            wanted = [accounts.Role(parse_member(word, accounts.Role, "--role")) for word in role]
            accounts.set_roles(db, actor, login, wanted, reason)
        names = sorted(one.value for one in wanted)
        report.print(f"{login} is {', '.join(names)}.")
        report.finish({"person": {"login": login, "roles": names}})


@app.command()
def passwd(login: Login, *, acting_login: As, as_json: opt.Json = False) -> None:
    """Choose another password for yourself or, as an administrator, give somebody one to change at first use.

    Your new one is asked for, or taken from the file that REDACT_NEW_PASSWORD_FILE names, or from REDACT_NEW_PASSWORD.
    Somebody else's is made and printed once, unless it is given that way.

    Example: redact user passwd jsmith --as jsmith
    """
    with CommandReport("user passwd", as_json) as report:
        with records() as db:
            from redact.records import accounts

            # Not `acting`: this is how one gets rid of a password that was given out.
            person = accounts.authenticate(db, acting_login, password_of(acting_login))
            own = person.name == login.strip().lower()
            password, made = (_own_new(login), False) if own else given_or_made(login)
            accounts.set_password(db, person.name, login, password)
        report.print(f"The password of {login} is changed.")
        _print_password(report, login, password if made else None)
        report.finish({"person": {"login": login, "must_change": not own}, **({"password": password} if made else {})})


@app.command("list")
def list_users(*, acting_login: As, as_json: opt.Json = False) -> None:
    """List everybody who has an account, with roles and state.

    Example: redact user list --as jsmith
    """
    with CommandReport("user list", as_json) as report:
        with reading(acting_login, SEE) as (_, _, session):
            from redact.records import accounts

            everybody = accounts.all_people(session)
        rows = [
            (
                p.name,
                p.full_name,
                ", ".join(p.roles),
                _state(p),
                local(p.disabled_at or p.created_at),
                p.issuer or "password",
            )
            for p in everybody
        ]
        report.print_table(("login", "name", "roles", "state", "since", "signs in by"), rows)
        report.finish({"people": [record(person) for person in everybody]})


def record(person: Person) -> dict[str, object]:
    """A person in a document: nothing of the password."""
    return {
        "login": person.name,
        "full_name": person.full_name,
        "roles": person.roles,
        "must_change": person.must_change,
        "created_at": person.created_at.isoformat(),
        "disabled_at": person.disabled_at.isoformat() if person.disabled_at else None,
        "issuer": person.issuer,
        "subject": person.subject,
    }


def _state(person: Person) -> str:
    if person.disabled_at is not None:
        return "disabled"
    return "has to choose a password" if person.must_change else "active"


@contextmanager
def _adding(login: str | None) -> Iterator[tuple[Database, str | None]]:
    """The records, and who adds to them: nobody as long as there is nobody."""
    with records() as db:
        from redact.records import accounts

        with db.reading() as session:
            first = not accounts.all_people(session)
        if first:
            yield db, None
            return
    if login is None:
        raise BadUsage("There are accounts already.", "Say who adds another one, with --as LOGIN.")
    with acting(login) as (db, actor):
        yield db, actor


def given_or_made(login: str) -> tuple[str, bool]:
    """A password for somebody else, and whether it was made here."""
    if NEW_PASSWORD in os.environ or NEW_PASSWORD_FILE in os.environ:
        return password_of(login, NEW_PASSWORD), False
    from redact.records import accounts

    return accounts.generate_password(), True


def _own_new(login: str) -> str:
    if NEW_PASSWORD in os.environ or NEW_PASSWORD_FILE in os.environ or not sys.stdin.isatty():
        return password_of(login, NEW_PASSWORD)
    return str(typer.prompt(f"New password of {login}", hide_input=True, confirmation_prompt=True, err=True))


def _print_password(report: CommandReport, login: str, made: str | None) -> None:
    if made is not None:
        report.print(f"One-time password: {made}")
        report.print(f"It is shown this once. {login} chooses another with: redact user passwd {login} --as {login}")
