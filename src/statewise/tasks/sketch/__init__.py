"""Sketch: a network that draws, and finishes what was begun."""
