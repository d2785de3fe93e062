"""Simple methods, honestly done, beside which the result of a recurrent model stands."""

from statewise.baselines.kneser_ney import KneserNey
from statewise.baselines.next_item import NextItem

__all__ = ["KneserNey", "NextItem"]
