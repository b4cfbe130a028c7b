"""Sessions and sign-in throttling. The records hold only the hash of a session token; the browser holds the token.

Failed sign-ins go into the audit trail, but strangers must not be able to flood it. There is one event per person, and
one for all unknown names together, about once every :data:`RECORD_EVERY`; and one when a person then signs in.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import ColumnElement, and_, delete, func, select, update
from sqlalchemy.orm import Session

from redact.errors import SignInThrottled
from redact.records import accounts
from redact.records.accounts import Right
from redact.records.database import SYSTEM, Database, UnitOfWork
from redact.schema.tables import Person, SignIn, SignInAttempt, as_text
from redact.server.settings import ServerSettings

TOKEN_BYTES = 32
ENDED_KEPT = timedelta(days=30)
RECORD_EVERY = timedelta(hours=1)
"""Longer than any throttle window."""
MAX_SOURCES = 10
"""Source addresses listed in one event."""
UNKNOWN_NAMES = "sign-in"
"""Subject of events about unknown names. The names are left out: people type passwords into the wrong field."""


@dataclass(frozen=True, slots=True)
class SignedInUser:
    """A signed-in user and their session. ``person`` is read from the records for each request; ``issuer`` is the
    sign-in provider used, None for a password."""

    person: Person
    csrf: str
    token_hash: str
    issuer: str | None

    @property
    def name(self) -> str:
        """The login, recorded as the actor of what they do."""
        return self.person.name

    def may(self, right: Right) -> bool:
        """Whether the user has ``right``."""
        return accounts.may(self.person, right)

    def require(self, right: Right) -> None:
        """Raise NotAllowed unless the user has ``right``."""
        accounts.require(self.person, right)


class Sessions:
    """Begins, finds and ends sessions, and throttles password guessing."""

    def __init__(self, db: Database, settings: ServerSettings) -> None:
        self._db, self._settings = db, settings

    def begin(self, person: Person, source: str, issuer: str | None = None) -> str:
        """Start a session and return its token, which is not stored. Earlier failures by this person from ``source``
        are recorded and no longer count. Sessions that ended long ago are deleted."""
        token = secrets.token_urlsafe(TOKEN_BYTES)
        self._record_old_failures()
        with self._db.writing(person.name) as work:
            self._record_failures(work, SignInAttempt.name == _hash(person.name), SignInAttempt.source == source)
            work.session.execute(delete(SignIn).where(SignIn.created_at < work.at - ENDED_KEPT))
            work.session.add(
                SignIn(
                    token_hash=_hash(token),
                    person_id=person.id,
                    csrf=secrets.token_urlsafe(TOKEN_BYTES),
                    created_at=work.at,
                    seen_at=work.at,
                    issuer=issuer,
                )
            )
            work.event("person.signed-in", f"person:{person.name}", {"issuer": issuer} if issuer else {})
        return token

    def find(self, untrusted_token: str, *, in_use: bool) -> SignedInUser | None:
        """The session of a token, or None if it has ended. ``in_use`` restarts its idle timeout."""
        hashed, now = _hash(untrusted_token), datetime.now(UTC)
        with self._db.single_read() as session:
            found = session.execute(
                select(SignIn, Person).join(Person, SignIn.person_id == Person.id).where(SignIn.token_hash == hashed)
            ).one_or_none()
        if found is None or not _is_active(found[0], self._settings, now) or found[1].disabled_at is not None:
            return None
        row, person = found
        if in_use and now - row.seen_at >= self._settings.last_seen_interval:
            with self._db.bookkeeping() as session:
                # Never backwards, and never for a session that has ended in the meantime.
                live = and_(SignIn.token_hash == hashed, SignIn.ended_at.is_(None), SignIn.seen_at < now)
                session.execute(update(SignIn).where(live).values(seen_at=now))
        return SignedInUser(person, row.csrf, hashed, row.issuer)

    def end(self, signed_in: SignedInUser) -> None:
        """Sign out."""
        with self._db.writing(signed_in.name) as work:
            live = and_(SignIn.token_hash == signed_in.token_hash, SignIn.ended_at.is_(None))
            work.session.execute(update(SignIn).where(live).values(ended_at=work.at))
            work.event("person.signed-out", f"person:{signed_in.name}", {})

    def attempt(self, untrusted_name: str, source: str) -> int:
        """Record an attempt before it is made, so that concurrent ones count. :meth:`succeeded` removes it again.

        Raises SignInThrottled if there have been too many.
        """
        self._record_old_failures()
        # Only a hash is kept: people type passwords into the wrong field.
        name, now = _hash(untrusted_name.strip().lower()), datetime.now(UTC)
        limits = self._settings.throttle
        with self._db.bookkeeping() as session:
            recent = SignInAttempt.at >= now - limits.window
            of_name, of_source = SignInAttempt.name == name, SignInAttempt.source == source
            checks: Sequence[tuple[ColumnElement[bool], int]] = (
                (and_(of_name, of_source), limits.of_name_from_source),
                (of_source, limits.of_source),
                (of_name, limits.of_name),
            )
            for conditions, limit in checks:
                count = session.scalar(select(func.count()).select_from(SignInAttempt).where(conditions, recent)) or 0
                if count >= limit:
                    minutes = round(limits.window.total_seconds() / 60)
                    raise SignInThrottled(
                        "There were too many sign-in attempts.", f"Wait {minutes} minutes, then try again."
                    )
            attempt = SignInAttempt(name=name, source=source, at=now)
            session.add(attempt)
            session.flush()
            return attempt.id

    def succeeded(self, attempt: int) -> None:
        """Remove an attempt whose password was right."""
        with self._db.bookkeeping() as session:
            session.execute(delete(SignInAttempt).where(SignInAttempt.id == attempt))

    def refused(self, person: Person | None, source: str) -> None:
        """Record a failed provider sign-in for ``person``, None for an unknown one."""
        with self._db.bookkeeping() as session:
            session.add(SignInAttempt(name=_hash(person.name if person else ""), source=source, at=datetime.now(UTC)))

    def _record_old_failures(self) -> None:
        """Record failures that no longer count for throttling, at most once every :data:`RECORD_EVERY`."""
        with self._db.reading() as session:
            oldest = session.scalar(select(func.min(SignInAttempt.at)))
        if oldest is None or datetime.now(UTC) - oldest < RECORD_EVERY:
            return
        with suppress(_NothingToRecordError), self._db.writing(SYSTEM) as work:
            self._record_failures(work, SignInAttempt.at < work.at - self._settings.throttle.window)
            if not work.events:  # another request recorded them first
                raise _NothingToRecordError

    @staticmethod
    def _record_failures(work: UnitOfWork, *conditions: ColumnElement[bool]) -> None:
        """Turn failed attempts into events, and delete them."""
        names = {_hash(person.name): person.name for person in accounts.all_people(work.session)}
        known, until_now = SignInAttempt.name.in_(names), SignInAttempt.at <= work.at
        found = select(SignInAttempt.name).where(*conditions, until_now, known).distinct().order_by(SignInAttempt.name)
        for hashed in work.session.scalars(found).all():
            subject = f"person:{names[hashed]}"
            _record_count(work, "person.sign-in-failed", subject, *conditions, until_now, SignInAttempt.name == hashed)
        _record_count(work, "sign-in.failed", UNKNOWN_NAMES, *conditions, until_now, ~known)
        work.session.execute(delete(SignInAttempt).where(*conditions, until_now))


class _NothingToRecordError(Exception):
    """Aborts a transaction that has nothing to record."""


def listed(session: Session, settings: ServerSettings, now: datetime) -> list[tuple[SignIn, Person]]:
    """Active sessions with their people, most recently used first."""
    everything = (
        select(SignIn, Person)
        .join(Person, SignIn.person_id == Person.id)
        .where(SignIn.ended_at.is_(None), Person.disabled_at.is_(None))
        .order_by(SignIn.seen_at.desc())
    )
    return [(row, person) for row, person in session.execute(everything) if _is_active(row, settings, now)]


def _record_count(work: UnitOfWork, kind: str, subject: str, *conditions: ColumnElement[bool]) -> None:
    """Record one event for the matching attempts, if any. The database counts them: there may be very many."""
    source, at = SignInAttempt.source, SignInAttempt.at
    totals = select(func.count(), func.min(at), func.max(at), func.count(source.distinct())).where(*conditions)
    count, first, last, source_count = work.session.execute(totals).one()
    if count:
        sources = work.session.scalars(select(source).where(*conditions).distinct().order_by(source).limit(MAX_SOURCES))
        body = {"count": count, "from": as_text(first), "until": as_text(last)}
        body |= {"sources": list(sources), "source_count": source_count}
        work.event(kind, subject, body, SYSTEM)


def _is_active(row: SignIn, settings: ServerSettings, now: datetime) -> bool:
    return (
        row.ended_at is None
        and now - row.seen_at < settings.session_idle_timeout
        and now - row.created_at < settings.session_max_age
    )


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
