"""``redact verify``: table, exit codes, JSON, and trusted keys."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from redact.audit.keys import load_or_create
from tests.cli.runner import Ended, redact
from tests.disclose.packs import Made, make_pack


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    home = tmp_path_factory.mktemp("verify")
    (home / "home").mkdir(mode=0o700)
    return make_pack(home / "pack", home / "home" / "keys")


def run(*args: str | Path) -> Ended:
    return redact("verify", *args)


def test_verify_accepts_genuine_pack(made: Made) -> None:
    ended = run(made.folder, "--key", made.at("public-key.pem"), "--master", made.master)
    assert ended.code == 0, ended.out
    lines = ended.out.splitlines()
    for what in ("signature", "signer", "files", "log", "audit head", "C2PA manifest", "boxes", "frames", "masks"):
        assert any(line.startswith(what) and " held " in line for line in lines), what
    assert lines[-1] == "No proof is broken."


def test_verify_rejects_forged_pack(made: Made, tmp_path: Path) -> None:
    forged = Path(shutil.copytree(made.folder, tmp_path / "forged"))
    (forged / "extra\x1b[31m.txt").write_text("")
    ended = run(forged, "--key", made.at("public-key.pem"), "--json")
    assert ended.code == 1
    document = ended.document
    assert document["ok"] is False and document["signer_trusted"] is True
    (failed,) = document["failed"]
    assert (failed["code"], failed["proof"]) == ("R642", "files")
    found = {p["proof"]: p["state"] for p in document["proofs"]}
    assert found["files"] == "broken" and found["signature"] == "held"
    # A name in the pack cannot control the terminal.
    assert "\x1b" not in run(forged).out


def test_verify_trusts_own_installation_key(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    home = made.folder.parent / "home"
    monkeypatch.setenv("REDACT_HOME", str(home))
    assert json.loads(run(made.folder, "--json").out)["signer_trusted"] is True
    # Another installation does not trust it.
    other = home.with_name("other-home")
    load_or_create_in(other)
    monkeypatch.setenv("REDACT_HOME", str(other))
    assert run(made.folder).code == 1
    # An installation without a key reports the signer as not checked.
    monkeypatch.setenv("REDACT_HOME", str(home.with_name("no-home")))
    ended = run(made.folder)
    assert ended.code == 0
    (line,) = (line for line in ended.out.splitlines() if line.startswith("signer"))
    assert " absent " in line and made.key.fingerprint in line
    assert "not checked" in ended.out.splitlines()[-1]
    assert not home.with_name("no-home").exists()


def load_or_create_in(home: Path) -> None:
    home.mkdir(mode=0o700)
    load_or_create(home / "keys")


def test_verify_rejects_file_without_proof(made: Made, tmp_path: Path) -> None:
    alone = Path(shutil.copy(made.master, tmp_path / "bare.mp4"))
    ended = run(alone)
    assert ended.code == 1


@pytest.mark.parametrize(
    "given", [("nowhere",), ("pack.zip",), ("pack", "--key", "nowhere.pem"), ("pack", "--master", "x")]
)
def test_verify_reports_missing_input_in_one_line(given: tuple[str, ...], made: Made, tmp_path: Path) -> None:
    shutil.copytree(made.folder, tmp_path / "pack")
    (tmp_path / "pack.zip").write_bytes(b"PK\x03\x04")
    ended = run(*(arg if arg.startswith("--") else tmp_path / arg for arg in given))
    assert ended.code == 1
    assert ended.err.count("\n") == 1 and "Traceback" not in ended.err
