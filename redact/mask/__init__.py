"""Masks: which shapes hide what on each frame, and how they are drawn."""
