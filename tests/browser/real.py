"""The real workbench for browser tests: application and pages in a thread, the worker as a process, one home folder."""

from __future__ import annotations

import itertools
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import argon2
import httpx2
import pytest
import uvicorn
from playwright.sync_api import Browser, BrowserContext, Page

from redact.evidence.frame_tables import frame_table
from redact.evidence.intake import add_footage
from redact.evidence.machine_tracks import add_machine_tracks
from redact.evidence.store import PROXY, Store
from redact.records import accounts, cases
from redact.records.accounts import Role
from redact.records.database import Database
from redact.records.deadlines import CaseKind
from redact.schema.tables import Footage
from redact.server.app import create_app
from redact.server.settings import DEFAULT_HOST, ServerSettings
from redact.track.types import MediaRef, TrackSet
from tests.cli.runner import ROOT
from tests.cli.test_offline import GUARD

PATIENCE = 30.0
"""Time limit in seconds, generous enough for real pages on a busy machine."""
PEOPLE: dict[str, tuple[Role, ...]] = {
    "ada": (Role.ADMINISTRATOR,),
    "rita": (Role.OFFICER, Role.REVIEWER),
    "pat": (Role.APPROVER,),
    "olga": (Role.REVIEWER,),
}
"""Logins and roles: rita adds footage and prepares releases, pat approves, ada administers, olga is in no case."""


class Workbench:
    """The workbench as started by ``redact serve``, except that passwords are hashed cheaply."""

    password = "correct horse battery"

    def __init__(self, home: Path, browser: Browser) -> None:
        self.home, self.db, self.store = home, Database(), Store()
        self._browser = browser
        self._contexts: list[BrowserContext] = []
        self._clients: list[httpx2.Client] = []
        self._numbers = itertools.count(1)
        self._port = 0
        self._server: tuple[uvicorn.Server, threading.Thread] | None = None
        self._worker: subprocess.Popen[bytes] | None = None
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(accounts, "_HASHER", argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
            for login, roles in PEOPLE.items():
                accounts.add(
                    self.db, "ada", login, self.password, full_name=login.title(), roles=roles, must_change=False
                )

    @property
    def address(self) -> str:
        """The base URL, without a trailing slash."""
        return f"http://{DEFAULT_HOST}:{self._port}"

    def page(self, name: str, *, scheme: str = "light", viewport: tuple[int, int] = (1440, 1000)) -> Page:
        """A page in its own browser context, signed in; closed when the test ends."""
        context = self._browser.new_context(
            color_scheme=scheme,  # type: ignore[arg-type]
            viewport={"width": viewport[0], "height": viewport[1]},
            accept_downloads=True,
        )
        self._contexts.append(context)
        context.set_default_timeout(PATIENCE * 1000)
        # As the form does; the form has its own tests.
        form: dict[str, str | float | bool] = {"name": name, "password": self.password}
        sign_in, headers = f"{self.address}/sign-in", {"origin": self.address}
        answer = context.request.post(sign_in, form=form, headers=headers, max_redirects=0)
        assert answer.status == 303, answer.text()
        return context.new_page()

    def http(self, name: str) -> httpx2.Client:
        """A signed-in HTTP client with the headers of a page's script; closed when the test ends."""
        client = httpx2.Client(base_url=self.address, headers={"origin": self.address}, timeout=PATIENCE)
        self._clients.append(client)
        answer = client.post("/sign-in", data={"name": name, "password": self.password})
        assert answer.status_code == 303, answer.text
        found = re.search(r'name="csrf" value="([^"]+)"', client.get("/password").text)
        assert found is not None
        client.headers["x-csrf-token"] = found[1]
        return client

    def case(self, kind: str = "foi") -> str:
        """Open a case as rita; returns its reference."""
        reference = f"{kind.upper()}-{next(self._numbers)}"
        title = f"Request {reference}"
        cases.open_case(
            self.db, "rita", reference, kind=CaseKind(kind), title=title, received=datetime.now(UTC).date(), due=None
        )
        return reference

    def footage(self, path: Path, case: str, **details: Any) -> int:
        """Add a file as rita; ``details`` are arguments of :func:`redact.evidence.intake.add_footage`."""
        return add_footage(self.db, "rita", path, case=case, store=self.store, **details).id

    def media(self, footage_id: int) -> MediaRef:
        """The media reference for tracks of the footage."""
        footage = self._footage(footage_id)
        table = frame_table(self.store, footage)
        size = footage.media["width"], footage.media["height"]
        return MediaRef(footage.sha256, *size, table.time_base, table.pts, table.last_duration)

    def detected(self, footage_id: int, tracks: TrackSet) -> int:
        """Add machine tracks; returns their id."""
        return add_machine_tracks(self.db, "rita", self._footage(footage_id), tracks, store=self.store).id

    def proxy(self, footage_id: int) -> Path:
        """The review proxy made at intake."""
        return self.store.derived(self._footage(footage_id).sha256, PROXY)

    def start_server(self) -> None:
        """Start the server, on its earlier port if it had one."""
        assert self._server is None
        from redact.cli.doctor import all_checks
        from redact.cli.serve import _config
        from redact_ui.mount import mount_pages

        settings = ServerSettings()
        with warnings.catch_warnings(action="ignore"):
            app = create_app(self.db, self.store, settings, mount_pages=lambda app: mount_pages(app, all_checks))
        listening = socket.create_server((DEFAULT_HOST, self._port), backlog=128)
        self._port = listening.getsockname()[1]
        server = uvicorn.Server(_config(app, settings))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, name="server", daemon=True)
        thread.start()
        self._server = server, thread
        _wait(lambda: server.started, "the server does not start")

    def stop_server(self) -> None:
        """Stop the server at once, leaving open pages without one."""
        assert self._server is not None
        server, thread = self._server
        server.config.timeout_graceful_shutdown = 0
        server.should_exit = True
        thread.join(PATIENCE)
        assert not thread.is_alive(), "the server does not end"
        self._server = None

    def start_worker(self) -> None:
        """Start the worker as a separate process."""
        assert self._worker is None
        command = [sys.executable, "-m", "redact", "worker"]
        environment = {**os.environ, "REDACT_HOME": str(self.home)}
        self._worker = subprocess.Popen(
            command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, start_new_session=True
        )

    def stop_worker(self, how: int = signal.SIGTERM) -> None:
        """Stop the worker with a signal."""
        assert self._worker is not None
        self._worker.send_signal(how)
        try:
            self._worker.wait(PATIENCE)
        finally:
            self._worker.kill()
            self._worker = None

    def close_pages(self) -> None:
        """Close the pages and clients of one test."""
        for context in self._contexts:
            context.close()
        for client in self._clients:
            client.close()
        self._contexts.clear()
        self._clients.clear()

    def close(self) -> None:
        """Stop everything."""
        self.close_pages()
        if self._server is not None:
            self.stop_server()
        if self._worker is not None:
            self.stop_worker()
        self.db.close()

    def _footage(self, footage_id: int) -> Footage:
        with self.db.reading() as session:
            return session.get_one(Footage, footage_id)


def _wait(there: Any, otherwise: str) -> None:
    until = time.monotonic() + PATIENCE
    while not there():
        assert time.monotonic() < until, otherwise
        time.sleep(0.02)


@pytest.fixture(scope="package")
def workbench(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workbench]:
    """One workbench for all browser tests; each test opens its own cases."""
    home = tmp_path_factory.mktemp("workbench") / "home"
    with pytest.MonkeyPatch.context() as patch:
        # For as long as the server runs, as it also reads other files from there.
        patch.setenv("REDACT_HOME", str(home))
        patch.delenv("REDACT_DATABASE_URL", raising=False)
        # Wait for the disk, as in production, so that measurements are realistic.
        patch.setattr("redact.records.database.SYNCHRONOUS", "FULL")
        with _nobody_called(home.parent, patch):
            bench = Workbench(home, browser)
            try:
                bench.start_server()
                bench.start_worker()
                yield bench
            finally:
                bench.close()


@contextmanager
def _nobody_called(folder: Path, patch: pytest.MonkeyPatch) -> Iterator[None]:
    """Fail if the worker opens any connection, or this process one to another machine."""
    log, site, listening = folder / "calls.txt", folder / "site", True
    site.mkdir()
    (site / "sitecustomize.py").write_text(GUARD.format(log=str(log)), encoding="utf-8")
    patch.setenv("PYTHONPATH", f"{site}:{ROOT}")

    def hear(event: str, arguments: tuple[Any, ...]) -> None:  # an audit hook cannot be removed
        if not listening or event not in ("socket.connect", "socket.sendto", "socket.getaddrinfo"):
            return
        place = arguments[0] if event == "socket.getaddrinfo" else arguments[1]
        if isinstance(place, tuple):
            place = place[0]
        if event != "socket.getaddrinfo" and arguments[0].family == socket.AF_UNIX:
            return
        if place not in (None, DEFAULT_HOST, "::1", "localhost"):
            with log.open("a", encoding="utf-8") as file:
                file.write(f"{event} {arguments}\n")

    sys.addaudithook(hear)
    yield
    listening = False
    assert not log.exists(), log.read_text(encoding="utf-8")


@pytest.fixture(autouse=True)
def pages_of_one_test(request: pytest.FixtureRequest) -> Iterator[None]:
    bench = request.getfixturevalue("workbench") if "workbench" in request.fixturenames else None
    yield
    if bench is not None:
        bench.close_pages()
