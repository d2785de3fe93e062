"""Handwriting: a network that writes a text, in a hand of its own or in yours."""
