"""Sequences out of a model: the likeliest at each step, a draw from its odds, the best of many, one row or hundreds."""

from statewise.decode.beam_search import Barring, Hypothesis, Limits, SearchRule, search
from statewise.decode.many_draws import draw
from statewise.decode.over_stream import Beam, beam, sample
from statewise.sampling import narrow

__all__ = ["Barring", "Beam", "Hypothesis", "Limits", "SearchRule", "beam", "draw", "narrow", "sample", "search"]
