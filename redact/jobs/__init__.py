"""Work on files from start to finish: one at a time, or a whole tree."""
