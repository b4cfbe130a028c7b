"""User accounts, roles and rights. Passwords are stored as Argon2id hashes; accounts are disabled, never deleted."""

from __future__ import annotations

import re
import secrets
import unicodedata
from collections.abc import Iterable
from enum import StrEnum

import argon2
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from redact.errors import BadRecord, NotAllowed, RecordExists, RecordMissing, SignInFailed
from redact.records.database import SYSTEM, Database, UnitOfWork
from redact.records.validation import checked
from redact.schema.tables import Person, SignIn
from redact.strict_toml import is_line

SHORTEST_PASSWORD = 10
LONGEST_PASSWORD = 1024
"""Characters. The upper limit bounds the cost of hashing."""
LONGEST_NAME = 200
LONGEST_SUBJECT, LONGEST_ISSUER = 255, 2000
"""Characters; the limit on subjects is set by OpenID Connect Core 1.0, section 2."""
_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"
"""Letters and digits that are not easily confused."""
_GROUPS, _GROUP = 4, 4
"""Groups, and letters in each: 79 bits."""
_NAME = re.compile(r"[a-z0-9][a-z0-9._@-]{1,63}")
_HASHER = argon2.PasswordHasher()
_DUMMY_HASH = _HASHER.hash("nobody has this password")
"""Checked when the login is unknown, so that the response time does not reveal it."""


class Role(StrEnum):
    """A role; a person may hold several."""

    OFFICER = "officer"
    REVIEWER = "reviewer"
    APPROVER = "approver"
    SUPERVISOR = "supervisor"
    AUDITOR = "auditor"
    ADMINISTRATOR = "administrator"


class Right(StrEnum):
    """A right that a command or page requires."""

    SEE = "see cases and footage"
    CASES = "open and change cases"
    INTAKE = "add footage"
    EDIT = "edit masks"
    RELEASE = "prepare releases"
    APPROVE = "approve releases"
    OVERRIDE = "approve releases with open items"
    EXPORT = "export releases"
    AUDIT = "read the audit trail"
    RETENTION = "dispose of footage"
    HOLD = "mark footage as evidence or place holds"
    ADMINISTER = "manage users and settings"


RIGHTS: dict[Role, frozenset[Right]] = {
    Role.OFFICER: frozenset(
        {Right.SEE, Right.CASES, Right.INTAKE, Right.EDIT, Right.RELEASE, Right.EXPORT, Right.HOLD}
    ),
    Role.REVIEWER: frozenset({Right.SEE, Right.EDIT, Right.RELEASE}),
    Role.APPROVER: frozenset({Right.SEE, Right.APPROVE, Right.EXPORT, Right.HOLD}),
    Role.SUPERVISOR: frozenset({Right.SEE, Right.APPROVE, Right.OVERRIDE, Right.EXPORT, Right.HOLD}),
    Role.AUDITOR: frozenset({Right.SEE, Right.AUDIT}),
    Role.ADMINISTRATOR: frozenset({Right.SEE, Right.AUDIT, Right.RETENTION, Right.HOLD, Right.ADMINISTER}),
}


def may(person: Person, right: Right) -> bool:
    """Whether one of the person's roles includes ``right``. Disabled accounts have no rights."""
    return person.disabled_at is None and any(right in RIGHTS[Role(role)] for role in person.roles)


def require(person: Person, right: Right) -> None:
    """Raise NotAllowed unless the person has ``right``."""
    if not may(person, right):
        roles = ", ".join(role.value for role, rights in RIGHTS.items() if right in rights)
        raise NotAllowed(f"{person.name} may not {right}.", f"Ask someone with one of these roles: {roles}.")


def find(session: Session, name: str) -> Person:
    """The person with this login, disabled or not. Raises RecordMissing."""
    person = session.scalars(select(Person).where(Person.name == name.lower())).first()
    if person is None:
        raise RecordMissing(f'There is no user "{name}".', "See `redact user list`.")
    return person


def authorise_actor(work: UnitOfWork, right: Right) -> Person:
    """The person making a change, read inside its transaction. Raises the same errors as :func:`authorise`."""
    return authorise(work.session, work.actor, right)


def authorise(session: Session, name: str, right: Right) -> Person:
    """The person with this login, who must have ``right``. Raises NotAllowed, RecordMissing.

    A password set by an administrator must be changed first: until then, the administrator could act in the person's
    name.
    """
    person = find(session, name)
    require(person, right)
    if person.must_change:
        raise NotAllowed(
            f"{person.name} is still using the password issued by an administrator.",
            f"Change it with `redact user passwd {person.name}` first.",
        )
    return person


def all_people(session: Session) -> list[Person]:
    """All people, including disabled accounts, sorted by login."""
    return list(session.scalars(select(Person).order_by(Person.name)))


def add(
    db: Database, actor: str, name: str, password: str, *, full_name: str, roles: Iterable[Role], must_change: bool
) -> Person:
    """Add an account. The first one can be added by any ``actor``, and must be an administrator.

    Raises BadRecord, RecordExists, NotAllowed.
    """
    untrusted_roles = sorted({role.value for role in roles})
    full_name = checked(full_name or name, "name", LONGEST_NAME)
    hashed = _hash(password)
    if not _NAME.fullmatch(name) or name == SYSTEM:
        raise BadRecord(
            f'"{name}" is not a valid login.',
            "Use 2 to 64 lower-case letters, digits, dots, hyphens, underscores or @.",
        )
    if not untrusted_roles:
        raise BadRecord("A user needs at least one role.", f"The roles are {', '.join(Role)}.")
    with db.writing(actor) as work:
        if work.session.scalars(select(Person).limit(1)).first() is None:
            if Role.ADMINISTRATOR.value not in untrusted_roles:
                raise BadRecord("The first account must be an administrator.", "Add --role administrator.")
        else:
            authorise_actor(work, Right.ADMINISTER)
        if work.session.scalars(select(Person).where(Person.name == name)).first() is not None:
            raise RecordExists(f'There is already a user "{name}".', "Choose another login.")
        person = Person(
            name=name,
            full_name=full_name,
            roles=untrusted_roles,
            password_hash=hashed,
            must_change=must_change,
            created_at=work.at,
        )
        work.session.add(person)
        work.event("person.added", f"person:{name}", {"full_name": person.full_name, "roles": untrusted_roles})
    return person


def disable(db: Database, actor: str, name: str, reason: str) -> None:
    """Disable an account and end its sessions. Raises BadRecord if the reason is missing, the account is disabled
    already, or it is the last administrator; NotAllowed, RecordMissing."""
    reason = checked(reason, "reason")
    with db.writing(actor) as work:
        authorise_actor(work, Right.ADMINISTER)
        person = find(work.session, name)
        if person.disabled_at is not None:
            raise BadRecord(f"{person.name} is already disabled.")
        others = [p for p in all_people(work.session) if p is not person and may(p, Right.ADMINISTER)]
        if may(person, Right.ADMINISTER) and not others:
            raise BadRecord("The last administrator cannot be disabled.", "Add another administrator first.")
        person.disabled_at = work.at
        _end_sessions(work, person)
        work.event("person.disabled", f"person:{person.name}", {"reason": reason})


def set_roles(db: Database, actor: str, name: str, roles: Iterable[Role], reason: str) -> None:
    """Replace a person's roles. Raises BadRecord if the role or reason is missing, nothing would change, the account is
    disabled, or the last administrator would lose that role; NotAllowed, RecordMissing."""
    reason, wanted = checked(reason, "reason"), sorted({role.value for role in roles})
    if not wanted:
        raise BadRecord("A user needs at least one role.", f"The roles are {', '.join(Role)}.")
    with db.writing(actor) as work:
        authorise_actor(work, Right.ADMINISTER)
        person = find(work.session, name)
        if person.disabled_at is not None:
            raise BadRecord(f"{person.name} is disabled.")
        if wanted == sorted(person.roles):
            raise BadRecord(f"{person.name} already has exactly these roles.")
        others = [p for p in all_people(work.session) if p is not person and may(p, Right.ADMINISTER)]
        if may(person, Right.ADMINISTER) and not others and Role.ADMINISTRATOR.value not in wanted:
            raise BadRecord("The last administrator must keep that role.", "Make another user an administrator first.")
        before, person.roles = person.roles, wanted
        content = {"reason": reason, "before": before, "after": wanted}
        work.event("person.roles-set", f"person:{person.name}", content)


def generate_password() -> str:
    """A random password that is easy to read from a screen and type."""
    return "-".join("".join(secrets.choice(_LETTERS) for _ in range(_GROUP)) for _ in range(_GROUPS))


def set_password(db: Database, actor: str, name: str, password: str) -> None:
    """Set your own password or, as an administrator, another user's, who must then change it before doing anything
    else. All the person's sessions end.

    Raises BadRecord, NotAllowed, RecordMissing.
    """
    hashed = _hash(password)
    with db.writing(actor) as work:
        person = find(work.session, name)
        own = find(work.session, actor) is person
        if not own:
            authorise_actor(work, Right.ADMINISTER)
        elif person.disabled_at is not None:
            raise NotAllowed(f"{person.name} is disabled.")
        elif _matches(password, person.password_hash):
            raise BadRecord("The new password is the same as the current one.", "Choose another one.")
        person.password_hash, person.must_change = hashed, not own
        _end_sessions(work, person)
        work.event("person.password-set", f"person:{person.name}", {"must_change": person.must_change})


def link(db: Database, actor: str, name: str, issuer: str, subject: str, *, keep_password: bool) -> None:
    """Link a person to ``subject`` at the sign-in provider ``issuer``; each such identity can be linked only once.

    Without ``keep_password``, the person can then sign in only through the provider. Administrators must keep a
    password, so that they can sign in when the provider is down.

    Raises BadRecord, NotAllowed, RecordExists, RecordMissing.
    """
    if not (is_line(issuer, LONGEST_ISSUER) and is_line(subject, LONGEST_SUBJECT)):
        raise BadRecord("The issuer and the subject must each be one line of printable text, and not too long.")
    with db.writing(actor) as work:
        authorise_actor(work, Right.ADMINISTER)
        person = find(work.session, name)
        other = linked_person(work.session, issuer, subject)
        if person.disabled_at is not None:
            raise BadRecord(f"{person.name} is disabled.")
        if person.issuer is not None or other is not None:
            raise RecordExists(
                f"{person.name if person.issuer else 'Another user'} is already linked to the provider.",
                f"First remove that link with `redact user unlink {person.name if other is None else other.name}`.",
            )
        if not keep_password:
            if may(person, Right.ADMINISTER):
                raise BadRecord("An administrator must keep a password, for when the provider is down.")
            # An unknown random password: checking it takes as long as for any other account.
            person.password_hash, person.must_change = _HASHER.hash(secrets.token_bytes(32)), False
        person.issuer, person.subject = issuer, subject
        content = {"issuer": issuer, "subject": subject, "password": "kept" if keep_password else "removed"}
        work.event("person.linked", f"person:{person.name}", content)


def unlink(db: Database, actor: str, name: str) -> None:
    """Remove the link made by :func:`link` and end the person's sessions. Raises BadRecord, NotAllowed,
    RecordMissing."""
    with db.writing(actor) as work:
        authorise_actor(work, Right.ADMINISTER)
        person = find(work.session, name)
        if person.issuer is None:
            raise BadRecord(f"{person.name} is not linked to a sign-in provider.")
        content = {"issuer": person.issuer, "subject": person.subject}
        person.issuer = person.subject = None
        _end_sessions(work, person)
        work.event("person.unlinked", f"person:{person.name}", content)


def linked_person(session: Session, issuer: str, untrusted_subject: str) -> Person | None:
    """The person linked to this subject at the sign-in provider ``issuer``, disabled or not."""
    where = (Person.issuer == issuer, Person.subject == untrusted_subject)
    return session.scalars(select(Person).where(*where)).first()


def end_sessions(db: Database, actor: str, name: str) -> None:
    """Sign a person out of all sessions; administrators only. Raises NotAllowed, RecordMissing."""
    with db.writing(actor) as work:
        authorise_actor(work, Right.ADMINISTER)
        person = find(work.session, name)
        _end_sessions(work, person)
        work.event("person.sessions-ended", f"person:{person.name}", {})


def _end_sessions(work: UnitOfWork, person: Person) -> None:
    live = (SignIn.person_id == person.id, SignIn.ended_at.is_(None))
    work.session.execute(update(SignIn).where(*live).values(ended_at=work.at))


def authenticate(db: Database, name: str, password: str) -> Person:
    """The person with this login and password. Raises SignInFailed, which never says whether the login, the password
    or a disabled account was the cause."""
    with db.reading() as session:
        person = session.scalars(select(Person).where(Person.name == name.strip().lower())).first()
    right = _matches(password, person.password_hash if person else _DUMMY_HASH)
    if not right or person is None or person.disabled_at is not None:
        raise SignInFailed("Wrong user name or password.", "Try again, or ask an administrator.")
    return person


def _matches(untrusted_password: str, hashed: str) -> bool:
    try:
        _HASHER.verify(hashed, _bytes(untrusted_password[: LONGEST_PASSWORD + 1]))
    except (argon2.exceptions.VerificationError, argon2.exceptions.InvalidHashError):
        return False
    return True


def _hash(password: str) -> str:
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        raise BadRecord(
            f"A password must have {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters.",
            "Several words are easy to remember.",
        )
    return _HASHER.hash(_bytes(password))


def _bytes(password: str) -> bytes:
    """Bytes for hashing, the same however the keyboard composed the letters (NFC); lone surrogates are kept."""
    return unicodedata.normalize("NFC", password).encode("utf-8", "surrogatepass")
