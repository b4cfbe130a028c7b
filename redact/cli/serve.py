"""``redact serve``: the workbench in a browser, with a worker for its jobs."""

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
from redact.cli.shared.acting_user import open_records
from redact.cli.shared.copies import loading
from redact.cli.shared.output import CommandReport, raise_if_stopped
from redact.cli.user import initial_password
from redact.errors import BadUsage, Cancelled, ServerUnusable
from redact.home import home
from redact.server.oidc_file import load_provider
from redact.server.settings import DEFAULT_HOST, DEFAULT_PORT, ServerSettings

if TYPE_CHECKING:
    import uvicorn
    from fastapi import FastAPI

    from redact.demo.case import Demo
    from redact.records.database import Database

FIRST_LOGIN = "admin"
"""Login of the first account in an empty home folder."""
WORKER_STOP_SECONDS = 20.0
"""Time for the worker to put its job back in the queue when the server ends."""
RESTART_SECONDS = 3.0
SWITCH_SECONDS = 0.0005
"""How long a thread may run while others are waiting."""


def serve(
    *,
    host: Annotated[str, typer.Option("--host", metavar="ADDRESS", help="Address to listen on.")] = DEFAULT_HOST,
    port: Annotated[
        int, typer.Option("--port", min=0, max=65535, help="Port to listen on. 0 picks a free one.")
    ] = DEFAULT_PORT,
    tls_cert: Annotated[
        Path | None, typer.Option("--tls-cert", metavar="FILE", help="TLS certificate chain, PEM.", show_default=False)
    ] = None,
    tls_key: Annotated[
        Path | None,
        typer.Option("--tls-key", metavar="FILE", help="Private key of the certificate, PEM.", show_default=False),
    ] = None,
    name: Annotated[
        list[str] | None,
        typer.Option(
            "--name", metavar="HOST", help="Host name that browsers use to reach it. Repeatable.", show_default=False
        ),
    ] = None,
    worker: Annotated[
        bool, typer.Option("--worker/--no-worker", help="Start a worker, or leave jobs to `redact worker`.")
    ] = True,
    demo: Annotated[
        bool, typer.Option("--demo", help="In an empty home folder, create demo cases to try things on.")
    ] = False,
    as_json: opt.Json = False,
) -> None:
    """Serve the workbench to browsers, until stopped.

    In an empty home folder, the first start creates an administrator and prints a one-time password. Only this machine
    can reach the workbench unless you give another --host; then use --tls-cert and --tls-key as well.

    With --demo, an empty home folder gets a demo instead: accounts, two cases with generated footage, and releases to
    complete. Each start with --demo sets a new password for the demo accounts.

    Example: redact serve --port 8642
    """
    with CommandReport("serve", as_json) as report:
        if (tls_cert is None) != (tls_key is None):
            raise BadUsage("TLS needs both a certificate and its key.", "Give --tls-cert and --tls-key.")
        settings = ServerSettings(host, port, tls_cert, tls_key, tuple(name or ()), provider=load_provider())
        if demo and not settings.loopback and not settings.tls:
            raise BadUsage(
                "Without TLS, the demo can only be served to this machine.",
                "Leave out --host, or give --tls-cert and --tls-key.",
            )
        with open_records() as db, _listening(settings) as listening:
            demo_case = _demo(report, db) if demo else None
            with loading():
                import uvicorn

                from redact.cli.doctor import all_checks
                from redact.evidence.store import Store
                from redact.server.app import create_app
                from redact_ui.mount import mount_pages
            with warnings.catch_warnings(action="ignore"):  # Gradio's advice to developers
                app = create_app(db, Store(), settings, mount_pages=lambda app: mount_pages(app, all_checks))
            config = _config(app, settings)
            # Before the address is announced: a Ctrl-C during garbage collection can get lost in a destructor.
            _tune_for_edits()
            address = _address(settings, listening)
            if demo_case is not None:
                _announce_demo(report, address, demo_case)
            else:
                _announce(report, settings, address, db)
            try:
                with _worker() if worker else contextlib.nullcontext():
                    uvicorn.Server(config).run(sockets=[listening])
            except KeyboardInterrupt:
                report.err.print("The workbench has stopped. An unfinished job continues at the next start.")
                raise typer.Exit(Cancelled.exit_code) from None


def _tune_for_edits() -> None:
    """Keep requests fast during editing.

    Libraries and pages are some 300,000 objects. The many small lists in responses with boxes and masks would have the
    garbage collector scan them again and again, three quarters of the time of such a request. Recording an edit takes
    some thirty database queries, and after each it would wait for a full turn of a thread that prepares boxes.
    """
    gc.collect()
    gc.freeze()
    sys.setswitchinterval(SWITCH_SECONDS)


def _config(app: FastAPI, settings: ServerSettings) -> uvicorn.Config:
    """The configuration of uvicorn. Raises ServerUnusable if certificate and key do not match."""
    import uvicorn

    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,  # anyone could forge them, and sign-in attempts are throttled by address
        ws="none",
        ssl_certfile=settings.tls_cert,
        ssl_keyfile=settings.tls_key,
        timeout_graceful_shutdown=5,
    )
    logging.getLogger("uvicorn.error").addFilter(_hide_aborted_requests)
    try:
        config.load()
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        raise ServerUnusable("The certificate and key cannot be used together.", "Check both files.") from error
    return config


def _hide_aborted_requests(record: logging.LogRecord) -> bool:
    """Drop log lines about requests aborted at shutdown: pages repeat them, and edits are sent again."""
    aborted = record.exc_info is not None and isinstance(record.exc_info[1], asyncio.CancelledError)
    return not aborted and "graceful shutdown" not in record.getMessage()


def _address(settings: ServerSettings, listening: socket.socket) -> str:
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return f"http{'s' if settings.tls else ''}://{host}:{listening.getsockname()[1]}/"


def _announce(report: CommandReport, settings: ServerSettings, address: str, db: Database) -> None:
    if not settings.loopback and not settings.tls:
        report.err.print(
            f"Warning: other machines can reach {address}, and the connection is not encrypted. "
            "Give --tls-cert and --tls-key, or use a TLS proxy."
        )
    password = _first_account(db)
    report.print(f"The workbench is at {address}")
    if _is_demo(db):
        report.print("This home folder contains a demo. To set a new password for its accounts: redact serve --demo")
    if password is not None:
        report.print(f"Sign in as {FIRST_LOGIN} with the one-time password {password}")
        report.print("It is shown only once and must be changed at the first sign-in.")
    # Now, because the command runs until it is stopped.
    report.finish(
        {"address": address, **({"login": FIRST_LOGIN, "password": password} if password is not None else {})}
    )


def _is_demo(db: Database) -> bool:
    from redact.demo import case

    with db.reading() as session:
        return case.is_demo(session)


def _demo(report: CommandReport, db: Database) -> Demo:
    with loading():
        from redact.demo import case
        from redact.evidence.store import Store

    if not case.begin(db):
        report.print("Creating the demo: footage and detection. This takes about half a minute.")
    with report.working() as progress:
        made = case.ensure(db, Store(), progress)
        raise_if_stopped()  # a stop request in the last step
    return made


def _announce_demo(report: CommandReport, address: str, demo: Demo) -> None:
    review = f"{address}review/{demo.footage}"
    report.print(f"The workbench is at {address}")
    report.print(f"The review page of the demo footage is at {review}")
    report.print(f"Sign in with the password {demo.password} (new at each start) as one of:")
    for person in demo.people:
        report.print(f"  {person.login:<6}{person.duties}")
    report.print("Three things to try:")
    for number, line in enumerate(demo.to_try, start=1):
        report.print(f"  {number}. {line}")
    report.print(f"This is a demo in {home()}. For real cases, set REDACT_HOME to another folder.")
    people = [{"login": person.login, "roles": [role.value for role in person.roles]} for person in demo.people]
    report.finish({"address": address, "review": review, "password": demo.password, "people": people})


def _first_account(db: Database) -> str | None:
    """Create an administrator if there are no accounts, and return the one-time password if it was generated."""
    from redact.records import accounts
    from redact.records.accounts import Role

    with db.reading() as session:
        if accounts.all_people(session):
            return None
    password, made = initial_password(FIRST_LOGIN)
    accounts.add(
        db, FIRST_LOGIN, FIRST_LOGIN, password, full_name="Administrator", roles=[Role.ADMINISTRATOR], must_change=True
    )
    return password if made else None


@contextmanager
def _listening(settings: ServerSettings) -> Iterator[socket.socket]:
    """A socket listening on the address. Raises ServerUnusable."""
    try:
        family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
        listening = socket.create_server((settings.host, settings.port), family=family, backlog=128)
        # asyncio does this only for sockets that name their protocol. Without it, the second half of a response waits
        # for the browser to acknowledge the first, which browsers delay by 40 ms.
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except OSError as error:
        raise ServerUnusable(
            f"Cannot listen on {settings.host} port {settings.port}: {error.strerror}.", "Choose another --port."
        ) from error
    with listening:
        yield listening


@contextmanager
def _worker() -> Iterator[None]:
    """Keep a worker running for the block; restart it if it ends early."""
    ending = threading.Event()
    running: list[subprocess.Popen[bytes]] = []

    def supervise() -> None:
        while not ending.is_set():
            process = subprocess.Popen([sys.executable, "-m", "redact", "worker"], stdin=subprocess.DEVNULL)
            running[:] = [process]
            while process.poll() is None and not ending.wait(0.2):
                pass
            if not ending.is_set():
                ending.wait(RESTART_SECONDS)

    supervisor = threading.Thread(target=supervise, name="worker", daemon=True)
    supervisor.start()
    try:
        yield
    finally:
        ending.set()
        supervisor.join()
        for process in running:
            process.terminate()
            try:
                process.wait(WORKER_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
