from __future__ import annotations

import hashlib
import json
import os
import resource
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import select

from redact.errors import InputMissing, SourceChanged, StoreDamaged, StoreFull, StoreNotWritable
from redact.evidence.machine_tracks import add_machine_tracks
from redact.evidence.store import DERIVED_FILES, Staging, Store
from redact.evidence.store_verification import StoreReport, clean_store, verify_store
from redact.records.database import Database
from redact.schema.tables import Event, Footage
from tests.cli.runner import listing
from tests.evidence.factory import add_clip, tracks_of

MIB = 1 << 20


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def stage(store: Store, staged: Staging, data: bytes = b"footage") -> str:
    """Stage a master with its derived files, ready to be published."""
    source = store.folder.parent / "source"
    source.write_bytes(data)
    for name in DERIVED_FILES:
        (staged.folder / name).write_bytes(name.encode())
        staged.seal(name)
    return staged.copy_in(source).sha256


def test_copy_into_store_is_identical(home: Path) -> None:
    store = Store()
    source = home.parent / "in.mp4"
    data = os.urandom(2 * MIB + 5)
    source.write_bytes(data)
    calls: list[tuple[str, int, int | None]] = []
    with store.staging() as staged:
        copied = staged.copy_in(source, lambda *call: calls.append(call))
        assert staged.master.read_bytes() == data
        assert (copied.sha256, copied.size) == (hashlib.sha256(data).hexdigest(), len(data))
        assert (mode(staged.folder), mode(staged.master)) == (0o700, 0o444)
    assert calls[-1] == ("store", len(data), len(data))
    assert list((store.folder / "incoming").iterdir()) == []


def replaced(source: Path) -> None:
    """Replace the source with a file of the same bytes and times."""
    status = source.stat()
    twin = source.with_suffix(".twin")
    twin.write_bytes(source.read_bytes())
    os.utime(twin, ns=(status.st_atime_ns, status.st_mtime_ns))
    twin.replace(source)


CHANGES: dict[str, Callable[[Path], object]] = {
    "grown": lambda source: source.open("ab").write(b"x"),
    "cut": lambda source: os.truncate(source, MIB + 1),
    # Bytes that have already been read, without changing the size.
    "overwritten": lambda source: source.open("r+b").write(b"x"),
    "replaced": replaced,
    "removed": lambda source: source.unlink(),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_copy_of_changing_source_is_refused(home: Path, change: Callable[[Path], object]) -> None:
    source = home.parent / "in.mp4"
    source.write_bytes(bytes(2 * MIB))
    os.utime(source, (1, 1))

    def at_half(stage: str, done: int, total: int | None) -> None:
        if done == MIB:
            change(source)

    store = Store()
    with store.staging() as staged, pytest.raises(SourceChanged):
        staged.copy_in(source, at_half)
    assert listing(store.folder) == {"lock": hashlib.sha256().hexdigest()}


def test_full_disk_is_reported(home: Path) -> None:
    source = home.parent / "in.mp4"
    source.write_bytes(bytes(2 * MIB))
    store = Store()
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    with store.staging() as staged:
        resource.setrlimit(resource.RLIMIT_FSIZE, (MIB, before[1]))
        try:
            with pytest.raises(StoreFull):
                staged.copy_in(source)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert list((store.folder / "incoming").iterdir()) == []


@pytest.mark.parametrize("name", ["folder", "pipe", "nothing"])
def test_copy_of_non_file_is_refused(home: Path, name: str) -> None:
    (home.parent / "folder").mkdir()
    os.mkfifo(home.parent / "pipe")
    with Store().staging() as staged, pytest.raises(InputMissing):
        staged.copy_in(home.parent / name)


def test_leftovers_are_removed_but_not_live_work(home: Path) -> None:
    store = Store()
    dead = store.folder / "incoming" / "0123456789abcdef"
    dead.mkdir()
    (dead / "lock").touch()
    (dead / "half a master").write_bytes(b"...")
    (store.folder / "incoming" / "stray").touch()
    with store.staging() as living:
        assert not dead.exists()
        (living.folder / "work").touch()
        with Store().staging() as other:
            assert (living.folder / "work").exists()
            assert store.leftovers() == []
        assert not other.folder.exists()


def test_failed_publication_leaves_store_unchanged(home: Path) -> None:
    store = Store()

    def fail(recorded: Callable[[str], bool]) -> str:
        with store.staging() as staged, pytest.raises(RuntimeError), store.publishing(recorded) as publication:
            sha256 = stage(store, staged)
            publication.footage(staged, sha256)
            assert store.master(sha256).read_bytes() == b"footage"
            raise RuntimeError
        return sha256

    (store.folder / "lock").touch()
    before = listing(store.folder)
    sha256 = fail(lambda _: False)
    assert listing(store.folder) == before
    # The transaction was committed, or its outcome is unknown: nothing is removed.
    for recorded in (lambda _: True, lambda _: 1 // 0 == 0):
        fail(recorded)
        assert store.master(sha256).read_bytes() == b"footage"
    # A file left by an earlier process is not removed, but its bytes are replaced.
    store.master(sha256).chmod(0o644)
    store.master(sha256).write_bytes(b"half")
    fail(lambda _: False)
    assert store.verified_master(sha256).read_bytes() == b"footage"


def test_store_that_cannot_be_created_is_reported(home: Path) -> None:
    home.mkdir()
    (home / "store").mkdir()
    (home / "store" / "masters").touch()
    with pytest.raises(StoreNotWritable):
        Store()


def test_store_paths_cannot_escape_the_store(home: Path) -> None:
    with pytest.raises(ValueError, match="SHA-256"):
        Store().master("../../etc/passwd")


def flip(path: Path) -> None:
    path.chmod(0o644)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def link(path: Path) -> None:
    """Replace the file with a symlink to the right bytes elsewhere, where anyone could change them."""
    path.rename(path.with_name("moved"))
    path.symlink_to("moved")


def remove(path: Path) -> None:
    path.unlink()


def add(path: Path) -> None:
    path.with_name("0" * 64).touch()


HARM: dict[str, tuple[Callable[[Path], None], str]] = {
    "flipped bit": (flip, "damaged"),
    "link": (link, "damaged"),
    "removed": (remove, "missing"),
    "added": (add, "orphans"),
}


@pytest.mark.usefixtures("staff")
@pytest.mark.parametrize("db", ["sqlite"], indirect=True)
def test_verification_reports_damaged_missing_and_orphan_files(db: Database, tmp_path: Path) -> None:
    footage = add_clip(db, tmp_path)
    tracks = add_machine_tracks(db, "officer", footage, tracks_of(footage))
    store = Store()
    assert (found := verify_store(db, store)).sound and found.checked == 5
    files = {
        f"masters/{footage.sha256[:2]}/{footage.sha256}": "clip.mp4",
        f"derived/{footage.sha256}/frames.npz": "frames.npz",
        f"derived/{footage.sha256}/strip.jpg": "strip.jpg",
        f"derived/{footage.sha256}/proxy.mp4": "proxy.mp4",
        f"tracks/{tracks.file_sha256}.tracks.json": "tracks file",
    }
    backup = {place: (store.folder / place).read_bytes() for place in files}
    for place, name in files.items():
        path = store.folder / place
        for harm, (act, kind) in HARM.items():
            act(path)
            report = verify_store(db, store)
            assert not report.sound
            findings = getattr(report, kind)
            assert [f.place for f in findings] == [
                place if kind != "orphans" else f"{path.parent.relative_to(store.folder)}/{'0' * 64}"
            ], harm
            assert kind == "orphans" or name in findings[0].what
            restore(path, backup[place])
            assert verify_store(db, store).sound


def restore(path: Path, data: bytes) -> None:
    for each in path.parent.iterdir():
        if each.name in (path.name, "moved", "0" * 64):
            each.unlink()
    path.write_bytes(data)


@pytest.mark.usefixtures("staff")
@pytest.mark.parametrize("db", ["sqlite"], indirect=True)
def test_verification_reports_leftovers_and_undisposed_files(db: Database, tmp_path: Path) -> None:
    footage = add_clip(db, tmp_path)
    store = Store()
    (store.folder / "incoming" / "dead").mkdir()
    (store.folder / "notes.txt").touch()
    (store.folder / "packs" / "pack").mkdir()
    assert places(verify_store(db, store)) == ["notes.txt", "incoming/dead", "packs/pack"]
    with db.writing("officer") as work:
        work.session.get_one(Footage, footage.id).state = "disposed"
        work.event("footage.disposed", "footage:x", {})
    assert len(places(verify_store(db, store))) == 3 + 4
    removed = store.dispose(footage.sha256)
    assert len(removed) == 4 and store.dispose(footage.sha256) == ()
    assert places(verify_store(db, store)) == ["notes.txt", "incoming/dead", "packs/pack"]


@pytest.mark.usefixtures("staff")
@pytest.mark.parametrize("db", ["sqlite"], indirect=True)
def test_cleaning_removes_leftovers_but_no_master_and_no_pack(db: Database, tmp_path: Path) -> None:
    footage = add_clip(db, tmp_path)
    add_machine_tracks(db, "officer", footage, tracks_of(footage))
    store = Store()
    going = "cd" * 32
    with db.bookkeeping() as session:  # footage that is being disposed of
        known = session.get_one(Footage, footage.id)
        columns = {c.key: getattr(known, c.key) for c in Footage.__table__.columns if c.key not in ("id", "sha256")}
        session.add(Footage(**{**columns, "sha256": going, "state": "disposing"}))
    preview = f"preview-{'e' * 64}-1.mp4"
    gone = [
        f"derived/{'0' * 64}/proxy.mp4",
        f"derived/{'0' * 64}/{preview}",  # footage that was never recorded
        f"derived/{footage.sha256}/proxy.mp4.part",
        f"tracks/{'0' * 64}.tracks.json",
        "incoming/dead/half",
    ]
    stays = [
        f"masters/00/{'0' * 64}",
        "packs/pack/statement.dsse.json",
        f"derived/{footage.sha256}/{preview}",
        f"derived/{going}/proxy.mp4",
        "notes.txt",
    ]
    with store.staging() as staged:  # live work
        stays.append(f"{staged.folder.relative_to(store.folder)}/lock")
        for place in [*gone, *stays]:
            (store.folder / place).parent.mkdir(parents=True, exist_ok=True)
            (store.folder / place).touch()
        before = listing(store.folder)
        removed = clean_store(db, store)
        assert sorted(removed) == sorted([*gone[:-1], "incoming/dead"])
        assert before.keys() - listing(store.folder).keys() == set(gone)
        assert clean_store(db, store) == []
    with db.reading() as session:
        (event,) = session.scalars(select(Event).where(Event.kind == "store.cleaned"))
        assert json.loads(event.body)["files"] == len(gone)


def places(report: StoreReport) -> list[str]:
    assert not report.damaged and not report.missing
    return [finding.place for finding in report.orphans]


def test_verified_master_checks_every_byte(home: Path) -> None:
    store = Store()
    with store.staging() as staged, store.publishing(lambda _: True) as publication:
        sha256 = stage(store, staged)
        publication.footage(staged, sha256)
    assert store.verified_master(sha256) == store.master(sha256)
    flip(store.master(sha256))
    with pytest.raises(StoreDamaged):
        store.verified_master(sha256)
    store.master(sha256).unlink()
    with pytest.raises(StoreDamaged):
        store.verified_master(sha256)
