"""Accounts, cases, marks, retention and the audit trail on the command line."""

from __future__ import annotations

import json
import re
import sqlite3
from datetime import date, timedelta
from pathlib import Path

import argon2
import pypdf
import pytest

from redact.audit.keys import load_or_create
from redact.environment import NEW_PASSWORD, NEW_PASSWORD_FILE
from redact.records import accounts
from redact.records.database import FILE, Database
from tests.cli.runner import Ended, redact
from tests.retention.factory import OLD, add

PASSWORD = "correct horse battery"
ONE_TIME = re.compile(r"[a-z2-9]{4}(-[a-z2-9]{4}){3}")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Records with an administrator, an officer and an auditor, who share the password set in the environment."""
    folder = tmp_path / "home"
    monkeypatch.setenv("REDACT_HOME", str(folder))
    for variable in ("REDACT_DATABASE_URL", "REDACT_USER", "REDACT_PASSWORD_FILE", NEW_PASSWORD_FILE):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(accounts, "_HASHER", argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    monkeypatch.setenv("REDACT_PASSWORD", PASSWORD)
    monkeypatch.delenv(NEW_PASSWORD, raising=False)
    db = Database()
    for login, role in (("admin", "administrator"), ("officer", "officer"), ("auditor", "auditor")):
        account = {"full_name": login.title(), "roles": [accounts.Role(role)], "must_change": False}
        accounts.add(db, "admin", login, PASSWORD, **account)  # type: ignore[arg-type]
    db.close()
    return folder


@pytest.fixture
def nobody(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Records without accounts."""
    folder = tmp_path / "new"
    monkeypatch.setenv("REDACT_HOME", str(folder))
    return folder


def ok(*args: str | Path) -> Ended:
    ended = redact(*args)
    assert ended.code == 0, ended.err + ended.out
    return ended


def refused(code: str, *args: str | Path) -> Ended:
    ended = redact(*args, "--json")
    assert ended.code == (2 if code in ("R100", "R102", "R653") else 1), ended.err
    assert [failure["code"] for failure in ended.document["failed"]] == [code]
    return ended


COMMANDS = [
    *(f"user {name}" for name in ("add", "disable", "roles", "passwd", "list")),
    *(f"case {name}" for name in ("new", "list", "show", "change", "close", "reopen", "member", "time")),
    *(f"retention {name}" for name in ("status", "run")),
    *(f"audit {name}" for name in ("verify", "export", "head")),
    *(f"footage {name}" for name in ("change", "mark", "hold", "lift")),
]


@pytest.mark.parametrize("command", COMMANDS)
def test_records_help_has_an_example(command: str) -> None:
    assert f"Example: redact {command}" in " ".join(ok(*command.split(), "--help").out.split())


def test_first_account_gets_one_time_password(nobody: Path) -> None:
    document = ok("user", "add", "chief", "--role", "administrator", "--json").document
    password = document["password"]
    assert ONE_TIME.fullmatch(password)
    assert (document["person"]["roles"], document["person"]["must_change"]) == (["administrator"], True)
    # It can only be used to set a new password.
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("REDACT_PASSWORD", password)
        refused("R655", "user", "list", "--as", "chief")
        patch.setenv(NEW_PASSWORD, PASSWORD)
        changed = ok("user", "passwd", "chief", "--as", "chief", "--json").document
        assert "password" not in changed
    assert password not in ok("user", "list", "--as", "chief", "--json").out
    assert password.encode() not in (nobody / "records" / FILE).read_bytes()
    refused("R100", "user", "add", "second", "--role", "administrator")


def test_first_account_takes_password_from_environment(nobody: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(NEW_PASSWORD, PASSWORD)
    refused("R653", "user", "add", "chief", "--role", "officer")
    document = ok("user", "add", "chief", "--role", "administrator", "--role", "auditor", "--json")
    assert PASSWORD not in document.out + document.err
    ok("user", "list", "--as", "chief")


def test_user_commands_manage_accounts(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = ok("user", "add", "jo", "--name", "Jo Smith", "--role", "reviewer", "--as", "admin").out
    password = ONE_TIME.search(shown)
    assert password
    refused("R655", "user", "passwd", "jo", "--as", "jo")  # wrong password
    # From files, as a script would: the old password and the new.
    (tmp_path / "old").write_text(password[0] + "\n")
    (tmp_path / "new").write_text("a brand new password\n")
    with monkeypatch.context() as patch:
        patch.setenv("REDACT_PASSWORD_FILE", str(tmp_path / "old"))
        patch.setenv(NEW_PASSWORD_FILE, str(tmp_path / "new"))
        ok("user", "passwd", "jo", "--as", "jo")
    # An administrator sets a one-time password.
    given = ok("user", "passwd", "jo", "--as", "admin", "--json").document
    assert ONE_TIME.fullmatch(given["password"])
    refused("R654", "user", "passwd", "jo", "--as", "officer")
    refused("R654", "user", "add", "x1", "--role", "officer", "--as", "officer")
    refused("R100", "user", "add", "x1", "--role", "king", "--as", "admin")
    refused("R654", "user", "roles", "jo", "--role", "officer", "--reason", "new post", "--as", "officer")
    refused("R653", "user", "roles", "admin", "--role", "officer", "--reason", "new post", "--as", "admin")
    ok("user", "roles", "jo", "--role", "officer", "--reason", "new post", "--as", "admin")
    ok("user", "roles", "jo", "--role", "reviewer", "--reason", "back again", "--as", "admin")
    ok("user", "disable", "jo", "--reason", "left", "--as", "admin")
    rows = ok("user", "list", "--as", "auditor").out
    assert re.search(r"jo +Jo Smith +reviewer +disabled +20\d\d-\d\d-\d\d \d\d:\d\d:\d\d [A-Z]", rows)
    refused("R653", "user", "disable", "admin", "--reason", "tired", "--as", "admin")


def test_case_commands_from_receipt_to_closing(home: Path) -> None:
    today = date.today()
    say = ("--as", "officer", "--json")
    document = ok(
        "case", "new", "FOI-1", "--kind", "foi", "--title", "Arrest", "--received", "2026-05-01", *say
    ).document
    assert (document["case"]["due_on"], document["case"]["state"]) == ("2026-06-02", "open")  # two bank holidays
    due = today + timedelta(3)
    ok("case", "new", "CC-1", "--kind", "court", "--title", "R v S", "--due", str(due), "--detail", "urn=17", *say)
    ok("case", "new", "IN-1", "--kind", "internal", "--title", "Training", *say)
    listed = ok("case", "list", "--as", "auditor").out
    assert f"overdue by {(today - date(2026, 6, 2)).days} days" in listed
    assert "due in 3 days" in listed
    assert "no due date" in listed
    assert [line.split()[0] for line in listed.splitlines()[1:]] == ["FOI-1", "CC-1", "IN-1"]
    ok("case", "change", "CC-1", "--due", str(due + timedelta(1)), "--reason", "adjourned", *say)
    ok("case", "time", "FOI-1", "--locating", "45", *say)
    ok("case", "time", "FOI-1", "--redacting", "600", *say)
    ok("case", "member", "FOI-1", "officer", "--role", "disclosure officer", *say)
    shown = ok("case", "show", "FOI-1", "--as", "auditor").out
    assert "45 minutes locating" in shown
    assert "600 minutes redacting (do not)" in shown
    assert "disclosure officer: Officer (officer)" in shown
    assert "due on 2026-06-02 (20 working days, england-and-wales), overdue by" in shown
    ok("case", "close", "FOI-1", "--reason", "answered", *say)
    assert "FOI-1" not in ok("case", "list", "--as", "auditor").out
    assert "closed" in ok("case", "list", "--all", "--as", "auditor").out
    refused("R657", "case", "time", "FOI-1", "--locating", "1", "--as", "officer")
    ok("case", "reopen", "FOI-1", "--reason", "review", *say)
    for wrong in (
        ("case", "change", "CC-1", "--due", "tomorrow", "--reason", "r"),
        ("case", "change", "CC-1", "--detail", "urn", "--reason", "r"),
        ("case", "new", "X", "--kind", "civil", "--title", "t"),
        ("case", "new", "X", "--kind", "foi", "--nation", "wessex", "--title", "t"),
    ):
        refused("R100", *wrong, "--as", "officer")
    refused("R654", "case", "new", "X", "--kind", "foi", "--title", "t", "--as", "auditor")


def test_retention_run_keeps_marked_footage(home: Path) -> None:
    db = Database()
    kept, due = add(db, "kept", recorded=OLD), add(db, "due", recorded=OLD)
    db.close()
    ok("footage", "mark", kept[:10], "--reason", "shows the assault", "--as", "officer")
    held = ok(
        "footage", "hold", kept, "--kind", "legal-hold", "--reason", "claim 17", "--as", "officer", "--json"
    ).document
    refused("R100", "footage", "hold", kept, "--kind", "evidence", "--reason", "r", "--as", "officer")
    refused("R653", "footage", "lift", kept, "--reason", "which?", "--as", "officer")
    shown = ok("retention", "status", "--as", "auditor").out
    assert "by officer: shows the assault; [2] legal-hold since" in shown
    assert re.search(r"overdue by \d+ days: the next run disposes of it", shown)
    assert [
        one["sha256"] for one in ok("retention", "status", "--due", "--as", "auditor", "--json").document["footage"]
    ] == [due]

    refused("R654", "retention", "run", "--dispose", "--as", "officer")
    dry = ok("retention", "run", "--as", "admin")
    assert "1 would be disposed of. Nothing was deleted" in dry.out
    assert list((home / "store").rglob(due))
    document = ok(
        "retention", "run", "--dispose", "--organisation", "Example Police", "--as", "admin", "--json"
    ).document
    assert [one["sha256"] for one in document["disposed"]] == [due]
    assert not list((home / "store").rglob(due))
    assert list((home / "store").rglob(kept))
    (certificate,) = map(Path, document["certificates"])
    text = "".join(page.extract_text() for page in pypdf.PdfReader(certificate).pages)
    assert "Certificate of disposal" in text
    assert due in re.sub(r"\s", "", text)
    assert "Nothing is due for disposal" in ok("retention", "run", "--dispose", "--as", "admin").out

    # A certificate missing from an earlier run is written.
    certificate.unlink()
    assert str(certificate) in ok("retention", "run", "--dispose", "--as", "admin").out
    refused("R657", "footage", "mark", due, "--reason", "too late", "--as", "officer")
    ok("footage", "lift", kept, "--mark", str(held["mark"]), "--reason", "settled", "--as", "officer")
    ok("footage", "lift", kept, "--kind", "evidence", "--reason", "case dropped", "--as", "officer")
    ok("audit", "verify", "--as", "auditor")


def test_audit_verify_records_head_and_finds_changes(home: Path) -> None:
    first = ok("audit", "verify", "--as", "auditor", "--json").document
    assert (first["known_heads"], first["failed"]) == (0, [])
    ok("case", "new", "IN-1", "--kind", "internal", "--title", "t", "--as", "officer")
    second = ok("audit", "verify", "--as", "auditor").out
    assert f"{first['events'] + 1} events, no faults; earlier chain heads compared: 1." in second
    head = ok("audit", "head", "--as", "auditor", "--json").document["head"]
    noted = [json.loads(line) for line in (home / "audit" / "heads.jsonl").read_text().splitlines()]
    assert {**noted[-1], **head} == noted[-1]
    for value in (head["hash"], head["merkle_root"], head["key_fingerprint"]):
        assert value in second
    refused("R654", "audit", "verify", "--as", "officer")
    refused("R654", "audit", "head", "--as", "officer")
    refused("R100", "audit", "verify")

    with sqlite3.connect(home / "records" / FILE) as raw:
        raw.execute("DROP TRIGGER events_no_update")
        raw.execute("UPDATE events SET actor = 'ben' WHERE seq = 2")
    broken = redact("audit", "verify", "--as", "auditor", "--json")
    assert broken.code == 1
    assert [(f["code"], f["event"]) for f in broken.document["failed"]] == [("R656", 2)]
    assert "Event 2 has been altered." in broken.err
    assert len((home / "audit" / "heads.jsonl").read_text().splitlines()) == 2


def test_audit_verify_rejects_untrusted_key_in_database(home: Path, tmp_path: Path) -> None:
    other = Database(key=load_or_create(tmp_path / "keys"))
    with other.writing("officer") as work:
        work.event("note.made", "x", {})
    other.close()
    assert "key that is not trusted" in redact("audit", "verify", "--as", "auditor").err
    # Unless somebody vouches for the key: another installation with the same records.
    (tmp_path / "other.pem").write_bytes(other.key.public.pem)
    ok("audit", "verify", "--key", tmp_path / "other.pem", "--as", "auditor")


def test_audit_export_is_verified_elsewhere(home: Path, tmp_path: Path) -> None:
    ok("case", "new", "IN-1", "--kind", "internal", "--title", "t", "--as", "officer")
    trail, pdf, part = tmp_path / "trail.jsonl", tmp_path / "trail.pdf", tmp_path / "part.jsonl"
    document = ok("audit", "export", "-o", trail, "--pdf", pdf, "--as", "auditor", "--json").document
    assert document["files"] == [str(trail), str(pdf)]
    text = "".join(page.extract_text() for page in pypdf.PdfReader(pdf).pages)
    assert "case.opened" in text
    ok("audit", "export", "-o", part, "--subject", "case:IN-1", "--as", "auditor")
    assert ok("audit", "head", "--as", "auditor", "--json").document["head"]["count"] == 7

    key = tmp_path / "key.pem"
    key.write_bytes(load_or_create(home / "keys").public.pem)
    for file, count in ((trail, 5), (part, 1)):
        checked = ok("audit", "verify", "--file", file, "--key", key, "--json").document
        assert (checked["events"], checked["own_key"]) == (count, False)
    assert "compare its fingerprint" in ok("audit", "verify", "--file", trail).out
    trail.write_text(trail.read_text().replace('"actor":"officer"', '"actor":"auditor"'))
    forged = redact("audit", "verify", "--file", trail, "--key", key)
    assert forged.code == 1
    assert "has been altered" in forged.err

    refused("R110", "audit", "export", "-o", trail, "--as", "auditor")
    ok("audit", "export", "-o", trail, "--overwrite", "--as", "auditor")
    refused("R100", "audit", "export", "--as", "auditor")
    refused("R102", "audit", "export", "-o", trail, "--pdf", trail, "--overwrite", "--as", "auditor")
    refused("R654", "audit", "export", "-o", tmp_path / "x", "--as", "officer")
    assert not (tmp_path / "x").exists()
