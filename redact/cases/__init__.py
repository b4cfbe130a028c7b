"""Records: requests and cases, footage, people, edits, retention, and the audit chain they are written through."""
