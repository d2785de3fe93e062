"""Conversations: read from files, split so that none is in two parts, and turned into subwords."""
