"""Pages on records of their own, and requests as the gate lets them through."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import argon2
import pytest

from redact.cases import people
from redact.cases.db import Database
from redact.cases.people import Role
from redact.cases.store import Store
from redact.disclose.plan import plan_of
from tests.disclose import approved
from ui.base import Context

Asking = Callable[[str | None], Any]


@pytest.fixture
def context(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Context]:
    """Empty records."""
    monkeypatch.setenv("REDACT_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("REDACT_DATABASE_URL", raising=False)
    monkeypatch.setattr(people, "_HASHER", argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    db, store = Database(), Store()
    yield Context(db, store, lambda session, release: plan_of(session, store, release), list)
    db.close()


@pytest.fixture
def filled(context: Context, tmp_path: Path) -> Context:
    """With one person of each role, and a draft for court, ``R-1#1``."""
    approved.staff(context.db)
    people.add(
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


def asking(name: str | None) -> Any:
    """A request of somebody who is signed in; of nobody for None."""
    state = SimpleNamespace(signed_in=SimpleNamespace(csrf="a token") if name else None)
    return SimpleNamespace(username=name, request=SimpleNamespace(state=state))
