"""Early stopping and schedule plateau: checks lower the learning rate, end training, and find the best weights."""

import math
from typing import NamedTuple

from statewise.run.recipe import Recipe


class Progress(NamedTuple):
    """Number of checks, best score in nats, checks since then, factor of the learning rate, and retries."""

    checks: int = 0
    best: float | None = None
    waited: int = 0
    scale: float = 1.0
    tries: int = 0

    def is_improved_by(self, nats: float) -> bool:
        """Say whether a score is better than all before it; what is not a number never is."""
        return math.isfinite(nats) and (self.best is None or nats < self.best)

    def after(self, nats: float, checks: int, recipe: Recipe) -> "Progress":
        """Return the progress after check number `checks` with a loss of `nats` per place.

        Under schedule `plateau` the rate falls by `factor` after every `patience` checks without a better score.

        >>> recipe = Recipe(schedule="plateau", patience=1, factor=0.5, checks=9)
        >>> Progress().after(2.0, 1, recipe).after(2.5, 2, recipe)
        Progress(checks=2, best=2.0, waited=1, scale=0.5, tries=0)
        """
        if self.is_improved_by(nats):
            return self._replace(checks=checks, best=nats, waited=0)
        waited = self.waited + 1
        falls = recipe.schedule == "plateau" and waited % recipe.patience == 0
        return self._replace(checks=checks, waited=waited, scale=self.scale * (recipe.factor if falls else 1.0))

    def is_over(self, recipe: Recipe) -> bool:
        """Say whether training ends because the last checks were no better."""
        return 0 < recipe.early_stop <= self.waited
