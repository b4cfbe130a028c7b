"""Documents as tagged PDF: the release log, drafts of letters and notices, certificates, the guide to verification."""
