"""Chat: learn from conversations, then reply."""
