"""Languages that must be counted, and parity: what tells today's cells apart, read further than was learned from."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from statewise_lab.classics.experiment import Batch, Contender, Dice, Draw, Experiment, Look, Paper, Verdict, every_seed
from statewise_lab.classics.judging import counted, largest_is_right
from statewise_lab.classics.network import Network
from statewise_lab.classics.readout import Meaning

LEARNED = 10
ASKED = 20
MOST = 1_000
PARITY_LEARNED = 20
PARITY_ASKED = 100
PARITY_FURTHER = (20, 100, 500)
CELLS = ("lstm", "elman", "gru", "min_gru", "lru", "slstm", "mlstm")
FAST = tuple(cell for cell in CELLS if cell != "slstm")
"Those that read long sequences fast: the sLSTM is stepped, and takes ten to fifty times as long as the others."
KEEPING = {"lstm": 8.0, "slstm": 8.0, "mlstm": 8.0}
"How far open forget gates begin where something is to be counted, of the cells that let it be chosen."


def strings_of(counts: NDArray[np.int64], kinds: int) -> Batch:
    """Return a^n b^n (two kinds) or a^n b^n c^n (three) for each n, between two marks.

    What comes next is asked for where it is certain: from the first b on. Symbols: the mark is 0, a is 1, b 2, c 3.
    """
    steps = kinds * int(counts.max()) + 2
    t = np.arange(steps)[:, np.newaxis]
    symbols = np.where((t > 0) & (t <= kinds * counts), 1 + (t - 1) // counts, 0)
    places = (t > counts) & (t <= kinds * counts)
    return Batch(*map(torch.from_numpy, (symbols[:-1], symbols[1:], places[:-1])))


def counting(kinds: int) -> Draw:
    """Return what draws strings with n from 1 to 10."""
    return lambda dice, rows: strings_of(dice.integers(1, LEARNED + 1, rows), kinds)


def reads_up_to(network: Network, most: int, kinds: int) -> int:
    """Return the largest n such that all strings up to it are told right, where there is one, up to `most`."""
    reached = 0
    while reached < most:
        counts = np.arange(reached + 1, min(most, max(ASKED, 2 * reached)) + 1)
        wrong = largest_is_right(*_told(network, strings_of(counts, kinds))).wrong
        if wrong.any():
            return int(counts[int(wrong.nonzero()[0])]) - 1
        reached = int(counts[-1])
    return reached


def _told(network: Network, batch: Batch) -> tuple[torch.Tensor, Batch]:
    return network(batch.inputs, batch.places), batch


def _counter(cell: str) -> Contender:
    options = {"forget_bias": KEEPING[cell]} if cell in KEEPING else {}
    return Contender(cell, 16, 40_000, rate=0.003, average=0.99, options=options)


def _language(kinds: int, reached: str) -> Experiment:
    name = "anbn" if kinds == 2 else "anbncn"
    title = "a^n b^n" if kinds == 2 else "a^n b^n c^n"

    def judge(network: Network, dice: Dice, *, to_the_end: bool = False) -> Verdict:
        reads = reads_up_to(network, MOST if to_the_end else ASKED, kinds)
        return Verdict(reads >= ASKED, {"right up to n =": reads, "learned from n up to": LEARNED})

    return Experiment(
        name=name,
        title=title,
        paper=Paper("Gers & Schmidhuber 2001", reached),
        criterion=f"learned from n up to {LEARNED}, right for every n up to {ASKED}",
        material=every_seed(counting(kinds), judge),
        meaning=Meaning.CHOICE,
        outputs=kinds + 2,
        symbols=kinds + 2,
        contenders=tuple(_counter(cell) for cell in CELLS),
        every=1_000,
        is_quick=kinds == 2,
    )


def parity(shortest: int, longest: int) -> Draw:
    """Return what draws random bits and asks after each whether there were so far an odd number of ones.

    All rows of a batch are as long, between `shortest` and `longest`.
    """

    def draw(dice: Dice, rows: int) -> Batch:
        bits = dice.integers(0, 2, (int(dice.integers(shortest, longest + 1)), rows))
        inputs, targets = torch.from_numpy(bits), torch.from_numpy(bits.cumsum(axis=0) % 2)
        return Batch(inputs, targets, torch.ones(inputs.shape, dtype=torch.bool))

    return draw


def right_bits(lengths: tuple[int, ...]) -> Look:
    """Return what tells which share of parities is right after so many bits."""

    def look(network: Network, dice: Dice) -> dict[str, Any]:
        shares = {}
        for steps in lengths:
            batch = parity(steps, steps)(dice, 200)
            last = batch._replace(places=torch.arange(steps).unsqueeze(1).expand(steps, 200) == steps - 1)
            shares[str(steps)] = 1 - float(largest_is_right(*_told(network, last)).wrong.float().mean())
        return {"right_by_length": shares}

    return look


def _parity() -> Experiment:
    judge = counted(parity(PARITY_ASKED, PARITY_ASKED), largest_is_right, 1_000)
    return Experiment(
        name="parity",
        title="parity",
        paper=Paper("Minsky & Papert 1969; as a recurrence", "two states are enough; a linear recurrence cannot"),
        criterion=f"learned from up to {PARITY_LEARNED} bits, right after each of {PARITY_ASKED} in 1,000 sequences",
        material=every_seed(parity(1, PARITY_LEARNED), judge, right_bits(PARITY_FURTHER)),
        meaning=Meaning.CHOICE,
        outputs=2,
        symbols=2,
        contenders=tuple(Contender(cell, 16, 40_000, rate=0.01) for cell in CELLS),
        every=1_000,
        is_quick=True,
    )


EXPERIMENTS = (
    _language(2, "LSTM with peepholes learns it from n up to 10 and reads on far beyond"),
    _language(3, "LSTM with peepholes learns it; no recurrent network had before"),
    _parity(),
)
