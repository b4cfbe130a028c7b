"""The identity of a file: SHA-256 over all its bytes."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from redact.errors import InputMissing, MasterChanged
from redact.progress import Progress, silent

_BLOCK = 1 << 20


def hash_file(path: Path, progress: Progress = silent) -> str:
    """SHA-256 of the file as 64 lower-case hex digits, read in blocks. ``progress`` counts bytes.

    Raises :class:`InputMissing` if the file does not exist or cannot be read to its end.
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


@contextmanager
def unchanged(source: Path) -> Iterator[Callable[[], None]]:
    """Yield a check that raises :class:`MasterChanged` if the file was replaced, or its size or modification time
    changed, since the start of the block. The check is also run at the end of the block."""

    def mark() -> tuple[int, int, int] | None:
        try:
            status = source.stat()
        except OSError:
            return None
        return status.st_ino, status.st_size, status.st_mtime_ns

    def check() -> None:
        if mark() != before:
            raise MasterChanged(
                f"{source.name} changed while it was in use.", "Use a file that nothing else is writing to."
            )

    before = mark()
    yield check
    check()
