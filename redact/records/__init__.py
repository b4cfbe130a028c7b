"""Records: the database, accounts, cases and their deadlines."""
