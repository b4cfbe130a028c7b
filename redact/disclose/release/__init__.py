"""Releases: what one hides and shows, why, and the rules for approving it."""
