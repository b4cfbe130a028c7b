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


@contextmanager
def unchanged(source: Path) -> Iterator[Callable[[], None]]:
    """Gives a check that raises :class:`MasterChanged` if the file is another one, or another size or age, than before
    the block; it also is made at its end."""

    def mark() -> tuple[int, int, int] | None:
        try:
            status = source.stat()
        except OSError:
            return None
        return status.st_ino, status.st_size, status.st_mtime_ns

    def check() -> None:
        if mark() != before:
            raise MasterChanged(
                f"{source.name} changed while it was being worked on.", "Work on a file nobody writes to."
            )

    before = mark()
    yield check
    check()
