"""Writes a pack to where it is delivered: each file or folder gets its name only once it is complete on disk."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pyzipper

from redact.errors import FULL_ERRNOS, DiskFull, OutputExists, OutputNotWritable
from redact.evidence.pack_verification import DRAFTS
from redact.evidence.store import sync


def check_free(target: Path, archive: bool, *, overwrite: bool) -> None:
    """Check that the pack, its drafts and its archive can be written. Raises OutputExists, OutputNotWritable."""
    paths = [target, target.with_name(f"{target.name}-{DRAFTS}")]
    paths += [target.with_name(f"{target.name}.zip")] if archive else []
    if not target.parent.is_dir():
        raise OutputNotWritable(f'The folder "{target.parent}" does not exist.', "Create it, or choose another folder.")
    for path in paths:
        if os.path.lexists(path) and not overwrite:
            raise OutputExists(f'"{path}" already exists.', "Choose another name, or use --overwrite.")


def deliver(target: Path, write: Callable[[Path], None], *, overwrite: bool) -> None:
    """Let ``write`` create a file or folder under a temporary name, and rename it once it is on disk."""
    part = target.with_name(f".{target.name}.{secrets.token_hex(6)}.part")
    try:
        write(part)
        sync_tree(part)
        if overwrite and os.path.lexists(target):
            old = part.with_suffix(".old")
            target.replace(old)
            part.replace(target)
            shutil.rmtree(old) if old.is_dir() and not old.is_symlink() else old.unlink()
        else:
            part.rename(target)
        sync(target.parent)
    finally:
        shutil.rmtree(part, ignore_errors=True) if part.is_dir() else part.unlink(missing_ok=True)


def copy_folder(source: Path, target: Path) -> None:
    """Copy the files of a folder without subfolders."""
    target.mkdir()
    for path in sorted(source.iterdir()):
        shutil.copyfile(path, target / path.name)


def write_archive(source: Path, target: Path, name: str, password: str) -> None:
    """Write the files of ``source``, in a folder ``name``, to a ZIP with AES-256 that common archivers open."""
    with pyzipper.AESZipFile(target, "w", compression=pyzipper.ZIP_STORED, encryption=pyzipper.WZ_AES) as archive:
        archive.setpassword(password.encode())
        archive.setencryption(pyzipper.WZ_AES, nbits=256)
        for path in sorted(source.iterdir()):
            archive.write(path, f"{name}/{path.name}")


@contextmanager
def writing_to(target: Path) -> Iterator[None]:
    """Turn an OSError while writing ``target`` into DiskFull or OutputNotWritable."""
    try:
        yield
    except OSError as error:
        if error.errno in FULL_ERRNOS:
            raise DiskFull(f'There is no space left for "{target.name}".', "Free space, and export again.") from error
        raise OutputNotWritable(f'"{target}" cannot be written: {error.strerror}.', "Choose another folder.") from error


def sync_tree(path: Path) -> None:
    """Sync a file, or a folder with everything in it, to disk."""
    for entry in sorted(path.rglob("*")) if path.is_dir() else ():
        if entry.is_file():
            sync(entry)
    for entry in (path, *(e for e in path.rglob("*") if e.is_dir())) if path.is_dir() else (path,):
        sync(entry)
