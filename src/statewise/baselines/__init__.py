"""Simple methods, carefully implemented, with which the result of a recurrent model is compared."""

from statewise.baselines.kneser_ney import KneserNey
from statewise.baselines.next_item import NextItem

__all__ = ["KneserNey", "NextItem"]
