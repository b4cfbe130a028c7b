"""Tracks: objects followed through time by detections and motion; their file format and its conversions."""
