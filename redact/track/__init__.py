"""Tracks: one object through time, carried by the motion of the picture; their file and its conversions."""
