"""The folder of an untrusted pack: the files in it, listed before any of them is opened.

Only regular files with valid names count. Links are not followed: a link could make a file outside the folder appear to
be part of the pack, or be redirected between two reads.
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from redact.disclose.pack.statement import checked_name
from redact.errors import NothingToVerify

MOST_ENTRIES = 10_000


@dataclass(frozen=True, slots=True)
class PackFolder:
    """``files``: path by name. ``unexpected``: anything else in the folder, described in words."""

    path: Path
    files: dict[str, Path]
    unexpected: tuple[str, ...]


def list_pack_folder(folder: Path) -> PackFolder:
    """List the folder and its subfolders. Raises :class:`~redact.errors.NothingToVerify` if that is not possible."""
    files: dict[str, Path] = {}
    unexpected: list[str] = []
    open_folders = [(folder, "")]
    count = 0
    try:
        while open_folders:
            current, prefix = open_folders.pop()
            for entry in sorted(os.scandir(current), key=lambda e: e.name):
                count += 1
                if count > MOST_ENTRIES:
                    raise NothingToVerify(f"{folder.name} holds more than {MOST_ENTRIES} files, the limit for a pack.")
                name, mode = prefix + entry.name, entry.stat(follow_symlinks=False).st_mode
                if not _is_valid(name):
                    unexpected.append(f"{name!r} is not a valid file name in a pack")
                elif stat.S_ISDIR(mode):
                    open_folders.append((Path(entry.path), f"{name}/"))
                elif stat.S_ISREG(mode):
                    files[name] = Path(entry.path)
                else:
                    unexpected.append(f"{name!r} is a link or a device, not a file")
    except OSError as error:
        raise NothingToVerify(f"{folder.name} cannot be listed: {error.strerror}.", "Check the permissions.") from error
    return PackFolder(folder, files, tuple(unexpected))


def is_file(path: Path) -> bool:
    """Whether ``path`` is a regular file and not a link to one."""
    try:
        return stat.S_ISREG(path.lstat().st_mode)
    except OSError:
        return False


def small_file(path: Path, most: int) -> bytes | None:
    """The bytes of a file of at most ``most`` bytes; None if it is missing, larger or unreadable."""
    if not is_file(path):
        return None
    try:
        with path.open("rb") as file:
            data = file.read(most + 1)
    except OSError:
        return None
    return data if len(data) <= most else None


def _is_valid(untrusted_name: str) -> bool:
    try:
        checked_name(untrusted_name)
    except ValueError:
        return False
    return True
