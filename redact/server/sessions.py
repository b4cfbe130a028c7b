"""Who is signed in. A session lives in the records under the hash of its token; the browser has the token alone."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import ColumnElement, and_, delete, func, select, update
from sqlalchemy.orm import Session

from redact.cases import people
from redact.cases.db import Database
from redact.cases.people import Right
from redact.cases.schema import Person, SignIn, SignInAttempt
from redact.errors import SignInThrottled
from redact.server.settings import ServerSettings

TOKEN_BYTES = 32
ENDED_KEPT = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Somebody's session. ``person`` is as the records have them at this request."""

    person: Person
    csrf: str
    token_hash: str

    @property
    def name(self) -> str:
        """The login, which is the actor of what they do."""
        return self.person.name

    def may(self, right: Right) -> bool:
        """Whether a role includes ``right``."""
        return people.may(self.person, right)

    def require(self, right: Right) -> None:
        """Raise NotAllowed unless a role includes ``right``."""
        people.require(self.person, right)


class Sessions:
    """Begins, finds and ends sessions, and slows down guessing."""

    def __init__(self, db: Database, settings: ServerSettings) -> None:
        self._db, self._settings = db, settings

    def begin(self, person: Person) -> str:
        """A new session; gives its token, which is kept nowhere. Sessions long ended are forgotten."""
        token = secrets.token_urlsafe(TOKEN_BYTES)
        with self._db.writing(person.name) as work:
            work.session.execute(delete(SignIn).where(SignIn.created_at < work.at - ENDED_KEPT))
            work.session.add(
                SignIn(
                    token_hash=_hash(token),
                    person_id=person.id,
                    csrf=secrets.token_urlsafe(TOKEN_BYTES),
                    created_at=work.at,
                    seen_at=work.at,
                )
            )
            work.event("person.signed-in", f"person:{person.name}", {})
        return token

    def find(self, untrusted_token: str, *, in_use: bool) -> SignedIn | None:
        """The session of a token, if it has not ended. Where it is ``in_use``, its idle time begins anew."""
        hashed, now = _hash(untrusted_token), datetime.now(UTC)
        with self._db.reading() as session:
            row = session.get(SignIn, hashed)
            if row is None or not self._lasts(row, now):
                return None
            person = session.get_one(Person, row.person_id)
        if person.disabled_at is not None:
            return None
        if in_use and now - row.seen_at >= self._settings.seen_every:
            with self._db.bookkeeping() as session:
                # Never backwards, and never for one that has been ended meanwhile.
                live = and_(SignIn.token_hash == hashed, SignIn.ended_at.is_(None), SignIn.seen_at < now)
                session.execute(update(SignIn).where(live).values(seen_at=now))
        return SignedIn(person, row.csrf, hashed)

    def end(self, signed_in: SignedIn) -> None:
        """Sign out."""
        with self._db.writing(signed_in.name) as work:
            self._end(work.session, SignIn.token_hash == signed_in.token_hash, work.at)
            work.event("person.signed-out", f"person:{signed_in.name}", {})

    def end_all(self, person: Person) -> None:
        """Every session of a person, in all browsers."""
        with self._db.bookkeeping() as session:
            self._end(session, SignIn.person_id == person.id, datetime.now(UTC))

    def attempt(self, untrusted_name: str, source: str) -> None:
        """Note an attempt before it is made, so that many at once count too; :meth:`succeeded` takes it back.

        Raises SignInThrottled where there have been too many.
        """
        # People type passwords into the wrong field: only a hash of what they typed is kept.
        name, now = _hash(untrusted_name.strip().lower()), datetime.now(UTC)
        limits = self._settings.throttle
        with self._db.bookkeeping() as session:
            session.execute(delete(SignInAttempt).where(SignInAttempt.at < now - limits.window))
            of_name, of_source = SignInAttempt.name == name, SignInAttempt.source == source
            checks: Sequence[tuple[ColumnElement[bool], int]] = (
                (and_(of_name, of_source), limits.of_name_from_source),
                (of_source, limits.of_source),
                (of_name, limits.of_name),
            )
            for which, most in checks:
                count = session.scalar(select(func.count()).select_from(SignInAttempt).where(which)) or 0
                if count >= most:
                    minutes = round(limits.window.total_seconds() / 60)
                    raise SignInThrottled(
                        "There were too many attempts to sign in.", f"Wait {minutes} minutes, and try again."
                    )
            session.add(SignInAttempt(name=name, source=source, at=now))

    def succeeded(self, name: str, source: str) -> None:
        """Forget the attempts that led to a sign-in."""
        mine = and_(SignInAttempt.name == _hash(name.strip().lower()), SignInAttempt.source == source)
        with self._db.bookkeeping() as session:
            session.execute(delete(SignInAttempt).where(mine))

    def _lasts(self, row: SignIn, now: datetime) -> bool:
        settings = self._settings
        return row.ended_at is None and now - row.seen_at < settings.idle and now - row.created_at < settings.absolute

    @staticmethod
    def _end(session: Session, which: ColumnElement[bool], at: datetime) -> None:
        session.execute(update(SignIn).where(which, SignIn.ended_at.is_(None)).values(ended_at=at))


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
