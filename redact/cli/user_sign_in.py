"""``redact user link``, ``unlink``, ``sessions`` and ``sign-out``: sign-in by provider, and sessions."""

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
