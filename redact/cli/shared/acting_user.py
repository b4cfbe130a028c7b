"""Who gives a command that changes records: a login, and its password from the terminal, a file or the environment."""

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
        help="Who you are. The password is asked for, or taken from the file that REDACT_PASSWORD_FILE names, or from "
        "REDACT_PASSWORD.",
        show_default=False,
    ),
]


@contextmanager
def records() -> Iterator[Database]:
    """The records, open."""
    with loading():
        from redact.records.database import Database

    db = Database()
    try:
        yield db
    finally:
        db.close()


@contextmanager
def acting(login: str) -> Iterator[tuple[Database, str]]:
    """The records, and the login of the person who has shown that it is theirs.

    Raises SignInFailed, also where the password is still the one somebody else has chosen.
    """
    with records() as db:
        from redact.records import accounts

        person = accounts.authenticate(db, login, password_of(login))
        if person.must_change:
            raise SignInFailed(
                f"{person.name} still has the password that was given out.",
                f"Choose your own with `redact user passwd {person.name} --as {person.name}` first.",
            )
        yield db, person.name


def password_of(login: str, variable: str = PASSWORD) -> str:
    """The password of ``login``, without a word of it going anywhere. Raises BadUsage where it cannot be had."""
    if file := os.environ.get(f"{variable}_FILE"):
        try:
            return Path(file).read_text(encoding="utf-8").removesuffix("\n")
        except (OSError, UnicodeDecodeError) as error:
            raise BadUsage(f"The file that {variable}_FILE names cannot be read.") from error
    if variable in os.environ:
        return os.environ[variable]
    if not sys.stdin.isatty():
        raise BadUsage(f"There is no password for {login}.", f"Set {variable}_FILE to a file that holds it.")
    return str(typer.prompt(f"Password of {login}", hide_input=True, err=True))
