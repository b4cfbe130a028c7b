"""Footage and cases for tests."""

from __future__ import annotations

import os
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

from redact.evidence.frame_tables import frame_table
from redact.evidence.intake import add_footage
from redact.evidence.store import Store
from redact.records import cases
from redact.records.database import Database
from redact.records.deadlines import CaseKind
from redact.schema.tables import Footage
from redact.track.types import MediaRef, Track, TrackSet
from tests.killing import killed_at
from tests.media.clips import make_clip


def open_case(db: Database, reference: str) -> str:
    cases.open_case(
        db, "officer", reference, kind=CaseKind.COURT, title="Regina v Doe", received=date(2026, 5, 4), due=None
    )
    return reference


def padded_copy(clip: Path, number: int) -> Path:
    """The same footage with different bytes: a padding atom is appended to the MP4."""
    target = clip.with_name(f"clip-{number}.mp4")
    target.write_bytes(clip.read_bytes() + b"\0\0\0\x10free" + number.to_bytes(8, "big"))
    return target


def add_clip(db: Database, folder: Path, case: str = "C/1") -> Footage:
    """A clip of six frames, as the first exhibit of a new case."""
    return add_footage(db, "officer", make_clip(folder / "clip.mp4", frames=6), case=open_case(db, case))


STEPS_OF = ("/redact/", "/sqlalchemy/engine/")


def add_killed_at(home: str, clip: str, case: str, kill_at: int, steps: Any) -> None:
    """Add a clip and get killed at step ``kill_at``; see :func:`killed_at`. Steps are calls made by the workbench and
    SQLAlchemy. ``steps`` receives their number."""
    os.environ["REDACT_HOME"] = home
    db = Database()
    with killed_at(kill_at, STEPS_OF) as counted:
        add_footage(db, "officer", Path(clip), case=case)
    steps.value = counted.done


def tracks_of(footage: Footage, provenance: str = "a test") -> TrackSet:
    """One face on the first three frames."""
    table = frame_table(Store(), footage)
    frames = np.arange(3, dtype=np.int32)
    boxes = np.tile(np.array([[10, 10, 30, 30]], np.float32), (3, 1))
    ones = np.ones(3, np.float32)
    track = Track(0, "face", frames, boxes, 0 * ones, ones, np.zeros(3, np.uint8))
    media = MediaRef(
        footage.sha256,
        footage.media["width"],
        footage.media["height"],
        table.time_base,
        table.pts,
        table.last_duration,
    )
    return TrackSet(media, (track,), (), {"made by": provenance, "device": "cpu"})
