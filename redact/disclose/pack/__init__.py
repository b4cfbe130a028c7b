"""Disclosure packs: redacted copies with their log, signed statement and C2PA manifests."""
