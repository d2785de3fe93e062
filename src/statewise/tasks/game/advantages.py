"""How much better an action was than expected: generalized advantages over episodes that end anywhere."""

import numpy as np
from numpy.typing import NDArray

Reals = NDArray[np.float64]


def advantages_of(
    rewards: Reals, values: Reals, following: Reals, ended: NDArray[np.bool_], *, discount: float, decay: float
) -> Reals:
    """Return the generalized advantages `[T, B]`; none crosses the end of an episode.

        delta_t = r_t + discount V'_t - V_t        A_t = delta_t + discount decay A_(t+1), or delta_t where it ended

    `following` is V', the value after each step: of the next observation, 0 where the episode terminated, and of its
    last observation where it was cut. Source: Schulman et al. 2016, eq. 16.

    >>> rewards, values, ended = np.ones((2, 1)), np.zeros((2, 1)), np.array([[False], [True]])
    >>> advantages_of(rewards, values, values, ended, discount=0.5, decay=1.0).tolist()
    [[1.5], [1.0]]
    """
    deltas = rewards + discount * following - values
    goes_on = np.where(ended, 0.0, discount * decay)
    found, ahead = np.empty_like(deltas), np.zeros(deltas.shape[1])
    for step in range(len(deltas) - 1, -1, -1):
        ahead = deltas[step] + goes_on[step] * ahead
        found[step] = ahead
    return found
