"""The audit trail: hash chain, signed heads, Merkle tree, export, and the installation's signing keys."""
