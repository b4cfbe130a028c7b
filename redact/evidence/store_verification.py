"""Verification of the whole store: finds files that have changed, are missing or belong to no record."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import select

from redact.errors import InputMissing
from redact.evidence import pack_verification
from redact.evidence.footage_records import FootageState
from redact.evidence.store import DERIVED, DERIVED_FILES, INCOMING, LOCK, MASTERS, PACKS, TRACKS, UNRECORDED, Store
from redact.media.hashing import hash_file
from redact.progress import Progress, silent
from redact.records.database import SYSTEM, Database
from redact.schema.tables import Footage, MachineTracks

MAX_LISTED = 1000
"""Maximum number of paths in the event of a clean-up."""
NO_FOOTAGE = 0
"""Footage id of faults that belong to no footage."""


@dataclass(frozen=True, slots=True)
class StoreFault:
    """A fault in the store: ``place`` is the file's path within it, ``what`` describes the fault."""

    place: str
    what: str


@dataclass(frozen=True, slots=True)
class StoreReport:
    """The result of a verification: ``checked`` files were read completely; ``damaged`` files have changed or cannot be
    read; ``orphans`` have no record: a killed process or a person left them."""

    checked: int
    damaged: tuple[StoreFault, ...]
    missing: tuple[StoreFault, ...]
    orphans: tuple[StoreFault, ...]

    @property
    def sound(self) -> bool:
        """Whether no fault was found."""
        return not (self.damaged or self.missing or self.orphans)


@dataclass(frozen=True, slots=True)
class _ExpectedFile:
    """A file that has a record."""

    sha256: str
    what: str
    footage_id: int


def verify_store(db: Database, store: Store, progress: Progress = silent) -> StoreReport:
    """Read every master, derived file, tracks file and pack and compare it with the records. ``progress`` counts bytes.

    Footage may be added and disposed of at the same time.
    """
    # Under the lock, nothing is moved into the store, and everything moved earlier has been recorded.
    with store.locked():
        wanted = _expected_files(db, store)
        present = dict(_files(store))
        leftovers = store.leftovers()
        with db.reading() as session:
            packs = pack_verification.recorded_packs(session)
        unrecorded = pack_verification.unrecorded_packs(pack_verification.pack_names(store), packs)
    orphans = [StoreFault(place, "It has no record.") for place in present if place not in wanted]
    killed = "A killed process left it. The next one removes it."
    orphans += [StoreFault(_relative(store, path), killed) for path in leftovers]
    orphans += [StoreFault(place, "A pack without a record. It was never handed over.") for place in unrecorded]
    damaged: list[tuple[int, StoreFault]] = []
    missing: list[tuple[int, StoreFault]] = []
    checked = done = 0
    total = sum(present[place] for place in wanted if place in present)
    for place, file in wanted.items():
        if place in present:
            state = _state(store.folder / place, file.sha256, _TotalProgress(progress, done, total))
            done += present[place]
            checked += 1
        else:
            state = "missing"
        if state:
            finding = (file.footage_id, StoreFault(place, f"{file.what} {_FAULT_TEXTS[state]}"))
            (missing if state == "missing" else damaged).append(finding)
    for place, absent in pack_verification.faulty_files(store, packs):
        fault = StoreFault(place, f"A file of a pack {_FAULT_TEXTS['missing' if absent else 'other']}")
        (missing if absent else damaged).append((NO_FOOTAGE, fault))
    disposed = _disposed_ids(db) if damaged or missing else set()
    return StoreReport(
        checked,
        tuple(finding for footage_id, finding in damaged if footage_id not in disposed),
        tuple(finding for footage_id, finding in missing if footage_id not in disposed),
        tuple(orphans),
    )


def clean_store(db: Database, store: Store) -> list[str]:
    """Remove leftovers of killed processes: derived files and tracks without a record, and abandoned work folders.
    Return their paths.

    Masters and packs are never removed, whatever the records say; nor are files of footage being disposed of.
    """
    removed = []
    # Under the lock, nothing is moved into the store, and everything moved earlier has been recorded.
    with store.locked():
        wanted = _expected_files(db, store)
        with db.reading() as session:
            disposing = select(Footage.sha256).where(Footage.state == FootageState.DISPOSING)
            busy = {f"{DERIVED}/{sha256}" for sha256 in session.scalars(disposing)}
            tracks = select(MachineTracks.file_sha256).join(Footage, MachineTracks.footage_id == Footage.id)
            going = session.scalars(tracks.where(Footage.state == FootageState.DISPOSING))
            busy |= {_relative(store, store.tracks_path(sha256)) for sha256 in going}
        for path in store.leftovers():
            removed.append(_relative(store, path))
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
        held = {str(Path(place).parent) for place in wanted} | busy
        for path in _removable(store):
            place, folder = _relative(store, path), _relative(store, path.parent)
            kept_unrecorded = folder in held and UNRECORDED.fullmatch(path.name)
            if not (place in wanted or place in busy or folder in busy or kept_unrecorded):
                removed.append(place)
                path.unlink()
        for path in (store.folder / DERIVED).iterdir():
            if _relative(store, path) not in held and path.is_dir() and not path.is_symlink():
                with contextlib.suppress(OSError):  # not empty
                    path.rmdir()
    if removed:
        with db.writing(SYSTEM) as work:
            work.event("store.cleaned", "store", {"removed": removed[:MAX_LISTED], "files": len(removed)})
    return removed


def _removable(store: Store) -> list[Path]:
    """Derived files and tracks files. Anything that is not a regular file is left for a person to check."""
    derived, tracks = (store.folder / DERIVED).glob("*/*"), (store.folder / TRACKS).iterdir()
    return [path for path in sorted([*derived, *tracks]) if path.is_file() and not path.is_symlink()]


_FAULT_TEXTS = {
    "missing": "is missing.",
    "other": "has changed.",
    "unreadable": "cannot be read to the end.",
    "no file": "is not a regular file.",
}


class _TotalProgress:
    """Progress within one file, reported as progress through all files."""

    def __init__(self, progress: Progress, before: int, total: int) -> None:
        self._progress, self._before, self._total = progress, before, total

    def __call__(self, stage: str, done: int, total: int | None) -> None:
        self._progress("verify", self._before + done, self._total)


def _state(path: Path, sha256: str, progress: Progress) -> str:
    """The fault of a file, as a key of :data:`_FAULT_TEXTS`, or "" if there is none."""
    if path.is_symlink() or (path.exists() and not path.is_file()):
        return "no file"
    try:
        return "" if hash_file(path, progress) == sha256 else "other"
    except InputMissing:
        return "unreadable" if path.exists() else "missing"


def _expected_files(db: Database, store: Store) -> dict[str, _ExpectedFile]:
    """The files that should exist, by path within the store."""
    wanted = {}
    with db.reading() as session:
        for footage in session.scalars(select(Footage).where(Footage.state == FootageState.STORED)):
            name = f"({footage.original_name})"
            place = _relative(store, store.master_path(footage.sha256))
            wanted[place] = _ExpectedFile(footage.sha256, f"The master {name}", footage.id)
            for file in DERIVED_FILES:
                what = f"{file} of the master {footage.sha256[:12]}... {name}"
                place = f"{DERIVED}/{footage.sha256}/{file}"
                wanted[place] = _ExpectedFile(footage.media["derived"][file], what, footage.id)
        held = select(MachineTracks).join(Footage, MachineTracks.footage_id == Footage.id)
        for row in session.scalars(held.where(Footage.state == FootageState.STORED)):
            place = _relative(store, store.tracks_path(row.file_sha256))
            wanted[place] = _ExpectedFile(row.file_sha256, "The tracks file", row.footage_id)
    return wanted


def _files(store: Store) -> Iterator[tuple[str, int]]:
    """Path and size of everything in the store, except packs, work in progress and the files that need no record."""
    for entry in sorted(store.folder.iterdir()):
        if entry.name in (MASTERS, DERIVED, TRACKS):
            for path in sorted(entry.rglob("*")):
                if path.is_symlink() or not (path.is_dir() or UNRECORDED.fullmatch(path.name)):
                    yield _relative(store, path), path.lstat().st_size
        elif entry.name not in (PACKS, INCOMING, LOCK):
            yield entry.name, 0


def _disposed_ids(db: Database) -> set[int]:
    with db.reading() as session:
        return set(session.scalars(select(Footage.id).where(Footage.state != FootageState.STORED)))


def _relative(store: Store, path: Path) -> str:
    return str(path.relative_to(store.folder))
