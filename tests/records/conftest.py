"""Records to test on, as the records' own tests have them."""

from tests.records.fixtures import db, empty_records, home, postgres, staff

__all__ = ["db", "empty_records", "home", "postgres", "staff"]
