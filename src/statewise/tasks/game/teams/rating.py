"""How strong players are, by their matches: Bradley and Terry's model on the scale of Elo, with intervals."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

Reals = NDArray[np.float64]
SCALE = 400.0 / np.log(10.0)
PRIOR = 0.5
"Wins and losses that each pair is given before any match, so that a player that never lost has a rating."
ROUNDS, CLOSE = 10_000, 1e-9
DRAWS, LEVELS = 200, (2.5, 97.5)


def ratings_of(wins: Reals) -> Reals:
    r"""Return ratings whose mean is 0; 400 more mean odds of ten to one.

        P(i beats j) = p_i / (p_i + p_j)        R_i = 400 log10 p_i

    `wins` `[N, N]` says how often each beat each, a draw being half a win of both. Found by minorization (Hunter 2004).
    Source: Bradley & Terry 1952; Elo 1978 for the scale.

    >>> ratings_of(np.array([[0.0, 3.0], [1.0, 0.0]])).round(1).tolist()
    [73.6, -73.6]
    """
    count = len(wins)
    won = wins + PRIOR * (1 - np.eye(count))
    met, total = won + won.T, won.sum(axis=1)
    strength = np.ones(count)
    for _ in range(ROUNDS if count > 1 else 0):
        new = total / (met / (strength[:, None] + strength[None, :])).sum(axis=1)
        new /= np.exp(np.log(new).mean())
        is_close = bool(np.abs(np.log(new / strength)).max() < CLOSE)
        strength = new
        if is_close:
            break
    found: Reals = SCALE * np.log(strength)
    return found


def rating_intervals(results: dict[tuple[int, int], Reals], count: int, anchor: int) -> tuple[Reals, Reals, Reals]:
    """Return ratings with 95 % intervals, above that of an anchor, which is 0.

    `results` holds for each pair what the first won, match by match: 1, 0.5 or 0. For the intervals the matches of each
    pair are drawn again, always the same draws, with a win and a loss among them that were not played: so one that
    never lost is not certain never to lose.
    """
    own = _above(ratings_of(_table(results, count)), anchor)
    drawn = np.random.default_rng(12345)
    others = np.stack([_above(ratings_of(_table(again, count)), anchor) for again in _drawn_again(results, drawn)])
    low, high = np.percentile(others, LEVELS, axis=0)
    return own, low, high


def _drawn_again(
    results: dict[tuple[int, int], Reals], drawn: np.random.Generator
) -> Iterator[dict[tuple[int, int], Reals]]:
    for _ in range(DRAWS):
        again = {}
        for pair, won in results.items():
            seen = np.concatenate([won, (0.0, 1.0)])
            again[pair] = seen[drawn.integers(len(seen), size=len(won))]
        yield again


def _table(results: dict[tuple[int, int], Reals], count: int) -> Reals:
    wins = np.zeros((count, count))
    for (one, other), won in results.items():
        wins[one, other], wins[other, one] = won.sum(), (1 - won).sum()
    return wins


def _above(ratings: Reals, anchor: int) -> Reals:
    found: Reals = ratings - ratings[anchor]
    return found
