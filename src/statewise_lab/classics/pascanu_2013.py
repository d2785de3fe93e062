"""Pascanu, Mikolov & Bengio 2013: what clipping, length and spectral radius do to learning over long lags."""

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
import torch

from statewise_lab.classics.experiment import (
    Batch,
    Contender,
    Dice,
    Draw,
    Experiment,
    Look,
    Material,
    Paper,
    every_seed,
)
from statewise_lab.classics.judging import counted, largest_is_right
from statewise_lab.classics.long_lags import at_the_end
from statewise_lab.classics.network import Network
from statewise_lab.classics.readout import Meaning

SOURCE = "Pascanu et al. 2013, section 4"
LENGTHS = (20, 50, 100, 150, 200)
RADII = (0.5, 0.8, 0.95, 1.1, 1.5)
FURTHER = (200, 500, 1_000, 2_000, 5_000)
ROWS = 20
TESTED = 10_000


def temporal_order(shortest: int, longest: int) -> Draw:
    """Return what draws two symbols, each X or Y, among four others: their order is the class, asked for at the end.

    Of T steps the first lies in the second tenth, the other in the fifth. T is drawn for each batch. Symbols: X is
    0, Y is 1, the others are 2 to 5.
    """

    def draw(dice: Dice, rows: int) -> Batch:
        steps, every = int(dice.integers(shortest, longest + 1)), np.arange(rows)
        inputs = dice.integers(2, 6, (steps, rows))
        signs = dice.integers(0, 2, (2, rows))
        inputs[dice.integers(steps // 10, 2 * steps // 10 + 1, rows), every] = signs[0]
        inputs[dice.integers(4 * steps // 10, 5 * steps // 10 + 1, rows), every] = signs[1]
        order = torch.from_numpy(2 * signs[0] + signs[1])
        return at_the_end(torch.from_numpy(inputs), order, np.full(rows, steps))

    return draw


def random_permutation(steps: int) -> Draw:
    """Return what draws T symbols of 100, of which the first is one of two and comes again, to be told, at the end.

    What lies between is any of the 98 others.
    """

    def draw(dice: Dice, rows: int) -> Batch:
        inputs = dice.integers(2, 100, (steps - 1, rows))
        inputs[0] = dice.integers(0, 2, rows)
        return at_the_end(torch.from_numpy(inputs), torch.from_numpy(inputs[0]), np.full(rows, steps - 1))

    return draw


def one_in_a_hundred(draw: Draw, look: Look | None = None) -> Callable[[int], Material]:
    """Return what draws with a judge that accepts fewer than 1 % wrong among 10,000 sequences."""
    return every_seed(draw, counted(draw, largest_is_right, TESTED, most_wrong=TESTED // 100 - 1), look)


def _further(network: Network, dice: Dice) -> dict[str, Any]:
    """Return how many of 1,000 sequences are wrong at each of the longer lengths."""
    wrong = {}
    for steps in FURTHER:
        judge = counted(temporal_order(steps, steps), largest_is_right, 1_000, most_wrong=1_000)
        wrong[str(steps)] = int(judge(network, dice).measures["wrong"])
    return {"wrong_of_1000_by_length": wrong}


def _experiment(
    name: str, title: str, paper: Paper, material: Callable[[int], Material], contenders: list[Contender], **how: Any
) -> Experiment:
    asked: dict[str, Any] = {"outputs": 4, "symbols": 6, "every": 1_000, **how}
    return Experiment(
        name=name,
        title=title,
        paper=paper,
        criterion="fewer than 1 % of 10,000 sequences wrong",
        material=material,
        meaning=Meaning.CHOICE,
        contenders=tuple(contenders),
        **asked,
    )


def elman(
    name: str, most: int, *, clip: float, optimizer: Literal["adam", "sgd"] = "sgd", rate: float = 0.1, **how: Any
) -> Contender:
    """Return a plain network of 50 units, as in the paper."""
    shared: dict[str, Any] = {"rows": ROWS, "rate": rate, "clip": clip, "optimizer": optimizer}
    return Contender("elman", 50, most, name, **shared, **how)


def slow_lstm(most: int, longest: int) -> Contender:
    """Return an LSTM of 50 units that begins as those of the long lags do."""
    return Contender("lstm", 50, most, longest=longest, options={"recurrent_initializer": "zeros"})


def _of_length(steps: int) -> Experiment:
    most = 60_000
    contenders = [
        elman("elman, SGD", most, clip=0.0),
        elman("elman, SGD, clipped", most, clip=1.0),
        elman("elman, Adam, clipped", most, clip=1.0, optimizer="adam", rate=0.001),
        slow_lstm(most, steps),
    ]
    reached = "without clipping hardly beyond 20 steps, with it further; all with a regulariser too"
    paper = Paper(SOURCE, reached)
    material = one_in_a_hundred(temporal_order(steps, steps))
    return _experiment(
        f"order-{steps}", f"temporal order, T = {steps}", paper, material, contenders, is_quick=steps <= 50
    )


def _by_radius() -> Experiment:
    contenders = [
        elman(f"radius {radius:g}" + (", clipped" if clip else ""), 30_000, clip=clip, recurrent_radius=radius)
        for radius in RADII
        for clip in (0.0, 1.0)
    ]
    material = one_in_a_hundred(temporal_order(20, 20))
    paper = Paper(SOURCE, "which radius learns depends on the length")
    return _experiment("order-radius", "temporal order, T = 20, by radius of W_s", paper, material, contenders)


def _of_all_lengths() -> Experiment:
    contenders = [
        elman("elman, Adam, clipped", 100_000, clip=1.0, optimizer="adam", rate=0.001),
        slow_lstm(100_000, 200),
    ]
    material = one_in_a_hundred(temporal_order(50, 200), _further)
    reached = "5 of 5 (clipped and regularised), without an error up to 5,000 steps"
    title = "temporal order, one for T = 50 to 200"
    return _experiment("order-50-200", title, Paper(SOURCE, reached), material, contenders, seeds=5)


def _permutation() -> Experiment:
    contenders = [
        elman("elman, SGD, clipped", 60_000, clip=1.0),
        elman("elman, Adam, clipped", 60_000, clip=1.0, optimizer="adam", rate=0.001),
        slow_lstm(60_000, 100),
    ]
    material = one_in_a_hundred(random_permutation(100))
    paper = Paper(SOURCE, "solved with clipping and a regulariser")
    return _experiment(
        "permutation", "random permutation, T = 100", paper, material, contenders, symbols=100, outputs=2
    )


EXPERIMENTS = (*map(_of_length, LENGTHS), _by_radius(), _of_all_lengths(), _permutation())
