"""Settings of the whole test run."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator

import pytest

if "PYTEST_XDIST_WORKER" in os.environ:
    # Workers share the cores. OpenMP threads spin while they wait for each other: with more threads than cores, torch
    # takes ten times as long or more. Set before torch loads, and inherited by processes that tests start.
    os.environ.setdefault("OMP_NUM_THREADS", "1")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with slow tests first, so that no worker is left with a long file when the others have finished."""
    slow = Counter(item.path for item in items if item.get_closest_marker("slow"))
    items.sort(key=lambda item: -slow[item.path])


@pytest.fixture(scope="session", autouse=True)
def _home() -> Iterator[None]:
    """No test reads or changes the home folder of whoever runs it; tests that need one set their own."""
    with pytest.MonkeyPatch.context() as patch:
        # Outside pytest's folder, which processes that tests start as another user cannot read.
        patch.setenv("REDACT_HOME", "/nonexistent/redact")
        # Syncing to disk protects against power cuts, which no test simulates; a killed process loses nothing.
        patch.setattr("os.fsync", lambda _descriptor: None)
        patch.setattr("redact.records.database.SYNCHRONOUS", "OFF")
        yield
