"""A run on disk: its directory, its configuration, and files that are either whole or not there."""
