"""Sign-in through a provider on another site, with a real browser's cookies, policies and redirects."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from redact.evidence.store import Store
from redact.records import accounts
from redact.records.accounts import Role
from redact.records.database import Database
from redact.server.app import create_app
from redact.server.settings import ProviderSettings, ServerSettings
from tests.server.provider import CLIENT, SECRET, LocalProvider, answering, local_provider

GIVEN = "correct horse battery"
HOSTILE = '<img src=x onerror="document.title=1"> & co'


@pytest.fixture
def db(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    monkeypatch.setenv("REDACT_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("REDACT_DATABASE_URL", raising=False)
    database = Database()
    accounts.add(database, "ada", "ada", GIVEN, full_name="Ada", roles=[Role.ADMINISTRATOR], must_change=False)
    yield database
    database.close()


@pytest.fixture
def provider() -> Iterator[LocalProvider]:
    with local_provider() as running:
        yield running


def test_provider_sign_in_returns_to_workbench(browser: Browser, db: Database, provider: LocalProvider) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening, browser.new_context() as context:
        # A browser treats "localhost" and "127.0.0.1" as different sites.
        here = f"http://localhost:{listening.getsockname()[1]}"
        settings = ProviderSettings(HOSTILE, provider.issuer, CLIENT, here, SECRET)
        with answering(create_app(db, Store(), ServerSettings(provider=settings)), listening):
            page = context.new_page()
            page.goto(f"{here}/sign-in?next=/api/jobs")
            assert page.title() == "Sign in - Redaction workbench" and page.locator("img").count() == 0
            page.get_by_role("link", name=f"Sign in with {HOSTILE}").click()
            said = page.get_by_role("alert")
            assert provider.subject in said.inner_text() and "not linked to an account here" in said.inner_text()
            accounts.link(db, "ada", "ada", provider.issuer, provider.subject, keep_password=True)
            page.get_by_role("link", name=f"Sign in with {HOSTILE}").click()
            page.wait_for_url("**/api/jobs")
            assert "jobs" in page.inner_text("body") and "R712" not in page.inner_text("body")
            page.goto(f"{here}/password")
            page.get_by_role("button", name="Sign out").click()
            assert "You may still be signed in to" in page.get_by_role("status").inner_text()
            page.goto(f"{here}/api/jobs")
            assert "R712" in page.inner_text("body")
