"""One trial: a contender learns fresh sequences until the criterion is met on others, or it has had enough of them."""

import time
from dataclasses import dataclass
from typing import Any, cast, final

import numpy as np
import torch

from statewise.data.window import LazyWindows, Window
from statewise.learning.guard import NotFinite
from statewise.learning.learner import Learner
from statewise.run.recipe import Recipe
from statewise_lab.classics.experiment import Contender, Dice, Experiment, Material, Verdict
from statewise_lab.classics.network import Network
from statewise_lab.classics.readout import Readout

LOOKED_AT = 100
LEARNED, CHECKED, TESTED = range(3)
"Which of a seed's three independent streams of numbers."


def run_trial(experiment: Experiment, label: str, seed: int) -> dict[str, Any]:
    """Train one contender from one seed, and return what came of it.

    It learns from sequences that are each drawn again, a batch at a time, and every so often is judged by others. Once
    the criterion is met, or `most` sequences were learned from, it is judged again by sequences of a third kind, which
    nothing was decided by: their measures are what is told. `seconds` are of the processor.
    """
    began = time.process_time()
    contender = experiment.contender(label)
    torch.manual_seed(seed)
    material, network = experiment.material(seed), make_network(experiment, contender)
    learned, sequences, verdict = _learn(experiment, contender, material, network, seed)
    tested, looked = _tested(material, learned, _dice(seed, TESTED))
    return {
        "experiment": experiment.name,
        "contender": label,
        "seed": seed,
        "settings": contender.as_json(),
        "is_met": verdict.is_met,
        "sequences": sequences * experiment.size,
        "last": verdict.measures,
        "measures": tested.measures,
        "looked": looked,
        "parameters": network.model.parameter_count,
        "seconds": round(time.process_time() - began, 2),
    }


def make_network(experiment: Experiment, contender: Contender) -> Network:
    """Return a contender's network as it begins."""
    return Network(
        contender.cell,
        contender.units,
        experiment.outputs,
        meaning=experiment.meaning,
        features=experiment.features,
        symbols=experiment.symbols,
        spread=contender.spread,
        radius=contender.recurrent_radius,
        longest=contender.longest,
        **contender.options,
    )


@dataclass(frozen=True, kw_only=True)
class TrialRecipe(Recipe):
    """How a contender is trained: at a constant rate, its cell at one of its own where it has one."""

    cell_scale: float = 1.0

    def rate_scale(self, name: str) -> float:
        """Return what the rate is multiplied by for a weight: by `cell_scale` for the cell's."""
        return self.cell_scale if name.startswith("core.") else 1.0


def recipe_of(contender: Contender) -> TrialRecipe:
    """Return the recipe of a contender: Adam, or plain SGD."""
    return TrialRecipe(
        optimizer=contender.optimizer,
        momentum=0.0,
        learning_rate=contender.rate,
        cell_scale=(contender.cell_rate or contender.rate) / contender.rate,
        clip=contender.clip,
        average=contender.average,
        average_from=0.0,
        schedule="constant",
        warmup=0,
    )


@final
class DrawnSequences(LazyWindows):
    """Sequences that are drawn a batch at a time, each whole, read from the first state and scored at its places.

    They are read in order; only the first and the last one may be asked for again.
    """

    def __init__(self, material: Material, network: Network, dice: Dice, rows: int, most: int) -> None:
        self._material, self._core, self._dice, self._rows, self._most = material, network.model.core, dice, rows, most
        self._number = -1
        self._kept: dict[int, Window] = {}

    def __len__(self) -> int:
        return self._most

    def at(self, index: int) -> Window:
        """Return a batch: the next one, or the last one again."""
        if index == self._number + 1:
            batch = self._material.draw(self._dice, self._rows)
            first = self._core.initial(batch.places.shape[1])
            self._kept.pop(self._number if self._number else -1, None)
            self._number = index
            self._kept[index] = Window(batch.inputs, batch.targets, scored=batch.places, state=first)
        return self._kept[index]


def _learn(
    experiment: Experiment, contender: Contender, material: Material, network: Network, seed: int
) -> tuple[Network, int, Verdict]:
    """Train until the criterion is met, or for as long as the contender may; return also how many sequences it read."""
    dice, checking = _dice(seed, LEARNED), _dice(seed, CHECKED)
    sequences, next_check = _begin(experiment, material, network, dice), experiment.every
    windows = DrawnSequences(material, network, dice, contender.rows, contender.most)
    learner = Learner(network.model, windows, recipe_of(contender))
    while True:
        is_lost = False
        try:
            learner.update()
        except NotFinite:  # what has exploded stays so
            is_lost = True
        sequences += windows[learner.window_number - (not is_lost)].rows
        is_over = is_lost or sequences >= contender.most
        if is_over or sequences >= next_check:
            next_check += experiment.every
            learned = network.of(learner.judged)
            verdict = judged(material, learned, checking)
            if verdict.is_met or is_over:
                return learned, sequences, verdict


@torch.no_grad()
def _begin(experiment: Experiment, material: Material, network: Network, dice: Dice) -> int:
    """Let the readout begin with how targets usually are, and return how many sequences were looked at for it.

    Else the state would be abused to say so, and a memory that is full of that takes long to empty.
    """
    batch = material.draw(dice, LOOKED_AT)
    readout = cast(Readout, network.model.head)
    readout.linear.bias.copy_(experiment.meaning.usual(batch.targets[batch.places], experiment.outputs))
    return batch.places.shape[1]


@torch.no_grad()
def judged(material: Material, network: Network, dice: Dice) -> Verdict:
    """Return whether a network meets the criterion."""
    return material.judge(network, dice)


@torch.no_grad()
def _tested(material: Material, network: Network, dice: Dice) -> tuple[Verdict, dict[str, Any]]:
    tested = material.judge(network, dice, to_the_end=True)
    return tested, material.look(network, dice) if material.look else {}


def _dice(seed: int, stream: int) -> np.random.Generator:
    return np.random.default_rng([seed, stream])
