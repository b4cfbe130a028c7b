"""The person a command acts as: a login, and a password from the terminal, a file or the environment."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from redact.cli.shared.copies import loading
from redact.environment import PASSWORD, USER
from redact.errors import BadUsage, SignInFailed

if TYPE_CHECKING:
    from redact.records.database import Database

As = Annotated[
    str,
    typer.Option(
        "--as",
        envvar=USER,
        metavar="LOGIN",
        help="Your login. The password is prompted for, or read from the file named in REDACT_PASSWORD_FILE, or from "
        "REDACT_PASSWORD.",
        show_default=False,
    ),
]


@contextmanager
def open_records() -> Iterator[Database]:
    """Open the records, and close them at the end of the block."""
    with loading():
        from redact.records.database import Database

    db = Database()
    try:
        yield db
    finally:
        db.close()


@contextmanager
def acting(login: str) -> Iterator[tuple[Database, str]]:
    """Sign in as ``login`` and open the records. Yields the database and the login.

    Raises SignInFailed, also while the person still has a temporary password.
    """
    with open_records() as db:
        from redact.records import accounts

        person = accounts.authenticate(db, login, password_of(login))
        if person.must_change:
            raise SignInFailed(
                f"{person.name} still has a temporary password.",
                f"Choose your own first, with `redact user passwd {person.name} --as {person.name}`.",
            )
        yield db, person.name


def password_of(login: str, variable: str = PASSWORD) -> str:
    """The password of ``login``. It is never echoed or logged. Raises BadUsage if none is given."""
    if file := os.environ.get(f"{variable}_FILE"):
        try:
            return Path(file).read_text(encoding="utf-8").removesuffix("\n")
        except (OSError, UnicodeDecodeError) as error:
            raise BadUsage(f"The file named in {variable}_FILE cannot be read.") from error
    if variable in os.environ:
        return os.environ[variable]
    if not sys.stdin.isatty():
        raise BadUsage(f"No password was given for {login}.", f"Set {variable}_FILE to a file that contains it.")
    return str(typer.prompt(f"Password for {login}", hide_input=True, err=True))
