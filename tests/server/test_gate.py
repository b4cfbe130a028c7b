from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from fastapi import FastAPI
from sqlalchemy import update
from starlette.types import Message, Receive, Scope, Send

from redact.evidence.store import Store
from redact.records import accounts
from redact.records.database import Database
from redact.schema.tables import SignIn, SignInAttempt
from redact.server.app import create_app
from redact.server.gate import local_path
from redact.server.settings import ServerSettings
from tests.server.browser import HERE, PASSWORD, Browser

New = Callable[..., Browser]
FOOTAGE = "/api/footage/1"


def test_gate_covers_mounted_applications(db: Database) -> None:
    async def pages(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": scope["state"]["user"].encode()})

    app = create_app(db, Store(), ServerSettings(), mount_pages=lambda app: app.mount("/work", pages))
    browser = Browser(app)
    assert browser.get("/work/").status_code == 401
    browser.sign_in("rita")
    assert browser.get("/work/").text == "rita"
    # Gradio's requests cannot carry the token, so they have to name our origin.
    assert browser.client.post("/work/gradio_api/queue/join").status_code == 403
    assert (
        browser.client.post("/work/gradio_api/queue/join", headers={"origin": "http://evil.example"}).status_code == 403
    )
    assert browser.client.post("/work/gradio_api/queue/join", headers={"origin": HERE}).status_code == 200
    for path in ("/work/gradio_api/file=/etc/passwd", "/work/file=x", "/work/gradio_api/upload", "/work/file/x"):
        assert browser.get(path).status_code == 404, path


@pytest.mark.parametrize(
    "path",
    ["/static/public/../review/main.js", "//api/jobs", "/static/public/..\\x", "/static/public/.", "/sign-in/../work"],
)
def test_gate_refuses_ambiguous_paths(app: FastAPI, path: str) -> None:
    statuses: list[int] = []

    async def receive() -> Message:
        return {"type": "http.request"}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    # Not through a client, which would normalise the path.
    scope = {"type": "http", "method": "GET", "path": path, "query_string": b"", "headers": [(b"host", b"localhost")]}
    with ThreadPoolExecutor(1) as apart:  # a browser test may have left an event loop in this thread
        apart.submit(lambda: asyncio.run(app(scope, receive, send))).result()
    assert statuses == [404]


def test_sign_in_page_needs_only_public_files(browser: New) -> None:
    stranger = browser()
    page = stranger.get("/sign-in")
    assert page.status_code == 200
    for path in re.findall(r'(?:href|src)="([^"]+)"', page.text):
        assert stranger.get(path).status_code == 200, path
    assert "<script" not in page.text
    assert stranger.get("/healthz").text == "ok"


def test_gate_requires_token_for_changes(browser: New) -> None:
    rita = browser("rita")
    rita.csrf = "another"
    assert rita.post(f"{FOOTAGE}/ops").json()["code"] == "R711"
    assert rita.form("/sign-out", {"csrf": "another"}).status_code == 403
    mallory = browser("ben")
    rita.csrf = mallory.csrf
    assert rita.post(f"{FOOTAGE}/ops").status_code == 403
    assert browser("rita").post(f"{FOOTAGE}/ops").status_code == 400  # passes the gate, but the body is invalid


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": "http://localhost.evil.example"},
        {"origin": "http://localhost:81"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},  # another port of this machine
        {"origin": HERE, "sec-fetch-site": "none"},
    ],
)
def test_gate_refuses_other_sites(browser: New, headers: dict[str, str]) -> None:
    rita = browser("rita")
    answer = rita.client.post(f"{FOOTAGE}/ops", json={}, headers={"x-csrf-token": rita.csrf, **headers})
    assert answer.status_code == 403
    # Nor can they sign a browser in as another person.
    fields = {"name": "ben", "password": PASSWORD}
    assert browser().client.post("/sign-in", data=fields, headers=headers).status_code == 403


def test_gate_refuses_other_host_names(app: FastAPI) -> None:
    assert Browser(app, "http://evil.example").get("/sign-in").status_code == 403
    assert Browser(app, "http://10.0.0.1").get("/sign-in").status_code == 403
    assert Browser(app, "http://[::1]:8642").get("/sign-in").status_code == 200
    assert Browser(app, "http://127.0.0.1:8642").get("/sign-in").status_code == 200


def test_gate_accepts_addresses_and_listed_names_beyond_loopback(db: Database) -> None:
    app = create_app(db, Store(), ServerSettings(host="0.0.0.0", names=("bench.example",)))
    assert Browser(app, "http://10.0.0.1").get("/sign-in").status_code == 200
    assert Browser(app, "http://bench.example").get("/sign-in").status_code == 200
    assert Browser(app, "http://evil.example").get("/sign-in").status_code == 403


def test_responses_allow_no_other_origin(browser: New) -> None:
    rita = browser("rita")
    answer = rita.get(FOOTAGE, origin="http://evil.example")
    assert not [name for name in answer.headers if name.startswith("access-control-allow")]
    for path in ("/sign-in", FOOTAGE, "/nothing", "/static/public/colours.css"):
        headers = rita.get(path).headers
        assert "script-src 'self'" in headers["content-security-policy"]
        assert "unsafe-eval" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] in ("no-store", "no-cache")
    assert "unsafe-eval" in rita.get("/work/").headers["content-security-policy"]


def test_session_cookie_is_hidden_from_scripts(browser: New, db: Database) -> None:
    rita = browser()
    cookie = rita.sign_in("rita").headers["set-cookie"].lower()
    assert "httponly" in cookie and "samesite=lax" in cookie and "path=/" in cookie
    token = next(iter(rita.client.cookies.values()))
    with db.reading() as session:
        assert token not in str([vars(row) for row in session.query(SignIn).all()])


def test_session_cookie_is_secure_with_tls(db: Database) -> None:
    app = create_app(db, Store(), ServerSettings(tls_cert=Path("a"), tls_key=Path("b")))
    rita = Browser(app, "https://localhost")
    origin = {"origin": "https://localhost"}
    answer = rita.client.post("/sign-in", data={"name": "rita", "password": PASSWORD}, headers=origin)
    cookie = answer.headers["set-cookie"].lower()
    assert "__host-redact=" in cookie and "; secure" in cookie
    assert "max-age" in answer.headers["strict-transport-security"]


def test_sign_out_ends_session(browser: New) -> None:
    rita = browser("rita")
    cookies = dict(rita.client.cookies)
    assert rita.get(FOOTAGE).status_code == 200
    assert rita.form("/sign-out", {"csrf": rita.csrf}).status_code == 303
    stolen = browser()
    stolen.client.cookies.update(cookies)
    assert stolen.get(FOOTAGE).status_code == 401


@pytest.mark.parametrize(
    ("column", "passed", "lasts"),
    [
        ("seen_at", timedelta(minutes=29), True),
        ("seen_at", timedelta(minutes=31), False),
        ("created_at", timedelta(hours=11, minutes=59), True),
        ("created_at", timedelta(hours=12, seconds=1), False),
    ],
)
def test_sessions_time_out(browser: New, db: Database, column: str, passed: timedelta, lasts: bool) -> None:
    rita = browser("rita")
    with db.bookkeeping() as session:
        row = session.query(SignIn).one()
        setattr(row, column, getattr(row, column) - passed)
    assert rita.get(FOOTAGE).status_code == (200 if lasts else 401)
    if lasts and column == "seen_at":
        with db.reading() as session:  # which restarts the idle timeout
            row = session.query(SignIn).one()
            assert row.seen_at > row.created_at


def test_session_is_not_kept_alive_by_open_page(browser: New, db: Database) -> None:
    rita = browser("rita")
    for _ in range(3):
        with db.bookkeeping() as session:
            row = session.query(SignIn).one()
            row.seen_at -= timedelta(minutes=11)
        last = rita.get(f"{FOOTAGE}/edits?after=0").status_code, rita.get("/api/jobs?active=true").status_code
    assert last == (401, 401)


def test_disabled_person_loses_access_at_once(browser: New, db: Database) -> None:
    rita = browser("rita")
    accounts.disable(db, "admin", "rita", "left")
    assert rita.get(FOOTAGE).status_code == 401
    assert browser().sign_in("rita").status_code == 401


def test_throttle_slows_password_guessing(browser: New, db: Database) -> None:
    stranger = browser()
    answers = [stranger.sign_in("rita", "wrong") for _ in range(5)]
    assert {a.status_code for a in answers} == {401} and "Wrong user name or password" in answers[0].text
    assert stranger.sign_in("rita").status_code == 429  # even with the right password
    assert stranger.sign_in("nobody-there", "wrong").status_code == 401
    assert stranger.sign_in("ben").status_code == 303  # others can still sign in from the same source
    with db.bookkeeping() as session:
        row = session.query(SignInAttempt).first()
        assert row is not None and "rita" not in row.name
        session.execute(update(SignInAttempt).values(at=row.at - timedelta(minutes=16)))
    assert stranger.sign_in("rita").status_code == 303


def test_throttle_slows_source_trying_many_names(db: Database) -> None:
    settings = ServerSettings()
    throttle = replace(settings.throttle, of_source=3)
    stranger = Browser(create_app(db, Store(), replace(settings, throttle=throttle)))
    assert [stranger.sign_in(f"person{n}", "wrong").status_code for n in range(4)] == [401, 401, 401, 429]


def test_one_time_password_opens_only_password_page(browser: New, db: Database) -> None:
    accounts.set_password(db, "admin", "rita", "issued by admin")
    rita = browser()
    answer = rita.sign_in("rita", "issued by admin")
    assert answer.headers["location"] == "/password"
    assert rita.get(FOOTAGE).status_code == 403
    assert rita.get("/", accept="text/html").headers["location"] == "/password"
    other = browser()
    other.sign_in("rita", "issued by admin")
    new = {"csrf": rita.csrf, "current": "issued by admin", "new": "mine and mine alone"}
    assert rita.form("/password", {**new, "again": "mine and mine"}).status_code == 400
    assert rita.form("/password", {**new, "current": "wrong", "again": new["new"]}).status_code == 401
    assert rita.form("/password", {**new, "again": new["new"]}).headers["location"] == "/sign-in"
    assert other.get("/password").status_code == 401  # all sessions ended
    assert rita.sign_in("rita", "mine and mine alone").headers["location"] == "/"
    assert rita.get(FOOTAGE).status_code == 200


@pytest.mark.parametrize(
    ("untrusted", "path"),
    [
        ("/review/7", "/review/7"),
        ("//evil.example", "/"),
        ("/\\evil.example", "/"),
        ("https://evil.example", "/"),
        ("/a\r\nset-cookie: x", "/"),
        ("/sign-in?next=/", "/"),
        ("", "/"),
    ],
)
def test_sign_in_redirects_only_to_local_paths(browser: New, untrusted: str, path: str) -> None:
    assert local_path(untrusted) == path
    fields = {"name": "rita", "password": PASSWORD, "next": untrusted}
    assert browser().form("/sign-in", fields).headers["location"] == path


def test_sign_in_page_escapes_hostile_text(browser: New) -> None:
    hostile = '"><script>alert(1)</script>'
    page = browser().form("/sign-in", {"name": hostile, "password": "x", "next": f"/{hostile}"})
    assert "<script>" not in page.text


def test_gate_limits_bodies_with_and_without_length(browser: New) -> None:
    rita = browser("rita")
    assert rita.send("POST", f"{FOOTAGE}/follow", content=b"x" * ((1 << 20) + 1)).status_code == 413

    def chunks() -> Iterator[bytes]:
        for _ in range(20):
            yield b"[" * 100_000

    headers = {"origin": HERE, "x-csrf-token": rita.csrf, "content-type": "application/json"}
    answer = rita.client.post(f"{FOOTAGE}/follow", content=chunks(), headers=headers)
    assert answer.status_code == 413
    assert rita.send("POST", f"{FOOTAGE}/follow", content=b"[" * 500_000).status_code in (400, 422)
