"""The certificates of footage that was disposed of, as files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sqlalchemy import select

from redact.disclose.documents import internal
from redact.home import folder_for
from redact.media.part_file import write_whole
from redact.records.database import Database
from redact.retention.disposal import DISPOSED
from redact.schema.tables import Disposal, Event, parse_text

FOLDER = "certificates"
"""Of the home folder."""
KEPT = "The record of the footage, its hash, and the audit trail; copies that were released."


def write_certificates(db: Database, organisation: str) -> list[Path]:
    """The certificates that are not written yet, as PDF. Raises as typesetting and writing do."""
    folder, written = folder_for(FOLDER), []
    with db.reading() as session:
        for row in session.scalars(select(Disposal).order_by(Disposal.id)):
            told: dict[str, Any] = row.certificate
            path = folder / f"{told['certificate']}.pdf"
            if path.exists():
                continue
            subject = f"footage:{told['sha256'][:12]}"
            events = session.scalars(select(Event).where(Event.kind == DISPOSED, Event.subject == subject))
            event = next(e for e in events if told["certificate"] in e.body)
            write_whole(path, internal.disposal_certificate(_paper(told, event, organisation)), overwrite=False)
            written.append(path)
    return written


def _paper(told: dict[str, Any], event: Event, organisation: str) -> internal.Disposal:
    rule, exhibits = told["rule"], [exhibit.partition(":") for exhibit in told["exhibits"]]
    same = told["ordered_by"] == told["completed_by"]
    return internal.Disposal(
        number=told["certificate"],
        organisation=organisation,
        case_references=sorted({case for case, _, _ in exhibits}),
        items=[
            internal.Disposed(
                exhibit=", ".join(reference for _, _, reference in exhibits) or "none",
                original_name=told["original_name"],
                sha256=told["sha256"],
                size_bytes=told["size_bytes"],
                added_at=parse_text(told["added_at"]),
                recorded_start=parse_text(told["recorded_start"]) if told["recorded_start"] else None,
                retention_class=rule["class"],
            )
        ],
        rule=f"{rule['class']}: {rule['days']} days. {rule['note']}",
        disposed_by=told["completed_by"],
        authorised_by=None if same else told["ordered_by"],
        disposed_at=parse_text(told["completed_at"]),
        method=told["method"],
        kept=KEPT,
        event_number=event.seq,
        event_hash=event.hash,
    )
