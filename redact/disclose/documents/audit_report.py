"""The audit trail as a readable report."""

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
    moment,
    mono,
    narrow,
    para,
    pdf,
    quiet,
    table,
)
from redact.disclose.log.entries import AuditHead

EVENTS_PER_PART = 2000
"""Memory and time of typesetting grow with the number of events: this many need half a gigabyte and two to three
seconds. A hundred thousand in one file would need over twelve gigabytes, and be as slow to open."""
LONGEST_BODY = 400
"""Characters of an event's body that are printed; the JSON Lines export has all of it."""


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
class AuditReportPart:
    """One PDF of the report, with the numbers of its first and last event."""

    number: int
    first: int
    last: int
    pdf: bytes


def audit_report(
    events: Iterable[TrailEvent], *, count: int, head: AuditHead, organisation: str, made: datetime
) -> Iterator[AuditReportPart]:
    """The report in parts of :data:`EVENTS_PER_PART` events, each generated on demand.

    ``count``: the number of events, which for the trail of one case is less than ``head.count``. Each part states which
    events it contains and the last hash of the part before, so that a missing part is noticed. Without events there is
    one empty part.

    Raises:
        TypesettingFailed: see :func:`redact.disclose.documents.typeset.pdf`.
    """
    waiting = iter(events)
    previous: TrailEvent | None = None
    part = list(islice(waiting, EVENTS_PER_PART))
    number = 1
    while part or number == 1:
        document = audit_report_document(
            part, (number, -(-count // EVENTS_PER_PART) or 1), previous, head=head, organisation=organisation, made=made
        )
        yield AuditReportPart(number, part[0].seq if part else 0, part[-1].seq if part else 0, pdf(document))
        previous = part[-1] if part else None
        part = list(islice(waiting, EVENTS_PER_PART))
        number += 1


def audit_report_document(
    events: Sequence[TrailEvent],
    part: tuple[int, int],
    previous: TrailEvent | None,
    *,
    head: AuditHead,
    organisation: str,
    made: datetime,
) -> Document:
    """One ``part``, such as (2, 5), of :func:`audit_trail`; ``previous`` is the last event of the part before."""
    number, parts = part
    span = f"entries {events[0].seq:,} to {events[-1].seq:,}" if events else "no entries"
    blocks: list[Block] = [
        facts(
            [
                ("Created", moment(made)),
                ("This part", f"{number} of {parts}: {span}"),
                ("Hash before this part", mono(previous.hash) if previous else "none: the trail starts here"),
                ("Hash at the end of this part", mono(events[-1].hash) if events else None),
                ("Audit chain head", [f"{head.count:,} entries; hash of the last entry:", mono(head.hash)]),
                ("Key fingerprint", mono(head.key_fingerprint)),
            ]
        ),
        para(
            quiet(
                "Hashes in the table are cut to 16 digits and long details are shortened. The JSON Lines export has "
                "both in full; check it with redact audit verify."
            )
        ),
        table(("Entry", "Time (UTC)", "Actor", "Event", "Hash"), (16, 31, 34, None, 34), map(_event_row, events)),
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
    details = "; ".join(_leaves("", untrusted_body)) if untrusted_body else ""
    if len(details) > LONGEST_BODY:
        details = details[:LONGEST_BODY] + " [...]"
    day_of, _, time_of = event.at.partition("T")
    runs: list[TextRun] = [f"{event.kind} · {event.subject}"]
    return [
        f"{event.seq}",
        f"{day_of} {time_of[:12]}",
        narrow(event.actor),
        [*runs, quiet(details)] if details else runs,
        mono(event.hash[:16]),
    ]


def _leaves(name: str, value: object) -> Iterator[str]:
    """The leaves of a JSON value as ``outer.inner: text``."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _leaves(f"{name}.{key}" if name else str(key), item)
    elif isinstance(value, list) and any(isinstance(item, dict | list) for item in value):
        for number, item in enumerate(value, 1):
            yield from _leaves(f"{name} {number}", item)
    else:
        text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
        yield f"{name}: {text}" if name else text
