"""Verification of the packs in the store: finds packs that have changed, are missing or were never recorded."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from redact.errors import InputMissing
from redact.evidence.store import PACKS, Store
from redact.media.hashing import hash_file
from redact.schema.tables import Export

STATEMENT = "statement.dsse.json"
"""A pack's signed statement, which holds the hashes of all its other files."""
DRAFTS = "drafts"
"""Suffix of the folder beside a pack with the drafts that an officer completes and sends."""


def recorded_packs(session: Session) -> dict[str, str]:
    """SHA-256 of the statement of every recorded pack, by folder name."""
    return {row.log_id: row.statement_sha256 for row in session.scalars(select(Export))}


def pack_names(store: Store) -> list[str]:
    """The names in the folder of packs."""
    return sorted(path.name for path in (store.folder / PACKS).iterdir())


def unrecorded_packs(names: list[str], recorded: dict[str, str]) -> list[str]:
    """Paths of packs without a record: the export was killed before recording them, so they were never handed over."""
    return [f"{PACKS}/{name}" for name in names if name.removesuffix(f".{DRAFTS}") not in recorded]


def faulty_files(store: Store, recorded: dict[str, str]) -> Iterator[tuple[str, bool]]:
    """Paths of files of recorded packs that have changed since export; True with those that are missing."""
    for name, sha256 in sorted(recorded.items()):
        folder = store.folder / PACKS / name
        state = _state(folder / STATEMENT, sha256)
        if state is not None:
            yield f"{PACKS}/{name}/{STATEMENT}", state
            continue
        # Its hash matches the record, so it can be trusted.
        payload = base64.b64decode(json.loads((folder / STATEMENT).read_bytes())["payload"])
        for subject in json.loads(payload)["subject"]:
            state = _state(folder / subject["name"], subject["digest"]["sha256"])
            if state is not None:
                yield f"{PACKS}/{name}/{subject['name']}", state


def _state(path: Path, sha256: str) -> bool | None:
    """None if the file is intact, True if it is missing, False if it has changed."""
    if not path.is_file():
        return True
    try:
        return None if hash_file(path) == sha256 else False
    except InputMissing:
        return False
