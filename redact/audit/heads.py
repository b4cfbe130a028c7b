"""Heads of the audit chain that were noted outside of the database.

Whoever can write to the database and has the signing key can make another chain, sound in itself. It will not go
through the heads that were noted before: on logs that were handed out, and in ``REDACT_HOME/audit/heads.jsonl``, which
gets the head of every sound check. Keep copies of that file where the database's administrators cannot reach them.
"""

from __future__ import annotations

import fcntl
import json
import os
from datetime import UTC, datetime
from io import BufferedRandom
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from redact.audit.chain import SignedHead
from redact.canonical_json import canonical
from redact.errors import WitnessUnusable
from redact.home import folder_for
from redact.schema.tables import Export, as_text

FILE = "heads.jsonl"
_PRIVATE_FILE = 0o600


def heads_file() -> Path:
    """Where heads are noted."""
    return folder_for("audit") / FILE


def head_json(head: SignedHead) -> dict[str, object]:
    """A head in a document."""
    return {
        "count": head.count,
        "hash": head.hash,
        "merkle_root": head.root,
        "signature": head.signature,
        "key_fingerprint": head.key,
    }


def parse_head(untrusted_record: object) -> SignedHead:
    """The way back. Raises ``ValueError`` or ``TypeError`` for what is none; its signature is not checked."""
    if not isinstance(untrusted_record, dict):
        raise TypeError("no head")
    count = untrusted_record.get("count")
    texts = [untrusted_record.get(key) for key in ("hash", "merkle_root", "signature", "key_fingerprint")]
    if not isinstance(count, int) or isinstance(count, bool) or count < 0:
        raise TypeError("no count")
    hashed, root, signature, key = (text if isinstance(text, str) else "" for text in texts)
    if any(len(bytes.fromhex(text)) != 32 for text in (hashed, root, key)) or not signature:
        raise ValueError("no hashes")
    return SignedHead(count, hashed, root, signature, key)


def known_heads(session: Session) -> list[SignedHead]:
    """Those in the file, and those on logs that were handed out. Raises WitnessUnusable."""
    rows = session.execute(select(Export.head_count, Export.head_hash).order_by(Export.id))
    handed_out = [SignedHead(count, hashed, "", "", "") for count, hashed in rows]
    path = heads_file()
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        return handed_out
    except OSError as error:
        raise WitnessUnusable(f'"{path}" cannot be read: {error.strerror}.', "Check its rights.") from error
    return [*handed_out, *_parse_lines(path, text)]


def record_head(head: SignedHead, at: datetime | None = None) -> None:
    """Add a head to the file, unless it is the last one there. Raises WitnessUnusable."""
    path = heads_file()
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, _PRIVATE_FILE)
        with os.fdopen(descriptor, "rb+") as file:
            fcntl.flock(file.fileno(), fcntl.LOCK_EX)
            known = _parse_lines(path, file.read())
            if not known or known[-1] != head:
                _append(file, canonical({**head_json(head), "noted_at": as_text(at or datetime.now(UTC))}) + b"\n")
    except OSError as error:
        raise WitnessUnusable(f'"{path}" cannot be written: {error.strerror}.', "Check its rights.") from error


def _append(file: BufferedRandom, line: bytes) -> None:
    file.seek(0)
    whole = file.read().rpartition(b"\n")
    file.seek(len(whole[0]) + len(whole[1]))  # over what a run that was killed wrote of a line
    file.truncate()
    file.write(line)
    file.flush()
    os.fsync(file.fileno())


def _parse_lines(path: Path, text: bytes) -> list[SignedHead]:
    heads = []
    for number, line in enumerate(text.split(b"\n")[:-1], 1):
        try:
            heads.append(parse_head(json.loads(line)))
        except (ValueError, TypeError, RecursionError) as error:
            raise WitnessUnusable(
                f'Line {number} of "{path}" is no head of an audit chain.', "Put the file back from a copy."
            ) from error
    return heads
