"""Looking through the whole store: is every file what was put there, is any missing, is any one too many?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import select

from redact.cases import pack_check
from redact.cases.db import Database
from redact.cases.footage import FootageState
from redact.cases.schema import Footage, MachineTracks
from redact.cases.store import DERIVED, DERIVED_FILES, INCOMING, LOCK, MASTERS, PACKS, PREVIEW, TRACKS, Store
from redact.errors import InputMissing
from redact.media.hashing import hash_file
from redact.progress import Progress, silent

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
class _Wanted:
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
        wanted = _wanted(db, store)
        there = dict(_files(store))
        leftovers = store.leftovers()
        with db.reading() as session:
            packs = pack_check.recorded_packs(session)
        unrecorded = pack_check.unrecorded(pack_check.pack_names(store), packs)
    orphans = [Finding(place, "No record names it.") for place in there if place not in wanted]
    orphans += [Finding(_place(store, path), "A killed run left it; the next one removes it.") for path in leftovers]
    orphans += [Finding(place, "A pack that no record names: nobody was given it.") for place in unrecorded]
    damaged: list[tuple[int, Finding]] = []
    missing: list[tuple[int, Finding]] = []
    checked = done = 0
    total = sum(there[place] for place in wanted if place in there)
    for place, file in wanted.items():
        if place in there:
            state = _state(store.folder / place, file.sha256, _Counting(progress, done, total))
            done += there[place]
            checked += 1
        else:
            state = "missing"
        if state:
            finding = (file.footage_id, Finding(place, f"{file.what} {_WORDS[state]}"))
            (missing if state == "missing" else damaged).append(finding)
    for place, absent in pack_check.wrong_files(store, packs):
        fault = Finding(place, f"A file of a pack {_WORDS['missing' if absent else 'other']}")
        (missing if absent else damaged).append((NO_FOOTAGE, fault))
    gone = _given_up(db) if damaged or missing else set()
    return StoreReport(
        checked,
        tuple(finding for footage_id, finding in damaged if footage_id not in gone),
        tuple(finding for footage_id, finding in missing if footage_id not in gone),
        tuple(orphans),
    )


_WORDS = {
    "missing": "is missing.",
    "other": "is not what was put there: its bytes have changed.",
    "unreadable": "cannot be read to its end.",
    "no file": "is no plain file.",
}


class _Counting:
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


def _wanted(db: Database, store: Store) -> dict[str, _Wanted]:
    """By place."""
    wanted = {}
    with db.reading() as session:
        for footage in session.scalars(select(Footage).where(Footage.state == FootageState.HELD)):
            name = f"({footage.original_name})"
            place = _place(store, store.master_place(footage.sha256))
            wanted[place] = _Wanted(footage.sha256, f"The master {name}", footage.id)
            for file in DERIVED_FILES:
                what = f"{file} of the master {footage.sha256[:12]}... {name}"
                place = f"{DERIVED}/{footage.sha256}/{file}"
                wanted[place] = _Wanted(footage.media["derived"][file], what, footage.id)
        held = select(MachineTracks).join(Footage, MachineTracks.footage_id == Footage.id)
        for row in session.scalars(held.where(Footage.state == FootageState.HELD)):
            place = _place(store, store.tracks_place(row.file_sha256))
            wanted[place] = _Wanted(row.file_sha256, "The tracks file", row.footage_id)
    return wanted


def _files(store: Store) -> Iterator[tuple[str, int]]:
    """Place and size of all that lies in the store, but for packs, previews and work under way."""
    for entry in sorted(store.folder.iterdir()):
        if entry.name in (MASTERS, DERIVED, TRACKS):
            for path in sorted(entry.rglob("*")):
                if path.is_symlink() or not (path.is_dir() or PREVIEW.fullmatch(path.name)):
                    yield _place(store, path), path.lstat().st_size
        elif entry.name not in (PACKS, INCOMING, LOCK):
            yield entry.name, 0


def _given_up(db: Database) -> set[int]:
    with db.reading() as session:
        return set(session.scalars(select(Footage.id).where(Footage.state != FootageState.HELD)))


def _place(store: Store, path: Path) -> str:
    return str(path.relative_to(store.folder))
