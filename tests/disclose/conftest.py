"""Fixtures with empty records."""

from tests.records.fixtures import db, empty_records, home, postgres, staff

__all__ = ["db", "empty_records", "home", "postgres", "staff"]
