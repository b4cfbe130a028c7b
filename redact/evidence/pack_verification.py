"""Looking through the packs in the store: is each what was exported, is any missing, is any one nobody recorded?"""

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
"""The signed statement of a pack, which names the hashes of all its other files."""
DRAFTS = "drafts"
"""Ending of the folder beside a pack, which holds what an officer finishes and sends."""


def recorded_packs(session: Session) -> dict[str, str]:
    """SHA-256 of the statement of every pack that was recorded, by the name of its folder."""
    return {row.log_id: row.statement_sha256 for row in session.scalars(select(Export))}


def pack_names(store: Store) -> list[str]:
    """What lies in the folder of packs."""
    return sorted(path.name for path in (store.folder / PACKS).iterdir())


def unrecorded_packs(names: list[str], recorded: dict[str, str]) -> list[str]:
    """Places of packs that no record names: a run was killed before it recorded them, and nobody was given them."""
    return [f"{PACKS}/{name}" for name in names if name.removesuffix(f".{DRAFTS}") not in recorded]


def wrong_files(store: Store, recorded: dict[str, str]) -> Iterator[tuple[str, bool]]:
    """Places of recorded packs' files that are not what was exported; True with those that are missing."""
    for name, sha256 in sorted(recorded.items()):
        folder = store.folder / PACKS / name
        state = _state(folder / STATEMENT, sha256)
        if state is not None:
            yield f"{PACKS}/{name}/{STATEMENT}", state
            continue
        # Its hash is the recorded one, so it is ours.
        payload = base64.b64decode(json.loads((folder / STATEMENT).read_bytes())["payload"])
        for subject in json.loads(payload)["subject"]:
            state = _state(folder / subject["name"], subject["digest"]["sha256"])
            if state is not None:
                yield f"{PACKS}/{name}/{subject['name']}", state


def _state(path: Path, sha256: str) -> bool | None:
    """None where the file is right, True where it is missing, False where it is another."""
    if not path.is_file():
        return True
    try:
        return None if hash_file(path) == sha256 else False
    except InputMissing:
        return False
