"""Pixels to boxes: detector families behind one protocol, on any device."""
