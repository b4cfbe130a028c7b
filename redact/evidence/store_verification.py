"""Looking through the whole store: is every file what was put there, is any missing, is any one too many?"""

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

MOST_LISTED = 1000
"""Places in the event of a cleaning."""
NO_FOOTAGE = 0
"""In the place of a key of footage, for what belongs to none."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something wrong with a file: its ``place`` within the store, and ``what`` of."""

    place: str
    what: str


@dataclass(frozen=True, slots=True)
class StoreReport:
    """``checked`` files were read whole. ``damaged`` are not what was put there, ``missing`` are not there, ``orphans``
    no record names: what a killed run left, or somebody put there."""

    checked: int
    damaged: tuple[Finding, ...]
    missing: tuple[Finding, ...]
    orphans: tuple[Finding, ...]

    @property
    def sound(self) -> bool:
        """Whether nothing is wrong."""
        return not (self.damaged or self.missing or self.orphans)


@dataclass(frozen=True, slots=True)
class _ExpectedFile:
    """A file that a record names."""

    sha256: str
    what: str
    footage_id: int


def verify_store(db: Database, store: Store, progress: Progress = silent) -> StoreReport:
    """Read every master, tracks file, derived file and pack, and compare with the records. ``progress`` counts bytes.

    Footage may be taken in and disposed of meanwhile.
    """
    # Nothing is moved into the store between the two looks, and all that was moved before is recorded.
    with store.locked():
        wanted = _expected_files(db, store)
        there = dict(_files(store))
        leftovers = store.leftovers()
        with db.reading() as session:
            packs = pack_verification.recorded_packs(session)
        unrecorded = pack_verification.unrecorded_packs(pack_verification.pack_names(store), packs)
    orphans = [Finding(place, "No record names it.") for place in there if place not in wanted]
    orphans += [Finding(_place(store, path), "A killed run left it; the next one removes it.") for path in leftovers]
    orphans += [Finding(place, "A pack that no record names: nobody was given it.") for place in unrecorded]
    damaged: list[tuple[int, Finding]] = []
    missing: list[tuple[int, Finding]] = []
    checked = done = 0
    total = sum(there[place] for place in wanted if place in there)
    for place, file in wanted.items():
        if place in there:
            state = _state(store.folder / place, file.sha256, _TotalProgress(progress, done, total))
            done += there[place]
            checked += 1
        else:
            state = "missing"
        if state:
            finding = (file.footage_id, Finding(place, f"{file.what} {_FAULT_TEXTS[state]}"))
            (missing if state == "missing" else damaged).append(finding)
    for place, absent in pack_verification.wrong_files(store, packs):
        fault = Finding(place, f"A file of a pack {_FAULT_TEXTS['missing' if absent else 'other']}")
        (missing if absent else damaged).append((NO_FOOTAGE, fault))
    gone = _disposed_ids(db) if damaged or missing else set()
    return StoreReport(
        checked,
        tuple(finding for footage_id, finding in damaged if footage_id not in gone),
        tuple(finding for footage_id, finding in missing if footage_id not in gone),
        tuple(orphans),
    )


def clean_store(db: Database, store: Store) -> list[str]:
    """Remove what killed runs left and nothing needs: derived files and tracks that no record names, and work that has
    no process any more. Returns their places.

    Masters and packs are never touched, whatever the records say; nor is footage that is being disposed of.
    """
    removed = []
    # Nothing is moved into the store meanwhile, and all that was moved before is recorded.
    with store.locked():
        wanted = _expected_files(db, store)
        with db.reading() as session:
            disposing = select(Footage.sha256).where(Footage.state == FootageState.DISPOSING)
            busy = {f"{DERIVED}/{sha256}" for sha256 in session.scalars(disposing)}
            tracks = select(MachineTracks.file_sha256).join(Footage, MachineTracks.footage_id == Footage.id)
            going = session.scalars(tracks.where(Footage.state == FootageState.DISPOSING))
            busy |= {_place(store, store.tracks_path(sha256)) for sha256 in going}
        for path in store.leftovers():
            removed.append(_place(store, path))
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
        held = {str(Path(place).parent) for place in wanted} | busy
        for path in _removable(store):
            place, beside = _place(store, path), _place(store, path.parent)
            made_again = beside in held and UNRECORDED.fullmatch(path.name)
            if not (place in wanted or place in busy or beside in busy or made_again):
                removed.append(place)
                path.unlink()
        for folder in (store.folder / DERIVED).iterdir():
            if _place(store, folder) not in held and folder.is_dir() and not folder.is_symlink():
                with contextlib.suppress(OSError):  # something is in it
                    folder.rmdir()
    if removed:
        with db.writing(SYSTEM) as work:
            work.event("store.cleaned", "store", {"removed": removed[:MOST_LISTED], "files": len(removed)})
    return removed


def _removable(store: Store) -> list[Path]:
    """Files of the kinds that are made from others, or by a run; what is no plain file is for a person to look at."""
    derived, tracks = (store.folder / DERIVED).glob("*/*"), (store.folder / TRACKS).iterdir()
    return [path for path in sorted([*derived, *tracks]) if path.is_file() and not path.is_symlink()]


_FAULT_TEXTS = {
    "missing": "is missing.",
    "other": "is not what was put there: its bytes have changed.",
    "unreadable": "cannot be read to its end.",
    "no file": "is no plain file.",
}


class _TotalProgress:
    """Bytes of one file, told as bytes of all."""

    def __init__(self, progress: Progress, before: int, total: int) -> None:
        self._progress, self._before, self._total = progress, before, total

    def __call__(self, stage: str, done: int, total: int | None) -> None:
        self._progress("verify", self._before + done, self._total)


def _state(path: Path, sha256: str, progress: Progress) -> str:
    """What is wrong with a file, as a key of :data:`_WORDS`, or nothing."""
    if path.is_symlink() or (path.exists() and not path.is_file()):
        return "no file"
    try:
        return "" if hash_file(path, progress) == sha256 else "other"
    except InputMissing:
        return "unreadable" if path.exists() else "missing"


def _expected_files(db: Database, store: Store) -> dict[str, _ExpectedFile]:
    """By place."""
    wanted = {}
    with db.reading() as session:
        for footage in session.scalars(select(Footage).where(Footage.state == FootageState.HELD)):
            name = f"({footage.original_name})"
            place = _place(store, store.master_path(footage.sha256))
            wanted[place] = _ExpectedFile(footage.sha256, f"The master {name}", footage.id)
            for file in DERIVED_FILES:
                what = f"{file} of the master {footage.sha256[:12]}... {name}"
                place = f"{DERIVED}/{footage.sha256}/{file}"
                wanted[place] = _ExpectedFile(footage.media["derived"][file], what, footage.id)
        held = select(MachineTracks).join(Footage, MachineTracks.footage_id == Footage.id)
        for row in session.scalars(held.where(Footage.state == FootageState.HELD)):
            place = _place(store, store.tracks_path(row.file_sha256))
            wanted[place] = _ExpectedFile(row.file_sha256, "The tracks file", row.footage_id)
    return wanted


def _files(store: Store) -> Iterator[tuple[str, int]]:
    """Place and size of all that lies in the store, but for packs, work under way and what no record needs to name."""
    for entry in sorted(store.folder.iterdir()):
        if entry.name in (MASTERS, DERIVED, TRACKS):
            for path in sorted(entry.rglob("*")):
                if path.is_symlink() or not (path.is_dir() or UNRECORDED.fullmatch(path.name)):
                    yield _place(store, path), path.lstat().st_size
        elif entry.name not in (PACKS, INCOMING, LOCK):
            yield entry.name, 0


def _disposed_ids(db: Database) -> set[int]:
    with db.reading() as session:
        return set(session.scalars(select(Footage.id).where(Footage.state != FootageState.HELD)))


def _place(store: Store, path: Path) -> str:
    return str(path.relative_to(store.folder))
