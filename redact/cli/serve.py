"""``redact serve``: the workbench in a browser, and the worker that does its long work."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from redact.cli import options as opt
from redact.cli.acting import records
from redact.cli.footage import loading
from redact.cli.report import Job
from redact.cli.users import given_or_made
from redact.errors import BadUsage, ServerUnusable
from redact.server.settings import DEFAULT_HOST, DEFAULT_PORT, ServerSettings

if TYPE_CHECKING:
    import uvicorn
    from fastapi import FastAPI

    from redact.cases.db import Database

FIRST = "admin"
"""The login of the account that an empty home begins with."""
PATIENCE = 20.0
"""Seconds for the worker to put its job back when the server ends."""
RESTART_SECONDS = 3.0


def serve(
    *,
    host: Annotated[str, typer.Option("--host", metavar="ADDRESS", help="Where to listen.")] = DEFAULT_HOST,
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="0 takes a free one.")] = DEFAULT_PORT,
    tls_cert: Annotated[
        Path | None, typer.Option("--tls-cert", metavar="FILE", help="Certificate chain, PEM.", show_default=False)
    ] = None,
    tls_key: Annotated[
        Path | None, typer.Option("--tls-key", metavar="FILE", help="Its private key, PEM.", show_default=False)
    ] = None,
    name: Annotated[
        list[str] | None,
        typer.Option(
            "--name", metavar="HOST", help="A name by which browsers call it. Repeatable.", show_default=False
        ),
    ] = None,
    worker: Annotated[
        bool, typer.Option("--worker/--no-worker", help="Start a worker, or leave that to `redact worker`.")
    ] = True,
    as_json: opt.Json = False,
) -> None:
    """Serve the workbench to browsers, until stopped.

    An empty home folder begins with an administrator, whose one-time password is printed once. Nobody but this machine
    can reach the workbench unless another --host is given; use --tls-cert and --tls-key then.

    Example: redact serve --port 8642
    """
    with Job("serve", as_json) as job:
        if (tls_cert is None) != (tls_key is None):
            raise BadUsage("TLS needs both a certificate and its key.", "Give --tls-cert and --tls-key.")
        with loading():
            import uvicorn

            from redact.cases.store import Store
            from redact.cli.doctor import all_checks
            from redact.server.app import create_app
            from ui import pages
        settings = ServerSettings(host, port, tls_cert, tls_key, tuple(name or ()))
        with records() as db, _listening(settings) as listening:
            with warnings.catch_warnings(action="ignore"):  # Gradio's advice to developers
                app = create_app(db, Store(), settings, mount_pages=lambda app: pages.mount(app, all_checks))
            config = _config(app, settings)
            password = _first_account(db)
            _announce(job, settings, listening, password)
            with _worker() if worker else contextlib.nullcontext():
                uvicorn.Server(config).run(sockets=[listening])


def _config(app: FastAPI, settings: ServerSettings) -> uvicorn.Config:
    """What uvicorn is told. Raises ServerUnusable where the TLS files do not fit."""
    import uvicorn

    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,  # anybody could write them, and sign-ins are slowed down by address
        ws="none",
        ssl_certfile=settings.tls_cert,
        ssl_keyfile=settings.tls_key,
        timeout_graceful_shutdown=5,
    )
    try:
        config.load()
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        raise ServerUnusable("The certificate and key cannot be used together.", "Check both files.") from error
    return config


def _announce(job: Job, settings: ServerSettings, listening: socket.socket, password: str | None) -> None:
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    address = f"http{'s' if settings.tls else ''}://{host}:{listening.getsockname()[1]}/"
    if not settings.loopback and not settings.tls:
        job.err.print(
            f"Warning: other machines can reach {address} and nothing they send or see is encrypted. "
            "Give --tls-cert and --tls-key, or put a proxy with TLS before it."
        )
    job.say(f"The workbench is at {address}")
    if password is not None:
        job.say(f"Sign in as {FIRST} with the one-time password {password}")
        job.say("It is shown this once, and has to be changed at once.")
    # Now, since the command ends when somebody stops it.
    job.finish({"address": address, **({"login": FIRST, "password": password} if password is not None else {})})


def _first_account(db: Database) -> str | None:
    """The one-time password of an administrator that is made where there is nobody yet."""
    from redact.cases import people
    from redact.cases.people import Role

    with db.reading() as session:
        if people.everybody(session):
            return None
    password, made = given_or_made(FIRST)
    people.add(db, FIRST, FIRST, password, full_name="Administrator", roles=[Role.ADMINISTRATOR], must_change=True)
    return password if made else None


@contextmanager
def _listening(settings: ServerSettings) -> Iterator[socket.socket]:
    """A socket at the address. Raises ServerUnusable."""
    try:
        family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
        listening = socket.create_server((settings.host, settings.port), family=family, backlog=128)
    except OSError as error:
        raise ServerUnusable(
            f"{settings.host} port {settings.port} cannot be listened on: {error.strerror}.", "Choose another --port."
        ) from error
    with listening:
        yield listening


@contextmanager
def _worker() -> Iterator[None]:
    """A worker as long as the block lasts. One that ends before is started again."""
    ending = threading.Event()
    running: list[subprocess.Popen[bytes]] = []

    def keep() -> None:
        while not ending.is_set():
            process = subprocess.Popen([sys.executable, "-m", "redact", "worker"], stdin=subprocess.DEVNULL)
            running[:] = [process]
            while process.poll() is None and not ending.wait(0.2):
                pass
            if not ending.is_set():
                ending.wait(RESTART_SECONDS)

    keeper = threading.Thread(target=keep, name="worker", daemon=True)
    keeper.start()
    try:
        yield
    finally:
        ending.set()
        keeper.join()
        for process in running:
            process.terminate()
            try:
                process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
