"""The database tables.

Times are stored as UTC text (:class:`UtcDateTime`) and JSON as text or portable JSON, so that SQLite and PostgreSQL
hold identical values. :class:`Event`, :class:`Edit` and :class:`Decision`, among others, are append-only: database
triggers refuse updates and deletions (see the first migration).
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any, ClassVar

from sqlalchemy import JSON, BigInteger, Dialect, ForeignKey, Index, Text, TypeDecorator, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

Json = dict[str, Any]


def as_text(moment: datetime) -> str:
    """An aware datetime as UTC text with microseconds: equal times give equal texts, and texts sort in time order."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def parse_text(text: str) -> datetime:
    """Parse the output of :func:`as_text`. Raises ``ValueError`` for any other text."""
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)


class UtcDateTime(TypeDecorator[datetime]):
    """An aware datetime, stored as UTC text."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> str | None:
        """Convert to the stored text."""
        return None if value is None else as_text(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        """Convert from the stored text."""
        return None if value is None else parse_text(value)


class Record(DeclarativeBase):
    """Base of all tables."""

    type_annotation_map: ClassVar = {datetime: UtcDateTime, Json: JSON, str: Text}


class Person(Record):
    """A user account. Never deleted: once ``disabled_at`` is set, the account has no rights."""

    __tablename__ = "people"
    __table_args__ = (Index("ix_people_identity", "issuer", "subject", unique=True),)
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    full_name: Mapped[str]
    roles: Mapped[list[str]] = mapped_column(JSON)
    password_hash: Mapped[str]
    must_change: Mapped[bool]
    created_at: Mapped[datetime]
    disabled_at: Mapped[datetime | None]
    issuer: Mapped[str | None]
    """The sign-in provider that identifies the person as ``subject``. Both are None for password-only accounts."""
    subject: Mapped[str | None]


class InstallationKey(Record):
    """A public key whose private half has signed chain heads."""

    __tablename__ = "installation_keys"
    fingerprint: Mapped[str] = mapped_column(primary_key=True)
    public_pem: Mapped[str]
    added_at: Mapped[datetime]


class Event(Record):
    """One entry of the audit chain: see :mod:`redact.audit.chain`. ``body`` is canonical JSON."""

    __tablename__ = "events"
    seq: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    at: Mapped[str]
    actor: Mapped[str]
    kind: Mapped[str] = mapped_column(index=True)
    subject: Mapped[str] = mapped_column(index=True)
    body: Mapped[str]
    previous: Mapped[str]
    hash: Mapped[str] = mapped_column(unique=True)


class Head(Record):
    """The newest signed chain head, in a single row with id 1. ``peaks``: Merkle roots of the tree's full subtrees."""

    __tablename__ = "head"
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    count: Mapped[int] = mapped_column(BigInteger)
    hash: Mapped[str]
    root: Mapped[str]
    peaks: Mapped[list[str]] = mapped_column(JSON)
    signature: Mapped[str]
    key: Mapped[str] = mapped_column(ForeignKey("installation_keys.fingerprint"))


class Case(Record):
    """A request or proceedings, with the due date."""

    __tablename__ = "cases"
    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(index=True)
    reference: Mapped[str] = mapped_column(unique=True)
    title: Mapped[str]
    nation: Mapped[str]
    received_on: Mapped[date]
    due_on: Mapped[date | None] = mapped_column(index=True)
    due_rule: Mapped[str]
    state: Mapped[str] = mapped_column(index=True)
    details: Mapped[Json]
    minutes_locating: Mapped[int] = mapped_column(default=0)
    """Locating, retrieving and extracting: counts towards the cost limit in FOIA s.12."""
    minutes_redacting: Mapped[int] = mapped_column(default=0)
    """Does not count towards that limit."""
    opened_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]
    members: Mapped[list[CaseMember]] = relationship(back_populates="case")
    exhibits: Mapped[list[Exhibit]] = relationship(back_populates="case", order_by="Exhibit.id")


class CaseMember(Record):
    """A person's role in a case."""

    __tablename__ = "case_members"
    case_id: Mapped[int] = mapped_column(ForeignKey("cases.id"), primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"), primary_key=True)
    role: Mapped[str] = mapped_column(primary_key=True)
    case: Mapped[Case] = relationship(back_populates="members")
    person: Mapped[Person] = relationship()


class Footage(Record):
    """One master and its details. The file is in the store under its hash."""

    __tablename__ = "footage"
    id: Mapped[int] = mapped_column(primary_key=True)
    sha256: Mapped[str] = mapped_column(unique=True)
    size: Mapped[int] = mapped_column(BigInteger)
    original_name: Mapped[str]
    added_at: Mapped[datetime]
    media: Mapped[Json]
    """Container, codec, upright size, frames, rate, duration and sound tracks, read from the file."""
    camera: Mapped[Json]
    """Serial number, model, positions and the file's other metadata. Never released."""
    wearer: Mapped[str] = mapped_column(default="")
    recorded_start: Mapped[datetime | None]
    recorded_end: Mapped[datetime | None]
    clock_offset_seconds: Mapped[float] = mapped_column(default=0.0)
    """Added to the camera's clock to give the true time."""
    pre_event_seconds: Mapped[float] = mapped_column(default=0.0)
    """Length of the silent footage at the start, from the camera's pre-event buffer."""
    retention_class: Mapped[str]
    state: Mapped[str] = mapped_column(index=True)
    """A :class:`redact.evidence.footage_records.FootageState`."""
    disposed_at: Mapped[datetime | None]
    revision: Mapped[int] = mapped_column(default=0)
    """Number of edits. An edit's base revision is compared with it."""
    exhibits: Mapped[list[Exhibit]] = relationship(back_populates="footage")
    marks: Mapped[list[Mark]] = relationship(back_populates="footage", order_by="Mark.id")


class Exhibit(Record):
    """Footage in a case, with its exhibit reference."""

    __tablename__ = "exhibits"
    __table_args__ = (UniqueConstraint("case_id", "footage_id"), UniqueConstraint("case_id", "reference"))
    id: Mapped[int] = mapped_column(primary_key=True)
    case_id: Mapped[int] = mapped_column(ForeignKey("cases.id"))
    footage_id: Mapped[int] = mapped_column(ForeignKey("footage.id"), index=True)
    reference: Mapped[str]
    case: Mapped[Case] = relationship(back_populates="exhibits")
    footage: Mapped[Footage] = relationship(back_populates="exhibits")


class Mark(Record):
    """An evidence mark, complaint or legal hold, which stops the retention clock. Lifted, never deleted."""

    __tablename__ = "marks"
    id: Mapped[int] = mapped_column(primary_key=True)
    footage_id: Mapped[int] = mapped_column(ForeignKey("footage.id"), index=True)
    kind: Mapped[str]
    reason: Mapped[str]
    placed_at: Mapped[datetime]
    placed_by: Mapped[int] = mapped_column(ForeignKey("people.id"))
    lifted_at: Mapped[datetime | None]
    lifted_by: Mapped[int | None] = mapped_column(ForeignKey("people.id"))
    lift_reason: Mapped[str] = mapped_column(default="")
    footage: Mapped[Footage] = relationship(back_populates="marks")


class Disposal(Record):
    """The disposal of one piece of footage. The certificate is also written as a file beside the store."""

    __tablename__ = "disposals"
    id: Mapped[int] = mapped_column(primary_key=True)
    footage_id: Mapped[int] = mapped_column(ForeignKey("footage.id"), unique=True)
    at: Mapped[datetime]
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"))
    rule: Mapped[str]
    certificate: Mapped[Json]


class MachineTracks(Record):
    """Tracks made by the detectors from a master: a file in the store, never changed. Another run adds another row."""

    __tablename__ = "machine_tracks"
    id: Mapped[int] = mapped_column(primary_key=True)
    footage_id: Mapped[int] = mapped_column(ForeignKey("footage.id"), index=True)
    file_sha256: Mapped[str]
    provenance: Mapped[Json]
    made_at: Mapped[datetime]
    tracks: Mapped[int]


class Edit(Record):
    """One entry in the edit log of a piece of footage. ``payload`` is canonical JSON; see
    :mod:`redact.mask.edits.edit_json`. ``op_id`` is set by the client, so that an edit sent twice counts once.
    ``revision`` counts from 1 within the footage."""

    __tablename__ = "edits"
    __table_args__ = (UniqueConstraint("footage_id", "revision"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    footage_id: Mapped[int] = mapped_column(ForeignKey("footage.id"), index=True)
    tracks_id: Mapped[int] = mapped_column(ForeignKey("machine_tracks.id"))
    revision: Mapped[int]
    op_id: Mapped[str] = mapped_column(unique=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"))
    at: Mapped[datetime]
    payload: Mapped[str]
    event_seq: Mapped[int] = mapped_column(ForeignKey("events.seq"))


class Release(Record):
    """A release for one audience. ``policy`` and ``codes`` are the full texts that applied when it was created."""

    __tablename__ = "releases"
    __table_args__ = (UniqueConstraint("case_id", "number"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    case_id: Mapped[int] = mapped_column(ForeignKey("cases.id"), index=True)
    number: Mapped[int]
    policy_name: Mapped[str]
    policy: Mapped[str]
    policy_sha256: Mapped[str]
    codes: Mapped[str]
    codes_sha256: Mapped[str]
    state: Mapped[str] = mapped_column(index=True)
    details: Mapped[Json]
    """Details required for this kind of release: recipient, purpose, public-interest factors, requester and so on."""
    created_at: Mapped[datetime]
    created_by: Mapped[int] = mapped_column(ForeignKey("people.id"))
    submitted_at: Mapped[datetime | None]
    submitted_by: Mapped[int | None] = mapped_column(ForeignKey("people.id"))
    approved_at: Mapped[datetime | None]
    approved_by: Mapped[int | None] = mapped_column(ForeignKey("people.id"))
    approved_content: Mapped[str] = mapped_column(default="")
    """Digest of everything approved: clips, decisions, edits and details. A changed digest means another release."""
    withdrawn_at: Mapped[datetime | None]
    case: Mapped[Case] = relationship()
    clips: Mapped[list[Clip]] = relationship(back_populates="release", order_by="Clip.position")


class Clip(Record):
    """Part of a master in a release: ``first_frame`` to ``last_frame``, inclusive."""

    __tablename__ = "clips"
    __table_args__ = (UniqueConstraint("release_id", "position"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    release_id: Mapped[int] = mapped_column(ForeignKey("releases.id"), index=True)
    position: Mapped[int]
    footage_id: Mapped[int] = mapped_column(ForeignKey("footage.id"), index=True)
    tracks_id: Mapped[int] = mapped_column(ForeignKey("machine_tracks.id"))
    first_frame: Mapped[int]
    last_frame: Mapped[int]
    release: Mapped[Release] = relationship(back_populates="clips")
    footage: Mapped[Footage] = relationship()


class Decision(Record):
    """A decision to hide or show something in a release, with its reason. The latest decision about a target counts.
    ``content`` is canonical JSON of :mod:`redact.disclose.release.decision_json`."""

    __tablename__ = "decisions"
    id: Mapped[int] = mapped_column(primary_key=True)
    release_id: Mapped[int] = mapped_column(ForeignKey("releases.id"), index=True)
    footage_id: Mapped[int | None] = mapped_column(ForeignKey("footage.id"))
    """None for a decision about a class, which applies to all clips."""
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"))
    at: Mapped[datetime]
    content: Mapped[str]
    event_seq: Mapped[int] = mapped_column(ForeignKey("events.seq"))


class Watched(Record):
    """Part of a release's output that a person has watched, in output frames, inclusive."""

    __tablename__ = "watched"
    __table_args__ = (Index("ix_watched_release_person", "release_id", "person_id"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    release_id: Mapped[int] = mapped_column(ForeignKey("releases.id"))
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"))
    position: Mapped[int]
    first_frame: Mapped[int]
    last_frame: Mapped[int]
    content: Mapped[str]
    """Digest of the content that was shown: frames watched before an edit do not count after it."""
    at: Mapped[datetime]


class Export(Record):
    """An exported pack. ``log`` is the full release log, even if the pack holds only the published edition."""

    __tablename__ = "exports"
    id: Mapped[int] = mapped_column(primary_key=True)
    release_id: Mapped[int] = mapped_column(ForeignKey("releases.id"), index=True)
    at: Mapped[datetime]
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"))
    log_id: Mapped[str] = mapped_column(unique=True)
    log: Mapped[str]
    content: Mapped[str]
    """Digest of the release content in the pack."""
    statement_sha256: Mapped[str]
    head_count: Mapped[int] = mapped_column(BigInteger)
    head_hash: Mapped[str]


class Job(Record):
    """A long-running job, independent of the browser session that started it: see :mod:`redact.jobs.queue`.

    ``unique_key`` prevents two jobs from doing the same work at once; it is None once the job has ended. ``stage_at``
    is when the current stage began. No worker takes the job before ``due_at``.
    """

    __tablename__ = "jobs"
    id: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str]
    subject: Mapped[str] = mapped_column(index=True)
    arguments: Mapped[Json]
    owner_id: Mapped[int] = mapped_column(ForeignKey("people.id"), index=True)
    state: Mapped[str] = mapped_column(index=True)
    stage: Mapped[str] = mapped_column(default="")
    done: Mapped[int] = mapped_column(BigInteger, default=0)
    total: Mapped[int | None] = mapped_column(BigInteger)
    created_at: Mapped[datetime]
    started_at: Mapped[datetime | None]
    stage_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    heartbeat_at: Mapped[datetime | None]
    due_at: Mapped[datetime | None]
    worker: Mapped[str] = mapped_column(default="")
    attempts: Mapped[int] = mapped_column(default=0)
    cancel_requested: Mapped[bool] = mapped_column(default=False)
    error_code: Mapped[str] = mapped_column(default="")
    error_text: Mapped[str] = mapped_column(default="")
    result: Mapped[Json]
    unique_key: Mapped[str | None] = mapped_column(unique=True)


class SignIn(Record):
    """A browser session. Only the hash of its token is stored."""

    __tablename__ = "sign_ins"
    token_hash: Mapped[str] = mapped_column(primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"), index=True)
    csrf: Mapped[str]
    created_at: Mapped[datetime]
    seen_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    issuer: Mapped[str | None]
    """The sign-in provider used; None for a password."""


class SignInAttempt(Record):
    """A failed sign-in, kept until it has been reported in the audit trail. ``name`` is a hash."""

    __tablename__ = "sign_in_attempts"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(index=True)
    source: Mapped[str] = mapped_column(index=True)
    at: Mapped[datetime]


class Upload(Record):
    """A file being uploaded into the store in chunks."""

    __tablename__ = "uploads"
    id: Mapped[str] = mapped_column(primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"), index=True)
    case_id: Mapped[int] = mapped_column(ForeignKey("cases.id"))
    name: Mapped[str]
    size: Mapped[int] = mapped_column(BigInteger)
    received: Mapped[int] = mapped_column(BigInteger, default=0)
    state: Mapped[str]
    created_at: Mapped[datetime]
    changed_at: Mapped[datetime]
