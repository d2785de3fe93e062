"""Pairs of texts that say the same in two languages: read from files, split, and turned into subwords."""

from statewise.data.pairs.pair import Pair, cleaned

__all__ = ["Pair", "cleaned"]
