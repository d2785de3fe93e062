"""Answers: learn from questions about stories, and answer others."""
