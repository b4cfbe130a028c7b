"""Tagged PDF documents: release log, drafts of letters and notices, disposal certificates, verification guide."""
