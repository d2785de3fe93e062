"""Gestures: which movement was that, while it is still going on."""
