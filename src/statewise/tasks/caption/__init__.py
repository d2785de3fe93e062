"""Captions: learn from pictures and what is said of them to say what is in others."""
