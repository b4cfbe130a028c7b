"""The database tables of the records, and their migrations."""
