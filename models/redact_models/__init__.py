"""Models: the registry of what may be loaded, model cards, and what the project trains itself."""
