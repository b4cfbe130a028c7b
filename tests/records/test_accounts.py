from __future__ import annotations

import json
import threading
from typing import Any

import argon2
import pytest
from sqlalchemy import select

from redact.errors import BadRecord, NotAllowed, RecordExists, RecordMissing, SignInFailed
from redact.records import accounts
from redact.records.accounts import Right, Role
from redact.records.database import Database
from redact.schema.tables import Event, Person
from tests.records.fixtures import PASSWORD

NEW = "another battery staple"


def add(db: Database, name: str, *roles: Role, actor: str = "admin", password: str = NEW, **more: Any) -> Person:
    values: dict[str, Any] = {"full_name": "", "must_change": False, **more}
    return accounts.add(db, actor, name, password, roles=roles or [Role.OFFICER], **values)


def get(db: Database, name: str) -> Person:
    with db.reading() as session:
        return accounts.find(session, name)


def act(db: Database, name: str, right: Right) -> None:
    with db.writing(name) as work:
        accounts.authorise_actor(work, right)
        work.event("note.made", "x", {})


def test_first_account_must_be_administrator(db: Database) -> None:
    with pytest.raises(BadRecord, match="administrator"):
        add(db, "first", Role.OFFICER, actor="first")
    add(db, "first", Role.ADMINISTRATOR, actor="first")
    with pytest.raises(RecordMissing):
        add(db, "second", Role.ADMINISTRATOR, actor="second")


def test_first_account_is_added_only_once(db: Database) -> None:
    errors: list[Exception] = []

    def first(name: str) -> None:
        try:
            add(db, name, Role.ADMINISTRATOR, actor=name)
        except RecordMissing as error:
            errors.append(error)

    threads = [threading.Thread(target=first, args=(f"p{n}",)) for n in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(errors) == 2


@pytest.mark.usefixtures("staff")
def test_failed_sign_ins_are_indistinguishable(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    accounts.disable(db, "admin", "ben", "left")
    hasher, verified = accounts._HASHER, list[str]()

    class CountingHasher:
        def verify(self, hashed: str, password: bytes) -> bool:
            verified.append(hashed)
            return hasher.verify(hashed, password)

    monkeypatch.setattr(accounts, "_HASHER", CountingHasher())
    texts = set()
    wrong = [
        ("nobody", PASSWORD),
        ("anna", PASSWORD + "!"),
        ("anna", ""),
        ("anna", PASSWORD.upper()),
        ("anna", PASSWORD + "x" * 2000),  # longer than the limit
        ("anna", "\ud800"),  # undecodable bytes in the environment
        ("ben", PASSWORD),  # disabled
        ("", PASSWORD),
    ]
    for name, password in wrong:
        with pytest.raises(SignInFailed) as caught:
            accounts.authenticate(db, name, password)
        texts.add(caught.value.text)
    assert len(texts) == 1
    assert len(verified) == len(wrong)
    assert accounts.authenticate(db, " ANNA ", PASSWORD).name == "anna"


def test_passwords_are_stored_as_argon2id(db: Database) -> None:
    # The minimum OWASP recommends: 19 MiB and two passes.
    add(db, "first", Role.ADMINISTRATOR, actor="first")
    stored = get(db, "first").password_hash
    parameters = argon2.extract_parameters(stored)
    assert parameters.type is argon2.Type.ID
    assert parameters.memory_cost >= 19 * 1024
    assert parameters.time_cost >= 2
    assert NEW not in stored
    accounts.set_password(db, "first", "first", PASSWORD)
    assert argon2.extract_parameters(get(db, "first").password_hash) == parameters


@pytest.mark.usefixtures("staff")
def test_passwords_are_absent_from_audit_trail(db: Database) -> None:
    add(db, "carl", password="a secret that is secret")
    accounts.set_password(db, "admin", "carl", "a secret that is new")
    with db.reading() as session:
        bodies = "\n".join(event.body for event in session.scalars(select(Event)))
    assert "secret" not in bodies
    assert "argon2" not in bodies


@pytest.mark.usefixtures("staff")
def test_passwords_are_unicode_normalised(db: Database) -> None:
    add(db, "carl", password="Zo\u00eb and Zo\u00eb")
    accounts.authenticate(db, "carl", "Zoe\u0308 and Zoe\u0308")


@pytest.mark.parametrize("password", ["", "123456789", "x" * 1025])
@pytest.mark.usefixtures("staff")
def test_password_length_is_limited(db: Database, password: str) -> None:
    with pytest.raises(BadRecord, match="10 to 1024"):
        add(db, "carl", password=password)
    with pytest.raises(BadRecord, match="10 to 1024"):
        accounts.set_password(db, "anna", "anna", password)


@pytest.mark.usefixtures("staff")
def test_last_administrator_cannot_be_disabled(db: Database) -> None:
    with pytest.raises(BadRecord, match="last administrator"):
        accounts.disable(db, "admin", "admin", "tired")
    add(db, "second", Role.ADMINISTRATOR, Role.AUDITOR)
    accounts.disable(db, "second", "admin", "retired")
    with pytest.raises(BadRecord, match="last administrator"):
        accounts.disable(db, "second", "second", "tired")
    act(db, "second", Right.ADMINISTER)


@pytest.mark.usefixtures("staff")
def test_roles_are_replaced_with_reason(db: Database) -> None:
    accounts.set_roles(db, "admin", "anna", [Role.OFFICER, Role.APPROVER], "new post")
    assert get(db, "anna").roles == ["approver", "officer"]
    with db.reading() as session:
        event = session.scalars(select(Event).where(Event.kind == "person.roles-set")).one()
    assert json.loads(event.body) == {
        "reason": "new post",
        "before": ["reviewer"],
        "after": ["approver", "officer"],
    }
    accounts.disable(db, "admin", "ben", "left")
    refused: list[tuple[str, list[Role], str, str]] = [
        ("anna", [Role.APPROVER, Role.OFFICER], "again", "already has exactly these roles"),
        ("anna", [], "none", "at least one role"),
        ("anna", [Role.OFFICER], " ", "reason is missing"),
        ("ben", [Role.OFFICER], "back", "disabled"),
        ("admin", [Role.OFFICER], "tired", "last administrator"),
    ]
    for name, roles, reason, text in refused:
        with pytest.raises(BadRecord, match=text):
            accounts.set_roles(db, "admin", name, roles, reason)
    with pytest.raises(NotAllowed):
        accounts.set_roles(db, "officer", "anna", [Role.AUDITOR], "by an officer")


@pytest.mark.usefixtures("staff")
def test_administrators_cannot_disable_each_other_at_once(db: Database) -> None:
    add(db, "second", Role.ADMINISTRATOR)
    errors: list[Exception] = []

    def disable(who: str, whom: str) -> None:
        try:
            accounts.disable(db, who, whom, "a quarrel")
        except (BadRecord, NotAllowed) as error:
            errors.append(error)

    threads = [threading.Thread(target=disable, args=pair) for pair in (("admin", "second"), ("second", "admin"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(errors) == 1
    assert [get(db, name).disabled_at is None for name in ("admin", "second")].count(True) == 1


@pytest.mark.usefixtures("staff")
def test_disabled_account_has_no_rights(db: Database) -> None:
    accounts.disable(db, "admin", "anna", "left the force")
    for right in Right:
        with pytest.raises(NotAllowed):
            act(db, "anna", right)
    with pytest.raises(NotAllowed, match="disabled"):
        accounts.set_password(db, "anna", "anna", NEW)
    with pytest.raises(BadRecord, match="already"):
        accounts.disable(db, "admin", "anna", "again")


@pytest.mark.usefixtures("staff")
def test_issued_password_must_be_changed_first(db: Database) -> None:
    add(db, "second", Role.ADMINISTRATOR, Role.OFFICER, must_change=True)
    with pytest.raises(NotAllowed, match="issued by an administrator"):
        act(db, "second", Right.EDIT)
    accounts.set_password(db, "second", "second", PASSWORD)
    act(db, "second", Right.EDIT)
    # A password reset by another administrator must be changed again.
    accounts.set_password(db, "admin", "second", NEW)
    with pytest.raises(NotAllowed, match="issued by an administrator"):
        act(db, "second", Right.EDIT)
    with pytest.raises(BadRecord, match="the same as the current one"):
        accounts.set_password(db, "second", "second", NEW)


@pytest.mark.usefixtures("staff")
def test_provider_identity_links_to_one_person(db: Database) -> None:
    issuer = "https://id.example"

    def link(name: str, subject: str, *, actor: str = "admin", issuer: str = issuer, keep: bool = True) -> None:
        accounts.link(db, actor, name, issuer, subject, keep_password=keep)

    for who in ("anna", "auditor", "nobody"):
        with pytest.raises((NotAllowed, RecordMissing)):
            link("anna", "one", actor=who)
    for untrusted in ("", "x\n", "x" * 256):
        with pytest.raises(BadRecord, match="one line of printable text"):
            link("anna", untrusted)
    link("anna", "one")
    with pytest.raises(RecordExists, match="Another user"):
        link("ben", "one")
    with pytest.raises(RecordExists, match="anna is already linked"):
        link("anna", "two")
    link("ben", "ONE")
    link("approver", "one", issuer="https://other.example")
    with db.reading() as session:
        names = [accounts.linked_person(session, issuer, subject) for subject in ("one", "ONE", "One")]
    assert [person and person.name for person in names] == ["anna", "ben", None]
    accounts.unlink(db, "admin", "anna")
    with pytest.raises(BadRecord, match="not linked"):
        accounts.unlink(db, "admin", "anna")
    accounts.disable(db, "admin", "anna", "left")
    with pytest.raises(BadRecord, match="disabled"):
        link("anna", "one")


@pytest.mark.usefixtures("staff")
def test_provider_only_sign_in_is_refused_for_administrators(db: Database) -> None:
    with pytest.raises(BadRecord, match="must keep a password"):
        accounts.link(db, "admin", "admin", "https://id.example", "one", keep_password=False)
    accounts.set_password(db, "admin", "anna", NEW)
    accounts.link(db, "admin", "anna", "https://id.example", "one", keep_password=False)
    assert not get(db, "anna").must_change
    with pytest.raises(SignInFailed):
        accounts.authenticate(db, "anna", NEW)
    act(db, "anna", Right.EDIT)


# The rights of each role, as in RIGHTS: the separation of duties, written down independently.
MAY = {
    Role.OFFICER: {"SEE", "CASES", "INTAKE", "EDIT", "RELEASE", "EXPORT", "HOLD"},
    Role.REVIEWER: {"SEE", "EDIT", "RELEASE"},
    Role.APPROVER: {"SEE", "APPROVE", "EXPORT", "HOLD"},
    Role.SUPERVISOR: {"SEE", "APPROVE", "OVERRIDE", "EXPORT", "HOLD"},
    Role.AUDITOR: {"SEE", "AUDIT"},
    Role.ADMINISTRATOR: {"SEE", "AUDIT", "RETENTION", "HOLD", "ADMINISTER"},
}


def test_roles_have_exactly_their_rights() -> None:
    for role in Role:
        person = Person(name="p", roles=[role.value], disabled_at=None)
        assert {right.name for right in Right if accounts.may(person, right)} == MAY[role]
    both = Person(name="p", roles=["reviewer", "auditor"], disabled_at=None)
    assert {right.name for right in Right if accounts.may(both, right)} == MAY[Role.REVIEWER] | MAY[Role.AUDITOR]


@pytest.mark.parametrize("who", ["officer", "anna", "approver", "auditor", "nobody"])
@pytest.mark.usefixtures("staff")
def test_accounts_are_managed_by_administrators_only(db: Database, who: str) -> None:
    refused = (NotAllowed, RecordMissing)
    with pytest.raises(refused):
        add(db, "carl", actor=who)
    with pytest.raises(refused):
        accounts.disable(db, who, "ben", "a reason")
    with pytest.raises(refused):
        accounts.set_password(db, who, "ben", NEW)
    accounts.authenticate(db, "ben", PASSWORD)


@pytest.mark.parametrize("name", ["", "a", "Anna", "anna b", ".anna", "x" * 65, "anna\n", "system", "ünna"])
@pytest.mark.usefixtures("staff")
def test_invalid_logins_are_refused(db: Database, name: str) -> None:
    with pytest.raises(BadRecord, match="login"):
        add(db, name, full_name="A Person")


@pytest.mark.usefixtures("staff")
def test_invalid_accounts_are_refused(db: Database) -> None:
    with pytest.raises(RecordExists):
        add(db, "anna")
    with pytest.raises(BadRecord, match="role"):
        accounts.add(db, "admin", "carl", NEW, full_name="", roles=[], must_change=False)
    with pytest.raises(BadRecord, match="name"):
        add(db, "carl", full_name="Carl \u202egnp.exe")
    for reason in ("", " ", "x" * 4001, "a\x1b[2J"):
        with pytest.raises(BadRecord, match="reason"):
            accounts.disable(db, "admin", "anna", reason)
