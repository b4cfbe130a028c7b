"""Marks on footage, and the disposal of footage that is due; see :mod:`redact.retention.clock`.

Disposal takes two transactions, each with its event. First the footage becomes ``disposing``, after which no hold can
be placed; this is refused if anything keeps the footage at that moment. Then the files are removed, and only then does
it become ``disposed``, with a disposal certificate. An interruption leaves footage that is intact and held, or footage
that is ``disposing``, which the next run finishes.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from redact.audit import chain
from redact.errors import BadRecord, FootageHeld, RecordMissing, RedactError, WrongState
from redact.evidence.footage_records import FootageState, find, subject
from redact.evidence.store import Store
from redact.records import accounts
from redact.records.accounts import Right
from redact.records.database import Database, UnitOfWork
from redact.records.validation import checked
from redact.retention.clock import MarkKind, RetentionStatus, active_marks, assess
from redact.retention.rules import RetentionRules, load_rules
from redact.schema.tables import Disposal, Event, Footage, Json, MachineTracks, Mark, as_text

BEGUN, DISPOSED = "footage.disposal-begun", "footage.disposed"
METHOD = (
    "The listed files were deleted from the store. Their disk blocks were not overwritten. Disk encryption and the "
    "expiry of backups are outside the scope of this software."
)
_GONE = {FootageState.DISPOSING: "it is being disposed of", FootageState.DISPOSED: "it has been disposed of"}


@dataclass(slots=True)
class DisposalRun:
    """The result of a disposal run. A dry run has only ``due`` and ``unfinished``."""

    due: list[RetentionStatus]
    unfinished: list[RetentionStatus]
    """Footage whose disposal an earlier run began but did not finish."""
    certificates: list[Json] = field(default_factory=list)
    failed: list[tuple[RetentionStatus, RedactError]] = field(default_factory=list)


def place(db: Database, actor: str, name: str, kind: MarkKind, reason: str, *, case: str | None = None) -> int:
    """Place a mark on footage and return its number; footage can have several. ``name`` and ``case`` are as in
    :func:`redact.evidence.footage_records.find`. Raises BadRecord, RecordMissing, NotAllowed, and WrongState if
    disposal has begun."""
    reason = checked(reason, "reason")
    with db.writing(actor) as work:
        person = accounts.authorise_actor(work, Right.HOLD)
        footage = find(work.session, name, case)
        if footage.state != FootageState.STORED:
            raise WrongState(
                f"{footage.original_name} can no longer be marked or held: {_GONE[FootageState(footage.state)]}."
            )
        mark = Mark(
            footage_id=footage.id,
            kind=kind.value,
            reason=reason,
            placed_at=work.at,
            placed_by=person.id,
            lift_reason="",
        )
        work.session.add(mark)
        work.session.flush()
        _record_mark_event(work, "footage.mark-placed", footage, mark, reason)
        return mark.id


def lift(
    db: Database,
    actor: str,
    name: str,
    reason: str,
    *,
    case: str | None = None,
    kind: MarkKind | None = None,
    number: int | None = None,
) -> int:
    """Lift a mark and return its number. ``kind`` and ``number`` select one if there are several.

    Raises BadRecord if more than one matches; RecordMissing, NotAllowed.
    """
    reason = checked(reason, "reason")
    with db.writing(actor) as work:
        person = accounts.authorise_actor(work, Right.HOLD)
        footage = find(work.session, name, case)
        marks = [m for m in active_marks(footage) if kind in (None, m.kind) and number in (None, m.id)]
        if not marks:
            raise RecordMissing(f"{footage.original_name} has no such mark.", "See `redact retention status`.")
        if len(marks) > 1:
            raise BadRecord(
                f"{footage.original_name} has several marks: {', '.join(f'{m.id} ({m.kind})' for m in marks)}.",
                "Choose one with --mark.",
            )
        mark = marks[0]
        mark.lifted_at, mark.lifted_by, mark.lift_reason = work.at, person.id, reason
        _record_mark_event(work, "footage.mark-lifted", footage, mark, reason)
        return mark.id


def _record_mark_event(work: UnitOfWork, kind: str, footage: Footage, mark: Mark, reason: str) -> None:
    body = {"mark": mark.id, "kind": mark.kind, "reason": reason, "sha256": footage.sha256}
    work.event(kind, subject(footage.sha256), body)


def status(session: Session, now: datetime) -> list[RetentionStatus]:
    """The retention status of all footage not yet disposed of; the first due comes first. Raises RetentionInvalid."""
    return assess(session, load_rules(), now)


def run(db: Database, actor: str, store: Store, *, dry_run: bool = True, now: datetime | None = None) -> DisposalRun:
    """Dispose of all footage that is due and finish interrupted disposals; with ``dry_run``, only list them.

    Footage that is held after all, or whose files cannot be removed, is listed in ``failed``; the run continues with
    the rest. Raises RetentionInvalid, RecordMissing, NotAllowed.
    """
    rules, now = load_rules(), now or datetime.now(UTC)
    with db.reading() as session:
        accounts.require(accounts.find(session, actor), Right.RETENTION)
        listed = assess(session, rules, now)
    report = DisposalRun(
        [one for one in listed if one.due], [one for one in listed if one.state == FootageState.DISPOSING]
    )
    for one in () if dry_run else (*report.unfinished, *report.due):
        try:
            report.certificates.append(_dispose(db, actor, store, one, rules))
        except RedactError as error:
            report.failed.append((one, error))
    return report


def _dispose(db: Database, actor: str, store: Store, due: RetentionStatus, rules: RetentionRules) -> Json:
    if due.state == FootageState.STORED:
        _begin(db, actor, due, rules)
    with db.reading() as session:
        tracks = session.scalars(select(MachineTracks.file_sha256).where(MachineTracks.footage_id == due.footage_id))
        doomed = set(tracks)
    with store.locked():
        removed = store.dispose(due.sha256, sorted(doomed))
    return _finish(db, actor, due, removed)


def _begin(db: Database, actor: str, listed: RetentionStatus, rules: RetentionRules) -> None:
    """Begin the disposal, which cannot be undone. Everything that could keep the footage is checked again inside the
    transaction, so that no mark can be placed in between."""
    with db.writing(actor) as work:
        accounts.authorise_actor(work, Right.RETENTION)
        due = next(iter(assess(work.session, rules, listed.now, listed.footage_id)), None)
        if due is None or due.state != FootageState.STORED:
            raise WrongState(f"Another run is already disposing of {listed.original_name}.")
        if not due.due:
            why = "; ".join(reason.why for reason in due.kept_by) or "its retention clock is running again"
            raise FootageHeld(f"{listed.original_name} is no longer due for disposal: {why}.")
        work.session.get_one(Footage, due.footage_id).state = FootageState.DISPOSING.value
        head = chain.signed_head(work.session)
        assert head is not None  # the person's account has an event
        body = {
            "sha256": due.sha256,
            "rule": _rule(due, rules),
            "audit_head_before": {"count": head.count, "hash": head.hash, "merkle_root": head.root},
        }
        work.event(BEGUN, subject(due.sha256), body)


def _rule(due: RetentionStatus, rules: RetentionRules) -> Json:
    rule = rules.classes[due.retention_class]
    return {
        "class": rule.name,
        "days": rule.days,
        "note": rule.note,
        "file_sha256": rules.sha256,
        "clock_started": as_text(due.started),
        "clock_started_by": due.started_by,
        "clock_ran_out": as_text(due.runs_out) if due.runs_out else None,
    }


def _finish(db: Database, actor: str, due: RetentionStatus, removed: Sequence[str]) -> Json:
    with db.writing(actor) as work:
        accounts.authorise_actor(work, Right.RETENTION)
        footage = work.session.get_one(Footage, due.footage_id, populate_existing=True)
        if footage.state != FootageState.DISPOSING:
            raise WrongState(f"Another run has already disposed of {footage.original_name}.")
        query = select(Event).where(Event.kind == BEGUN, Event.subject == subject(footage.sha256))
        begun = next(e for e in work.session.scalars(query) if json.loads(e.body)["sha256"] == footage.sha256)
        certificate = _certificate(work, footage, begun, removed)
        certificate["resumed"] = due.state == FootageState.DISPOSING
        ordered_by = accounts.find(work.session, begun.actor).id
        rule = certificate["rule"]["class"]
        work.session.add(
            Disposal(footage_id=footage.id, at=work.at, person_id=ordered_by, rule=rule, certificate=certificate)
        )
        footage.state, footage.disposed_at = FootageState.DISPOSED.value, work.at
        work.event(DISPOSED, subject(footage.sha256), certificate)
        return certificate


def _certificate(work: UnitOfWork, footage: Footage, begun: Event, removed: Sequence[str]) -> Json:
    begun_body = json.loads(begun.body)
    return {
        "certificate": f"D-{begun.seq}",
        "sha256": footage.sha256,
        "size_bytes": footage.size,
        "original_name": footage.original_name,
        "exhibits": [f"{exhibit.case.reference}:{exhibit.reference}" for exhibit in footage.exhibits],
        "recorded_start": as_text(footage.recorded_start) if footage.recorded_start else None,
        "recorded_end": as_text(footage.recorded_end) if footage.recorded_end else None,
        "added_at": as_text(footage.added_at),
        "rule": begun_body["rule"],
        "ordered_by": begun.actor,
        "ordered_at": begun.at,
        "completed_by": work.actor,
        "completed_at": as_text(work.at),
        "method": METHOD,
        "removed": list(removed),  # by the run that completed the disposal; an interrupted one may have removed others
        "audit_head_before": begun_body["audit_head_before"],
    }
