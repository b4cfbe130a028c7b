"""``redact user link``, ``unlink``, ``sessions`` and ``sign-out``: by which ways people get into the workbench."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from redact.cli.shared import options as opt
from redact.cli.shared.acting_user import As, acting
from redact.cli.shared.output import CommandReport
from redact.cli.shared.records import local, reading
from redact.cli.user import Login
from redact.errors import BadUsage


def link(
    login: Login,
    *,
    subject: Annotated[
        str, typer.Option("--subject", metavar="TEXT", help="What the provider calls the person: its claim `sub`.")
    ],
    issuer: Annotated[
        str,
        typer.Option("--issuer", metavar="URL", help="The provider; else that of oidc.toml.", show_default=False),
    ] = "",
    remove_password: Annotated[
        bool, typer.Option("--remove-password", help="From now on, let the person sign in by the provider alone.")
    ] = False,
    acting_login: As,
    as_json: opt.Json = False,
) -> None:
    """Let a person sign in by the provider that oidc.toml in the home folder names.

    Whoever is not linked yet is shown their subject when they try.

    Example: redact user link jsmith --subject 4f1c-99a2 --as admin
    """
    with CommandReport("user link", as_json) as report:
        known = issuer or _issuer()
        with acting(acting_login) as (db, actor):
            from redact.records import accounts

            accounts.link(db, actor, login, known, subject, keep_password=not remove_password)
        report.print(f"{login} can sign in as {subject} of {known}.")
        if remove_password:
            report.print(f"{login} has no password any more. To give a new one: redact user passwd {login}")
        report.finish({"person": {"login": login, "issuer": known, "subject": subject}})


def unlink(login: Login, *, acting_login: As, as_json: opt.Json = False) -> None:
    """Undo the link of a person with the sign-in provider, and end their sessions.

    Example: redact user unlink jsmith --as admin
    """
    with CommandReport("user unlink", as_json) as report:
        with acting(acting_login) as (db, actor):
            from redact.records import accounts

            accounts.unlink(db, actor, login)
        report.print(f"{login} can sign in with a password alone.")
        report.finish({"person": {"login": login, "issuer": None, "subject": None}})


def sessions(*, acting_login: As, as_json: opt.Json = False) -> None:
    """List who is signed in to the workbench, since when, and by which way.

    Example: redact user sessions --as admin
    """
    with CommandReport("user sessions", as_json) as report:
        with reading(acting_login, "ADMINISTER") as (_, _, session):
            from redact.server.sessions import listed
            from redact.server.settings import ServerSettings

            found = listed(session, ServerSettings(), datetime.now(UTC))
        rows = [(p.name, local(s.created_at), local(s.seen_at), s.issuer or "password") for s, p in found]
        report.print_table(("login", "signed in", "last active", "by"), rows)
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


def sign_out(login: Login, *, acting_login: As, as_json: opt.Json = False) -> None:
    """Sign a person out of the workbench in all browsers, at once.

    They can sign in again; to prevent that, disable the account or give it another password.

    Example: redact user sign-out jsmith --as admin
    """
    with CommandReport("user sign-out", as_json) as report:
        with acting(acting_login) as (db, actor):
            from redact.records import accounts

            accounts.end_sessions(db, actor, login)
        report.print(f"{login} is signed out everywhere.")
        report.finish({"person": {"login": login}})


def _issuer() -> str:
    from redact.server.oidc_file import load_provider

    provider = load_provider()
    if provider is None:
        raise BadUsage("There is no oidc.toml in the home folder that names a provider.", "Give --issuer URL.")
    return provider.issuer
