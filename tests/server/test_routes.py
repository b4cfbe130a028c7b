"""Access to every route of the server, including Gradio's, read from the application itself. A new route fails here
until its access is declared."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from fastapi import FastAPI
from starlette.routing import BaseRoute, Mount

from redact.evidence.store import Store
from redact.jobs import queue
from redact.records import accounts
from redact.records.accounts import RIGHTS, Right, Role
from redact.records.database import Database
from redact.records.job_states import JobKind, JobState
from redact.schema.tables import Footage
from redact.server.app import create_app
from redact.server.settings import ServerSettings
from redact_ui.mount import mount_pages
from tests.server.browser import HERE, PASSWORD, Browser
from tests.server.conftest import STAFF

Route = tuple[str, str]


@dataclass(frozen=True)
class Only:
    """Requires ``right``. ``theirs`` is the status for another person's item, even with the right."""

    right: Right
    theirs: int | None = None


ANYBODY, SIGNED_IN, CLOSED = "anybody", "signed in", "closed"
SEE = Only(Right.SEE)
FOOTAGE, JOB, UPLOAD, RELEASE = (
    "/api/footage/{footage_id}", "/api/jobs/{job_id}", "/api/uploads/{upload_id}", "/api/releases/{reference:path}",
)  # fmt: skip
ACCESS: dict[Route, str | Only] = {
    ("GET", "/sign-in"): ANYBODY,
    ("POST", "/sign-in"): ANYBODY,
    ("GET", "/sign-in/provider"): ANYBODY,
    ("GET", "/sign-in/provider/return"): ANYBODY,
    ("GET", "/favicon.ico"): ANYBODY,
    ("POST", "/sign-out"): SIGNED_IN,
    ("GET", "/password"): SIGNED_IN,
    ("POST", "/password"): SIGNED_IN,
    ("GET", "/"): SIGNED_IN,
    ("GET", "/static/x"): SIGNED_IN,
    ("GET", "/review/{footage_id}"): SEE,
    ("GET", FOOTAGE): SEE,
    ("GET", f"{FOOTAGE}/frames"): SEE,
    ("GET", f"{FOOTAGE}/tracks"): SEE,
    ("GET", f"{FOOTAGE}/boxes"): SEE,
    ("GET", f"{FOOTAGE}/shapes"): SEE,
    ("GET", f"{FOOTAGE}/risks"): SEE,
    ("GET", f"{FOOTAGE}/edits"): SEE,
    ("GET", f"{FOOTAGE}/others"): SEE,
    ("GET", f"{FOOTAGE}/releases"): SEE,
    ("GET", f"{FOOTAGE}/decisions"): SEE,
    ("POST", f"{FOOTAGE}/copy"): Only(Right.EDIT),
    ("POST", f"{FOOTAGE}/ops"): Only(Right.EDIT),
    ("POST", f"{FOOTAGE}/follow"): Only(Right.EDIT),
    ("POST", f"{FOOTAGE}/detect"): Only(Right.EDIT),
    ("GET", f"{FOOTAGE}/proxy.mp4"): SEE,
    ("HEAD", f"{FOOTAGE}/proxy.mp4"): SEE,
    ("GET", f"{FOOTAGE}/strip.jpg"): SEE,
    ("GET", f"{FOOTAGE}/thumbs/{{track_id}}.jpg"): SEE,
    ("GET", f"{FOOTAGE}/waveform"): SEE,
    ("GET", "/api/jobs"): SEE,
    ("GET", JOB): SEE,
    ("POST", f"{JOB}/cancel"): Only(Right.SEE, 403),
    ("POST", f"{JOB}/retry"): Only(Right.SEE, 403),
    ("POST", "/api/uploads"): Only(Right.INTAKE),
    ("GET", "/api/uploads"): SEE,
    ("GET", UPLOAD): Only(Right.SEE, 404),
    ("PATCH", UPLOAD): Only(Right.INTAKE, 404),
    ("DELETE", UPLOAD): Only(Right.SEE, 404),
    ("POST", f"{UPLOAD}/finish"): Only(Right.SEE, 404),
    ("POST", f"{RELEASE}/decide"): Only(Right.RELEASE),
    ("POST", f"{RELEASE}/submit"): Only(Right.RELEASE),
    ("POST", f"{RELEASE}/approve"): Only(Right.APPROVE),
    ("POST", f"{RELEASE}/send-back"): Only(Right.APPROVE),
    ("POST", f"{RELEASE}/withdraw"): Only(Right.APPROVE),
    ("POST", f"{RELEASE}/preview"): SEE,
    ("POST", f"{RELEASE}/second-look"): SEE,
    ("POST", f"{RELEASE}/export"): Only(Right.EXPORT),
    ("GET", f"{RELEASE}/preview/{{number}}.mp4"): SEE,
    ("HEAD", f"{RELEASE}/preview/{{number}}.mp4"): SEE,
    ("GET", f"{RELEASE}/open"): SEE,
    ("GET", f"{RELEASE}/watched"): SEE,
    ("POST", f"{RELEASE}/watched"): SEE,
    ("GET", f"{RELEASE}/pack.zip"): Only(Right.EXPORT),
}
PAGES = re.compile(
    r"/work/(?:(?:case|release|audit|admin)/?|assets/.+|static/.+|theme\.css)?"
    r"|/work/gradio_api/(?:queue/(?:join|data)|heartbeat/.+|app_id)"
)
"""The Gradio routes our pages need. Their handlers check the user themselves; all others are closed."""


@pytest.fixture
def whole(db: Database) -> FastAPI:
    """The application as served, with its pages."""
    with warnings.catch_warnings(action="ignore"):  # Gradio's advice to developers
        return create_app(db, Store(), ServerSettings(), mount_pages=lambda app: mount_pages(app, list))


def every_route(routes: list[BaseRoute], within: str = "") -> Iterator[Route]:
    """Method and path of all routes, including nested ones."""
    for route in routes:
        inner = getattr(route, "original_router", None)
        if inner is not None:
            yield from every_route(list(inner.routes), within)
        elif isinstance(route, Mount):
            if route.routes:
                yield from every_route(list(route.routes), within + route.path)
            else:
                yield "GET", f"{within}{route.path}/x"
        else:
            path, methods = getattr(route, "path", None), getattr(route, "methods", None)
            assert path is not None and methods, f"a route of an unknown kind: {route!r}"
            yield from ((method, within + path) for method in methods)


def known(method: str, path: str) -> str | Only:
    if path.startswith("/work/"):
        return SIGNED_IN if PAGES.fullmatch(path) else CLOSED
    assert (method, path) in ACCESS, f"no access is declared for {method} {path}"
    return ACCESS[method, path]


def filled(path: str, ids: dict[str, str]) -> str:
    return re.sub(r"\{(\w+)[^}]*\}", lambda found: ids.get(found[1], "1"), path)


def test_routes_are_listed_and_closed_to_strangers(whole: FastAPI) -> None:
    routes = sorted(set(every_route(whole.routes)))
    assert {route for route in routes if not route[1].startswith("/work/")} == set(ACCESS)
    assert len(routes) > 100 and ("POST", "/work/gradio_api/upload") in routes
    stranger, admin = Browser(whole), Browser(whole)
    admin.sign_in("admin")
    for method, path in routes:
        if (who := known(method, path)) == ANYBODY:
            continue
        address = filled(path, {})
        answer = stranger.client.request(method, address, headers={"origin": HERE, "x-csrf-token": "x"})
        assert answer.status_code == (404 if who == CLOSED else 401), (method, path)
        assert method == "HEAD" or answer.json()["code"] in ("R651", "R712"), (method, path, answer.text)
        page = stranger.client.request(method, f"{address}?a=b", headers={"accept": "text/html", "origin": HERE})
        if page.status_code == 303:  # back to the requested page
            assert re.fullmatch(r"/sign-in\?next=/.*%3Fa%3Db", page.headers["location"]), (method, path)
        else:
            assert page.status_code == answer.status_code, (method, path)
        if who == CLOSED:
            assert admin.send(method, address).status_code == 404, (method, path)
    for path in ("", "/", "/case", "/release", "/audit", "/admin"):
        assert admin.get(f"/work{path}", accept="text/html").status_code in (200, 307), path


def test_routes_check_rights_and_ownership(whole: FastAPI, db: Database) -> None:
    accounts.add(db, "admin", "olga", PASSWORD, full_name="Olga", roles=[Role.OFFICER], must_change=False)
    officer = Browser(whole)
    officer.sign_in("officer")
    upload = officer.post("/api/uploads", {"case": "FOI/26 1", "name": "a.mp4", "size": 100}).json()["id"]
    with db.reading() as session:
        sha256 = session.get_one(Footage, 1).sha256
    job = queue.enqueue(db, "officer", JobKind.DETECT, "footage:x", {"footage": sha256})
    ids = {"upload_id": upload, "job_id": job.id}
    browsers = {login: Browser(whole) for login in (*STAFF, "olga")}
    for login, browser in browsers.items():
        browser.sign_in(login)
    checked = 0
    for (method, path), who in ACCESS.items():
        if not isinstance(who, Only):
            continue
        address = filled(path, ids) + ("?offset=0" if method == "PATCH" else "")
        for login, role in STAFF.items():
            if who.right not in RIGHTS[role]:
                answer = browsers[login].send(method, address, {} if method == "POST" else None)
                assert answer.status_code == 403, (login, method, path, answer.text)
                checked += 1
        if who.theirs is not None:
            answer = browsers["olga"].send(method, address, {} if method == "POST" else None)
            assert answer.status_code == who.theirs, (method, path, answer.text)
            checked += 1
    assert checked > 30
    assert browsers["olga"].get("/api/uploads").json() == {"uploads": []}
    assert officer.get(f"/api/uploads/{upload}").json()["received"] == 0
    assert queue.find(db, job.id).state == JobState.QUEUED
