"""Everything that leaves the force: release policies, reason codes, logs, packs, provenance and verification."""
