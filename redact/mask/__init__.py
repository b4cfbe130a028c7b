"""Masks: which shapes hide which frame, and how they are drawn."""
