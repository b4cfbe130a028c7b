"""Reviewers' edits to tracks, and the result of applying them to machine tracks."""
