"""The identity of a file: SHA-256 over all its bytes."""

from __future__ import annotations

import hashlib
from pathlib import Path

from redact.errors import InputMissing
from redact.progress import Progress, silent

_BLOCK = 1 << 20


def hash_file(path: Path, progress: Progress = silent) -> str:
    """SHA-256 of the file as 64 lower-case hex digits, read in blocks. ``progress`` counts bytes.

    Raises :class:`InputMissing` if the file is not there or cannot be read to its end.
    """
    digest = hashlib.sha256()
    done = 0
    try:
        with path.open("rb") as file:
            total = path.stat().st_size
            while block := file.read(_BLOCK):
                digest.update(block)
                done += len(block)
                progress("hash", done, total)
    except OSError as error:
        raise InputMissing(
            f"{path.name} cannot be read: {error.strerror}.", "Check the path and the permissions."
        ) from error
    return digest.hexdigest()
