"""Footage: probing, decoding, encoding, sound tracks, and what may travel into a copy."""
