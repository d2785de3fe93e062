"""Copy memory: ten symbols are to be repeated after a long pause."""

import numpy as np
import torch

from statewise_lab.classics.counting import FAST
from statewise_lab.classics.experiment import Batch, Contender, Dice, Draw, Experiment, Paper, Verdict, every_seed
from statewise_lab.classics.network import Network
from statewise_lab.classics.readout import Meaning

KINDS, COUNT = 8, 10
BLANK, GO = KINDS, KINDS + 1
PAUSES = (20, 100)
SHARE = 0.99
TESTED = 500


def copy_memory(pause: int) -> Draw:
    """Return what draws ten symbols of eight kinds, `pause` blanks, the last of which says go, and ten more blanks.

    Over these the ten symbols are asked for, in order. Symbols are 0 to 7, the blank is 8, go is 9.
    """

    def draw(dice: Dice, rows: int) -> Batch:
        told = dice.integers(0, KINDS, (COUNT, rows))
        inputs = np.full((2 * COUNT + pause, rows), BLANK)
        targets, places = np.zeros_like(inputs), np.zeros(inputs.shape, dtype=bool)
        inputs[:COUNT], inputs[COUNT + pause - 1] = told, GO
        targets[-COUNT:], places[-COUNT:] = told, True
        return Batch(*map(torch.from_numpy, (inputs, targets, places)))

    return draw


def _experiment(pause: int) -> Experiment:
    draw = copy_memory(pause)

    def judge(network: Network, dice: Dice, *, to_the_end: bool = False) -> Verdict:
        batch = draw(dice, TESTED)
        told = network(batch.inputs, batch.places).argmax(dim=1)
        share = float((told == batch.targets[batch.places]).float().mean())
        return Verdict(share >= SHARE, {"symbols right": share, "by chance": 1 / KINDS})

    return Experiment(
        name=f"copy-{pause}",
        title=f"copy memory over {pause} steps",
        paper=Paper(
            "Experiment 2a's kind; as in Arjovsky et al. 2016, 4.1", "LSTM stays at chance over hundreds of steps"
        ),
        criterion=f"{SHARE:.0%} of symbols right".replace("%", " %"),
        material=every_seed(draw, judge),
        meaning=Meaning.CHOICE,
        outputs=KINDS,
        symbols=KINDS + 2,
        contenders=tuple(Contender(cell, 64, 30_000, rate=0.003) for cell in FAST),
        every=1_000,
    )


EXPERIMENTS = tuple(map(_experiment, PAUSES))
