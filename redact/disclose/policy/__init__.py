"""Release policies and reason codes, shipped or a force's own."""
