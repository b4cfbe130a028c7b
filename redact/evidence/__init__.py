"""Evidence: the store, intake, footage records, frame tables, machine tracks and the edit log."""
