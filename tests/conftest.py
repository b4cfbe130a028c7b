"""What holds for every test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest


@pytest.fixture(scope="session", autouse=True)
def _home() -> Iterator[None]:
    """No test reads what the person who runs it has registered, nor adds to it: tests that add set a home of theirs."""
    with pytest.MonkeyPatch.context() as patch:
        # Not in pytest's folder, which the processes that tests start as another user may not look into.
        patch.setenv("REDACT_HOME", "/nonexistent/redact")
        # Waiting for the disk is for power cuts, which no test makes; a killed process loses nothing without it.
        patch.setattr("os.fsync", lambda _descriptor: None)
        patch.setattr("redact.cases.db.SYNCHRONOUS", "OFF")
        yield
