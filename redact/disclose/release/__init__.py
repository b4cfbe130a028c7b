"""Releases: what each one hides and shows, why, and the rules for approving it."""
