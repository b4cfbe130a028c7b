"""Finding footage in the records, and the frame table stored beside it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from redact.errors import BadRecord, RecordMissing, StoreDamaged
from redact.evidence import footage_records
from redact.evidence.frame_tables import load_table, save_table
from redact.media.probe import probe
from redact.media.reader import scan
from redact.records.database import Database
from redact.schema.tables import Footage
from redact.settings import Interlaced, OnCorrupt
from tests.media.clips import make_clip


def add(db: Database, sha256: str) -> None:
    with db.writing("officer") as work:
        work.session.add(
            Footage(
                sha256=sha256, size=1, original_name="a.mp4", added_at=work.at, camera={}, media={},
                retention_class="standard", state="held",
            )
        )  # fmt: skip
        work.event("test.prepared", "footage:1", {})


@pytest.mark.parametrize("db", ["sqlite"], indirect=True)
def test_footage_is_found_by_unambiguous_hash_prefix(db: Database) -> None:
    first, second = "abcdef" + "1" * 58, "abcdef" + "2" * 58
    add(db, first)
    add(db, second)
    with db.reading() as session:
        assert footage_records.find(session, "ABCDEF1").sha256 == first
        with pytest.raises(BadRecord, match="Several files"):
            footage_records.find(session, "abcdef")
        for name in ("abcde", "123456", "BWV-1"):
            with pytest.raises(RecordMissing, match=name):
                footage_records.find(session, name)


def test_frame_table_is_read_back_and_checked(tmp_path: Path) -> None:
    table = scan(
        probe(make_clip(tmp_path / "clip.mp4", frames=6)), interlaced=Interlaced.KEEP, on_corrupt=OnCorrupt.STOP
    )
    path = tmp_path / "frames.npz"
    save_table(table, path)
    read = load_table(path)
    assert read.pts.tolist() == table.pts.tolist()
    assert (read.time_base, read.last_duration) == (table.time_base, table.last_duration)
    with np.load(path) as file:
        columns = dict(file)
    wrong = tmp_path / "wrong.npz"
    np.savez(wrong, **{**columns, "pts": columns["pts"].astype(np.float64)})
    cut = tmp_path / "cut.npz"
    cut.write_bytes(path.read_bytes()[:100])
    for damaged in (wrong, cut, tmp_path / "missing.npz"):
        with pytest.raises(StoreDamaged, match="frame table"):
            load_table(damaged)
