"""Databases for tests: SQLite in a folder, and PostgreSQL if it is installed."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import argon2
import psycopg
import pytest

from redact.audit.keys import load_or_create
from redact.records import accounts
from redact.records.accounts import Role
from redact.records.database import Database

PASSWORD = "correct horse battery"
NEEDED = "REDACT_REQUIRE_POSTGRES"
"""Set in CI, where a missing PostgreSQL fails the tests instead of skipping them."""


def programs() -> Path | None:
    """The folder with ``initdb`` and ``postgres``."""
    found = shutil.which("initdb")
    if found:
        return Path(found).resolve().parent
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return installed[-1].parent if installed else None


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """URL of a PostgreSQL server for this test session, listening on a socket only."""
    where = programs()
    if where is None:
        if os.environ.get(NEEDED):
            pytest.fail("PostgreSQL is not installed")
        pytest.skip("PostgreSQL is not installed")
    # Not in pytest's folder: another test session of the same user could close it to the server's user meanwhile.
    with tempfile.TemporaryDirectory(prefix="redact-pg-") as name:
        folder, command = Path(name), list[str]()
        if os.geteuid() == 0:  # the server refuses root
            shutil.chown(folder, "postgres")
            command = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", "--"]
        data = folder / "data"

        def run(*arguments: object) -> None:
            subprocess.run([*command, *map(str, arguments)], check=True, stdout=subprocess.DEVNULL, cwd=folder)

        run(where / "initdb", "-D", data, "-U", "redact", "-A", "trust", "--no-sync")
        options = f"-c listen_addresses='' -c unix_socket_directories={folder} -c fsync=off"
        control = (where / "pg_ctl", "-D", data, "-w")
        run(*control, "-o", options, "-l", folder / "log", "start")
        yield f"postgresql://redact@/postgres?host={folder}"
        run(*control, "-m", "immediate", "stop")


@pytest.fixture(scope="session")
def empty_records(postgres: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Name of a database on the server with empty tables, used as a template."""
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute("CREATE DATABASE empty")
    Database(postgres.replace("/postgres?", "/empty?"), load_or_create(tmp_path_factory.mktemp("keys") / "k")).close()
    return "empty"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home folder, as ``REDACT_HOME``."""
    folder = tmp_path / "home"
    monkeypatch.setenv("REDACT_HOME", str(folder))
    monkeypatch.delenv("REDACT_DATABASE_URL", raising=False)
    return folder


@pytest.fixture(params=["sqlite", "postgresql"])
def db(request: pytest.FixtureRequest, home: Path) -> Iterator[Database]:
    """Empty records on each kind of database."""
    url = None
    if request.param == "postgresql":
        server: str = request.getfixturevalue("postgres")
        template: str = request.getfixturevalue("empty_records")
        name = f"t{uuid.uuid4().hex}"
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"'.encode())
        url = server.replace("/postgres?", f"/{name}?")
    database = Database(url)
    yield database
    database.close()


@pytest.fixture
def staff(db: Database, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """A person with each role, named after it, except ``anna`` and ``ben``, who are reviewers."""
    logins: dict[str, Role] = {
        "admin": Role.ADMINISTRATOR,
        "officer": Role.OFFICER,
        "anna": Role.REVIEWER,
        "ben": Role.REVIEWER,
        "approver": Role.APPROVER,
        "auditor": Role.AUDITOR,
    }
    cheap = argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    monkeypatch.setattr(accounts, "_HASHER", cheap)
    for login, role in logins.items():
        accounts.add(db, "admin", login, PASSWORD, full_name=login.title(), roles=[role], must_change=False)
    return dict.fromkeys(logins, PASSWORD)
