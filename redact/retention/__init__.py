"""Retention: how long footage is kept, marks and holds, and disposal."""
