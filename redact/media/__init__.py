"""Footage: probing, decoding, encoding, sound tracks, and what may be carried over into a copy."""
