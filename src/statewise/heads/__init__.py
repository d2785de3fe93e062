"""What an output means: one distribution a file, with its loss and how to draw from it."""

from statewise.heads.categorical import Categorical
from statewise.heads.head import Head, Loss

__all__ = ["Categorical", "Head", "Loss"]
