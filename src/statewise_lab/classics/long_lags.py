"""Sequences with long time lags, as Hochreiter & Schmidhuber 1997 draw them, sections 5.2 to 5.6."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from statewise_lab.classics.experiment import Batch, Dice, Draw

LENGTHENED = 10
"Lengths lie between T and T + T / 10."


def at_the_end(inputs: Tensor, targets: Tensor, lengths: NDArray[Any]) -> Batch:
    """Return a batch whose targets `[B, ...]` are asked for at the last step of each row."""
    steps = inputs.shape[0]
    places = torch.arange(steps).unsqueeze(1) == torch.from_numpy(lengths) - 1
    return Batch(inputs, targets.unsqueeze(0).expand(steps, *targets.shape), places)


def lag_of_fixed_symbols(steps: int) -> Draw:
    """Return what draws task 2a: y a_1 ... a_{p-1} y or x a_1 ... a_{p-1} x, each symbol to be predicted from the last.

    Symbols: a_1 to a_{p-1} are 0 to p - 2, x is p - 1, y is p, with p = `steps`.
    """

    def draw(dice: Dice, rows: int) -> Batch:
        ends = dice.integers(steps - 1, steps + 1, rows)
        middle = np.broadcast_to(np.arange(steps - 1)[:, np.newaxis], (steps - 1, rows))
        symbols = torch.from_numpy(np.concatenate([ends[np.newaxis], middle, ends[np.newaxis]]))
        return Batch(symbols[:-1], symbols[1:], torch.ones(steps, rows, dtype=torch.bool))

    return draw


def lag_of_random_symbols(steps: int) -> Draw:
    """Return what draws task 2b: as 2a, but what lies between is drawn at random, and only the end is to be told."""

    def draw(dice: Dice, rows: int) -> Batch:
        ends = dice.integers(steps - 1, steps + 1, rows)
        middle = dice.integers(0, steps - 1, (steps - 1, rows))
        inputs = torch.from_numpy(np.concatenate([ends[np.newaxis], middle]))
        return at_the_end(inputs, torch.from_numpy(ends), np.full(rows, steps))

    return draw


def lag_of_distractors(lag: int, symbols: int) -> Draw:
    """Return what draws task 2c: b y a ... a e y or b x a ... a e x, with at least `lag` symbols a of so many kinds.

    After `lag` of them another one comes with odds 9 to 1, else e, so on average there are lag + 9. The last symbol
    alone is to be predicted. Symbols: a are 0 to p - 1, then b, e, x and y.
    """
    begin, end, first = symbols, symbols + 1, symbols + 2

    def draw(dice: Dice, rows: int) -> Batch:
        many = lag + dice.geometric(0.1, rows) - 1
        inputs = dice.integers(0, symbols, (3 + int(many.max()), rows))
        signs = dice.integers(0, 2, rows)
        inputs[0], inputs[1] = begin, first + signs
        inputs[2 + many, np.arange(rows)] = end
        return at_the_end(torch.from_numpy(inputs), torch.from_numpy(signs), 3 + many)

    return draw


def lengthened(dice: Dice, steps: int, rows: int) -> NDArray[Any]:
    """Draw lengths between T and T + T / 10."""
    return dice.integers(steps, steps + steps // LENGTHENED + 1, rows)


def two_sequences(
    steps: int,
    telling: int,
    *,
    noise: bool = False,
    targets: tuple[float, float] = (1, 0),
    target_variance: float = 0.0,
) -> Draw:
    """Return what draws tasks 3a to 3c: the first `telling` numbers are 1 or -1 and say the class, noise follows.

    Noise is Gaussian, of mean 0 and variance 0.2; with `noise` the telling numbers have it too (3b). The target is
    asked for at the end, and has Gaussian noise of `target_variance` (3c).
    """

    def draw(dice: Dice, rows: int) -> Batch:
        lengths = lengthened(dice, steps, rows)
        xs = dice.normal(0, 0.2**0.5, (int(lengths.max()), rows))
        is_first = dice.integers(0, 2, rows)
        xs[:telling] = np.where(is_first, 1.0, -1.0) + (xs[:telling] if noise else 0)
        wanted = np.where(is_first, *targets) + dice.normal(0, target_variance**0.5, rows)
        return at_the_end(numbers(xs[..., np.newaxis]), numbers(wanted[:, np.newaxis]), lengths)

    return draw


def numbers(array: NDArray[Any]) -> Tensor:
    """Return an array as single-precision numbers."""
    return torch.from_numpy(array).float()


def two_marked_numbers(steps: int, lowest: float, combine: Callable[..., NDArray[Any]]) -> Draw:
    """Return what draws tasks 4 and 5: of many numbers two are marked, whose sum or product is asked for at the end.

    A pair is a number, uniform from `lowest` to 1, and a mark: 1 at two places, -1 at both ends, else 0. The first
    mark is at one of the first ten places, the second at one of the first T / 2 - 1 that has none. A mark at the very
    first place replaces the -1 there, and its number counts as 0.
    """

    def draw(dice: Dice, rows: int) -> Batch:
        lengths, every = lengthened(dice, steps, rows), np.arange(rows)
        xs = np.zeros((int(lengths.max()), rows, 2))
        xs[..., 0] = dice.uniform(lowest, 1, xs.shape[:2])
        first = dice.integers(0, 10, rows)
        second = dice.integers(0, steps // 2 - 2, rows)
        second += second >= first
        xs[0, :, 1] = xs[lengths - 1, every, 1] = -1
        xs[first, every, 1] = xs[second, every, 1] = 1
        marked = [np.where(place == 0, 0.0, xs[place, every, 0]) for place in (first, second)]
        return at_the_end(numbers(xs), numbers(combine(*marked)[:, np.newaxis]), lengths)

    return draw


def order_of_symbols(*windows: tuple[int, int]) -> Draw:
    """Return what draws tasks 6a and 6b: among a, b, c and d lie an X or a Y in each window; their order is the class.

    Symbols: a to d are 0 to 3, X is 4, Y is 5, E at the beginning 6, B at the end 7. Lengths are 100 to 110.
    """

    def draw(dice: Dice, rows: int) -> Batch:
        lengths, every = dice.integers(100, 111, rows), np.arange(rows)
        inputs = dice.integers(0, 4, (110, rows))
        order = np.zeros(rows, dtype=np.int64)
        for first, last in windows:
            sign = dice.integers(0, 2, rows)
            inputs[dice.integers(first, last + 1, rows), every] = 4 + sign
            order = 2 * order + sign
        inputs[0], inputs[lengths - 1, every] = 6, 7
        return at_the_end(torch.from_numpy(inputs), torch.from_numpy(order), lengths)

    return draw
