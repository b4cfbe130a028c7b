"""From an approved release to a pack on disk: built once, complete, and never without its record."""

from __future__ import annotations

import json
import os
import random
import shutil
import time
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import select

from redact.audit import chain
from redact.disclose.log.release_log import load_filed
from redact.disclose.pack.packs import export
from redact.disclose.release import releases
from redact.disclose.verify.verification import verify
from redact.errors import BadUsage, NotAllowed, OutputExists, StoreDamaged, WrongState
from redact.evidence.edit_log import SentEdit, logged_edits, record
from redact.evidence.store import PACKS, Store
from redact.evidence.store_verification import verify_store
from redact.mask.edits.types import Delete
from redact.records.database import Database
from redact.schema.tables import Export, Footage
from tests.disclose.approved import FRAMES, approved, copied_home, luma, made_home
from tests.disclose.killable import edit_for_ever, export_in_a_process
from tests.killing import children


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with an approved release, to be copied."""
    folder = tmp_path_factory.mktemp("approved")
    return made_home(folder, lambda db: approved(db, Store(), folder))


@pytest.fixture
def ready(template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Database, Store]:
    return copied_home(template, tmp_path, monkeypatch), Store()


def exports(db: Database) -> list[Export]:
    with db.reading() as session:
        return list(session.scalars(select(Export)))


def sound(db: Database) -> bool:
    with db.reading() as session:
        return chain.verify(session, [db.key.public]).sound


def test_pack_holds_approved_content(ready: tuple[Database, Store], tmp_path: Path) -> None:
    db, store = ready
    done = export(db, store, "approver", "R-1#1", tmp_path / "pack", archive_password="a long password")
    assert done.new
    master = next(p for p in (store.folder / "masters").rglob("*") if p.is_file())
    verdict = verify(done.pack, master=master, trusted=db.key.public)
    assert verdict.sound, [result.text for result in verdict.results]
    copy = luma(done.pack / "01-AB-1.mp4")
    assert len(copy) == FRAMES + 125  # five seconds of slate, then every frame
    shown = copy[125:]
    assert max(int(shown[n, 50, 35 + n]) for n in range(FRAMES)) < 24
    assert int(shown[12, 130, 190]) < 24
    filed = load_filed(exports(db)[0].log.encode())
    log = json.loads((done.pack / "log.json").read_bytes())
    assert [m["class"] for m in log["masks"]] == ["face", "plate"]
    assert log["masks"][1]["first_frame"] == 125 + 8
    assert filed.log.audit_head.count < exports(db)[0].head_count + 1
    assert sound(db)


def test_pack_is_built_once_per_content(ready: tuple[Database, Store], tmp_path: Path) -> None:
    db, store = ready
    first = export(db, store, "approver", "R-1#1", tmp_path / "one")
    again = export(db, store, "officer", "R-1#1", tmp_path / "two")
    assert (first.new, again.new) == (True, False)
    for path in first.pack.iterdir():
        assert path.read_bytes() == (again.pack / path.name).read_bytes()
    assert len(exports(db)) == 1


def test_export_is_refused_without_valid_approval(ready: tuple[Database, Store], tmp_path: Path) -> None:
    db, store = ready
    target = tmp_path / "pack"
    with pytest.raises(NotAllowed):
        export(db, store, "reviewer", "R-1#1", target)
    with pytest.raises(BadUsage):
        export(db, store, "approver", "R-1#1", target, archive_password="short")
    (tmp_path / "there").mkdir()
    with pytest.raises(OutputExists):
        export(db, store, "approver", "R-1#1", tmp_path / "there")
    master = next(p for p in (store.folder / "masters").rglob("*") if p.is_file())
    master.chmod(0o600)
    content = bytearray(master.read_bytes())
    content[-1] ^= 1
    master.write_bytes(content)
    with pytest.raises(StoreDamaged):
        export(db, store, "approver", "R-1#1", target)
    content[-1] ^= 1
    master.write_bytes(content)
    record(db, "reviewer", 1, [SentEdit("op-000001", Delete(1, "no face"))], base_revision=0)
    with pytest.raises(WrongState):
        export(db, store, "approver", "R-1#1", target)
    with db.reading() as session:
        assert releases.find(session, "R-1#1").state == "draft"
    assert not target.exists()
    assert not exports(db)
    assert not list((store.folder / PACKS).iterdir())


@pytest.mark.slow
def test_export_killed_at_any_moment_leaves_no_half_pack(template: Path, tmp_path: Path) -> None:
    """``KILLS`` in the environment sets the number of rounds."""
    rounds = int(os.environ.get("KILLS", "8"))
    context = children()
    seconds = None
    for number in range(rounds + 1):
        folder = tmp_path / str(number)
        shutil.copytree(template / "home", folder / "home")
        receiver, sender = context.Pipe(duplex=False)
        arguments = (str(folder / "home"), folder / "pack", sender)
        process = context.Process(target=export_in_a_process, args=arguments)
        process.start()
        sender.close()
        assert receiver.recv() == "go"
        started = time.monotonic()
        if seconds is None:  # the first round measures the duration
            process.join()
            assert process.exitcode == 0
            seconds = time.monotonic() - started
        else:
            time.sleep(random.uniform(0, seconds * 1.05))
            process.kill()
            process.join()
        receiver.close()
        _check_consistent(folder)
        shutil.rmtree(folder)


def _check_consistent(folder: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("REDACT_HOME", str(folder / "home"))
        db, store = Database(), Store()
        assert sound(db)
        made = {row.log_id for row in exports(db)}
        packs = {p.name for p in (store.folder / PACKS).iterdir() if not p.name.endswith(".drafts")}
        assert made <= packs
        orphans = {finding.place for finding in verify_store(db, store).orphans}
        assert {f"packs/{name}" for name in packs - made} <= orphans
        if (folder / "pack").exists():
            assert verify(folder / "pack", master=None, trusted=db.key.public).sound
        done = export(db, store, "approver", "R-1#1", folder / "again")
        assert verify(done.pack, master=None, trusted=db.key.public).sound
        assert np.all(np.diff([row.id for row in exports(db)]) > 0)
        db.close()


def test_changed_pack_in_store_is_found(ready: tuple[Database, Store], tmp_path: Path) -> None:
    db, store = ready
    done = export(db, store, "approver", "R-1#1", tmp_path / "pack")
    kept = store.folder / PACKS / done.log_id
    assert verify_store(db, store).sound
    (kept / "log.csv").write_bytes(b"x")
    (kept / "log.pdf").unlink()
    (store.folder / PACKS / "Lother").mkdir()
    report = verify_store(db, store)
    assert [f.place for f in report.damaged] == [f"packs/{done.log_id}/log.csv"]
    assert [f.place for f in report.missing] == [f"packs/{done.log_id}/log.pdf"]
    assert [f.place for f in report.orphans] == ["packs/Lother"]


@pytest.mark.slow
def test_acknowledged_edit_survives_kill_at_any_moment(ready: tuple[Database, Store]) -> None:
    """``KILLS`` as above; all rounds use the same records."""
    db, _ = ready
    context = children()
    acknowledged: set[str] = set()
    for _ in range(int(os.environ.get("KILLS", "4"))):
        with db.reading() as session:
            revision = session.get_one(Footage, 1).revision
        receiver, sender = context.Pipe(duplex=False)
        process = context.Process(target=edit_for_ever, args=(os.environ["REDACT_HOME"], revision, sender))
        process.start()
        sender.close()
        assert receiver.recv() == "go"
        time.sleep(random.uniform(0, 0.4))
        process.kill()
        process.join()
        with pytest.raises(EOFError):
            while True:
                acknowledged.add(receiver.recv())
        receiver.close()
        assert sound(db)
        with db.reading() as session:
            edits = logged_edits(session, 1)
            assert [edit.revision for edit in edits] == list(range(1, session.get_one(Footage, 1).revision + 1))
        assert acknowledged <= {edit.id for edit in edits}
    assert acknowledged
