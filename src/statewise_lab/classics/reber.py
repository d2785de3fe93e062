"""Strings of the embedded Reber grammar, and which symbols may follow at each place of them."""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from statewise_lab.classics.experiment import Batch, Dice, Material, Verdict
from statewise_lab.classics.network import Network

SYMBOLS = "BTPSXVE"
GRAPH: tuple[dict[str, int], ...] = (
    {"T": 1, "P": 2},
    {"S": 1, "X": 3},
    {"T": 2, "V": 4},
    {"X": 2, "S": 5},
    {"P": 3, "V": 5},
    {},
)
"Where each symbol leads from each node; the last one is the end. Source: Reber 1967, as in Cleeremans et al. 1989."
STRINGS = 256


class Strings(NamedTuple):
    """Strings side by side: `symbols` `[T + 1, N]`, filled up after, `places` `[T, N]`, and what may follow.

    `may_follow` `[T, N, 7]` is true for each symbol that the grammar allows next.
    """

    symbols: Tensor
    places: Tensor
    may_follow: Tensor

    def batch(self, rows: Tensor) -> Batch:
        """Return some of them, the next symbol to be told at each place."""
        return Batch(self.symbols[:-1, rows], self.symbols[1:, rows], self.places[:, rows])


def reber_string(dice: Dice) -> tuple[str, list[str]]:
    """Draw a string of the plain grammar, and what might have followed at each of its places.

    >>> string, might = reber_string(np.random.default_rng(2))
    >>> string[0], string[-1], might[0]
    ('B', 'E', 'TP')
    """
    string, might, node = "B", [], 0
    while GRAPH[node]:
        might.append("".join(GRAPH[node]))
        symbol = might[-1][dice.integers(len(might[-1]))]
        string, node = string + symbol, GRAPH[node][symbol]
    return string + "E", [*might, "E"]


def embedded_string(dice: Dice) -> tuple[str, list[str]]:
    """Draw B, T or P, a string of the plain grammar, the same T or P, E; and what might have followed at each place.

    Only the T or P at the end depends on what was read long before.
    """
    branch = "TP"[dice.integers(2)]
    inner, might = reber_string(dice)
    return f"B{branch}{inner}{branch}E", ["TP", "B", *might, branch, "E"]


def draw_strings(dice: Dice, count: int) -> Strings:
    """Draw so many strings of the embedded grammar."""
    drawn = [embedded_string(dice) for _ in range(count)]
    steps = max(len(string) for string, _ in drawn) - 1
    symbols = np.full((steps + 1, count), SYMBOLS.index("E"))
    may_follow = np.zeros((steps, count, len(SYMBOLS)), dtype=bool)
    for row, (string, might) in enumerate(drawn):
        symbols[: len(string), row] = [SYMBOLS.index(symbol) for symbol in string]
        for t, allowed in enumerate(might):
            may_follow[t, row, [SYMBOLS.index(symbol) for symbol in allowed]] = True
    followed = torch.from_numpy(may_follow)
    return Strings(torch.from_numpy(symbols), followed.any(dim=-1), followed)


def is_likeliest(outputs: Tensor, may_follow: Tensor) -> Tensor:
    """Say at each place `[N]` whether each symbol that may follow is likelier than each that may not.

    >>> may_follow = torch.tensor([[True, True, False]] * 2)
    >>> is_likeliest(torch.tensor([[2.0, 1.0, 0.0], [2.0, 0.0, 1.0]]), may_follow)
    tensor([ True, False])
    """
    lowest = outputs.masked_fill(~may_follow, torch.inf).amin(dim=-1)
    return lowest > outputs.masked_fill(may_follow, -torch.inf).amax(dim=-1)


def embedded_reber(seed: int) -> Material:
    """Return 256 strings to learn from again and again, and a judge that asks these and 256 others."""
    learned = draw_strings(np.random.default_rng([seed, STRINGS]), STRINGS)

    def draw(dice: Dice, rows: int) -> Batch:
        return learned.batch(torch.from_numpy(dice.choice(STRINGS, rows, replace=False)))

    def judge(network: Network, dice: Dice, *, to_the_end: bool = False) -> Verdict:
        wrong = {
            name: _wrong(network, strings)
            for name, strings in (("wrong", draw_strings(dice, STRINGS)), ("wrong of those learned from", learned))
        }
        return Verdict(not any(wrong.values()), {**wrong, "of": STRINGS})

    return Material(draw, judge)


def _wrong(network: Network, strings: Strings) -> int:
    """Return in how many strings any place is told wrong."""
    right = torch.ones(strings.places.shape, dtype=torch.bool)
    outputs = network(strings.symbols[:-1], strings.places)
    right[strings.places] = is_likeliest(outputs, strings.may_follow[strings.places])
    return int((~right.all(dim=0)).sum())
