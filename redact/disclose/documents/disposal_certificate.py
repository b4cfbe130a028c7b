"""The certificate that footage was disposed of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from redact.disclose.documents.typeset import (
    Block,
    Cell,
    Document,
    facts,
    heading,
    moment,
    mono,
    narrow,
    para,
    pdf,
    quiet,
    signature,
    strong,
    table,
)


@dataclass(frozen=True, slots=True)
class DisposedItem:
    """One master that was disposed of. Times in UTC."""

    exhibit: str
    original_name: str
    sha256: str
    size_bytes: int
    added_at: datetime
    recorded_start: datetime | None
    retention_class: str


@dataclass(frozen=True, slots=True)
class DisposalFacts:
    """A disposal: what was disposed of, by whom, under which rule, and the event that records it in the audit chain."""

    number: str
    organisation: str
    case_references: Sequence[str]
    items: Sequence[DisposedItem]
    rule: str
    disposed_by: str
    authorised_by: str | None
    disposed_at: datetime
    method: str
    kept: str
    """What remains: the record, hashes, the audit trail, released copies."""
    event_number: int
    event_hash: str


def disposal_certificate(disposal: DisposalFacts) -> bytes:
    """The certificate that footage was disposed of. Raises :class:`TypesettingFailed`."""
    return pdf(disposal_document(disposal))


def disposal_document(disposal: DisposalFacts) -> Document:
    """The content of :func:`disposal_certificate`."""
    rows: list[list[Cell]] = [
        [
            [strong(narrow(item.exhibit)), quiet(narrow(item.retention_class))],
            [item.original_name, mono(item.sha256), quiet(f"{item.size_bytes:,} bytes")],
            [
                quiet("recorded"),
                moment(item.recorded_start) if item.recorded_start else "not known",
                quiet("received"),
                moment(item.added_at),
            ],
        ]
        for item in disposal.items
    ]
    blocks: list[Block] = [
        facts(
            [
                ("Certificate", disposal.number),
                ("Case", ", ".join(disposal.case_references) or "none"),
                ("Disposed of on", moment(disposal.disposed_at)),
                ("Disposed of by", disposal.disposed_by),
                ("Authorised by", disposal.authorised_by),
                ("Retention rule", disposal.rule),
                ("Method", disposal.method),
                ("What is kept", disposal.kept),
            ]
        ),
        heading("Footage disposed of"),
        table(("Exhibit", "File", "Dates"), (28, None, 44), rows),
        heading("Declaration"),
        para(
            "When this footage was disposed of, none of it was subject to an evidence mark, complaint or legal hold, "
            "and its retention period had ended. The disposal closes the audit trail of this footage."
        ),
        facts(
            [
                ("Audit trail entry", f"{disposal.event_number:,}"),
                ("Hash of the entry", mono(disposal.event_hash)),
            ]
        ),
        signature(f"Signed: {disposal.authorised_by or disposal.disposed_by}", "Date"),
    ]
    return Document(
        title="Certificate of disposal",
        subtitle="",
        organisation=disposal.organisation,
        footer=f"Certificate of disposal {disposal.number}",
        date=disposal.disposed_at,
        blocks=blocks,
    )
