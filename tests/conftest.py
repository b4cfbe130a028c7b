"""What holds for every test."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

if "PYTEST_XDIST_WORKER" in os.environ:
    # Workers share the cores. OpenMP's threads wait for each other by spinning: where there are more of them than
    # cores, torch takes ten times as long and more. It is said before torch loads, and to what tests start, too.
    os.environ.setdefault("OMP_NUM_THREADS", "1")

# What takes longest, in order; the browser's together, because they share a server.
FIRST = (
    "browser/test_flow",
    "browser/test_real_review",
    "browser/test_review",
    "browser/test_pages",
    "browser/",
    "cli/test_stopping",
    "test_quality",
    "test_walkthrough",
    "evaluate/test_bench",
    "detect/test_precision",
    "test_memory",
    "disclose/pack/test_packs",
    "server/test_serve",
    "detect/test_yolo",
    "test_fuzz",
    "cli/",
    "evidence/test_intake",
    "models/",
    "jobs/",
    "detect/",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Those first, so that no worker is left with a long file at the end when the others have nothing to do."""

    def place(item: pytest.Item) -> int:
        file = item.nodeid.removeprefix("tests/")
        return next((n for n, start in enumerate(FIRST) if file.startswith(start)), len(FIRST))

    items.sort(key=place)


@pytest.fixture(scope="session", autouse=True)
def _home() -> Iterator[None]:
    """No test reads what the person who runs it has registered, nor adds to it: tests that add set a home of theirs."""
    with pytest.MonkeyPatch.context() as patch:
        # Not in pytest's folder, which the processes that tests start as another user may not look into.
        patch.setenv("REDACT_HOME", "/nonexistent/redact")
        # Waiting for the disk is for power cuts, which no test makes; a killed process loses nothing without it.
        patch.setattr("os.fsync", lambda _descriptor: None)
        patch.setattr("redact.records.database.SYNCHRONOUS", "OFF")
        yield
