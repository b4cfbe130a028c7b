"""The release log: its models, the CSV table and the published edition."""
