"""The numerical precision of training, and loss scaling for half precision."""

import copy
from typing import Any, Final, NamedTuple

from statewise.model import Model
from statewise.run.recipe import Recipe

SINGLE: Final = "32-true"
HALF: Final = "16-mixed"
DOUBLE: Final = "64-true"
FIRST_SCALE = 2.0**16
GROWS_AFTER = 2000


class LossScale(NamedTuple):
    """Loss scaling: the loss is multiplied by `factor`, and its gradient divided by it, to fit into half precision.

    Halved where a gradient overflows, doubled after 2,000 updates in which none did. At any other precision it is 1.
    Source: Micikevicius et al. 2018, section 3.2.

    >>> LossScale(4.0, 1999).grown().halved()
    LossScale(factor=4.0, updates=0)
    """

    factor: float = 1.0
    updates: int = 0

    @classmethod
    def of(cls, recipe: Recipe) -> "LossScale":
        """Return the scale at the beginning of training."""
        return cls(FIRST_SCALE if recipe.precision == HALF else 1.0)

    def grown(self) -> "LossScale":
        """Return the scale after an update whose gradient did not overflow."""
        is_due = self.updates + 1 == GROWS_AFTER
        return LossScale(self.factor * 2, 0) if is_due else LossScale(self.factor, self.updates + 1)

    def halved(self) -> "LossScale":
        """Return the scale after a gradient that overflowed."""
        return LossScale(self.factor / 2, 0)


def in_use(model: Model[Any], recipe: Recipe) -> Model[Any]:
    """Return a model as it is scored and used: of a training in double precision a copy in single precision."""
    return copy.deepcopy(model).float() if recipe.precision == DOUBLE else model
