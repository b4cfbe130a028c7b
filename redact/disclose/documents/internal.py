"""Papers of the force's own: the certificate of disposal, and the audit trail to read."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from redact.disclose.documents.typeset import (
    Block,
    Cell,
    Document,
    TextRun,
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
from redact.disclose.log.entries import AuditHead

EVENTS_A_PART = 2000
"""A part of the trail. Setting takes memory and time in proportion: this many need half a gigabyte and two to
three seconds; a hundred thousand in one file would need more than twelve gigabytes, and would open as badly."""
LONGEST_BODY = 400
"""Letters of an event's body that are printed; the JSON Lines export has it whole."""


@dataclass(frozen=True, slots=True)
class Disposed:
    """One master that was disposed of. Times by UTC."""

    exhibit: str
    original_name: str
    sha256: str
    size_bytes: int
    added_at: datetime
    recorded_start: datetime | None
    retention_class: str


@dataclass(frozen=True, slots=True)
class Disposal:
    """An act of disposal: what, by which rule, by whom, and which event of the audit chain records it."""

    number: str
    organisation: str
    case_references: Sequence[str]
    items: Sequence[Disposed]
    rule: str
    disposed_by: str
    authorised_by: str | None
    disposed_at: datetime
    method: str
    kept: str
    """What remains: the record, hashes, the trail, copies that were released."""
    event_number: int
    event_hash: str


def disposal_certificate(disposal: Disposal) -> bytes:
    """The certificate that footage was disposed of. Raises :class:`TypesettingFailed`."""
    return pdf(disposal_document(disposal))


def disposal_document(disposal: Disposal) -> Document:
    """What :func:`disposal_certificate` sets."""
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
                ("Under the rule", disposal.rule),
                ("Method", disposal.method),
                ("What is kept", disposal.kept),
            ]
        ),
        heading("Footage disposed of"),
        table(("Exhibit", "File", "Dates"), (28, None, 44), rows),
        heading("Declaration"),
        para(
            "When it was disposed of, no evidence mark, complaint or legal hold lay on any of this footage, and the "
            "time its rule sets had passed. The act closes the audit trail of this footage."
        ),
        facts(
            [
                ("Entry in the audit trail", f"{disposal.event_number:,}"),
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


@dataclass(frozen=True, slots=True)
class TrailEvent:
    """One event of the audit chain; ``body`` is its JSON text."""

    seq: int
    at: str
    actor: str
    kind: str
    subject: str
    body: str
    hash: str


@dataclass(frozen=True, slots=True)
class TrailPart:
    """One PDF of the trail, with the numbers of its first and last event."""

    number: int
    first: int
    last: int
    pdf: bytes


def audit_trail(
    events: Iterable[TrailEvent], *, count: int, head: AuditHead, organisation: str, made: datetime
) -> Iterator[TrailPart]:
    """The trail to read, in parts of :data:`EVENTS_A_PART` events, made one at a time as they are asked for.

    ``count``: how many events come; the trail of one case is less than ``head.count``. Each part names the events it
    holds and the last hash of the part before, so that a missing part shows. No events give one part without any.

    Raises:
        TypesettingFailed: see :func:`redact.disclose.documents.typeset.pdf`.
    """
    waiting = iter(events)
    previous: TrailEvent | None = None
    part = list(islice(waiting, EVENTS_A_PART))
    number = 1
    while part or number == 1:
        document = trail_document(
            part, (number, -(-count // EVENTS_A_PART) or 1), previous, head=head, organisation=organisation, made=made
        )
        yield TrailPart(number, part[0].seq if part else 0, part[-1].seq if part else 0, pdf(document))
        previous = part[-1] if part else None
        part = list(islice(waiting, EVENTS_A_PART))
        number += 1


def trail_document(
    events: Sequence[TrailEvent],
    part: tuple[int, int],
    previous: TrailEvent | None,
    *,
    head: AuditHead,
    organisation: str,
    made: datetime,
) -> Document:
    """One ``part``, as (2, 5), of :func:`audit_trail`; ``previous`` is the last event of the part before."""
    number, parts = part
    span = f"entries {events[0].seq:,} to {events[-1].seq:,}" if events else "no entries"
    blocks: list[Block] = [
        facts(
            [
                ("Made on", moment(made)),
                ("This part", f"{number} of {parts}: {span}"),
                ("Hash before this part", mono(previous.hash) if previous else "none: the trail starts here"),
                ("Hash at the end of it", mono(events[-1].hash) if events else None),
                ("Head of the trail", [f"{head.count:,} entries, the last of which has the hash", mono(head.hash)]),
                ("Fingerprint of the key", mono(head.key_fingerprint)),
            ]
        ),
        para(
            quiet(
                "Hashes in the table are cut to 16 digits and long details are cut short; the export as JSON Lines has "
                "both whole, and with it redact audit verify checks the chain."
            )
        ),
        table(("Entry", "Time (UTC)", "Who", "What", "Hash"), (16, 31, 34, None, 34), map(_event_row, events)),
    ]
    return Document(
        title="Audit trail",
        subtitle=f"Part {number} of {parts}: {span}",
        organisation=organisation,
        footer=f"Audit trail, part {number} of {parts}, {span}",
        date=made,
        blocks=blocks,
        landscape=True,
    )


def _event_row(event: TrailEvent) -> list[Cell]:
    try:
        untrusted_body = json.loads(event.body)
    except ValueError:
        untrusted_body = event.body
    told = "; ".join(_told("", untrusted_body)) if untrusted_body else ""
    if len(told) > LONGEST_BODY:
        told = told[:LONGEST_BODY] + " [...]"
    day_of, _, time_of = event.at.partition("T")
    what: list[TextRun] = [f"{event.kind} · {event.subject}"]
    return [
        f"{event.seq}",
        f"{day_of} {time_of[:12]}",
        narrow(event.actor),
        [*what, quiet(told)] if told else what,
        mono(event.hash[:16]),
    ]


def _told(name: str, value: object) -> Iterator[str]:
    """Leaves of a JSON value as ``place.inside: text``."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _told(f"{name}.{key}" if name else str(key), item)
    elif isinstance(value, list) and any(isinstance(item, dict | list) for item in value):
        for place, item in enumerate(value, 1):
            yield from _told(f"{name} {place}", item)
    else:
        text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
        yield f"{name}: {text}" if name else text
