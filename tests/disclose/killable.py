"""What is done in processes of their own, to be killed in the middle of it. Each says when it begins."""

from __future__ import annotations

import os
from multiprocessing.connection import Connection
from pathlib import Path

from redact.disclose.pack.packs import export
from redact.evidence.edit_log import SentEdit, record
from redact.evidence.store import Store
from redact.mask.edits.types import Box, Keyframe
from redact.records.database import Database


def export_in_a_process(home: str, pack: Path, told: Connection) -> None:
    os.environ["REDACT_HOME"] = home
    told.send("go")
    export(Database(), Store(), "approver", "R-1#1", pack, overwrite=True)


def edit_for_ever(home: str, revision: int, told: Connection) -> None:
    """Says which edits were acknowledged."""
    os.environ["REDACT_HOME"] = home
    db = Database()
    told.send("go")
    while True:
        edit = SentEdit(f"killed-{revision:06}", Keyframe(1, revision % 20, Box(10, 10, 50, 50 + revision % 7)))
        revision = record(db, "reviewer", 1, [edit], base_revision=revision).revision
        told.send(edit.id)
