"""The tables of the records, and the migrations that made them."""
