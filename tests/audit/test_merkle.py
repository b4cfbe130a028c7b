"""Roots and proofs compared with the definitions in RFC 6962, section 2.1, implemented literally."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from redact.audit.merkle import MerkleTree, consistency_holds, inclusion_holds, root, with_leaf

Hashes = list[bytes]


def h(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def leaves(count: int) -> Hashes:
    return [h(b"\0" + bytes([number])) for number in range(count)]


def split(count: int) -> int:
    k = 1
    while 2 * k < count:
        k *= 2
    return k


def mth(d: Sequence[bytes]) -> bytes:
    """Merkle tree hash."""
    if len(d) < 2:
        return d[0] if d else h(b"")
    k = split(len(d))
    return h(b"\1" + mth(d[:k]) + mth(d[k:]))


def path(m: int, d: Sequence[bytes]) -> Hashes:
    """Audit path of leaf m."""
    if len(d) == 1:
        return []
    k = split(len(d))
    return [*path(m, d[:k]), mth(d[k:])] if m < k else [*path(m - k, d[k:]), mth(d[:k])]


def subproof(m: int, d: Sequence[bytes], b: bool) -> Hashes:
    """Consistency proof, SUBPROOF(m, D[n], b)."""
    if m == len(d):
        return [] if b else [mth(d)]
    k = split(len(d))
    if m <= k:
        return [*subproof(m, d[:k], b), mth(d[k:])]
    return [*subproof(m - k, d[k:], False), mth(d[:k])]


SIZES = range(1, 34)  # powers of two up to 32, and one more than each


@pytest.mark.parametrize("count", SIZES)
def test_roots_and_proofs_match_rfc_definitions(count: int) -> None:
    d = leaves(count)
    tree, peaks = MerkleTree(leaves(33)), list[bytes]()
    for number, one in enumerate(d):
        peaks = with_leaf(peaks, number, one)
    assert tree.root(count) == root(peaks) == mth(d)
    for m in range(count):
        assert tree.inclusion(m, count) == path(m, d)
        assert inclusion_holds(mth(d), count, m, d[m], path(m, d))
    for m in range(1, count + 1):
        assert tree.consistency(m, count) == subproof(m, d, True)
        assert consistency_holds((m, mth(d[:m])), (count, mth(d)), subproof(m, d, True))


@pytest.mark.parametrize("count", [1, 2, 3, 7, 8, 9, 21])
def test_proof_holds_only_for_its_leaf_and_root(count: int) -> None:
    d, tree = leaves(count), MerkleTree(leaves(count))
    whole, other = mth(d), h(b"other")
    for m in range(count):
        proof = tree.inclusion(m, count)
        for n in (-1, *range(count + 1)):
            assert inclusion_holds(whole, count, n, d[m], proof) is (n == m)
        assert not inclusion_holds(whole, count, m, other, proof)
        assert not inclusion_holds(other, count, m, d[m], proof)
        # A longer or shorter path, or one with something that is not a hash, is refused.
        for wrong in ([*proof, other], [other, *proof], proof[:-1] if proof else [other], [b"", *proof[1:]]):
            assert not inclusion_holds(whole, count, m, d[m], wrong)
    for m in range(1, count + 1):
        proof = tree.consistency(m, count)
        for n in range(count + 2):
            root_then = mth(d[:n])
            assert consistency_holds((n, root_then), (count, whole), proof) is (n == m)
        assert not consistency_holds((m, other), (count, whole), proof)
        assert not consistency_holds((m, mth(d[:m])), (count, other), proof)
        for wrong in ([*proof, other], [other, *proof], proof[:-1] if proof else [other]):
            assert not consistency_holds((m, mth(d[:m])), (count, whole), wrong)


def test_rewritten_events_have_no_consistency_proof() -> None:
    d = leaves(11)
    changed = [*d[:2], h(b"changed"), *d[3:]]
    assert not consistency_holds((6, mth(d[:6])), (11, mth(changed)), MerkleTree(changed).consistency(6, 11))
    assert not consistency_holds((6, mth(d[:6])), (11, mth(changed)), MerkleTree(d).consistency(6, 11))


@settings(max_examples=300, deadline=None)
@given(st.integers(1, 40), st.integers(0, 40), st.lists(st.binary(min_size=32, max_size=32), max_size=8))
def test_random_proofs_are_refused(count: int, index: int, proof: Hashes) -> None:
    assert not inclusion_holds(h(b"root"), count, index, h(b"leaf"), proof)
    assert not consistency_holds((index, h(b"then")), (count, h(b"now")), proof)


@pytest.mark.parametrize(("index", "count"), [(-1, 3), (3, 3), (0, 0), (0, 6)])
def test_proofs_outside_the_tree_are_refused(index: int, count: int) -> None:
    with pytest.raises(ValueError, match="outside"):
        MerkleTree(leaves(5)).inclusion(index, count)
    with pytest.raises(ValueError, match="outside"):
        MerkleTree(leaves(5)).consistency(0, 3)
