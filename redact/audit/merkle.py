"""The Merkle tree of RFC 6962 over the events, and its two proofs.

Leaves are hashed behind a 0x00 byte and nodes behind 0x01, so that neither can pass for the other. An inclusion proof
(section 2.1.1) shows that one event is among those a root stands for, without the others; a consistency proof (2.1.2)
shows that the events of an earlier root are the first of those of a later one. Checking either takes a few hashes and
nothing but the signed heads; the checks are those of RFC 9162, sections 2.1.3.2 and 2.1.4.2.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

_HASH_BYTES = 32
"""Bytes of a hash."""


def leaf(event: str) -> bytes:
    """Of the Merkle tree, from an event's hash in hex."""
    return hashlib.sha256(b"\x00" + bytes.fromhex(event)).digest()


def node(left: bytes, right: bytes) -> bytes:
    """What stands above two hashes."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def with_leaf(peaks: Sequence[bytes], count: int, new: bytes) -> list[bytes]:
    """The peaks of ``count`` leaves, largest first, once ``new`` is added."""
    grown = list(peaks)
    while count & 1:
        new = node(grown.pop(), new)
        count >>= 1
    return [*grown, new]


def root(peaks: Sequence[bytes]) -> bytes:
    """The Merkle root; of no leaves the hash of nothing."""
    if not peaks:
        return hashlib.sha256(b"").digest()
    whole = peaks[-1]
    for peak in reversed(peaks[:-1]):
        whole = node(peak, whole)
    return whole


class MerkleTree:
    """The tree over ``leaves``, made once, from which roots and proofs come in a few steps each."""

    def __init__(self, leaves: Sequence[bytes]) -> None:
        self.count = len(leaves)
        self._levels = [list(leaves)]
        while len(below := self._levels[-1]) > 1:
            self._levels.append([node(below[i], below[i + 1]) for i in range(0, len(below) - 1, 2)])

    def root(self, count: int) -> bytes:
        """Over the first ``count`` leaves."""
        self._check(0, count, self.count)
        return self._span(0, count) if count else hashlib.sha256(b"").digest()

    def inclusion(self, index: int, count: int) -> list[bytes]:
        """Proof that leaf ``index``, from 0, is among the first ``count``; lowest hash first."""
        self._check(1, index + 1, count)
        self._check(1, count, self.count)
        first, last, proof = 0, count, list[bytes]()
        while last - first > 1:
            middle = first + _half(last - first)
            if index < middle:
                proof.append(self._span(middle, last))
                last = middle
            else:
                proof.append(self._span(first, middle))
                first = middle
        return proof[::-1]

    def consistency(self, earlier: int, count: int) -> list[bytes]:
        """Proof that the first ``earlier`` leaves, one at least, are the first of ``count``; lowest hash first."""
        self._check(1, earlier, count)
        self._check(1, count, self.count)
        first, last, proof, known = 0, count, list[bytes](), True
        while earlier != last:
            middle = first + _half(last - first)
            if earlier <= middle:
                proof.append(self._span(middle, last))
                last = middle
            else:
                proof.append(self._span(first, middle))
                first, known = middle, False
        # Who checks holds the earlier root already, so it is left out where it is a node of its own.
        return ([] if known else [self._span(first, last)]) + proof[::-1]

    @staticmethod
    def _check(low: int, value: int, high: int) -> None:
        if not 0 <= low <= value <= high:
            raise ValueError("outside of the tree")

    def _span(self, first: int, last: int) -> bytes:
        size = last - first
        if size & (size - 1) == 0:  # full, and all spans of a proof begin at a multiple of their size
            level = size.bit_length() - 1
            return self._levels[level][first >> level]
        middle = first + _half(size)
        return node(self._span(first, middle), self._span(middle, last))


def inclusion_holds(whole: bytes, count: int, index: int, untrusted_leaf: bytes, proof: Sequence[bytes]) -> bool:
    """Whether ``proof`` shows the leaf as number ``index``, from 0, of the ``count`` under the root ``whole``."""
    if not 0 <= index < count or any(len(piece) != _HASH_BYTES for piece in proof):
        return False
    at, last, value = index, count - 1, untrusted_leaf
    for piece in proof:
        if not last:
            return False
        if at & 1 or at == last:
            value = node(piece, value)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            value = node(value, piece)
        at, last = at >> 1, last >> 1
    return last == 0 and value == whole


def consistency_holds(earlier: tuple[int, bytes], later: tuple[int, bytes], proof: Sequence[bytes]) -> bool:
    """Whether ``proof`` shows that the leaves of ``earlier`` (count, root) are the first of those of ``later``."""
    (count, root_then), (total, root_now) = earlier, later
    if not 0 < count <= total or any(len(piece) != _HASH_BYTES for piece in proof):
        return False
    if count == total:
        return not proof and root_then == root_now
    pieces = list(proof) if count & (count - 1) else [root_then, *proof]
    if not pieces:
        return False
    at, last = count - 1, total - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    then = now = pieces[0]
    for piece in pieces[1:]:
        if not last:
            return False
        if at & 1 or at == last:
            then, now = node(piece, then), node(piece, now)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            now = node(now, piece)
        at, last = at >> 1, last >> 1
    return last == 0 and then == root_then and now == root_now


def _half(size: int) -> int:
    """The largest power of two below ``size``, which is 2 at least."""
    return 1 << (size - 1).bit_length() - 1
