"""Contexts for pages with their own records, and requests as the access gate passes them on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import argon2
import pytest

from redact.disclose.release.plan import plan_of
from redact.evidence.store import Store
from redact.records import accounts
from redact.records.accounts import Role
from redact.records.database import Database
from redact_ui.page import Context
from tests.disclose import approved

RequestFrom = Callable[[str | None], Any]


@pytest.fixture
def context(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Context]:
    """Empty records."""
    monkeypatch.setenv("REDACT_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("REDACT_DATABASE_URL", raising=False)
    monkeypatch.setattr(accounts, "_HASHER", argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    db, store = Database(), Store()
    yield Context(db, store, lambda session, release: plan_of(session, store, release), list)
    db.close()


@pytest.fixture
def filled(context: Context, tmp_path: Path) -> Context:
    """Records with one person for each role, and a draft release for court, ``R-1#1``."""
    approved.staff(context.db)
    accounts.add(
        context.db,
        "administrator",
        "auditor",
        approved.PASSWORD,
        full_name="Auditor",
        roles=[Role.AUDITOR],
        must_change=False,
    )
    approved.prepared(context.db, context.store, tmp_path)
    return context


def request_from(name: str | None) -> Any:
    """A request from a signed-in user; None for no session."""
    state = SimpleNamespace(signed_in=SimpleNamespace(csrf="a token") if name else None)
    return SimpleNamespace(username=name, request=SimpleNamespace(state=state))
