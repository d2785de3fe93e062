"""Analysis of a network: how far back it remembers, what of the past it uses, its dynamics, gates and units."""

from statewise.insight.memory import Memory, measure_memory

__all__ = ["Memory", "measure_memory"]
