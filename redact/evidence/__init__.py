"""Evidence: the store of masters, footage records, frame tables, machine tracks and the edit log."""
