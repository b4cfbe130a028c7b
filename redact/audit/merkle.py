"""The RFC 6962 Merkle tree over the events, and its two kinds of proof.

Leaves are hashed with a 0x00 prefix and nodes with 0x01, so that neither can pass for the other. An inclusion proof
(section 2.1.1) shows that a root covers an event, without the other events. A consistency proof (section 2.1.2) shows
that the events under an earlier root are the first of those under a later one. Checking either takes a few hashes and
only the signed heads, by the algorithms of RFC 9162, sections 2.1.3.2 and 2.1.4.2.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

_HASH_BYTES = 32
"""Length of a hash in bytes."""


def leaf(event: str) -> bytes:
    """The leaf for an event, from its hash in hex."""
    return hashlib.sha256(b"\x00" + bytes.fromhex(event)).digest()


def node(left: bytes, right: bytes) -> bytes:
    """The parent of two hashes."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def with_leaf(peaks: Sequence[bytes], count: int, new: bytes) -> list[bytes]:
    """The peaks of ``count`` leaves, largest first, once ``new`` is added."""
    remaining = list(peaks)
    while count & 1:
        new = node(remaining.pop(), new)
        count >>= 1
    return [*remaining, new]


def root(peaks: Sequence[bytes]) -> bytes:
    """The Merkle root; without leaves, the hash of the empty string."""
    if not peaks:
        return hashlib.sha256(b"").digest()
    combined = peaks[-1]
    for peak in reversed(peaks[:-1]):
        combined = node(peak, combined)
    return combined


class MerkleTree:
    """The tree over ``leaves``, built once; each root or proof then takes a few steps."""

    def __init__(self, leaves: Sequence[bytes]) -> None:
        self.count = len(leaves)
        self._levels = [list(leaves)]
        while len(below := self._levels[-1]) > 1:
            self._levels.append([node(below[i], below[i + 1]) for i in range(0, len(below) - 1, 2)])

    def root(self, count: int) -> bytes:
        """The root over the first ``count`` leaves."""
        self._check(0, count, self.count)
        return self._span(0, count) if count else hashlib.sha256(b"").digest()

    def inclusion(self, index: int, count: int) -> list[bytes]:
        """The proof that leaf ``index``, from 0, is among the first ``count``; lowest hash first."""
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
        """The proof that the first ``earlier`` leaves (at least one) are the first of ``count``; lowest hash first."""
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
        # The verifier already has the earlier root, so it is left out if it is a node of this tree.
        return ([] if known else [self._span(first, last)]) + proof[::-1]

    @staticmethod
    def _check(low: int, value: int, high: int) -> None:
        if not 0 <= low <= value <= high:
            raise ValueError("outside the tree")

    def _span(self, first: int, last: int) -> bytes:
        size = last - first
        if size & (size - 1) == 0:  # a full subtree: in proofs, each span starts at a multiple of its size
            level = size.bit_length() - 1
            return self._levels[level][first >> level]
        middle = first + _half(size)
        return node(self._span(first, middle), self._span(middle, last))


def inclusion_holds(root_hash: bytes, count: int, index: int, untrusted_leaf: bytes, proof: Sequence[bytes]) -> bool:
    """Whether ``proof`` shows the leaf as number ``index``, from 0, of the ``count`` under ``root_hash``."""
    if not 0 <= index < count or any(len(sibling) != _HASH_BYTES for sibling in proof):
        return False
    at, last, value = index, count - 1, untrusted_leaf
    for sibling in proof:
        if not last:
            return False
        if at & 1 or at == last:
            value = node(sibling, value)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            value = node(value, sibling)
        at, last = at >> 1, last >> 1
    return last == 0 and value == root_hash


def consistency_holds(earlier: tuple[int, bytes], later: tuple[int, bytes], proof: Sequence[bytes]) -> bool:
    """Whether ``proof`` shows that the leaves of ``earlier`` (count, root) are the first leaves of ``later``."""
    (count, root_then), (total, root_now) = earlier, later
    if not 0 < count <= total or any(len(hashed) != _HASH_BYTES for hashed in proof):
        return False
    if count == total:
        return not proof and root_then == root_now
    hashes = list(proof) if count & (count - 1) else [root_then, *proof]
    if not hashes:
        return False
    at, last = count - 1, total - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    then = now = hashes[0]
    for sibling in hashes[1:]:
        if not last:
            return False
        if at & 1 or at == last:
            then, now = node(sibling, then), node(sibling, now)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            now = node(now, sibling)
        at, last = at >> 1, last >> 1
    return last == 0 and then == root_then and now == root_now


def _half(size: int) -> int:
    """The largest power of two below ``size``, which must be at least 2."""
    return 1 << (size - 1).bit_length() - 1
