from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from redact.records.database import Database
from redact.retention import clock
from redact.schema.tables import Mark
from tests.retention.factory import (
    NOW,
    OLD,
    add,
    dispose,
    kept_until,
    release,
    status_of,
)

# Recording details, and the time from which the clock then runs; 31 days later it runs out.
STARTS: dict[str, tuple[dict[str, Any], datetime, str]] = {
    "start only": ({}, OLD, "recorded"),
    "end, which is later": ({"recorded_end": OLD + timedelta(1)}, OLD + timedelta(1), "recorded"),
    "a camera an hour behind": ({"clock_offset_seconds": 3600.0}, OLD + timedelta(hours=1), "recorded"),
    "unknown": ({"recorded": None}, NOW, "added; the recording time is unknown"),
    "never set": ({"recorded": datetime(1970, 1, 1, tzinfo=UTC)}, NOW, "added; the camera's clock was not set"),
    "set back": ({"clock_offset_seconds": -1e9}, NOW, "added; the camera's clock was not set"),
    "off the calendar": (
        {"recorded": datetime(9999, 12, 31, tzinfo=UTC), "clock_offset_seconds": 1e9},
        NOW,
        "added; the camera's clock was not set",
    ),
    "ahead": ({"recorded": NOW + timedelta(400)}, NOW, "added; the camera's clock was ahead"),
}


@pytest.mark.parametrize("what", STARTS)
def test_clock_start(db: Database, what: str) -> None:
    details, started, by = STARTS[what]
    sha256 = add(db, "a", **details)
    one = status_of(db, sha256)
    assert (one.started, one.started_by, one.runs_out) == (started, by, started + timedelta(31))
    # Due at exactly that moment, and not before.
    assert status_of(db, sha256, started + timedelta(31)).due
    assert not status_of(db, sha256, started + timedelta(31, seconds=-1)).due


# Days after the recording on which marks were placed and lifted, and on which a clock of 31 days then runs out.
STOPPED: list[tuple[list[tuple[float, float | None]], float | None]] = [
    ([], 31),
    ([(10, 15)], 36),  # five days do not count
    ([(10, 15), (12, 20)], 41),  # overlapping marks stop it once, from 10 to 20
    ([(12, 13), (10, 20)], 41),  # nested, and not in order
    ([(10, 15), (15, 16)], 37),  # consecutive
    ([(31, 40)], 31),  # it had just run out
    ([(30.5, 40)], 40.5),  # half a day remained
    ([(5, 6), (31.5, 100)], 100.5),  # the first mark extended it to 32, so half a day remained
    ([(5, 6), (32, 100)], 32),
    ([(-3, 2)], 33),  # placed before the recording, when the clock was not running
    ([(-3, -1)], 31),
    ([(10, 15), (20, None)], None),
]


@pytest.mark.parametrize(("spans", "out"), STOPPED)
def test_clock_stops_while_there_is_a_mark(spans: list[tuple[float, float | None]], out: float | None) -> None:
    marks = [
        Mark(placed_at=OLD + timedelta(start), lifted_at=None if end is None else OLD + timedelta(end))
        for start, end in spans
    ]
    expected = None if out is None else OLD + timedelta(out)
    assert clock._runs_out(OLD, timedelta(31), marks) == expected


def test_release_frees_its_footage_on_the_destruction_date(db: Database) -> None:
    sha256 = add(db, "a")
    release("exported", kept_until("2026-06-30"))(db, sha256)
    assert status_of(db, sha256).due
    assert not status_of(db, sha256, NOW - timedelta(1)).due


def test_footage_of_a_class_without_a_rule_is_kept(db: Database) -> None:
    sha256 = add(db, "a", retention_class="covert")
    assert [k.kind for k in status_of(db, sha256, NOW + timedelta(9999)).kept_by] == ["class"]
    assert dispose(db, now=NOW + timedelta(9999)).certificates == []
