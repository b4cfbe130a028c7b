"""Changing the details of footage: the wearer, the recording time, the retention class."""

from __future__ import annotations

from datetime import datetime, timedelta

from redact.errors import BadRecord
from redact.evidence import footage_records
from redact.evidence.intake import LONGEST_WEARER, EnteredDetails, audited_details
from redact.records import accounts
from redact.records.accounts import Right
from redact.records.database import Database
from redact.records.release_state import reopen_for_footage
from redact.records.validation import checked
from redact.schema.tables import Footage


def change_footage(
    db: Database,
    actor: str,
    name: str,
    *,
    reason: str,
    case: str | None = None,
    wearer: str | None = None,
    recorded_start: datetime | None = None,
    clock_offset: float | None = None,
    retention_class: str | None = None,
) -> Footage:
    """Change details of footage. None leaves a detail unchanged; "" clears the wearer. ``name`` and ``case`` are as in
    :func:`redact.evidence.footage_records.find`; ``recorded_start`` is by the camera's clock, ``clock_offset`` in
    seconds.

    These details appear in release logs, so submitted and approved releases of the footage become drafts again; the
    retention clock also depends on them. Raises BadRecord, RecordMissing, NotAllowed, and WrongState if the footage has
    been disposed of.
    """
    details = EnteredDetails(
        checked(wearer, "wearer's name", LONGEST_WEARER) if wearer else wearer,
        recorded_start,
        clock_offset,
        None,
        retention_class,
    )
    reason = checked(reason, "reason")
    with db.writing(actor) as work:
        accounts.authorise_actor(work, Right.INTAKE)
        footage = footage_records.find(work.session, name, case)
        footage_records.require_stored(footage)
        before = audited_details(footage)
        if details.wearer is not None:
            footage.wearer = details.wearer
        if details.recorded_start is not None:
            footage.recorded_start = details.recorded_start
            footage.recorded_end = details.recorded_start + timedelta(seconds=float(footage.media["duration_seconds"]))
        if details.clock_offset_seconds is not None:
            footage.clock_offset_seconds = details.clock_offset_seconds
        if details.retention_class is not None:
            footage.retention_class = details.retention_class
        after = audited_details(footage)
        changed = [key for key, value in after.items() if value != before[key]]
        if not changed:
            raise BadRecord("There is nothing to change.", "Give a value that differs from the record.")
        body = {
            "reason": reason,
            "sha256": footage.sha256,
            "before": {key: before[key] for key in changed},
            "after": {key: after[key] for key in changed},
        }
        work.event("footage.changed", footage_records.subject(footage.sha256), body)
        reopen_for_footage(work, footage.id, f"details of {footage.original_name} were changed: {reason}")
        return footage
