"""Simple methods, honestly done, beside which the result of a recurrent model stands."""

from statewise.baselines.kneser_ney import KneserNey

__all__ = ["KneserNey"]
