"""The table of redactions as CSV, for spreadsheets.

UTF-8 with a byte order mark and CRLF (RFC 4180). Without the mark Excel assumes a local code page and breaks names with
accents; other readers skip it. Spreadsheets evaluate a cell that starts like a formula, so text that does is prefixed
with an apostrophe, which makes them show it as it is (OWASP, "CSV Injection").
"""

from __future__ import annotations

import csv
import io
import unicodedata
from collections.abc import Iterable, Iterator, Sequence

from redact.disclose.log.entries import MaskEntry, NotRedacted
from redact.disclose.log.release_log import PublishedLog, ReleaseLog, check_outward

STARTS_FORMULA = frozenset("=+-@\t\r\n＝＋－＠")
"""First characters that make a spreadsheet evaluate a cell, including the full-width forms used in East Asia."""

COLUMNS = (
    "decision", "id", "file", "exhibit", "kind", "subject", "class", "first frame", "last frame", "from", "to",
    "effect", "source", "lowest confidence", "highest confidence", "codes", "legal basis", "reason",
)  # fmt: skip
PUBLISHED_COLUMNS = ("file", "kind", "first frame", "last frame", "from", "to", "effects", "codes", "legal basis")


def release_table(log: ReleaseLog) -> bytes:
    """``log.csv``: one line for each mask, then one for each exception (a decision to show).

    Raises:
        LogHoldsInternal: the log contains something that must not leave the force.
    """
    check_outward(log)
    return _table(COLUMNS, _release_rows(log))


def published_table(log: PublishedLog) -> bytes:
    """``log.csv`` of a public pack: one line for each time range."""
    return _table(
        PUBLISHED_COLUMNS,
        (
            (
                log.outputs[r.output].file, r.kind, r.first_frame, r.last_frame, r.first_timecode, r.last_timecode,
                "; ".join(r.effects), "; ".join(r.codes), "; ".join(r.legal_basis),
            )
            for r in log.ranges
        ),
    )  # fmt: skip


def _release_rows(log: ReleaseLog) -> Iterator[Sequence[str | float | None]]:
    for m in log.masks:
        yield (
            "redacted", *_entry_cells(log, m), m.effect, m.source, m.confidence_low, m.confidence_high,
            "; ".join(m.codes), "; ".join(m.legal_basis), None,
        )  # fmt: skip
    for n in log.not_redacted:
        yield ("not redacted", *_entry_cells(log, n), None, None, None, None, None, None, n.reason)


def _entry_cells(log: ReleaseLog, entry: MaskEntry | NotRedacted) -> tuple[str | int, ...]:
    output = log.outputs[entry.output]
    return (
        entry.id, output.file, output.master.exhibit, entry.kind, entry.subject, entry.label,
        entry.first_frame, entry.last_frame, entry.first_timecode, entry.last_timecode,
    )  # fmt: skip


def _table(columns: Sequence[str], rows: Iterable[Sequence[str | float | None]]) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(columns)
    for row in rows:
        writer.writerow([cell(value) if isinstance(value, str) else value for value in row])
    return text.getvalue().encode("utf-8-sig")


def cell(text: str) -> str:
    """``text`` made safe for a spreadsheet: no control characters, and nothing it would evaluate."""
    plain = "".join(" " if unicodedata.category(c) in ("Cc", "Cf", "Zl", "Zp") else c for c in text)
    starts = text[:1] in STARTS_FORMULA or plain.strip()[:1] in STARTS_FORMULA
    return f"'{plain}" if text and starts else plain
