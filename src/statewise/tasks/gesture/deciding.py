"""What one recording is: what was said at each of its steps, taken together, and how early that could be said."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Chances = NDArray[np.float64]


def step_weights(steps: int, typical: int, early: float) -> Chances:
    """Return how much each step counts: more from step to step, until a gesture is as long as it usually is.

        w_t = min(1, (t + 1) / typical) ^ early

    With 0 all count alike, so that a network learns to say early what it can; the higher, the less the beginning.

    >>> step_weights(4, 2, 1.0).tolist()
    [0.5, 1.0, 1.0, 1.0]
    """
    found: Chances = np.minimum(1.0, (np.arange(steps) + 1) / typical) ** early
    return found


def so_far(logs: Chances, typical: int, early: float) -> Chances:
    """Return the probabilities of the classes after each step, out of log-probabilities `[T, C]` at each.

    p_t = softmax( sum_{k <= t} w_k log p_k / sum_{k <= t} w_k )
    """
    weights = step_weights(len(logs), typical, early)[:, None]
    mean = (weights * logs).cumsum(axis=0) / weights.cumsum(axis=0)
    shifted = np.exp(mean - mean.max(axis=1, keepdims=True))
    found: Chances = shifted / shifted.sum(axis=1, keepdims=True)
    return found


class Decision(NamedTuple):
    """A class, how likely it is, after how many steps it was decided, and whether that was ever sure enough."""

    label: int
    confidence: float
    steps: int
    is_sure: bool


def decided(chances: Chances, sure: float) -> Decision:
    """Return the first class that is at least as likely as `sure`, else the likeliest at the end.

    >>> decided(np.array([[0.5, 0.5], [0.1, 0.9], [0.6, 0.4]]), 0.8)
    Decision(label=1, confidence=0.9, steps=2, is_sure=True)
    """
    reached = np.flatnonzero(chances.max(axis=1) >= sure)
    place = int(reached[0]) if len(reached) else len(chances) - 1
    label = int(chances[place].argmax())
    return Decision(label, float(chances[place, label]), place + 1, bool(len(reached)))
