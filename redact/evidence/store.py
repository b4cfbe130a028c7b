"""The store: masters, derived files and machine tracks, each under the hash of its bytes.

Folders below ``store`` in the home folder, accessible to the owner only::

    masters/ab/<sha256>                              the master, never opened for writing
    derived/<sha256>/frames.npz, strip.jpg, proxy.mp4
    derived/<sha256>/preview-<content>-<n>.mp4       preview of a release's output; not in the records
    derived/<sha256>/waveform.npy                    loudness of the sound, for display; not in the records
    tracks/<sha256>.tracks.json                      named by the hash of the tracks file itself
    packs/                                           disclosure packs, see :mod:`redact.disclose`
    incoming/<token>/                                work in progress, locked while its process is alive

New files are completed and flushed to disk in ``incoming``, then moved into place one by one, each atomically, then
recorded. A killed process therefore leaves either a folder in ``incoming``, which the next one removes, or files
without a record, which :mod:`redact.evidence.store_verification` finds and removes. A lock on the store serialises
these steps.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import re
import secrets
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import FileIO
from pathlib import Path

from redact.errors import FULL_ERRNOS, InputMissing, SourceChanged, StoreDamaged, StoreFull, StoreNotWritable
from redact.home import PRIVATE, folder_for
from redact.media.containers import file_size
from redact.media.hashing import hash_file
from redact.progress import Progress, silent

MASTERS, DERIVED, TRACKS, PACKS, INCOMING = "masters", "derived", "tracks", "packs", "incoming"
FRAMES, STRIP, PROXY = "frames.npz", "strip.jpg", "proxy.mp4"
DERIVED_FILES = (FRAMES, STRIP, PROXY)
TRACKS_SUFFIX = ".tracks.json"
LOCK = "lock"
READ_ONLY = 0o444
_BLOCK = 1 << 20
_SHA256 = re.compile(r"[0-9a-f]{64}")
PREVIEW = re.compile(r"preview-(?P<content>[0-9a-f]{64})-[0-9]{1,9}\.mp4")
WAVEFORM = "waveform.npy"
UNRECORDED = re.compile(rf"{PREVIEW.pattern}|{re.escape(WAVEFORM)}")
"""Files beside the derived files, so that they are disposed of with the footage. They are regenerated if lost."""


@dataclass(frozen=True, slots=True)
class CopiedFile:
    """A file copied completely, while the source did not change."""

    sha256: str
    size: int


class Store:
    """Moves files into and out of the store. Raises StoreNotWritable if its folders cannot be created."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or folder_for("store")
        with _writing("The store"):
            for name in (MASTERS, DERIVED, TRACKS, PACKS, INCOMING):
                (self.folder / name).mkdir(mode=PRIVATE, parents=True, exist_ok=True)

    def master_path(self, sha256: str) -> Path:
        """The path of the master with this hash, whether or not it exists."""
        return self.folder / MASTERS / _checked(sha256)[:2] / sha256

    def master(self, sha256: str) -> Path:
        """The existing master. Raises StoreDamaged if it is missing."""
        return _require_file(self.master_path(sha256), "The master")

    def verified_master(self, sha256: str, progress: Progress = silent) -> Path:
        """The master, after checking the hash of all its bytes. Raises StoreDamaged."""
        path = self.master(sha256)
        try:
            intact = hash_file(path, progress) == sha256
        except InputMissing:
            intact = False
        if not intact:
            raise StoreDamaged(
                f"The master {sha256[:12]}... in the store has changed.",
                "Restore it from a backup, then run `redact store verify`.",
            )
        return path

    def derived(self, sha256: str, name: str) -> Path:
        """One of the :data:`DERIVED_FILES` of a master. Raises StoreDamaged if it is missing."""
        return _require_file(self.folder / DERIVED / _checked(sha256) / name, f"The file {name} of {sha256[:12]}...")

    def preview_path(self, sha256: str, content: str, number: int) -> Path:
        """The path of the preview of output ``number`` (from 1) of a release with this content digest, made from this
        master, whether or not it exists."""
        return self.folder / DERIVED / _checked(sha256) / f"preview-{_checked(content)}-{number}.mp4"

    def waveform_path(self, sha256: str) -> Path:
        """The path of the waveform of this master's sound, whether or not it exists."""
        return self.folder / DERIVED / _checked(sha256) / WAVEFORM

    def tracks_path(self, sha256: str) -> Path:
        """The path of the tracks file with this hash, whether or not it exists."""
        return self.folder / TRACKS / f"{_checked(sha256)}{TRACKS_SUFFIX}"

    def tracks(self, sha256: str) -> Path:
        """An existing tracks file. Raises StoreDamaged if it is missing."""
        return _require_file(self.tracks_path(sha256), "The tracks file")

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes from moving files into the store during the block. Never take this lock inside a
        transaction: elsewhere the transaction starts inside the lock, and the two would deadlock."""
        with _writing("The store"):
            file = (self.folder / LOCK).open("ab")
        with file:
            with _writing("The store"):
                fcntl.flock(file.fileno(), fcntl.LOCK_EX)
            yield

    @contextmanager
    def staging(self) -> Iterator[Staging]:
        """A temporary work folder, removed after the block. Leftovers of killed processes are removed first."""
        token = secrets.token_hex(8)
        folder = self.folder / INCOMING / token
        with self.locked(), _writing("The store"):
            for dead in self.leftovers():
                shutil.rmtree(dead) if dead.is_dir() else dead.unlink()
            folder.mkdir(mode=PRIVATE)
            lock = (folder / LOCK).open("wb")
            fcntl.flock(lock.fileno(), fcntl.LOCK_EX)
        with lock:
            try:
                yield Staging(folder)
            finally:
                with self.locked():
                    shutil.rmtree(folder, ignore_errors=True)

    def leftovers(self) -> list[Path]:
        """Folders that killed processes left in ``incoming``. Call it while :meth:`locked`."""
        return [entry for entry in sorted((self.folder / INCOMING).iterdir()) if not _in_use(entry)]

    @contextmanager
    def publishing(self, recorded: Callable[[str], bool]) -> Iterator[Publication]:
        """Move files into place; the transaction that records them belongs inside the block.

        If the block fails, the moved files are removed, unless ``recorded`` finds a record of the hash after all. If
        that cannot be determined, the files stay and are reported when the store is verified.
        """
        with self.locked():
            publication = Publication(self)
            try:
                yield publication
            except BaseException:
                with contextlib.suppress(Exception):
                    publication.undo(recorded)
                raise

    def dispose(self, sha256: str, tracks: Iterable[str] = ()) -> tuple[str, ...]:
        """Remove a master, its derived files and the tracks files with these hashes; return the paths removed.

        Call it after disposal has been recorded as begun. Another call removes what a killed process left.
        """
        derived = self.folder / DERIVED / _checked(sha256)
        doomed = [
            self.master_path(sha256),
            *(sorted(derived.iterdir()) if derived.is_dir() else ()),
            *map(self.tracks_path, tracks),
        ]
        removed = []
        with _writing("A file to dispose of"):
            for path in doomed:
                with contextlib.suppress(FileNotFoundError):
                    path.unlink()
                    removed.append(str(path.relative_to(self.folder)))
                    sync(path.parent)
            if derived.is_dir():
                derived.rmdir()
        return tuple(removed)


class Staging:
    """A folder for work in progress. The token in its file names is unique."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.token = folder.name
        self.master = folder / self.token

    def copy_in(self, source: Path, progress: Progress = silent) -> CopiedFile:
        """Copy ``source`` to :attr:`master` and hash it; the copy is on the disk when this returns.

        Raises InputMissing, EmptyFile, SourceChanged if the file was changed or replaced during the copy, StoreFull and
        StoreNotWritable.
        """
        file_size(source)
        digest = hashlib.sha256()
        with _reading(source):
            file = source.open("rb", buffering=0)
        with file:
            with _writing(source.name):
                out = self.master.open("xb")
            with out:
                before = _fingerprint(os.fstat(file.fileno()))
                done, total = 0, before[0]
                # Stop at the original size even if another process keeps appending.
                while done <= total and (block := _next_block(file, source)):
                    digest.update(block)
                    done += len(block)
                    with _writing(source.name):
                        out.write(block)
                    progress("store", done, total)
                with _writing(source.name):
                    out.flush()
                    self.master.chmod(READ_ONLY)
                    os.fsync(out.fileno())
            if done != total or not before == _fingerprint(os.fstat(file.fileno())) == _fingerprint_of(source):
                raise SourceChanged(
                    f"{source.name} changed while it was being read.", "Add it again when nothing is writing to it."
                )
        return CopiedFile(digest.hexdigest(), done)

    def seal(self, name: str) -> str:
        """Flush a file in this folder to disk, make it read-only and return its SHA-256."""
        path = self.folder / name
        with _writing(name):
            path.chmod(READ_ONLY)
            with path.open("rb") as file:
                os.fsync(file.fileno())
        return hash_file(path)


class Publication:
    """Moves files into the store, while the store's lock is held."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._new: list[tuple[str, Path]] = []

    def footage(self, staged: Staging, sha256: str) -> None:
        """Move in the master and its derived files, all sealed."""
        folder = self._store.folder / DERIVED / _checked(sha256)
        for name in DERIVED_FILES:
            self._move(sha256, staged.folder / name, folder / name)
        self._move(sha256, staged.master, self._store.master_path(sha256))

    def tracks(self, staged: Staging, name: str, sha256: str) -> None:
        """Move in a sealed tracks file."""
        self._move(sha256, staged.folder / name, self._store.tracks_path(sha256))

    def undo(self, recorded: Callable[[str], bool]) -> None:
        """See :meth:`Store.publishing`."""
        if self._new and not recorded(self._new[0][0]):
            for _, path in self._new:
                path.unlink(missing_ok=True)
                if path.parent.parent.name == DERIVED:
                    with contextlib.suppress(OSError):
                        path.parent.rmdir()

    def _move(self, sha256: str, staged: Path, place: Path) -> None:
        with _writing(staged.name):
            if not place.parent.exists():
                place.parent.mkdir(mode=PRIVATE)
                sync(place.parent.parent)
            # Replace what a killed process left here: only the new file is known to match the hash.
            if not os.path.lexists(place):
                self._new.append((sha256, place))
            staged.replace(place)
            sync(place.parent)


def _checked(untrusted_sha256: str) -> str:
    if not _SHA256.fullmatch(untrusted_sha256):
        raise ValueError("not a SHA-256")
    return untrusted_sha256


def _require_file(path: Path, what: str) -> Path:
    if not path.is_file():
        raise StoreDamaged(f"{what} is missing from the store ({path.name[:16]}...).", "Restore it from a backup.")
    return path


def _fingerprint(status: os.stat_result) -> tuple[int, int, int, int]:
    return status.st_size, status.st_mtime_ns, status.st_ino, status.st_dev


def _fingerprint_of(path: Path) -> tuple[int, int, int, int] | None:
    try:
        return _fingerprint(path.stat())
    except OSError:
        return None


def _next_block(file: FileIO, source: Path) -> bytes:
    with _reading(source):
        return file.read(_BLOCK)


@contextmanager
def _reading(source: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise InputMissing(
            f"{source.name} cannot be read to the end: {error.strerror}.", "Check the medium and your permissions."
        ) from error


@contextmanager
def _writing(what: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in FULL_ERRNOS:
            raise StoreFull(
                f'The store\'s disk became full while "{what}" was being written.', "Free some space and try again."
            ) from error
        raise StoreNotWritable(
            f'"{what}" cannot be written to the store: {error.strerror}.', "Check the folder set by REDACT_HOME."
        ) from error


def _in_use(folder: Path) -> bool:
    """Whether a live process is using this folder of ``incoming``."""
    try:
        with (folder / LOCK).open("rb") as file:
            fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def sync(path: Path) -> None:
    """Flush a file, or the entries of a folder, to disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
