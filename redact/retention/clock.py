"""The retention clock: how long footage is kept, and why.

The clock of a recording runs from its end, by the corrected camera clock. If that time is missing or impossible, the
clock runs from when the footage was added. It stops while there is a mark on the footage (evidence, a complaint, a
legal hold); when the mark is lifted, the remaining days start to run again. In addition, footage is kept

- while one of its cases is open, and for some days after it closes, depending on the kind of case;
- while it has a release that is not withdrawn. An exported release keeps its footage until the destruction date in its
  details or, if it has none, until it is withdrawn;
- if there is no rule for its retention class.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum

from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from redact.evidence.footage_records import FootageState
from redact.records import accounts
from redact.records.cases import CLOSED
from redact.records.deadlines import CaseKind
from redact.records.release_state import ReleaseState
from redact.retention.rules import RetentionRules
from redact.schema.tables import Clip, Exhibit, Footage, Mark, Release

FIRST_CAMERAS = datetime(2005, 1, 1, tzinfo=UTC)
"""No UK police force used body-worn video before this: an earlier time means that the camera's clock was not set."""


class MarkKind(StrEnum):
    """A mark that stops the clock."""

    EVIDENCE = "evidence"
    COMPLAINT = "complaint"
    LEGAL_HOLD = "legal-hold"


@dataclass(frozen=True, slots=True)
class KeepReason:
    """A reason why footage is kept: ``kind`` is a :class:`MarkKind`, ``case``, ``release`` or ``class``; ``number`` is
    the number of the mark."""

    kind: str
    why: str
    number: int | None = None


@dataclass(frozen=True, slots=True)
class RetentionStatus:
    """The retention status of one piece of footage at ``now``."""

    footage_id: int
    sha256: str
    original_name: str
    size: int
    exhibits: tuple[str, ...]
    """The footage's exhibits, as ``CASE:EXHIBIT``."""
    retention_class: str
    state: FootageState
    started: datetime
    """The time from which the clock runs."""
    started_by: str
    """The meaning of that time, and the reason for using it."""
    runs_out: datetime | None
    """The time at which the clock runs out or ran out; None while a mark stops it, or if the class has no rule."""
    kept_by: tuple[KeepReason, ...]
    now: datetime

    @property
    def due(self) -> bool:
        """Whether the footage is due for disposal: still held, nothing keeps it, and its clock has run out."""
        if self.state != FootageState.STORED or self.kept_by:
            return False
        return self.runs_out is not None and self.runs_out <= self.now


def assess(
    session: Session, rules: RetentionRules, now: datetime, footage_id: int | None = None
) -> list[RetentionStatus]:
    """The retention status of all footage not yet disposed of, or of one piece; the clock that runs out first comes
    first."""
    query = select(Footage).where(Footage.state != FootageState.DISPOSED.value).order_by(Footage.id)
    query = query.options(selectinload(Footage.exhibits).selectinload(Exhibit.case), selectinload(Footage.marks))
    if footage_id is not None:
        query = query.where(Footage.id == footage_id)
    names = {person.id: person.name for person in accounts.all_people(session)}
    releases = _releases(session, footage_id)
    found = []
    # Reload rows that this session read earlier: they may have changed since.
    for footage in session.scalars(query.execution_options(populate_existing=True)):
        kept = [
            *_mark_reasons(footage, names),
            *_case_reasons(footage, rules, now),
            *_release_reasons(releases.get(footage.id, ()), now),
        ]
        found.append(_status(footage, rules, now, kept))
    return sorted(found, key=lambda one: (one.runs_out is None, one.runs_out or now, one.footage_id))


def _status(footage: Footage, rules: RetentionRules, now: datetime, kept: list[KeepReason]) -> RetentionStatus:
    started, by = _clock_start(footage)
    rule = rules.classes.get(footage.retention_class)
    if rule is None:
        kept.append(KeepReason("class", f'there is no rule for the class "{footage.retention_class}"'))
    return RetentionStatus(
        footage_id=footage.id,
        sha256=footage.sha256,
        original_name=footage.original_name,
        size=footage.size,
        exhibits=tuple(f"{exhibit.case.reference}:{exhibit.reference}" for exhibit in footage.exhibits),
        retention_class=footage.retention_class,
        state=FootageState(footage.state),
        started=started,
        started_by=by,
        runs_out=_runs_out(started, timedelta(rule.days), footage.marks) if rule else None,
        kept_by=tuple(kept),
        now=now,
    )


def _clock_start(footage: Footage) -> tuple[datetime, str]:
    recorded = footage.recorded_end or footage.recorded_start
    if recorded is None:
        return footage.added_at, "added; the recording time is unknown"
    try:
        corrected = recorded + timedelta(seconds=footage.clock_offset_seconds)
    except OverflowError:
        corrected = FIRST_CAMERAS - timedelta(1)
    if corrected < FIRST_CAMERAS:
        return footage.added_at, "added; the camera's clock was not set"
    # A day's tolerance for a camera that recorded local time as UTC.
    if corrected > footage.added_at + timedelta(1):
        return footage.added_at, "added; the camera's clock was ahead"
    return corrected, "recorded"


def _runs_out(started: datetime, days: timedelta, marks: Sequence[Mark]) -> datetime | None:
    """The time at which the clock runs out: the time before, between and after marks adds up to ``days``."""
    at, left = started, days
    for mark in sorted(marks, key=lambda mark: mark.placed_at):
        if mark.lifted_at is None:
            return None
        ran = max(mark.placed_at - at, timedelta())
        if ran < left and mark.lifted_at > at:
            at, left = mark.lifted_at, left - ran
    return at + left


def _mark_reasons(footage: Footage, names: Mapping[int, str]) -> Iterator[KeepReason]:
    for mark in active_marks(footage):
        by = f"{mark.kind} since {mark.placed_at:%Y-%m-%d}, by {names[mark.placed_by]}"
        yield KeepReason(mark.kind, f"{by}: {mark.reason}", mark.id)


def active_marks(footage: Footage) -> list[Mark]:
    """The marks that have not been lifted."""
    return [mark for mark in footage.marks if mark.lifted_at is None]


def _case_reasons(footage: Footage, rules: RetentionRules, now: datetime) -> Iterator[KeepReason]:
    for case in (exhibit.case for exhibit in footage.exhibits):
        if case.state != CLOSED or case.closed_at is None:
            yield KeepReason("case", f"case {case.reference} is open")
            continue
        until = case.closed_at + timedelta(rules.after_case[CaseKind(case.kind)])
        if now < until:
            closed = f"case {case.reference} was closed on {case.closed_at:%Y-%m-%d}"
            yield KeepReason("case", f"{closed}: kept until {until:%Y-%m-%d}")


def _releases(session: Session, footage_id: int | None) -> dict[int, list[Release]]:
    """The releases that are not withdrawn, by footage id."""
    query = select(Clip.footage_id, Release).join(Release, Clip.release_id == Release.id)
    query = query.where(Release.state != ReleaseState.WITHDRAWN.value).options(selectinload(Release.case))
    if footage_id is not None:
        query = query.where(Clip.footage_id == footage_id)
    found: dict[int, list[Release]] = {}
    for of, release in session.execute(query.execution_options(populate_existing=True)):
        known = found.setdefault(of, [])
        if release not in known:  # a release can have several clips of the footage
            known.append(release)
    return found


def _release_reasons(releases: Sequence[Release], now: datetime) -> Iterator[KeepReason]:
    for release in releases:
        name = f"release {release.case.reference}#{release.number}"
        if release.state != ReleaseState.EXPORTED:
            yield KeepReason("release", f"{name} is {release.state}")
            continue
        destroyed = _destroyed_on(release)
        if destroyed is None:
            yield KeepReason("release", f"{name} was exported without a destruction date")
        elif now.astimezone().date() < destroyed:
            yield KeepReason("release", f"{name} is kept until {destroyed}")


def _destroyed_on(release: Release) -> date | None:
    """The destruction date of the release; None if it is missing or invalid, which keeps the footage."""
    retention = release.details.get("retention")
    untrusted_date = retention.get("destroy_on") if isinstance(retention, dict) else None
    try:
        return date.fromisoformat(untrusted_date) if isinstance(untrusted_date, str) else None
    except ValueError:
        return None
