"""Edits that people make to tracks, and what machine tracks and edits come to."""
