"""Do the intervals of a memory hold the truth as often as they say? Tried on curves of which the truth is known.

    python proofs/memory_coverage.py [--trials 400] [--runs DIR] [--save FILE]

Each trial draws probes, measures the edge as `statewise inspect --memory` does, and looks whether the interval holds
it. Drawn curves have sizes of which a few are a hundred times the mean one, and which may be alike within a row of
data; others are those of two networks of proofs/memory.py (in DIR, trained where they are not), each at all of its
places, and a trial draws some of them. How far the probes of both spread is kept too. Next to it stands what one would
do first: the last lag at which the mean is above the threshold, with percentiles of a bootstrap over probes. Writes
results/memory_coverage.json, and leaves with exit code 1 where an interval of 95 % holds the truth less than 93 or
more than 99 times of 100.
"""

import argparse
import math
import sys
from collections.abc import Callable
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import torch
from memory import FOLDER, KINDS, LAGS, ROWS, WORDS, bring
from numpy.typing import NDArray
from outcomes import RESULTS, conclude

from statewise.insight.ablation import NOTICED, cut
from statewise.insight.horizon import SHARE, edge_of
from statewise.insight.intervals import RESAMPLES, Band, Interval, band_of, over_trainings
from statewise.insight.probed_network import probed_network, undisturbed
from statewise.insight.probes import begin_of, cut_out, trace, windows_from

Array = NDArray[np.float64]
Dice = np.random.Generator

STEADY = 0.98
"How alike the sizes of a probe at two neighbouring lags are, as a correlation."
TRAININGS, SPREAD = 5, 3.0
SPREAD_OVER = 4000
NETWORKS = {"elman": 20, "gru": 70}
"Kinds of networks of proofs/memory.py, and up to which lag their curves are drawn from."
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

    def spread(self) -> dict[str, float]:
        """Return how far probes spread where the mean is nearest the threshold, in means."""
        near = int(np.abs(self.mean - self.threshold).argmin())
        sizes = self.draw(np.random.default_rng(0), SPREAD_OVER, 1)[:, 0, near] / self.mean[near]
        kept = {"deviation": sizes.std(), "percentile_99": np.quantile(sizes, 0.99), "largest": sizes.max()}
        return {name: round(float(value), 2) for name, value in kept.items()}


def sizes(normal: Array) -> Array:
    """Return sizes of mean 1 from standard normal numbers: the cube of an exponential one, over 6."""
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


def of_network(kind: str, run: Path, most: int) -> Curves:
    """Return the curves of a trained network, at lags up to `most`, at every place of the plays that it never saw."""
    trained = bring(run, {**KINDS[kind], "seed": 0})
    network = probed_network(trained.model)
    windows, leading = windows_from(trained.task.prepare(run.parent / ".data"), LAGS, sys.maxsize, ROWS)
    found, state = [], None
    with undisturbed(trained.model):
        for number, window in enumerate(windows):
            if len(window.targets) <= LAGS:
                break
            batch = cut_out(network, window, begin_of(network, window, state), LAGS, is_scored=True)
            read = trace(network, batch)
            state = read.last
            if number >= leading:
                divergence = network.divergence_from(read.output, batch.targets, torch.Generator())
                found.append(cut(network, read, range(most + 1), divergence))
    values = np.concatenate(found)

    def draw(dice: Dice, rows: int, probes: int) -> Array:
        taken: Array = values[dice.integers(len(values), size=(rows, probes))]
        return taken

    return Curves(f"{WORDS[kind]}, trained, 256 probes", 256, 1, NOTICED, values.mean(axis=0), draw)


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
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=400, help="how often each kind is drawn [400]")
    parser.add_argument("--runs", type=Path, default=FOLDER)
    parser.add_argument("--save", type=Path, default=RESULTS / "memory_coverage.json", help="where to keep the result")
    given = parser.parse_args()
    torch.set_num_threads(1)
    of_networks = (of_network(kind, given.runs / kind, most) for kind, most in NETWORKS.items())
    parts = [tried(curves, given.trials) for curves in chain(CURVES, of_networks)]
    parts.append(trainings(given.trials))
    conclude(parts, given.save)


def tried(curves: Curves, trials: int) -> dict[str, Any]:
    """Return how often the interval of an edge holds the truth, and how far its value is from it on average."""
    dice = np.random.default_rng(0)
    found = [curves.measured(dice, seed) for seed in range(trials)]
    ours, first = ([pair[i] for pair in found] for i in (0, 1))
    return {**part(curves.words, curves.truth, ours, first), "spread_in_means": curves.spread()}


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
