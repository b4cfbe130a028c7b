"""Offline verification of a disclosure pack or a single redacted copy."""
