"""Changing what is noted of footage: who wore the camera, when it recorded, how long it is kept."""

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
    """Note something else of footage; None leaves a thing as it is, and no wearer is "". ``name`` and ``case`` are as
    in :func:`redact.evidence.footage_records.find`; ``recorded_start`` is by the camera's clock, ``clock_offset`` in
    seconds.

    The log of a release tells of these, so that releases of it that were submitted or approved are drafts again; and
    the retention clock runs by them. Raises BadRecord, RecordMissing, NotAllowed, WrongState for footage that is gone.
    """
    told = EnteredDetails(
        checked(wearer, "wearer's name", LONGEST_WEARER) if wearer else wearer,
        recorded_start,
        clock_offset,
        None,
        retention_class,
    )
    why = checked(reason, "reason")
    with db.writing(actor) as work:
        accounts.authorise_actor(work, Right.INTAKE)
        footage = footage_records.find(work.session, name, case)
        footage_records.require_held(footage)
        before = audited_details(footage)
        if told.wearer is not None:
            footage.wearer = told.wearer
        if told.recorded_start is not None:
            footage.recorded_start = told.recorded_start
            footage.recorded_end = told.recorded_start + timedelta(seconds=float(footage.media["duration_seconds"]))
        if told.clock_offset_seconds is not None:
            footage.clock_offset_seconds = told.clock_offset_seconds
        if told.retention_class is not None:
            footage.retention_class = told.retention_class
        after = audited_details(footage)
        changed = [key for key, value in after.items() if value != before[key]]
        if not changed:
            raise BadRecord("Nothing would change.", "Give something else than is noted already.")
        body = {
            "reason": why,
            "sha256": footage.sha256,
            "before": {key: before[key] for key in changed},
            "after": {key: after[key] for key in changed},
        }
        work.event("footage.changed", footage_records.subject(footage.sha256), body)
        reopen_for_footage(work, footage.id, f"What is noted of {footage.original_name} was changed: {why}")
        return footage
