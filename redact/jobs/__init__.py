"""Long work: the queue of jobs and its worker, and batches of files."""
