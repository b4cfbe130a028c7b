"""``redact serve``: the workbench in a browser, and the worker that does its long work."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
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

from redact.cli.shared import options as opt
from redact.cli.shared.acting_user import records
from redact.cli.shared.copies import loading
from redact.cli.shared.output import CommandReport, raise_if_stopped
from redact.cli.user import given_or_made
from redact.errors import BadUsage, Cancelled, ServerUnusable
from redact.home import home
from redact.server.oidc_file import load_provider
from redact.server.settings import DEFAULT_HOST, DEFAULT_PORT, ServerSettings

if TYPE_CHECKING:
    import uvicorn
    from fastapi import FastAPI

    from redact.demo.case import Demo
    from redact.records.database import Database

FIRST = "admin"
"""The login of the account that an empty home begins with."""
PATIENCE = 20.0
"""Seconds for the worker to put its job back when the server ends."""
RESTART_SECONDS = 3.0
TURN_SECONDS = 0.0005
"""Of one thread, while others want theirs."""


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
    demo: Annotated[
        bool, typer.Option("--demo", help="Make a case to try things on first, in a home folder that is empty.")
    ] = False,
    as_json: opt.Json = False,
) -> None:
    """Serve the workbench to browsers, until stopped.

    An empty home folder begins with an administrator, whose one-time password is printed once. Nobody but this machine
    can reach the workbench unless another --host is given; use --tls-cert and --tls-key then.

    With --demo, an empty home folder begins with a demo instead: people, a case with footage the program films itself,
    and releases to finish. Each start with --demo gives its people a new password.

    Example: redact serve --port 8642
    """
    with CommandReport("serve", as_json) as report:
        if (tls_cert is None) != (tls_key is None):
            raise BadUsage("TLS needs both a certificate and its key.", "Give --tls-cert and --tls-key.")
        settings = ServerSettings(host, port, tls_cert, tls_key, tuple(name or ()), provider=load_provider())
        if demo and not settings.loopback and not settings.tls:
            raise BadUsage(
                "A demo is for this machine only, unless what is sent to it is encrypted.",
                "Leave out --host, or give --tls-cert and --tls-key.",
            )
        with records() as db, _listening(settings) as listening:
            made = _demo(report, db) if demo else None
            with loading():
                import uvicorn

                from redact.cli.doctor import all_checks
                from redact.evidence.store import Store
                from redact.server.app import create_app
                from redact_ui.mount import mount_pages
            with warnings.catch_warnings(action="ignore"):  # Gradio's advice to developers
                app = create_app(db, Store(), settings, mount_pages=lambda app: mount_pages(app, all_checks))
            config = _config(app, settings)
            address = _address(settings, listening)
            if made is not None:
                _announce_demo(report, address, made)
            else:
                _announce(report, settings, address, db)
            try:
                with _worker() if worker else contextlib.nullcontext():
                    _make_way_for_edits()
                    uvicorn.Server(config).run(sockets=[listening])
            except KeyboardInterrupt:
                report.err.print("The workbench has ended. A job that was at work goes on at the next start.")
                raise typer.Exit(Cancelled.exit_code) from None


def _make_way_for_edits() -> None:
    """Libraries and pages are some 300,000 objects, which the collector of garbage would look through again and again
    because of the many small lists that boxes and masks are sent as: three quarters of such a request's time. And to
    record an edit asks the database some thirty times: after each it would wait for a thread that makes boxes to have
    had its whole turn."""
    gc.collect()
    gc.freeze()
    sys.setswitchinterval(TURN_SECONDS)


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
    logging.getLogger("uvicorn.error").addFilter(_no_broken_off)
    try:
        config.load()
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        raise ServerUnusable("The certificate and key cannot be used together.", "Check both files.") from error
    return config


def _no_broken_off(record: logging.LogRecord) -> bool:
    """Nothing is said of requests that were under way when the server ended: pages ask again, edits are sent again."""
    broken_off = record.exc_info is not None and isinstance(record.exc_info[1], asyncio.CancelledError)
    return not broken_off and "graceful shutdown" not in record.getMessage()


def _address(settings: ServerSettings, listening: socket.socket) -> str:
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return f"http{'s' if settings.tls else ''}://{host}:{listening.getsockname()[1]}/"


def _announce(report: CommandReport, settings: ServerSettings, address: str, db: Database) -> None:
    if not settings.loopback and not settings.tls:
        report.err.print(
            f"Warning: other machines can reach {address} and nothing they send or see is encrypted. "
            "Give --tls-cert and --tls-key, or put a proxy with TLS before it."
        )
    password = _first_account(db)
    report.print(f"The workbench is at {address}")
    if _is_demo(db):
        report.print("This home folder holds a demo. A new password for its people: redact serve --demo")
    if password is not None:
        report.print(f"Sign in as {FIRST} with the one-time password {password}")
        report.print("It is shown this once, and has to be changed at once.")
    # Now, since the command ends when somebody stops it.
    report.finish({"address": address, **({"login": FIRST, "password": password} if password is not None else {})})


def _is_demo(db: Database) -> bool:
    from redact.demo import case

    with db.reading() as session:
        return case.is_demo(session)


def _demo(report: CommandReport, db: Database) -> Demo:
    with loading():
        from redact.demo import case
        from redact.evidence.store import Store

    if not case.begin(db):
        report.print("Making the demo, in about half a minute: a film, and what the detectors find in it.")
    with report.working() as progress:
        made = case.ensure(db, Store(), progress)
        raise_if_stopped()  # asked for in the last step
    return made


def _announce_demo(report: CommandReport, address: str, demo: Demo) -> None:
    review = f"{address}review/{demo.footage}"
    report.print(f"The workbench is at {address}")
    report.print(f"A review is at {review}")
    report.print(f"Sign in with the password {demo.password}, which was made for this start, as one of:")
    for person in demo.people:
        report.print(f"  {person.login:<6}{person.duties}")
    report.print("Three things to try:")
    for number, line in enumerate(demo.to_try, start=1):
        report.print(f"  {number}. {line}")
    report.print(f"This is a demo. Keep what is real in another folder, named by REDACT_HOME; this one is {home()}.")
    people = [{"login": person.login, "roles": [role.value for role in person.roles]} for person in demo.people]
    report.finish({"address": address, "review": review, "password": demo.password, "people": people})


def _first_account(db: Database) -> str | None:
    """The one-time password of an administrator that is made where there is nobody yet."""
    from redact.records import accounts
    from redact.records.accounts import Role

    with db.reading() as session:
        if accounts.all_people(session):
            return None
    password, made = given_or_made(FIRST)
    accounts.add(db, FIRST, FIRST, password, full_name="Administrator", roles=[Role.ADMINISTRATOR], must_change=True)
    return password if made else None


@contextmanager
def _listening(settings: ServerSettings) -> Iterator[socket.socket]:
    """A socket at the address. Raises ServerUnusable."""
    try:
        family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
        listening = socket.create_server((settings.host, settings.port), family=family, backlog=128)
        # asyncio does this only for sockets that name their protocol. Without it the second half of an answer waits for
        # the browser to confirm the first, which browsers put off for 40 ms.
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
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
