"""One training by several processes: each has its own rows; they add up gradients and agree on what comes next."""

from statewise.distributed.ranks import LostProcess, Ranks, here, join, random_of
from statewise.distributed.row_shares import own_rows

__all__ = ["LostProcess", "Ranks", "here", "join", "own_rows", "random_of"]
