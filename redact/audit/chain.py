"""The audit chain: every event holds the hash of the previous event, and a signed head holds their number.

An event's hash is ``sha256(domain || previous || canonical JSON)``. The events' hashes are the leaves of an RFC 6962
Merkle tree (see :mod:`redact.audit.merkle`), whose root covers all of them. The roots of its full subtrees, the peaks,
are stored, so that adding an event costs a few hashes however long the chain is.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from redact.audit.keys import PublicKey, SigningKey
from redact.audit.merkle import leaf, root, with_leaf
from redact.canonical_json import canonical
from redact.schema.tables import Decision, Edit, Event, Head, InstallationKey

DOMAIN = b"redact-audit-1\n"
HEAD_DOMAIN = "redact-audit-head-1"
START = "0" * 64
"""The previous hash of the first event."""
BATCH = 2000


@dataclass(frozen=True, slots=True)
class SignedHead:
    """``count`` events, the last of which has ``hash``; ``root`` is the Merkle root over all of them."""

    count: int
    hash: str
    root: str
    signature: str
    """The signature in Base64."""
    key: str
    """Fingerprint of the key that signed."""

    @property
    def message(self) -> bytes:
        """The bytes that are signed."""
        return canonical({"count": self.count, "hash": self.hash, "root": self.root})


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault in the chain: ``seq`` is the number of the event, or None if it concerns no single event."""

    seq: int | None
    what: str


@dataclass(frozen=True, slots=True)
class ChainReport:
    """The result of a verification. ``faults`` is empty if every event is present, unchanged and in order."""

    events: int
    head: SignedHead | None
    faults: tuple[Fault, ...]

    @property
    def sound(self) -> bool:
        """Whether no fault was found."""
        return not self.faults


def event_hash(previous: str, event: Event) -> str:
    """The event's hash, 64 hex digits."""
    content = {
        "seq": event.seq,
        "at": event.at,
        "actor": event.actor,
        "kind": event.kind,
        "subject": event.subject,
        "body": json.loads(event.body),
    }
    return hashlib.sha256(DOMAIN + bytes.fromhex(previous) + canonical(content)).hexdigest()


def append(session: Session, events: Sequence[Event], key: SigningKey) -> None:
    """Number and hash ``events``, add them, and sign the new head. Call it inside the writer's transaction: nothing
    else may append at the same time."""
    head = session.get(Head, 1)
    count, last = (head.count, head.hash) if head else (0, START)
    peaks = [bytes.fromhex(p) for p in head.peaks] if head else []
    for event in events:
        event.seq, event.previous = count + 1, last
        last = event.hash = event_hash(last, event)
        peaks = with_leaf(peaks, count, leaf(last))
        count += 1
    session.add_all(events)
    if head is None:
        head = Head(id=1)
        session.add(head)
    head.count, head.hash, head.root, head.key = count, last, root(peaks).hex(), key.fingerprint
    head.peaks = [p.hex() for p in peaks]
    message = SignedHead(count, last, head.root, "", key.fingerprint).message
    head.signature = base64.b64encode(key.sign(HEAD_DOMAIN, message)).decode()
    session.flush()


def signed_head(session: Session) -> SignedHead | None:
    """The newest head; None before the first event."""
    head = session.get(Head, 1)
    return SignedHead(head.count, head.hash, head.root, head.signature, head.key) if head else None


def verify(session: Session, trusted: Iterable[PublicKey], known: Iterable[SignedHead] = ()) -> ChainReport:
    """Verify the whole chain and report every fault.

    ``trusted``: keys accepted as signers of the head. ``known``: heads recorded elsewhere (in released logs, in files).
    The chain must still contain each of them, which detects a chain rewritten by someone who has the key.
    """
    faults: list[Fault] = []
    hashes, peaks, events = _recompute(session, faults)
    head = signed_head(session)
    if head is None:
        if events:
            faults.append(Fault(None, f"There are {events} events, but the signed head is missing."))
        elif session.scalars(select(InstallationKey).limit(1)).first() is not None:
            faults.append(Fault(None, "The events and the signed head have been removed."))
    else:
        _check_head(head, hashes, peaks, faults)
        _check_signature(head, {k.fingerprint: k for k in trusted}, faults)
    for other in known:
        if other.count > len(hashes) or (other.count and hashes[other.count - 1] != other.hash):
            faults.append(Fault(other.count, "The chain does not contain a chain head that was recorded earlier."))
    _check_rows(session, faults)
    return ChainReport(events, head, tuple(faults))


def _recompute(session: Session, faults: list[Fault]) -> tuple[list[str], list[bytes], int]:
    """The stored hashes of the events, in order, the peaks over them, and the number of events."""
    hashes: list[str] = []
    peaks: list[bytes] = []
    last, expected, number = START, 1, 0
    session.expire_all()
    for event in session.scalars(select(Event).order_by(Event.seq).execution_options(yield_per=BATCH)):
        number += 1
        if event.seq != expected:
            gap = f"Event {expected}" if event.seq == expected + 1 else f"Events {expected} to {event.seq - 1}"
            faults.append(Fault(expected, f"{gap} missing."))
        try:
            correct = event_hash(event.previous, event)
        except (ValueError, TypeError, RecursionError):
            correct = ""
        if event.previous != last:
            faults.append(Fault(event.seq, f"Event {event.seq} does not follow the one before it."))
        if event.hash != correct:
            faults.append(Fault(event.seq, f"Event {event.seq} has been altered."))
        last, expected = event.hash, event.seq + 1
        hashes.append(event.hash)
        try:
            peaks = with_leaf(peaks, number - 1, leaf(event.hash))
        except ValueError:
            peaks = with_leaf(peaks, number - 1, b"")
        session.expunge(event)
    return hashes, peaks, number


def _check_head(head: SignedHead, hashes: Sequence[str], peaks: Sequence[bytes], faults: list[Fault]) -> None:
    if head.count != len(hashes):
        faults.append(Fault(None, f"The signed head covers {head.count} events, but there are {len(hashes)}."))
    elif hashes and head.hash != hashes[-1]:
        faults.append(Fault(None, "The signed head does not match the last event."))
    elif head.root != root(peaks).hex():
        faults.append(Fault(None, "The signed head's Merkle root does not match the events."))


def _check_signature(head: SignedHead, trusted: dict[str, PublicKey], faults: list[Fault]) -> None:
    key = trusted.get(head.key)
    if key is None:
        faults.append(Fault(None, "The head is signed with a key that is not trusted."))
        return
    try:
        signature = base64.b64decode(head.signature, validate=True)
    except binascii.Error:
        signature = b""
    if not key.verify(HEAD_DOMAIN, head.message, signature):
        faults.append(Fault(None, "The head's signature is not valid."))


def _check_rows(session: Session, faults: list[Fault]) -> None:
    """Compare edits and decisions, which have their own tables, with their events: none may differ or be missing."""
    queries: dict[str, Select[int, str]] = {
        "edit.made": select(Edit.event_seq, Edit.payload),
        "release.decided": select(Decision.event_seq, Decision.content),
    }
    for kind, query in queries.items():
        # Not dict(...): mypy does not accept rows as pairs.
        rows: dict[int, str] = {seq: text for seq, text in session.execute(query)}  # noqa: C416
        for event in session.scalars(select(Event).where(Event.kind == kind).execution_options(yield_per=BATCH)):
            text = rows.pop(event.seq, None)
            if text is None:
                faults.append(Fault(event.seq, f"The record of event {event.seq} is missing."))
                continue
            try:
                same = canonical(json.loads(event.body)["content"]).decode() == text
            except (ValueError, TypeError, KeyError, RecursionError):
                same = False
            if not same:
                faults.append(Fault(event.seq, f"The record of event {event.seq} differs from the event."))
        faults.extend(Fault(None, f"A record refers to {kind} event {seq}, which does not exist.") for seq in rows)
