"""One application a file."""
