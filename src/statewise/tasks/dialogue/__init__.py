"""Dialogue: a bot that understands what is said, asks for what is missing, and does what was asked."""
