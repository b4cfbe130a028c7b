from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import argon2
import pytest

from redact.evidence.store import Store
from redact.records import accounts, cases
from redact.records.accounts import Role
from redact.records.database import Database
from redact.records.deadlines import CaseKind
from tests.cli.runner import QUICK, Ended, redact
from tests.media.clips import AudioSpec, make_clip

PASSWORD = "correct horse battery"


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Ended]]:
    """Runs a command on records with two cases."""
    monkeypatch.setenv("REDACT_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("REDACT_DATABASE_URL", raising=False)
    monkeypatch.setenv("REDACT_PASSWORD", PASSWORD)
    monkeypatch.setattr(accounts, "_HASHER", argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    db = Database()
    for name, role in (("admin", Role.ADMINISTRATOR), ("officer", Role.OFFICER), ("auditor", Role.AUDITOR)):
        accounts.add(db, "admin", name, PASSWORD, full_name=name, roles=[role], must_change=False)
    for reference in ("FOI-1", "FOI-2"):
        cases.open_case(db, "officer", reference, kind=CaseKind.FOI, title="A stop", received=date(2026, 5, 4))
    db.close()
    yield redact


def add(run: Callable[..., Ended], *files: Path, case: str = "FOI-1") -> Ended:
    return run("footage", "add", *files, "--case", case, "--as", "officer", "--json")


def test_footage_commands_from_add_to_detect(run: Callable[..., Ended], tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "clip.mp4", audio=[AudioSpec()])
    options = ("--exhibit", "JS/1", "--wearer", "PC 1", "--start", "2026-05-01T11:00:00+01:00", "--pre-event", "30")
    ended = run("footage", "add", clip, "--case", "FOI-1", *options, "--as", "officer")
    assert ended.code == 0, ended.err
    assert "exhibit JS/1 of case FOI-1, 12 frames" in ended.out and "no sound for the first 30 s" in ended.out
    assert add(run, clip, case="FOI-2").code == 0
    listed = run("footage", "list", "--case", "FOI-2", "--as", "auditor", "--json").document["footage"]
    assert [(e["case"], e["reference"]) for e in listed[0]["exhibits"]] == [("FOI-1", "JS/1"), ("FOI-2", "BWV-1")]
    assert listed[0]["recorded_start"] == "2026-05-01T10:00:00+00:00"
    shown = run("footage", "show", "JS/1", "--case", "FOI-1", "--as", "auditor", "--json").document["footage"]
    assert shown["sha256"] == listed[0]["sha256"] and shown["media"]["frames"] == 12
    assert "exhibit JS/1 of case FOI-1" in run("footage", "show", shown["sha256"][:8], "--as", "auditor").out
    change = ("--wearer", "PC 2", "--reason", "typo", "--as", "officer", "--json")
    changed = run("footage", "change", "JS/1", "--case", "FOI-1", *change)
    assert changed.code == 0 and changed.document["footage"]["wearer"] == "PC 2"
    ended = run("footage", "detect", "JS/1", "--case", "FOI-1", "--as", "officer", *QUICK, "--json")
    assert ended.code == 0, ended.err
    assert ended.document["sha256"] == shown["sha256"]
    assert Store().tracks(ended.document["tracks_sha256"]).is_file()
    assert run("store", "verify", "--json").document["checked"] == 5


def test_footage_add_continues_after_bad_file(run: Callable[..., Ended], tmp_path: Path) -> None:
    bad = tmp_path / "bad.mp4"
    bad.write_bytes(b"no footage")
    files = [make_clip(tmp_path / "a.mp4", frames=3), bad, make_clip(tmp_path / "b.mp4", frames=4)]
    ended = add(run, *files)
    assert ended.code == 1
    assert [one["original_name"] for one in ended.document["footage"]] == ["a.mp4", "b.mp4"]
    assert [(one["file"], one["code"]) for one in ended.document["failed"]] == [(str(bad), "R202")]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("--case", "FOI-9", "--as", "officer"), 1, "R651"),
        (("--case", "FOI-1", "--as", "auditor"), 1, "R654"),
        (("--case", "FOI-1", "--as", "nobody"), 1, "R655"),
        (("--case", "FOI-1", "--as", "officer", "--start", "2026-05-01T11:00:00"), 2, "zone"),  # no time zone
        (("--case", "FOI-1", "--as", "officer", "--pre-event", "121"), 2, "0 to 120"),
    ],
)
def test_footage_add_refuses_bad_arguments(
    run: Callable[..., Ended], tmp_path: Path, arguments: tuple[str, ...], code: int, message: str
) -> None:
    ended = run("footage", "add", make_clip(tmp_path / "a.mp4", frames=2), *arguments)
    assert (ended.code, message in ended.err) == (code, True), ended.err
    assert run("footage", "list", "--as", "auditor", "--json").document["footage"] == []


def test_store_verify_names_damaged_and_orphan_files(run: Callable[..., Ended], tmp_path: Path) -> None:
    sha256 = add(run, make_clip(tmp_path / "a.mp4", frames=2)).document["footage"][0]["sha256"]
    assert run("store", "verify").code == 0
    master = Store().master(sha256)
    data = bytearray(master.read_bytes())
    data[100] ^= 1
    master.chmod(0o644)
    master.write_bytes(data)
    (master.parent / "stray").touch()
    ended = run("store", "verify")
    assert ended.code == 1
    assert f"damaged: masters/{sha256[:2]}/{sha256}: The master (a.mp4)" in ended.out
    assert f"orphan: masters/{sha256[:2]}/stray" in ended.out
    failed = run("store", "verify", "--json").document["failed"]
    assert [one["kind"] for one in failed] == ["damaged", "orphans"]
