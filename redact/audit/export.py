"""Export of the audit trail as JSON Lines, which the recipient can check without the database.

The first line holds the signed head and the scope of the file; each other line is one event. A full trail, or all
events since an earlier head, is checked by its hashes alone. In an export about one subject, each event carries a proof
that the head covers it (see :mod:`redact.audit.merkle`).
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from redact.audit import chain
from redact.audit.chain import BATCH, HEAD_DOMAIN, START, SignedHead, event_hash
from redact.audit.heads import head_json, parse_head
from redact.audit.keys import PublicKey
from redact.audit.merkle import MerkleTree, consistency_holds, inclusion_holds, leaf, root, with_leaf
from redact.canonical_json import canonical
from redact.errors import BadRecord, KeyUnusable, RecordMissing
from redact.schema.tables import Event, as_text

SCHEMA = "redact-audit-export-1"


@dataclass(frozen=True, slots=True)
class ExportRequest:
    """The events to export: those about ``subject``, or all; and only those after the first ``since``."""

    subject: str | None = None
    since: int = 0

    def query(self) -> Select[Event]:
        """Select the events in order."""
        query = select(Event).where(Event.seq > self.since).order_by(Event.seq)
        return query if self.subject is None else query.where(Event.subject == self.subject)


@dataclass(frozen=True, slots=True)
class ExportReport:
    """The result of checking a file. ``own_key``: the file was checked only with the key it contains."""

    events: int
    head: SignedHead | None
    own_key: bool
    faults: tuple[str, ...]


def export(session: Session, request: ExportRequest, key: PublicKey, at: datetime) -> Iterator[bytes]:
    """The lines of the file. ``key`` must be the one that signed the head.

    Raises RecordMissing if there are no events yet, BadRecord if ``since`` is beyond them.
    """
    head = chain.signed_head(session)
    if head is None:
        raise RecordMissing("The audit trail has no events yet.")
    if not 0 <= request.since <= head.count:
        raise BadRecord(f"The audit trail has {head.count} events, so there is no event {request.since}.")
    tree = None
    if request.since or request.subject is not None:
        tree = MerkleTree([leaf(hashed) for hashed in session.scalars(select(Event.hash).order_by(Event.seq))])
    first: dict[str, object] = {
        "schema": SCHEMA,
        "made_at": as_text(at),
        "head": head_json(head),
        "public_key_pem": key.pem.decode(),
        "subject": request.subject,
        "since": request.since,
    }
    if tree is not None and request.since:
        first["since_root"] = tree.root(request.since).hex()
        first["consistency"] = [node.hex() for node in tree.consistency(request.since, head.count)]
    yield canonical(first) + b"\n"
    for event in session.scalars(request.query().execution_options(yield_per=BATCH)):
        line = event_json(event)
        if tree is not None and request.subject is not None:
            line["inclusion"] = [node.hex() for node in tree.inclusion(event.seq - 1, head.count)]
        yield canonical(line) + b"\n"
        session.expunge(event)


def event_json(event: Event) -> dict[str, object]:
    """The JSON form of an event."""
    columns = {name: getattr(event, name) for name in ("seq", "at", "actor", "kind", "subject", "previous", "hash")}
    return {**columns, "body": json.loads(event.body)}


def check(untrusted_lines: Iterable[bytes], key: PublicKey | None) -> ExportReport:
    """Check a file without the database. ``key`` is the installation's, obtained separately. Without it, the key in the
    file is used, which shows that the file is intact but not who made it."""
    lines = iter(untrusted_lines)
    try:
        first = _object(next(lines, b""))
        head = parse_head(first.get("head"))
        if first.get("schema") != SCHEMA:
            raise ValueError("another schema")
        signer = key or PublicKey.from_pem(str(first.get("public_key_pem")).encode())
        scope = ExportRequest(first.get("subject"), int(first.get("since", 0)))
    except (ValueError, TypeError, RecursionError, KeyUnusable):
        return ExportReport(0, None, key is None, ("This is not an exported audit trail.",))
    faults = list(_head_faults(first, head, signer, scope.since))
    checker = _ExportChecker(head, scope)
    for number, line in enumerate(lines, 2):
        try:
            faults += checker.faults(_object(line))
        except (ValueError, TypeError, KeyError, RecursionError):
            faults.append(f"Line {number} is not an event.")
    return ExportReport(checker.events, head, key is None, (*faults, *checker.final_faults()))


class _ExportChecker:
    """Checks the events of a file in order."""

    def __init__(self, head: SignedHead, scope: ExportRequest) -> None:
        self._head, self._scope = head, scope
        self._seq, self._previous = scope.since, START if scope.since == 0 else ""
        self._peaks: list[bytes] = []
        self.events = 0

    def faults(self, untrusted_event: dict[str, Any]) -> Iterator[str]:
        seq, hashed = int(untrusted_event["seq"]), str(untrusted_event["hash"])
        previous = str(untrusted_event["previous"])
        texts = {name: str(untrusted_event[name]) for name in ("at", "actor", "kind", "subject")}
        correct = event_hash(previous, Event(seq=seq, body=json.dumps(untrusted_event["body"]), **texts))
        event_leaf = leaf(hashed)
        self.events += 1
        if correct != hashed:
            yield f"Event {seq} has been altered."
        if self._scope.subject is None:
            yield from self._order_faults(seq, previous)
        else:
            yield from self._inclusion_faults(seq, hashed, untrusted_event)
        self._seq, self._previous = seq, hashed
        if not self._scope.since:
            self._peaks = with_leaf(self._peaks, self.events - 1, event_leaf)

    def _order_faults(self, seq: int, previous: str) -> Iterator[str]:
        if seq != self._seq + 1 or (self._previous and previous != self._previous):
            yield f"Event {seq} does not follow event {self._seq}."

    def _inclusion_faults(self, seq: int, hashed: str, untrusted_event: dict[str, Any]) -> Iterator[str]:
        proof = [bytes.fromhex(node) for node in untrusted_event["inclusion"]]
        root_hash = bytes.fromhex(self._head.root)
        if seq <= self._seq or untrusted_event["subject"] != self._scope.subject:
            yield f"Event {seq} is out of order or about another subject."
        if not inclusion_holds(root_hash, self._head.count, seq - 1, leaf(hashed), proof):
            yield f"Event {seq} is not covered by the signed head."

    def final_faults(self) -> Iterator[str]:
        if self._scope.subject is not None:
            return  # cannot show that no event about the subject is missing
        if self._seq != self._head.count or (self._previous or self._head.hash) != self._head.hash:
            yield "The last event does not match the signed head."
        elif not self._scope.since and root(self._peaks).hex() != self._head.root:
            yield "The signed head's Merkle root does not match the events."


def _head_faults(first: dict[str, Any], head: SignedHead, signer: PublicKey, since: int) -> Iterator[str]:
    if head.key != signer.fingerprint:
        yield "The head is signed with another key."
        return
    try:
        signature = base64.b64decode(head.signature, validate=True)
    except binascii.Error:
        signature = b""
    if not signer.verify(HEAD_DOMAIN, head.message, signature):
        yield "The head's signature is not valid."
    if since:
        try:
            earlier_root = bytes.fromhex(first["since_root"])
            proof = [bytes.fromhex(node) for node in first["consistency"]]
            holds = consistency_holds((since, earlier_root), (head.count, bytes.fromhex(head.root)), proof)
        except (ValueError, TypeError, KeyError):
            holds = False
        if not holds:
            yield f"The first {since} events do not match the earlier head that this file continues from."


def _object(untrusted_line: bytes) -> dict[str, Any]:
    value = json.loads(untrusted_line)
    if not isinstance(value, dict):
        raise TypeError("not an object")
    return value
