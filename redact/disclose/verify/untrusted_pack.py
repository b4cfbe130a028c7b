"""The folder of a pack that came from somebody: which files are in it, before any of them is opened.

Only regular files with names a pack may have count. Links are not followed: one could make a file outside of the folder
look like a part of it, or be pointed elsewhere between two looks.
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
    """``files``: path by name. ``strange``: what else lies there, in words."""

    path: Path
    files: dict[str, Path]
    strange: tuple[str, ...]


def list_pack_folder(folder: Path) -> PackFolder:
    """Raises :class:`~redact.errors.NothingToVerify` where the folder cannot be listed."""
    files: dict[str, Path] = {}
    strange: list[str] = []
    open_folders = [(folder, "")]
    seen = 0
    try:
        while open_folders:
            here, prefix = open_folders.pop()
            for entry in sorted(os.scandir(here), key=lambda e: e.name):
                seen += 1
                if seen > MOST_ENTRIES:
                    raise NothingToVerify(f"{folder.name} holds more than {MOST_ENTRIES} files, as no pack does.")
                name, mode = prefix + entry.name, entry.stat(follow_symlinks=False).st_mode
                if not _is_valid(name):
                    strange.append(f"{name!r} has a name that no file of a pack has")
                elif stat.S_ISDIR(mode):
                    open_folders.append((Path(entry.path), f"{name}/"))
                elif stat.S_ISREG(mode):
                    files[name] = Path(entry.path)
                else:
                    strange.append(f"{name!r} is a link or a device, not a file")
    except OSError as error:
        raise NothingToVerify(f"{folder.name} cannot be listed: {error.strerror}.", "Check the permissions.") from error
    return PackFolder(folder, files, tuple(strange))


def is_file(path: Path) -> bool:
    """Whether ``path`` is a regular file and no link to one."""
    try:
        return stat.S_ISREG(path.lstat().st_mode)
    except OSError:
        return False


def small_file(path: Path, most: int) -> bytes | None:
    """All bytes of a file of at most ``most``; None where there is none, it is larger or cannot be read."""
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
