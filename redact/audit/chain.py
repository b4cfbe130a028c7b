"""The audit chain: every event holds the hash of the one before it, and a signed head says how many there are.

An event's hash is ``sha256(domain || previous || canonical JSON)``. Over the events' hashes stands the Merkle tree of
RFC 6962 (see :mod:`redact.audit.merkle`), so that one root vouches for all of them; its full subtrees, the peaks, are
kept, so that adding an event costs a few hashes however long the chain is.
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
"""What the first event takes for the hash before it."""
BATCH = 2000


@dataclass(frozen=True, slots=True)
class SignedHead:
    """``count`` events, the last of which has ``hash``; ``root`` is the Merkle root over all of them."""

    count: int
    hash: str
    root: str
    signature: str
    """Base64."""
    key: str
    """Fingerprint of the key that signed."""

    @property
    def message(self) -> bytes:
        """What is signed."""
        return canonical({"count": self.count, "hash": self.hash, "root": self.root})


@dataclass(frozen=True, slots=True)
class Fault:
    """Where the chain does not hold: ``seq`` is the event's number, or None where no single one is to blame."""

    seq: int | None
    what: str


@dataclass(frozen=True, slots=True)
class ChainReport:
    """``faults`` is empty where every event is what was written, in the order it was written, and none is missing."""

    events: int
    head: SignedHead | None
    faults: tuple[Fault, ...]

    @property
    def sound(self) -> bool:
        """Whether nothing is wrong."""
        return not self.faults


def event_hash(previous: str, event: Event) -> str:
    """64 hex digits."""
    told = {
        "seq": event.seq,
        "at": event.at,
        "actor": event.actor,
        "kind": event.kind,
        "subject": event.subject,
        "body": json.loads(event.body),
    }
    return hashlib.sha256(DOMAIN + bytes.fromhex(previous) + canonical(told)).hexdigest()


def append(session: Session, events: Sequence[Event], key: SigningKey) -> None:
    """Give ``events`` their numbers and hashes, add them, and sign the new head. Call it inside of the one writer's
    transaction: nobody else may append meanwhile."""
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
    """Read the whole chain and say all that is wrong with it.

    ``trusted``: keys whose signature on the head counts. ``known``: heads that were noted elsewhere (on released logs,
    in files): the chain must still go through each of them, which is what finds a chain rewritten by somebody with the
    key.
    """
    faults: list[Fault] = []
    hashes, peaks, events = _recompute(session, faults)
    head = signed_head(session)
    if head is None:
        if events:
            faults.append(Fault(None, f"There are {events} events, but the signed head is missing."))
        elif session.scalars(select(InstallationKey).limit(1)).first() is not None:
            faults.append(Fault(None, "Events and head have been removed."))
    else:
        _check_head(head, hashes, peaks, faults)
        _check_signature(head, {k.fingerprint: k for k in trusted}, faults)
    for other in known:
        if other.count > len(hashes) or (other.count and hashes[other.count - 1] != other.hash):
            faults.append(Fault(other.count, "The chain does not go through a head that was noted before."))
    _check_rows(session, faults)
    return ChainReport(events, head, tuple(faults))


def _recompute(session: Session, faults: list[Fault]) -> tuple[list[str], list[bytes], int]:
    """The hashes that the events should have, in order, and the peaks over them."""
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
            right = event_hash(event.previous, event)
        except (ValueError, TypeError, RecursionError):
            right = ""
        if event.previous != last:
            faults.append(Fault(event.seq, f"Event {event.seq} does not follow the one before it."))
        if event.hash != right:
            faults.append(Fault(event.seq, f"Event {event.seq} is not what was written."))
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
        faults.append(Fault(None, f"The signed head speaks of {head.count} events; there are {len(hashes)}."))
    elif hashes and head.hash != hashes[-1]:
        faults.append(Fault(None, "The signed head is of another last event."))
    elif head.root != root(peaks).hex():
        faults.append(Fault(None, "The signed head's Merkle root is of other events."))


def _check_signature(head: SignedHead, trusted: dict[str, PublicKey], faults: list[Fault]) -> None:
    key = trusted.get(head.key)
    if key is None:
        faults.append(Fault(None, "The head is signed by a key that is not trusted here."))
        return
    try:
        signature = base64.b64decode(head.signature, validate=True)
    except binascii.Error:
        signature = b""
    if not key.verify(HEAD_DOMAIN, head.message, signature):
        faults.append(Fault(None, "The head's signature is not of this head."))


def _check_rows(session: Session, faults: list[Fault]) -> None:
    """Edits and decisions lie in tables of their own: each must say what its event says, and none may be missing."""
    written: dict[str, Select[int, str]] = {
        "edit.made": select(Edit.event_seq, Edit.payload),
        "release.decided": select(Decision.event_seq, Decision.content),
    }
    for kind, query in written.items():
        rows: dict[int, str] = {seq: text for seq, text in session.execute(query)}  # noqa: C416 - rows are no pairs to mypy
        for event in session.scalars(select(Event).where(Event.kind == kind).execution_options(yield_per=BATCH)):
            text = rows.pop(event.seq, None)
            if text is None:
                faults.append(Fault(event.seq, f"The record that event {event.seq} speaks of is missing."))
                continue
            try:
                same = canonical(json.loads(event.body)["content"]).decode() == text
            except (ValueError, TypeError, KeyError, RecursionError):
                same = False
            if not same:
                faults.append(Fault(event.seq, f"The record of event {event.seq} says something else than the event."))
        faults.extend(Fault(None, f"A record has no event {seq} of the kind {kind}.") for seq in rows)
