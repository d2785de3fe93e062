"""One training by several processes: each has its own rows; they sum gradients and agree on the next event."""

from statewise.distributed.ranks import LostProcess, Ranks, here, join, random_of
from statewise.distributed.row_shares import own_rows

__all__ = ["LostProcess", "Ranks", "here", "join", "own_rows", "random_of"]
