"""Functions for child processes that tests kill at random. Each sends "go" when it starts."""

from __future__ import annotations

import os
from multiprocessing.connection import Connection
from pathlib import Path

from redact.disclose.pack.packs import export
from redact.evidence.edit_log import SentEdit, record
from redact.evidence.store import Store
from redact.mask.edits.types import Box, Keyframe
from redact.records.database import Database


def export_in_a_process(home: str, pack: Path, channel: Connection) -> None:
    os.environ["REDACT_HOME"] = home
    channel.send("go")
    export(Database(), Store(), "approver", "R-1#1", pack, overwrite=True)


def edit_for_ever(home: str, revision: int, channel: Connection) -> None:
    """Record edits, and send the id of each one acknowledged."""
    os.environ["REDACT_HOME"] = home
    db = Database()
    channel.send("go")
    while True:
        edit = SentEdit(f"killed-{revision:06}", Keyframe(1, revision % 20, Box(10, 10, 50, 50 + revision % 7)))
        revision = record(db, "reviewer", 1, [edit], base_revision=revision).revision
        channel.send(edit.id)
