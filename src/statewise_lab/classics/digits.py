"""Handwritten digits read pixel by pixel, in order and shuffled, compared with a network that sees all at once."""

from functools import cache
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from statewise.errors import MissingExtra
from statewise_lab.classics.counting import FAST
from statewise_lab.classics.experiment import Batch, Contender, Dice, Experiment, Material, Paper, Verdict
from statewise_lab.classics.network import Network
from statewise_lab.classics.readout import Meaning

TESTED = 360
BRIGHTEST = 16
CLASSES = 10
ORDER = 64


class Digits(NamedTuple):
    """Images as rows of 64 numbers from 0 to 1, and which digit each shows."""

    images: NDArray[np.float32]
    labels: NDArray[np.int64]

    def batch(self, rows: NDArray[np.int64], order: NDArray[np.int64]) -> Batch:
        """Return some images, a pixel a step, the digit asked for after the last."""
        xs = torch.from_numpy(self.images[rows][:, order].T.copy()).unsqueeze(-1)
        places = torch.zeros(xs.shape[:2], dtype=torch.bool)
        places[-1] = True
        return Batch(xs, torch.from_numpy(self.labels[rows]).expand(len(order), -1), places)


@cache
def load() -> Digits:
    """Return scikit-learn's 1,797 digits of 8 x 8 pixels. Raises `MissingExtra` where it is not installed."""
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise MissingExtra("the digits come with scikit-learn: pip install 'statewise[classics]'") from error
    found = load_digits()
    return Digits((found.data / BRIGHTEST).astype(np.float32), found.target.astype(np.int64))


def split(seed: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return which digits are learned from, and which 360 are not."""
    shuffled = np.random.default_rng([seed, TESTED]).permutation(len(load().labels))
    return shuffled[TESTED:], shuffled[:TESTED]


@cache
def at_once(seed: int) -> float:
    """Return which share of the held-out digits a logistic regression on whole images gets right."""
    from sklearn.linear_model import LogisticRegression

    digits, (learned, tested) = load(), split(seed)
    model: Any = LogisticRegression(max_iter=1_000).fit(digits.images[learned], digits.labels[learned])
    return float(model.score(digits.images[tested], digits.labels[tested]))


def _material(is_shuffled: bool, seed: int) -> Material:
    digits, (learned, tested) = load(), split(seed)
    order = np.random.default_rng([seed, ORDER]).permutation(ORDER) if is_shuffled else np.arange(ORDER)

    def draw(dice: Dice, rows: int) -> Batch:
        return digits.batch(dice.choice(learned, rows), order)

    def judge(network: Network, dice: Dice, *, to_the_end: bool = False) -> Verdict:
        batch = digits.batch(tested, order)
        told = network(batch.inputs, batch.places).argmax(dim=1)
        share = float((told == batch.targets[-1]).float().mean())
        return Verdict(share >= at_once(seed), {"digits right": share, "logistic regression": at_once(seed)})

    return Material(draw, judge)


def _experiment(name: str, title: str, is_shuffled: bool) -> Experiment:
    return Experiment(
        name=name,
        title=title,
        paper=Paper("as Le et al. 2015, with 8 x 8 digits", "MNIST there, 28 x 28: an LSTM fails on shuffled pixels"),
        criterion="as many of 360 held-out digits right as a logistic regression that sees all pixels at once",
        material=lambda seed: _material(is_shuffled, seed),
        meaning=Meaning.CHOICE,
        outputs=CLASSES,
        features=1,
        contenders=tuple(Contender(cell, 64, 60_000, rows=32, rate=0.005, average=0.98) for cell in FAST),
        every=60_000,
    )


EXPERIMENTS = (
    _experiment("digits", "digits, a pixel at a time", is_shuffled=False),
    _experiment("digits-shuffled", "digits, pixels shuffled", is_shuffled=True),
)
