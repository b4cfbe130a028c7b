"""``redact user``: accounts, roles and passwords."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from redact.cli.shared import options as opt
from redact.cli.shared.acting_user import As, acting, open_records, password_of
from redact.cli.shared.output import CommandReport
from redact.cli.shared.records import SEE, local, parse_member, reading
from redact.environment import NEW_PASSWORD, NEW_PASSWORD_FILE, USER
from redact.errors import BadUsage

if TYPE_CHECKING:
    from redact.records.database import Database
    from redact.schema.tables import Person

app = typer.Typer(no_args_is_help=True, help="Manage accounts, roles, passwords and sessions.")


Login = Annotated[str, typer.Argument(metavar="LOGIN", help="The person's login.")]
AsUnlessFirst = Annotated[
    str | None,
    typer.Option(
        "--as",
        envvar=USER,
        metavar="LOGIN",
        help="Your login. Not needed for the very first account, which must be an administrator.",
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
    name: Annotated[str, typer.Option("--name", metavar="TEXT", help="Full name. Default: the login.")] = "",
    acting_login: AsUnlessFirst = None,
    as_json: opt.Json = False,
) -> None:
    """Add an account. Its one-time password is printed once, and must be changed at first sign-in.

    To set the password yourself, put it in REDACT_NEW_PASSWORD, or in a file named in REDACT_NEW_PASSWORD_FILE.

    Example: redact user add jsmith --name "Jo Smith" --role officer --as admin
    """
    with CommandReport("user add", as_json) as report:
        with _adding(acting_login) as (db, actor):
            from redact.records import accounts

            roles = [accounts.Role(parse_member(value, accounts.Role, "--role")) for value in role]
            password, made = initial_password(login)
            # The first account is added by the person it is for.
            own_password = actor is None and not made
            person = accounts.add(
                db, actor or login, login, password, full_name=name, roles=roles, must_change=not own_password
            )
        report.print(f"{person.name} ({person.full_name}) is {', '.join(person.roles)}.")
        _print_password(report, person.name, password if made else None)
        report.finish({"person": record(person), **({"password": password} if made else {})})


@app.command()
def disable(
    login: Login,
    *,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Reason, recorded in the audit trail.")],
    acting_login: As,
    as_json: opt.Json = False,
) -> None:
    """Disable an account permanently. It stays in the records.

    Example: redact user disable jsmith --reason "left the force" --as admin
    """
    with CommandReport("user disable", as_json) as report:
        with acting(acting_login) as (db, actor):
            from redact.records import accounts

            accounts.disable(db, actor, login, reason)
        report.print(f"{login} has been disabled.")
        report.finish({"person": {"login": login, "disabled": True}})


@app.command()
def roles(
    login: Login,
    *,
    role: Annotated[
        list[str], typer.Option("--role", metavar="ROLE", help="Every role the person is to have. Repeatable.")
    ],
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Reason, recorded in the audit trail.")],
    acting_login: As,
    as_json: opt.Json = False,
) -> None:
    """Replace a person's roles.

    Example: redact user roles jsmith --role officer --role reviewer --reason "new post" --as admin
    """
    with CommandReport("user roles", as_json) as report:
        with acting(acting_login) as (db, actor):
            from redact.records import accounts

            new_roles = [accounts.Role(parse_member(value, accounts.Role, "--role")) for value in role]
            accounts.set_roles(db, actor, login, new_roles, reason)
        names = sorted(one.value for one in new_roles)
        report.print(f"{login} is {', '.join(names)}.")
        report.finish({"person": {"login": login, "roles": names}})


@app.command()
def passwd(login: Login, *, acting_login: As, as_json: opt.Json = False) -> None:
    """Change your own password or, as an administrator, give someone a one-time password.

    Your new password is prompted for, or read from the file named in REDACT_NEW_PASSWORD_FILE, or from
    REDACT_NEW_PASSWORD. A one-time password is generated and printed once, unless you set it in the same way.

    Example: redact user passwd jsmith --as jsmith
    """
    with CommandReport("user passwd", as_json) as report:
        with open_records() as db:
            from redact.records import accounts

            # Not `acting`, which refuses temporary passwords: this command is how they are replaced.
            person = accounts.authenticate(db, acting_login, password_of(acting_login))
            own = person.name == login.strip().lower()
            password, made = (_own_new(login), False) if own else initial_password(login)
            accounts.set_password(db, person.name, login, password)
        report.print(f"The password of {login} has been changed.")
        _print_password(report, login, password if made else None)
        report.finish({"person": {"login": login, "must_change": not own}, **({"password": password} if made else {})})


@app.command("list")
def list_users(*, acting_login: As, as_json: opt.Json = False) -> None:
    """List all accounts with roles and state.

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


@app.command()
def link(
    login: Login,
    *,
    subject: Annotated[
        str, typer.Option("--subject", metavar="TEXT", help="The person's identifier at the provider: its `sub` claim.")
    ],
    issuer: Annotated[
        str,
        typer.Option(
            "--issuer", metavar="URL", help="The provider. Default: the one in oidc.toml.", show_default=False
        ),
    ] = "",
    remove_password: Annotated[
        bool,
        typer.Option(
            "--remove-password", help="Remove the password, so that the person signs in only through the provider."
        ),
    ] = False,
    acting_login: As,
    as_json: opt.Json = False,
) -> None:
    """Let a person sign in through the sign-in provider set up in oidc.toml in the home folder.

    People who are not linked yet see their subject when they try to sign in.

    Example: redact user link jsmith --subject 4f1c-99a2 --as admin
    """
    with CommandReport("user link", as_json) as report:
        known = issuer or _issuer()
        with acting(acting_login) as (db, actor):
            from redact.records import accounts

            accounts.link(db, actor, login, known, subject, keep_password=not remove_password)
        report.print(f"{login} can sign in as {subject} at {known}.")
        if remove_password:
            report.print(f"{login} no longer has a password. To set a new one: redact user passwd {login}")
        report.finish({"person": {"login": login, "issuer": known, "subject": subject}})


@app.command()
def unlink(login: Login, *, acting_login: As, as_json: opt.Json = False) -> None:
    """Remove a person's link to the sign-in provider and end their sessions.

    Example: redact user unlink jsmith --as admin
    """
    with CommandReport("user unlink", as_json) as report:
        with acting(acting_login) as (db, actor):
            from redact.records import accounts

            accounts.unlink(db, actor, login)
        report.print(f"{login} can now sign in only with a password.")
        report.finish({"person": {"login": login, "issuer": None, "subject": None}})


@app.command()
def sessions(*, acting_login: As, as_json: opt.Json = False) -> None:
    """List who is signed in to the workbench, since when and how.

    Example: redact user sessions --as admin
    """
    with CommandReport("user sessions", as_json) as report:
        with reading(acting_login, "ADMINISTER") as (_, _, session):
            from redact.server.sessions import listed
            from redact.server.settings import ServerSettings

            found = listed(session, ServerSettings(), datetime.now(UTC))
        rows = [(p.name, local(s.created_at), local(s.seen_at), s.issuer or "password") for s, p in found]
        report.print_table(("login", "signed in", "last active", "signed in by"), rows)
        records = [
            {
                "login": person.name,
                "signed_in_at": row.created_at.isoformat(),
                "seen_at": row.seen_at.isoformat(),
                "issuer": row.issuer,
            }
            for row, person in found
        ]
        report.finish({"sessions": records})


@app.command()
def sign_out(login: Login, *, acting_login: As, as_json: opt.Json = False) -> None:
    """Sign a person out of the workbench in all browsers.

    They can sign in again. To prevent that, disable the account or change its password.

    Example: redact user sign-out jsmith --as admin
    """
    with CommandReport("user sign-out", as_json) as report:
        with acting(acting_login) as (db, actor):
            from redact.records import accounts

            accounts.end_sessions(db, actor, login)
        report.print(f"{login} has been signed out everywhere.")
        report.finish({"person": {"login": login}})


def _issuer() -> str:
    from redact.server.oidc_file import load_provider

    provider = load_provider()
    if provider is None:
        raise BadUsage("No sign-in provider is set up in oidc.toml in the home folder.", "Give --issuer URL.")
    return provider.issuer


def record(person: Person) -> dict[str, object]:
    """An account as JSON, without the password."""
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
    return "must change password" if person.must_change else "active"


@contextmanager
def _adding(login: str | None) -> Iterator[tuple[Database, str | None]]:
    """The records and the login of the administrator; None for the very first account."""
    with open_records() as db:
        from redact.records import accounts

        with db.reading() as session:
            first = not accounts.all_people(session)
        if first:
            yield db, None
            return
    if login is None:
        raise BadUsage("There are already accounts.", "Give an administrator's login with --as LOGIN.")
    with acting(login) as (db, actor):
        yield db, actor


def initial_password(login: str) -> tuple[str, bool]:
    """A password for another person, and whether it was generated here rather than set in the environment."""
    if NEW_PASSWORD in os.environ or NEW_PASSWORD_FILE in os.environ:
        return password_of(login, NEW_PASSWORD), False
    from redact.records import accounts

    return accounts.generate_password(), True


def _own_new(login: str) -> str:
    if NEW_PASSWORD in os.environ or NEW_PASSWORD_FILE in os.environ or not sys.stdin.isatty():
        return password_of(login, NEW_PASSWORD)
    return str(typer.prompt(f"New password for {login}", hide_input=True, confirmation_prompt=True, err=True))


def _print_password(report: CommandReport, login: str, made: str | None) -> None:
    if made is not None:
        report.print(f"One-time password: {made}")
        report.print(f"It is shown only once. {login} changes it with: redact user passwd {login} --as {login}")
