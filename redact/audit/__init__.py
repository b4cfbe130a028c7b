"""The audit trail: its hash chain, signed heads, Merkle tree and export, and the keys that sign them."""
