"""Files that somebody else may have written, and what says of files that they are what was written."""
