"""Offline verification of a pack or of a single copy."""
