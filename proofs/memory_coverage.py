"""Do the intervals of a memory hold the truth as often as they say? Tried on curves of which the truth is known.

    python proofs/memory_coverage.py [--trials 400] [--save FILE]

Each trial draws probes, whose sizes are spread as those of trained networks are (a few are moved a hundred times as
far as the mean one) and may be alike within a row of data, measures the edge as `statewise inspect --memory` does,
and looks whether the interval holds it. Beside it stands what one would do first: the last lag at which the mean is
above the threshold, with percentiles of a bootstrap over probes. Writes results/memory_coverage.json, and leaves with
exit code 1 where an interval of 95 % holds the truth less than 93 or more than 99 times of 100.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from outcomes import arguments, conclude

from statewise.insight.ablation import NOTICED
from statewise.insight.horizon import SHARE, edge_of
from statewise.insight.intervals import RESAMPLES, Band, Interval, band_of, over_trainings

Array = NDArray[np.float64]
Dice = np.random.Generator

STEADY = 0.98
"How alike the sizes of a probe at two neighbouring lags are, as a correlation."
TRAININGS, SPREAD = 5, 3.0
LEAST, MOST = 0.93, 0.99


@dataclass(frozen=True)
class Curves:
    """Falling curves of probes by lag: `draw` gives those of some rows `[rows, probes, L]`, `mean` is the true mean."""

    words: str
    rows: int
    probes_a_row: int
    threshold: float
    mean: Array
    draw: Callable[[Dice, int, int], Array]

    @property
    def lags(self) -> list[int]:
        """From 0 on."""
        return list(range(len(self.mean)))

    @property
    def truth(self) -> float:
        """Where the true mean comes below the threshold."""
        return edge_of(Band(self.mean, self.mean, self.mean), self.lags, self.threshold).steps.value

    def measured(self, dice: Dice, seed: int) -> tuple[Interval, Interval]:
        """Draw probes once, and return the edge as it is measured, and as one would measure it first."""
        values = self.draw(dice, self.rows, self.probes_a_row).reshape(-1, len(self.mean))
        rows = np.repeat(np.arange(self.rows), self.probes_a_row)
        edge = edge_of(band_of(values, rows, seed), self.lags, self.threshold)
        return edge.steps, last_above(values, self.threshold, seed)


def sizes(normal: Array) -> Array:
    """Return sizes of mean 1 from standard normal numbers: the cube of an exponential one, over 6.

    Its deviation is 4.4, its 99th percentile 16 and the largest of 5,000 about 100, nearly as measured (memory.json).
    """
    exponential = -torch.special.log_ndtr(torch.from_numpy(-normal)).numpy()
    found: Array = exponential**3 / 6
    return found


def fading(words: str, rows: int, probes_a_row: int, *, half: float, edge: float, alike: float = 0.0) -> Curves:
    """Return curves that halve every so many steps; sizes of the probes of a row have a correlation `alike`."""
    lags = np.arange(math.ceil(edge + 3 * half))
    mean = NOTICED * 2 ** ((edge - lags) / half)

    def draw(dice: Dice, rows: int, probes: int) -> Array:
        of_row, own = dice.normal(size=(rows, 1, 1)), dice.normal(size=(rows, probes, len(lags)))
        for lag in lags[1:]:
            own[:, :, lag] = STEADY * own[:, :, lag - 1] + math.sqrt(1 - STEADY**2) * own[:, :, lag]
        return mean * sizes(math.sqrt(alike) * of_row + math.sqrt(1 - alike) * own)

    return Curves(words, rows, probes_a_row, NOTICED, mean, draw)


def lines(words: str, rows: int, probes_a_row: int, *, shortest: int, longest: int) -> Curves:
    """Return curves that stay where they are up to where a line began, of evenly drawn length, and then are nothing."""
    lags = np.arange(longest + 1)
    mean = 2 * NOTICED * np.clip((longest - lags) / (longest - shortest + 1), 0, 1)

    def draw(dice: Dice, rows: int, probes: int) -> Array:
        length = dice.integers(shortest, longest + 1, size=(rows, probes, 1))
        return 2 * NOTICED * sizes(dice.normal(size=(rows, probes, 1))) * (lags < length)

    return Curves(words, rows, probes_a_row, NOTICED, mean, draw)


def gradients(words: str, rows: int, probes_a_row: int, *, slowest: float) -> Curves:
    """Return the share of a gradient that lies further back, which falls at each probe by a factor of its own."""
    lags = np.arange(200)
    fastest = slowest - 0.4
    mean = (slowest ** (lags + 2) - fastest ** (lags + 2)) / ((lags + 2) * (slowest - fastest))

    def draw(dice: Dice, rows: int, probes: int) -> Array:
        return dice.uniform(fastest, slowest, size=(rows, probes, 1)) ** (lags + 1)

    return Curves(words, rows, probes_a_row, 1 - SHARE, mean, draw)


CURVES = (
    fading("a context that fades fast, 64 probes", 64, 1, half=1.5, edge=6.6),
    fading("a context that fades fast, 256 probes", 256, 1, half=1.5, edge=6.6),
    fading("a context that fades slowly, 256 probes", 256, 1, half=6, edge=35.3),
    fading("a context that fades slowly, 64 rows of 4 probes that are alike", 64, 4, half=6, edge=35.3, alike=0.7),
    lines("a context that ends where a line began, 256 probes", 256, 1, shortest=10, longest=60),
    gradients("a horizon of gradients, 64 probes", 64, 1, slowest=0.95),
    gradients("a horizon of gradients, 256 probes", 256, 1, slowest=0.95),
)


def main() -> None:
    """Try every kind of curve, then five trainings, print how often each held, and keep it."""
    given = arguments(__doc__, "memory_coverage", trials=(400, "how often each kind is drawn"))
    parts = [tried(curves, given.trials) for curves in CURVES]
    parts.append(trainings(given.trials))
    conclude(parts, given.save)


def tried(curves: Curves, trials: int) -> dict[str, Any]:
    """Return how often the interval of an edge holds the truth, and how far its value is from it on average."""
    dice = np.random.default_rng(0)
    found = [curves.measured(dice, seed) for seed in range(trials)]
    ours, first = ([pair[i] for pair in found] for i in (0, 1))
    return part(curves.words, curves.truth, ours, first)


def trainings(trials: int) -> dict[str, Any]:
    """Return how often the interval of five networks, each probed at places of its own, holds the mean of all such."""
    dice, mean = np.random.default_rng(0), 30.0
    found = []
    for trial in range(trials):
        edges = mean + SPREAD * dice.normal(size=TRAININGS)
        networks = [fading("", 256, 1, half=6, edge=float(edge)) for edge in edges]
        measured = [one.measured(dice, TRAININGS * trial + i)[0].value for i, one in enumerate(networks)]
        found.append(over_trainings(measured))
    return part(f"{TRAININGS} trainings of a kind, 256 probes each", mean, found)


def part(words: str, truth: float, found: list[Interval], first: list[Interval] | None = None) -> dict[str, Any]:
    """Return the figures of one kind of trial."""
    coverage, bias = figures(truth, found)
    kept = {"claim": words, "holds": LEAST <= coverage <= MOST, "trials": len(found), "truth": truth}
    kept |= {"coverage": coverage, "bias_steps": bias}
    said = f"{words}: {coverage:.1%} hold {truth:.1f}, bias {bias:+.2f} steps"
    if first is not None:
        kept["last_above"] = dict(zip(("coverage", "bias_steps"), figures(truth, first), strict=True))
        said += f"; the last lag above: {kept['last_above']['coverage']:.1%}, {kept['last_above']['bias_steps']:+.2f}"
    print(said, flush=True)
    return {**kept, "words": said}


def figures(truth: float, found: list[Interval]) -> tuple[float, float]:
    """Return how often intervals hold the truth, and by how many steps their values are too high on average."""
    held = sum(one.low <= truth <= one.high for one in found)
    return held / len(found), float(np.mean([one.value for one in found])) - truth


def last_above(values: Array, threshold: float, seed: int) -> Interval:
    """Return where the mean is above the threshold for the last time, with percentiles from resampling probes."""
    weights = np.random.default_rng(seed).multinomial(
        len(values), np.full(len(values), 1 / len(values)), size=RESAMPLES
    )
    means = np.concatenate([values.mean(axis=0, keepdims=True), weights @ values / len(values)])
    above = means >= threshold
    last = above.shape[1] - 1 - above[:, ::-1].argmax(axis=1)
    here, after = (means[np.arange(len(means)), np.minimum(last + i, means.shape[1] - 1)] for i in (0, 1))
    part = np.where(here > after, (here - threshold) / np.where(here > after, here - after, 1), 0.0)
    found = np.where(above.any(axis=1), last + part, 0.0)
    low, high = np.quantile(found[1:], [0.025, 0.975])
    return Interval(float(found[0]), float(low), float(high))


if __name__ == "__main__":
    main()
