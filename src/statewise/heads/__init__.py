"""What an output means: one distribution a file, with its loss and how to draw from it."""

from statewise.heads.categorical import Categorical
from statewise.heads.head import Head, Loss
from statewise.heads.ranking import Ranking

__all__ = ["Categorical", "Head", "Loss", "Ranking"]
