"""The record fixtures, for these tests."""

import pytest

from tests.records.fixtures import db, empty_records, home, postgres, staff

__all__ = ["db", "empty_records", "home", "postgres", "staff"]


@pytest.fixture(autouse=True)
def _people(request: pytest.FixtureRequest) -> None:
    if "db" in request.fixturenames:
        request.getfixturevalue("staff")
