"""Chain heads recorded outside the database.

Anyone who can write to the database and has the signing key can make another chain that is valid in itself, but that
chain will not contain the heads recorded earlier: in exported release logs, and in ``REDACT_HOME/audit/heads.jsonl``,
to which every successful verification adds its head. Keep copies of that file where the database's administrators
cannot reach them.
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
from redact.errors import HeadsFileUnusable
from redact.home import folder_for
from redact.schema.tables import Export, as_text

FILE = "heads.jsonl"
_PRIVATE_FILE = 0o600


def heads_file() -> Path:
    """The file of recorded heads."""
    return folder_for("audit") / FILE


def head_json(head: SignedHead) -> dict[str, object]:
    """The JSON form of a head."""
    return {
        "count": head.count,
        "hash": head.hash,
        "merkle_root": head.root,
        "signature": head.signature,
        "key_fingerprint": head.key,
    }


def parse_head(untrusted_record: object) -> SignedHead:
    """Parse the output of :func:`head_json`, without checking the signature. Raises ``ValueError`` or ``TypeError`` for
    anything else."""
    if not isinstance(untrusted_record, dict):
        raise TypeError("not a head")
    count = untrusted_record.get("count")
    texts = [untrusted_record.get(key) for key in ("hash", "merkle_root", "signature", "key_fingerprint")]
    if not isinstance(count, int) or isinstance(count, bool) or count < 0:
        raise TypeError("not a count")
    hashed, root, signature, key = (text if isinstance(text, str) else "" for text in texts)
    if any(len(bytes.fromhex(text)) != 32 for text in (hashed, root, key)) or not signature:
        raise ValueError("not hashes and a signature")
    return SignedHead(count, hashed, root, signature, key)


def known_heads(session: Session) -> list[SignedHead]:
    """The heads in the file and in exported release logs. Raises HeadsFileUnusable."""
    rows = session.execute(select(Export.head_count, Export.head_hash).order_by(Export.id))
    exported = [SignedHead(count, hashed, "", "", "") for count, hashed in rows]
    path = heads_file()
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        return exported
    except OSError as error:
        raise HeadsFileUnusable(f'"{path}" cannot be read: {error.strerror}.', "Check its permissions.") from error
    return [*exported, *_parse_lines(path, text)]


def record_head(head: SignedHead, at: datetime | None = None) -> None:
    """Add a head to the file, unless it is already the last one. Raises HeadsFileUnusable."""
    path = heads_file()
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, _PRIVATE_FILE)
        with os.fdopen(descriptor, "rb+") as file:
            fcntl.flock(file.fileno(), fcntl.LOCK_EX)
            known = _parse_lines(path, file.read())
            if not known or known[-1] != head:
                _append(file, canonical({**head_json(head), "noted_at": as_text(at or datetime.now(UTC))}) + b"\n")
    except OSError as error:
        raise HeadsFileUnusable(f'"{path}" cannot be written: {error.strerror}.', "Check its permissions.") from error


def _append(file: BufferedRandom, line: bytes) -> None:
    file.seek(0)
    complete, newline, _ = file.read().rpartition(b"\n")
    file.seek(len(complete) + len(newline))  # overwrites an incomplete line left by a killed process
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
            raise HeadsFileUnusable(
                f'Line {number} of "{path}" is not a chain head.', "Restore the file from a copy."
            ) from error
    return heads
