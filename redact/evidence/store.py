"""The store: masters, what is derived from them, and machine tracks, each under the hash of its bytes.

Folders, below ``store`` in the home folder, for the owner only::

    masters/ab/<sha256>                              the master, never opened for writing
    derived/<sha256>/frames.npz, strip.jpg, proxy.mp4
    derived/<sha256>/preview-<content>-<n>.mp4       a release's output, to be watched; no record names it
    derived/<sha256>/waveform.npy                    how loud it is, to be drawn; no record names it either
    tracks/<sha256>.tracks.json                      named by the hash of the tracks file itself
    packs/                                           of :mod:`redact.disclose`
    incoming/<token>/                                work under way: locked while its process lives

What is added is made whole and on the disk in ``incoming``, then moved to its place in one step each, then recorded. So
a run that is killed leaves either a folder in ``incoming``, which the next one removes, or files that no record names,
which :mod:`redact.evidence.store_verification` does. One lock on the store keeps these steps apart from each other.
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
from redact.media.hashing import hash_file
from redact.media.untrusted_file import file_size
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
"""Beside a footage's derived files, so that they are disposed of with it. What is lost is made again."""


@dataclass(frozen=True, slots=True)
class CopiedFile:
    """A file that was read from its first byte to its last while nobody changed it."""

    sha256: str
    size: int


class Store:
    """The folders, and how files get into them and out of them. Raises StoreNotWritable if they cannot be made."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or folder_for("store")
        with _writing("The store"):
            for name in (MASTERS, DERIVED, TRACKS, PACKS, INCOMING):
                (self.folder / name).mkdir(mode=PRIVATE, parents=True, exist_ok=True)

    def master_path(self, sha256: str) -> Path:
        """Where the master of this hash lies, or would."""
        return self.folder / MASTERS / _checked(sha256)[:2] / sha256

    def master(self, sha256: str) -> Path:
        """The master. Raises StoreDamaged if it is not there."""
        return _require_file(self.master_path(sha256), "The master")

    def verified_master(self, sha256: str, progress: Progress = silent) -> Path:
        """The master, once all its bytes have been read and found to be what was put there. Raises StoreDamaged."""
        path = self.master(sha256)
        try:
            intact = hash_file(path, progress) == sha256
        except InputMissing:
            intact = False
        if not intact:
            raise StoreDamaged(
                f"The master {sha256[:12]}... in the store is no longer what was put there.",
                "Put it back from a backup, and see `redact store verify`.",
            )
        return path

    def derived(self, sha256: str, name: str) -> Path:
        """One of :data:`DERIVED_FILES` of a master. Raises StoreDamaged if it is not there."""
        return _require_file(self.folder / DERIVED / _checked(sha256) / name, f"The file {name} of {sha256[:12]}...")

    def preview_path(self, sha256: str, content: str, number: int) -> Path:
        """Where output ``number`` (from 1), made of this master, of a release of this content lies, or would."""
        return self.folder / DERIVED / _checked(sha256) / f"preview-{_checked(content)}-{number}.mp4"

    def waveform_path(self, sha256: str) -> Path:
        """Where the loudness of this master's sound lies, or would."""
        return self.folder / DERIVED / _checked(sha256) / WAVEFORM

    def tracks_path(self, sha256: str) -> Path:
        """Where the tracks file of this hash lies, or would."""
        return self.folder / TRACKS / f"{_checked(sha256)}{TRACKS_SUFFIX}"

    def tracks(self, sha256: str) -> Path:
        """A tracks file. Raises StoreDamaged if it is not there."""
        return _require_file(self.tracks_path(sha256), "The tracks file")

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Nobody else moves files into the store meanwhile. Never taken inside of a transaction: the other way round
        it is, and two that each hold one of the two would wait for ever."""
        with _writing("The store"):
            file = (self.folder / LOCK).open("ab")
        with file:
            with _writing("The store"):
                fcntl.flock(file.fileno(), fcntl.LOCK_EX)
            yield

    @contextmanager
    def staging(self) -> Iterator[Staging]:
        """A folder to make things in, gone after the block; what dead runs left is removed first."""
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
        """What killed runs left in ``incoming``; look while :meth:`locked`."""
        return [entry for entry in sorted((self.folder / INCOMING).iterdir()) if not _in_use(entry)]

    @contextmanager
    def publishing(self, recorded: Callable[[str], bool]) -> Iterator[Publication]:
        """Moves files to their places; the transaction that records them belongs inside of the block.

        When the block fails, what it moved is taken away again, unless ``recorded`` says of the hash that there is a
        record of it after all. Where that cannot be told, the files stay, and are named when the store is verified.
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
        """Remove a master, what is derived from it, and the tracks files of these hashes; says what was there.

        Call it when the records say that it is disposed of; a second call removes what a killed one left.
        """
        derived = self.folder / DERIVED / _checked(sha256)
        doomed = [
            self.master_path(sha256),
            *(sorted(derived.iterdir()) if derived.is_dir() else ()),
            *map(self.tracks_path, tracks),
        ]
        removed = []
        with _writing("A file to be disposed of"):
            for path in doomed:
                with contextlib.suppress(FileNotFoundError):
                    path.unlink()
                    removed.append(str(path.relative_to(self.folder)))
                    sync(path.parent)
            if derived.is_dir():
                derived.rmdir()
        return tuple(removed)


class Staging:
    """Work under way, in a folder of its own. The token in the file names is found nowhere else."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.token = folder.name
        self.master = folder / self.token

    def copy_in(self, source: Path, progress: Progress = silent) -> CopiedFile:
        """Copy ``source`` to :attr:`master`, hashing on the way; on the disk when this returns.

        Raises InputMissing, EmptyFile, SourceChanged when the file was changed or replaced meanwhile, StoreFull and
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
                # Not on and on behind somebody who writes to it.
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
                    f"{source.name} changed while it was being read.", "Add it again once nobody writes to it."
                )
        return CopiedFile(digest.hexdigest(), done)

    def seal(self, name: str) -> str:
        """Have a file that was made here on the disk, for reading only; gives its SHA-256."""
        path = self.folder / name
        with _writing(name):
            path.chmod(READ_ONLY)
            with path.open("rb") as file:
                os.fsync(file.fileno())
        return hash_file(path)


class Publication:
    """What one run moves into the store. Only while it holds the store's lock."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._new: list[tuple[str, Path]] = []

    def footage(self, staged: Staging, sha256: str) -> None:
        """The master, and what was derived from it, all sealed."""
        folder = self._store.folder / DERIVED / _checked(sha256)
        for name in DERIVED_FILES:
            self._move(sha256, staged.folder / name, folder / name)
        self._move(sha256, staged.master, self._store.master_path(sha256))

    def tracks(self, staged: Staging, name: str, sha256: str) -> None:
        """A sealed tracks file."""
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
            # What a killed run left there is of the same hash by its name only: the new one is known to be whole.
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
        raise StoreDamaged(f"{what} is missing from the store ({path.name[:16]}...).", "Put it back from a backup.")
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
            f"{source.name} cannot be read to its end: {error.strerror}.", "Check the medium it is on, and your rights."
        ) from error


@contextmanager
def _writing(what: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in FULL_ERRNOS:
            raise StoreFull(
                f'The disk of the store ran full while "{what}" was being written.', "Make room and add it again."
            ) from error
        raise StoreNotWritable(
            f'"{what}" cannot be written to the store: {error.strerror}.', "Check the folder that REDACT_HOME names."
        ) from error


def _in_use(folder: Path) -> bool:
    """Whether somebody works in this folder of ``incoming``."""
    try:
        with (folder / LOCK).open("rb") as file:
            fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def sync(path: Path) -> None:
    """A file, or what a folder lists, is on the disk when this returns."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
