"""Simple methods that a drawing model has to beat: where a pen goes next by what it did last."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self, final

import numpy as np
from numpy.typing import NDArray

from statewise.data.strokes.prepared import Rows

Floats = NDArray[np.float64]
LEAST_VARIANCE = 1e-6
"A movement that never varies would have a density without bound."


def parts_of(rows: Rows) -> tuple[Floats, Floats, NDArray[np.int64]]:
    """Return the movements of a drawing, what came before each, and what the pen does after each and at the end.

    Shapes: movements `[n, 2]`; before each the last movement and whether the pen was lifted, `[n + 1, 3]`; the pen
    `[n + 1]`: 0 draws on, 1 is lifted, 2 the drawing has ended.
    """
    before = np.concatenate([np.zeros((1, 3)), rows])
    pen = np.append((rows[:, 2] > 0).astype(np.int64), 2)
    return rows[:, :2].astype(np.float64), before, pen


@final
@dataclass(frozen=True)
class Movements:
    """For each state of the pen one bivariate normal distribution of the next movement, and odds of what the pen does.

    Its mean is constant, or linear in the last movement (a bigram): by least squares, with the covariance of what is
    left. The odds are counts, one added to each.

    Baselines of sketch, handwriting:

    - `one Gaussian a pen state`: the mean of the next movement is constant for each state of the pen
    - `bigram of movements`: the mean of the next movement is linear in the last one
    """

    weights: tuple[Floats, ...]
    covariances: tuple[Floats, ...]
    pen: Floats
    sees_last: bool

    @classmethod
    def fit(cls, drawings: Sequence[Rows], *, sees_last: bool) -> Self:
        """Fit the distributions to the rows of drawings."""
        parts = [parts_of(rows) for rows in drawings]
        moves = np.concatenate([moved for moved, _, _ in parts])
        before = np.concatenate([seen[:-1] for _, seen, _ in parts])
        counts = np.ones((2, 3))
        for _, seen, pen in parts:
            np.add.at(counts, ((seen[:, 2] > 0).astype(int), pen), 1)
        weights, covariances = [], []
        for state in (0, 1):
            chosen = (before[:, 2] > 0) == bool(state)
            inputs, wanted = _inputs(before[chosen], sees_last), moves[chosen]
            fitted = np.linalg.lstsq(inputs, wanted, rcond=None)[0] if len(wanted) else np.zeros((inputs.shape[1], 2))
            rest = wanted - inputs @ fitted
            weights.append(fitted)
            covariances.append(rest.T @ rest / max(1, len(rest)) + LEAST_VARIANCE * np.eye(2))
        return cls(tuple(weights), tuple(covariances), np.log(counts / counts.sum(axis=1, keepdims=True)), sees_last)

    def nats(self, moves: Floats, before: Floats, pen: Any) -> float:
        """Return minus the log-likelihood of a drawing, its end included."""
        lifted = (before[:, 2] > 0).astype(int)
        total = -float(self.pen[lifted, pen].sum())
        for state in (0, 1):
            chosen = lifted[:-1] == state
            rest = moves[chosen] - _inputs(before[:-1][chosen], self.sees_last) @ self.weights[state]
            covariance = self.covariances[state]
            squares = np.einsum("ni,ij,nj->n", rest, np.linalg.inv(covariance), rest)
            total += float(0.5 * (squares + np.log(np.linalg.det(covariance))).sum() + len(rest) * np.log(2 * np.pi))
        return total


def _inputs(before: Floats, sees_last: bool) -> Floats:
    ones = np.ones((len(before), 1))
    return np.concatenate([ones, before[:, :2]], axis=1) if sees_last else ones
