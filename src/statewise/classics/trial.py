"""One trial: a contender learns fresh sequences until the criterion is met on others, or it has had enough of them."""

import copy
import math
import time
from typing import Any

import numpy as np
import torch
from torch.optim import SGD, Adam, Optimizer

from statewise.classics.experiment import Contender, Dice, Experiment, Material, Verdict
from statewise.classics.network import Network
from statewise.learning.average import Average
from statewise.learning.optimizers import clip_norm

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
    average = Average(network, contender.average)
    sequences, verdict = _learn(experiment, contender, material, average, seed)
    tested, looked = _tested(material, average.model, _dice(seed, TESTED))
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
        "parameters": sum(weights.numel() for weights in network.parameters()),
        "seconds": round(time.process_time() - began, 2),
    }


def make_network(experiment: Experiment, contender: Contender) -> Network:
    """Return a contender's network as it begins."""
    return Network(
        contender.cell,
        contender.units,
        experiment.outputs,
        features=experiment.features,
        symbols=experiment.symbols,
        spread=contender.spread,
        radius=contender.recurrent_radius,
        longest=contender.longest,
        **contender.options,
    )


def _learn(
    experiment: Experiment, contender: Contender, material: Material, average: "Average[Network]", seed: int
) -> tuple[int, Verdict]:
    """Train until the criterion is met, or for as long as the contender may; return after how many sequences."""
    dice, checking = _dice(seed, LEARNED), _dice(seed, CHECKED)
    sequences, next_check = _begin(experiment, material, average.model, dice), experiment.every
    network = copy.deepcopy(average.model)
    optimizer = make_optimizer(contender, network)
    while True:
        batch = material.draw(dice, contender.rows)
        optimizer.zero_grad()
        outputs = network(batch.inputs, batch.places)
        loss = experiment.meaning.loss(outputs, batch.targets[batch.places])
        loss.backward()  # type: ignore[no-untyped-call]
        norm = clip_norm(network, contender.clip)
        sequences += batch.places.shape[1]
        is_lost = not math.isfinite(norm)  # what has exploded stays so
        if not is_lost:
            optimizer.step()
            average.follow(network)
        is_over = is_lost or sequences >= contender.most
        if is_over or sequences >= next_check:
            next_check += experiment.every
            verdict = judged(material, average.model, checking)
            if verdict.is_met or is_over:
                return sequences, verdict


@torch.no_grad()
def _begin(experiment: Experiment, material: Material, network: Network, dice: Dice) -> int:
    """Let the readout begin with how targets usually are, and return how many sequences were looked at for it.

    Else the state would be abused to say so, and a memory that is full of that takes long to empty.
    """
    batch = material.draw(dice, LOOKED_AT)
    network.readout.bias.copy_(experiment.meaning.usual(batch.targets[batch.places], experiment.outputs))
    return batch.places.shape[1]


@torch.no_grad()
def judged(material: Material, network: Network, dice: Dice) -> Verdict:
    """Return whether a network meets the criterion."""
    return material.judge(network, dice)


@torch.no_grad()
def _tested(material: Material, network: Network, dice: Dice) -> tuple[Verdict, dict[str, Any]]:
    tested = material.judge(network, dice, to_the_end=True)
    return tested, material.look(network, dice) if material.look else {}


def make_optimizer(contender: Contender, network: Network) -> Optimizer:
    """Return a contender's optimiser: Adam, or plain SGD."""
    around: dict[str, Any] = {"params": [*network.encoder.parameters(), *network.readout.parameters()]}
    inside: dict[str, Any] = {"params": network.cell.parameters(), "lr": contender.cell_rate or contender.rate}
    if contender.optimizer == "sgd":
        return SGD([around, inside], contender.rate, fused=True)
    return Adam([around, inside], contender.rate, fused=True)


def _dice(seed: int, stream: int) -> np.random.Generator:
    return np.random.default_rng([seed, stream])
