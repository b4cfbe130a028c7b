"""Release policies and reason codes: those shipped and a force's own."""
