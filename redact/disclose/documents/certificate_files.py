"""Disposal certificates as PDF files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sqlalchemy import select

from redact.disclose.documents.disposal_certificate import DisposalFacts, DisposedItem, disposal_certificate
from redact.home import folder_for
from redact.media.part_file import write_whole
from redact.records.database import Database
from redact.retention.disposal import DISPOSED
from redact.schema.tables import Disposal, Event, parse_text

FOLDER = "certificates"
"""In ``REDACT_HOME``."""
KEPT = "The record of the footage, its hash, the audit trail, and any copies that were released."


def write_certificates(db: Database, organisation: str) -> list[Path]:
    """Write every certificate that has no PDF file yet. Raises what typesetting and writing raise."""
    folder, written = folder_for(FOLDER), []
    with db.reading() as session:
        for row in session.scalars(select(Disposal).order_by(Disposal.id)):
            certificate: dict[str, Any] = row.certificate
            path = folder / f"{certificate['certificate']}.pdf"
            if path.exists():
                continue
            subject = f"footage:{certificate['sha256'][:12]}"
            events = session.scalars(select(Event).where(Event.kind == DISPOSED, Event.subject == subject))
            event = next(e for e in events if certificate["certificate"] in e.body)
            write_whole(path, disposal_certificate(_facts(certificate, event, organisation)), overwrite=False)
            written.append(path)
    return written


def _facts(certificate: dict[str, Any], event: Event, organisation: str) -> DisposalFacts:
    rule, exhibits = certificate["rule"], [exhibit.partition(":") for exhibit in certificate["exhibits"]]
    same = certificate["ordered_by"] == certificate["completed_by"]
    return DisposalFacts(
        number=certificate["certificate"],
        organisation=organisation,
        case_references=sorted({case for case, _, _ in exhibits}),
        items=[
            DisposedItem(
                exhibit=", ".join(reference for _, _, reference in exhibits) or "none",
                original_name=certificate["original_name"],
                sha256=certificate["sha256"],
                size_bytes=certificate["size_bytes"],
                added_at=parse_text(certificate["added_at"]),
                recorded_start=parse_text(certificate["recorded_start"]) if certificate["recorded_start"] else None,
                retention_class=rule["class"],
            )
        ],
        rule=f"{rule['class']}: {rule['days']} days. {rule['note']}",
        disposed_by=certificate["completed_by"],
        authorised_by=None if same else certificate["ordered_by"],
        disposed_at=parse_text(certificate["completed_at"]),
        method=certificate["method"],
        kept=KEPT,
        event_number=event.seq,
        event_hash=event.hash,
    )
