"""Models: the registry of built-in models, model cards, and the training recipe."""
