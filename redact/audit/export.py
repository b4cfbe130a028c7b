"""The audit trail as JSON Lines, to be handed to somebody who checks it without the database.

The first line tells of the signed head and of what the file holds; each other line is one event. A whole trail, or all
of it since an earlier head, is checked by its hashes alone; where only some events are told, each has a proof that it
is one of those the head stands for (see :mod:`redact.audit.merkle`).
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
    """Which events: of one ``subject``, or all; and only those after the first ``since``."""

    subject: str | None = None
    since: int = 0

    def query(self) -> Select[Event]:
        """The events in their order."""
        query = select(Event).where(Event.seq > self.since).order_by(Event.seq)
        return query if self.subject is None else query.where(Event.subject == self.subject)


@dataclass(frozen=True, slots=True)
class ExportReport:
    """What a check of a file found. ``own_key``: it was checked with nothing but the key that it brought itself."""

    events: int
    head: SignedHead | None
    own_key: bool
    faults: tuple[str, ...]


def export(session: Session, wish: ExportRequest, key: PublicKey, at: datetime) -> Iterator[bytes]:
    """The file, a line at a time; ``key`` is the one that signed the head.

    Raises RecordMissing where there are no events yet, BadRecord for a ``since`` beyond them.
    """
    head = chain.signed_head(session)
    if head is None:
        raise RecordMissing("There is no event in the audit trail yet.")
    if not 0 <= wish.since <= head.count:
        raise BadRecord(f"The audit trail has {head.count} events; {wish.since} is not among them.")
    tree = None
    if wish.since or wish.subject is not None:
        tree = MerkleTree([leaf(hashed) for hashed in session.scalars(select(Event.hash).order_by(Event.seq))])
    first: dict[str, object] = {
        "schema": SCHEMA,
        "made_at": as_text(at),
        "head": head_json(head),
        "public_key_pem": key.pem.decode(),
        "subject": wish.subject,
        "since": wish.since,
    }
    if tree is not None and wish.since:
        first["since_root"] = tree.root(wish.since).hex()
        first["consistency"] = [piece.hex() for piece in tree.consistency(wish.since, head.count)]
    yield canonical(first) + b"\n"
    for event in session.scalars(wish.query().execution_options(yield_per=BATCH)):
        line = event_json(event)
        if tree is not None and wish.subject is not None:
            line["inclusion"] = [piece.hex() for piece in tree.inclusion(event.seq - 1, head.count)]
        yield canonical(line) + b"\n"
        session.expunge(event)


def event_json(event: Event) -> dict[str, object]:
    """An event in a document."""
    told = {name: getattr(event, name) for name in ("seq", "at", "actor", "kind", "subject", "previous", "hash")}
    return {**told, "body": json.loads(event.body)}


def check(untrusted_lines: Iterable[bytes], key: PublicKey | None) -> ExportReport:
    """Check a file without the database. ``key`` is the installation's, had from elsewhere: without it the file's own
    is taken, which shows that the file is whole, but not whose it is."""
    lines = iter(untrusted_lines)
    try:
        first = _object(next(lines, b""))
        head = parse_head(first.get("head"))
        if first.get("schema") != SCHEMA:
            raise ValueError("another schema")
        signer = key or PublicKey.from_pem(str(first.get("public_key_pem")).encode())
        wish = ExportRequest(first.get("subject"), int(first.get("since", 0)))
    except (ValueError, TypeError, RecursionError, KeyUnusable):
        return ExportReport(0, None, key is None, ("This is no export of an audit trail.",))
    faults = list(_head_faults(first, head, signer, wish.since))
    walk = _ExportChecker(head, wish)
    for number, line in enumerate(lines, 2):
        try:
            faults += walk.faults(_object(line))
        except (ValueError, TypeError, KeyError, RecursionError):
            faults.append(f"Line {number} is no event.")
    return ExportReport(walk.events, head, key is None, (*faults, *walk.end()))


class _ExportChecker:
    """Through the events of a file, in their order."""

    def __init__(self, head: SignedHead, wish: ExportRequest) -> None:
        self._head, self._wish = head, wish
        self._seq, self._previous = wish.since, START if wish.since == 0 else ""
        self._peaks: list[bytes] = []
        self.events = 0

    def faults(self, told: dict[str, Any]) -> Iterator[str]:
        seq, hashed, previous = int(told["seq"]), str(told["hash"]), str(told["previous"])
        texts = {name: str(told[name]) for name in ("at", "actor", "kind", "subject")}
        right = event_hash(previous, Event(seq=seq, body=json.dumps(told["body"]), **texts))
        counted = leaf(hashed)
        self.events += 1
        if right != hashed:
            yield f"Event {seq} is not what was written."
        if self._wish.subject is None:
            yield from self._follows(seq, previous)
        else:
            yield from self._included(seq, hashed, told)
        self._seq, self._previous = seq, hashed
        if not self._wish.since:
            self._peaks = with_leaf(self._peaks, self.events - 1, counted)

    def _follows(self, seq: int, previous: str) -> Iterator[str]:
        if seq != self._seq + 1 or (self._previous and previous != self._previous):
            yield f"Event {seq} does not follow event {self._seq}."

    def _included(self, seq: int, hashed: str, told: dict[str, Any]) -> Iterator[str]:
        proof = [bytes.fromhex(piece) for piece in told["inclusion"]]
        whole = bytes.fromhex(self._head.root)
        if seq <= self._seq or told["subject"] != self._wish.subject:
            yield f"Event {seq} does not belong here."
        if not inclusion_holds(whole, self._head.count, seq - 1, leaf(hashed), proof):
            yield f"Event {seq} is none of those that the signed head stands for."

    def end(self) -> Iterator[str]:
        if self._wish.subject is not None:
            return  # nothing shows that no other event is about the subject
        if self._seq != self._head.count or (self._previous or self._head.hash) != self._head.hash:
            yield "The last event is not the one that the signed head speaks of."
        elif not self._wish.since and root(self._peaks).hex() != self._head.root:
            yield "The signed head's Merkle root is of other events."


def _head_faults(first: dict[str, Any], head: SignedHead, signer: PublicKey, since: int) -> Iterator[str]:
    if head.key != signer.fingerprint:
        yield "The head is signed by another key."
        return
    try:
        signature = base64.b64decode(head.signature, validate=True)
    except binascii.Error:
        signature = b""
    if not signer.verify(HEAD_DOMAIN, head.message, signature):
        yield "The head's signature is not of this head."
    if since:
        try:
            then = bytes.fromhex(first["since_root"])
            proof = [bytes.fromhex(piece) for piece in first["consistency"]]
            holds = consistency_holds((since, then), (head.count, bytes.fromhex(head.root)), proof)
        except (ValueError, TypeError, KeyError):
            holds = False
        if not holds:
            yield f"The first {since} events are not those of the head that this goes on from."


def _object(untrusted_line: bytes) -> dict[str, Any]:
    value = json.loads(untrusted_line)
    if not isinstance(value, dict):
        raise TypeError("no object")
    return value
