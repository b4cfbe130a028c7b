"""Who may do what. Passwords are kept as Argon2id hashes; accounts are disabled, never deleted."""

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
"""Characters. Hashing something endless would keep the machine busy."""
LONGEST_NAME = 200
LONGEST_SUBJECT, LONGEST_ISSUER = 255, 2000
"""Characters; the first by OpenID Connect Core 1.0, section 2."""
_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"
"""Those that nobody takes for another."""
_GROUPS, _GROUP = 4, 4
"""79 bits."""
_NAME = re.compile(r"[a-z0-9][a-z0-9._@-]{1,63}")
_HASHER = argon2.PasswordHasher()
_DUMMY_HASH = _HASHER.hash("nobody has this password")
"""Checked when there is no such person, so that the time taken does not tell."""


class Role(StrEnum):
    """A person may hold several."""

    OFFICER = "officer"
    REVIEWER = "reviewer"
    APPROVER = "approver"
    SUPERVISOR = "supervisor"
    AUDITOR = "auditor"
    ADMINISTRATOR = "administrator"


class Right(StrEnum):
    """What a command or a page asks for."""

    SEE = "see cases and footage"
    CASES = "open and change cases"
    INTAKE = "add footage"
    EDIT = "edit masks"
    RELEASE = "prepare releases"
    APPROVE = "approve releases"
    OVERRIDE = "approve releases of which something is still open"
    EXPORT = "export releases"
    AUDIT = "read the audit trail"
    RETENTION = "dispose of footage"
    HOLD = "mark footage as evidence or held"
    ADMINISTER = "manage people and settings"


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
    """Whether a role of the person includes ``right``. Nobody who is disabled may do anything."""
    return person.disabled_at is None and any(right in RIGHTS[Role(role)] for role in person.roles)


def require(person: Person, right: Right) -> None:
    """Raise NotAllowed unless the person may."""
    if not may(person, right):
        roles = ", ".join(role.value for role, rights in RIGHTS.items() if right in rights)
        raise NotAllowed(f"{person.name} may not {right}.", f"Ask somebody who is: {roles}.")


def find(session: Session, name: str) -> Person:
    """The person of this login, disabled or not. Raises RecordMissing."""
    person = session.scalars(select(Person).where(Person.name == name.lower())).first()
    if person is None:
        raise RecordMissing(f'There is nobody called "{name}".', "See `redact user list`.")
    return person


def authorise_actor(work: UnitOfWork, right: Right) -> Person:
    """Who makes a change, as the records have them at this moment. Raises as :func:`allowed`."""
    return authorise(work.session, work.actor, right)


def authorise(session: Session, name: str, right: Right) -> Person:
    """The person of this login, who may. Raises NotAllowed, RecordMissing.

    Whoever still has the password that somebody else chose does nothing: it could be that somebody else.
    """
    person = find(session, name)
    require(person, right)
    if person.must_change:
        raise NotAllowed(
            f"{person.name} still has the password that was given out.",
            f"Choose another with `redact user passwd {person.name}` first.",
        )
    return person


def all_people(session: Session) -> list[Person]:
    """All people, disabled ones too, by login."""
    return list(session.scalars(select(Person).order_by(Person.name)))


def add(
    db: Database, actor: str, name: str, password: str, *, full_name: str, roles: Iterable[Role], must_change: bool
) -> Person:
    """A new account. The very first one may be added by nobody in particular, and is an administrator.

    Raises BadRecord, RecordExists, NotAllowed.
    """
    untrusted_roles = sorted({role.value for role in roles})
    full_name = checked(full_name or name, "name", LONGEST_NAME)
    hashed = _hash(password)
    if not _NAME.fullmatch(name) or name == SYSTEM:
        raise BadRecord(
            f'"{name}" cannot be a login.', "Use 2 to 64 small letters, digits, dots, dashes, underscores or @."
        )
    if not untrusted_roles:
        raise BadRecord("A person needs at least one role.", f"Roles are {', '.join(Role)}.")
    with db.writing(actor) as work:
        if work.session.scalars(select(Person).limit(1)).first() is None:
            if Role.ADMINISTRATOR.value not in untrusted_roles:
                raise BadRecord("The first account has to be an administrator's.", "Give --role administrator.")
        else:
            authorise_actor(work, Right.ADMINISTER)
        if work.session.scalars(select(Person).where(Person.name == name)).first() is not None:
            raise RecordExists(f'There is a person called "{name}" already.', "Choose another login.")
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
    """End what a person may do, and their sessions. Raises BadRecord without a reason or for the last administrator."""
    told = checked(reason, "reason")
    with db.writing(actor) as work:
        authorise_actor(work, Right.ADMINISTER)
        person = find(work.session, name)
        if person.disabled_at is not None:
            raise BadRecord(f"{person.name} is disabled already.")
        others = [p for p in all_people(work.session) if p is not person and may(p, Right.ADMINISTER)]
        if may(person, Right.ADMINISTER) and not others:
            raise BadRecord("The last administrator cannot be disabled.", "Add another one first.")
        person.disabled_at = work.at
        _end_sessions(work, person)
        work.event("person.disabled", f"person:{person.name}", {"reason": told})


def set_roles(db: Database, actor: str, name: str, roles: Iterable[Role], reason: str) -> None:
    """Other roles for somebody, from now on. Raises BadRecord without a role or a reason, where nothing would change,
    for whoever is disabled and for the last administrator; NotAllowed, RecordMissing."""
    told, wanted = checked(reason, "reason"), sorted({role.value for role in roles})
    if not wanted:
        raise BadRecord("A person needs at least one role.", f"Roles are {', '.join(Role)}.")
    with db.writing(actor) as work:
        authorise_actor(work, Right.ADMINISTER)
        person = find(work.session, name)
        if person.disabled_at is not None:
            raise BadRecord(f"{person.name} is disabled.")
        if wanted == sorted(person.roles):
            raise BadRecord(f"{person.name} has just these roles already.")
        others = [p for p in all_people(work.session) if p is not person and may(p, Right.ADMINISTER)]
        if may(person, Right.ADMINISTER) and not others and Role.ADMINISTRATOR.value not in wanted:
            raise BadRecord("The last administrator has to stay one.", "Make somebody else one first.")
        before, person.roles = person.roles, wanted
        work.event("person.roles-set", f"person:{person.name}", {"reason": told, "before": before, "after": wanted})


def generate_password() -> str:
    """One that nobody guesses, and that can be typed from a screen."""
    return "-".join("".join(secrets.choice(_LETTERS) for _ in range(_GROUP)) for _ in range(_GROUPS))


def set_password(db: Database, actor: str, name: str, password: str) -> None:
    """One's own, or, for an administrator, anybody's: they have to change it before they can do anything. All sessions
    end with the old one.

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
            raise BadRecord("That is the password there is already.", "Choose another one.")
        person.password_hash, person.must_change = hashed, not own
        _end_sessions(work, person)
        work.event("person.password-set", f"person:{person.name}", {"must_change": person.must_change})


def link(db: Database, actor: str, name: str, issuer: str, subject: str, *, keep_password: bool) -> None:
    """Let whomever the sign-in provider ``issuer`` knows as ``subject`` sign in as this person; nobody else can be
    linked with the two. Without ``keep_password`` it is the only way from then on, which administrators cannot have:
    somebody must get in when the provider is down.

    Raises BadRecord, NotAllowed, RecordExists, RecordMissing.
    """
    if not (is_line(issuer, LONGEST_ISSUER) and is_line(subject, LONGEST_SUBJECT)):
        raise BadRecord("The issuer or the subject is not a line of text that a provider could give.")
    with db.writing(actor) as work:
        authorise_actor(work, Right.ADMINISTER)
        person = find(work.session, name)
        other = linked_person(work.session, issuer, subject)
        if person.disabled_at is not None:
            raise BadRecord(f"{person.name} is disabled.")
        if person.issuer is not None or other is not None:
            raise RecordExists(
                f"{person.name if person.issuer else 'Somebody else'} is linked already.",
                f"Undo that first with `redact user unlink {person.name if other is None else other.name}`.",
            )
        if not keep_password:
            if may(person, Right.ADMINISTER):
                raise BadRecord("An administrator needs a password, for when the provider is down.")
            # One that nobody knows, so that trying takes as long as with anybody.
            person.password_hash, person.must_change = _HASHER.hash(secrets.token_bytes(32)), False
        person.issuer, person.subject = issuer, subject
        told = {"issuer": issuer, "subject": subject, "password": "kept" if keep_password else "removed"}
        work.event("person.linked", f"person:{person.name}", told)


def unlink(db: Database, actor: str, name: str) -> None:
    """Undo :func:`link`, and end the person's sessions. Raises BadRecord, NotAllowed, RecordMissing."""
    with db.writing(actor) as work:
        authorise_actor(work, Right.ADMINISTER)
        person = find(work.session, name)
        if person.issuer is None:
            raise BadRecord(f"{person.name} is not linked.")
        told = {"issuer": person.issuer, "subject": person.subject}
        person.issuer = person.subject = None
        _end_sessions(work, person)
        work.event("person.unlinked", f"person:{person.name}", told)


def linked_person(session: Session, issuer: str, untrusted_subject: str) -> Person | None:
    """Whom the sign-in provider ``issuer`` knows as this subject, disabled or not."""
    where = (Person.issuer == issuer, Person.subject == untrusted_subject)
    return session.scalars(select(Person).where(*where)).first()


def end_sessions(db: Database, actor: str, name: str) -> None:
    """Sign a person out everywhere; for administrators. Raises NotAllowed, RecordMissing."""
    with db.writing(actor) as work:
        authorise_actor(work, Right.ADMINISTER)
        person = find(work.session, name)
        _end_sessions(work, person)
        work.event("person.sessions-ended", f"person:{person.name}", {})


def _end_sessions(work: UnitOfWork, person: Person) -> None:
    live = (SignIn.person_id == person.id, SignIn.ended_at.is_(None))
    work.session.execute(update(SignIn).where(*live).values(ended_at=work.at))


def authenticate(db: Database, name: str, password: str) -> Person:
    """The person, if name and password belong together and the account is not disabled. Raises SignInFailed, which
    never says which of the three it was."""
    with db.reading() as session:
        person = session.scalars(select(Person).where(Person.name == name.strip().lower())).first()
    right = _matches(password, person.password_hash if person else _DUMMY_HASH)
    if not right or person is None or person.disabled_at is not None:
        raise SignInFailed("Name and password do not belong together.", "Try again, or ask an administrator.")
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
            f"A password has {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters.", "Several words are easy to keep."
        )
    return _HASHER.hash(_bytes(password))


def _bytes(password: str) -> bytes:
    """The same for the same letters, however the keyboard composed them; what is no text has a code of its own."""
    return unicodedata.normalize("NFC", password).encode("utf-8", "surrogatepass")
