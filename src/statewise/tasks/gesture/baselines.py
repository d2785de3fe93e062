"""Simple methods that gestures are compared with: the commonest class, means over time, the nearest recording."""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from statewise.data.movement.prepared_movement import PreparedMovement
from statewise.data.movement.recording import Values
from statewise.tasks.gesture.metrics import GesturesJudged
from statewise.tasks.shared.dtw import Nearest

MAJORITY, AVERAGE, NEAREST = "commonest class", "frame average", "nearest recording (DTW)"
ONE_STEP = "one step alone"
MOST_KNOWN, MOST_PLACES, MOST_NUMBERS = 600, 60, 64
"Recordings that are compared with, steps of each and numbers of a step at most, where the nearest is looked for."
MOST_STEPS = 20_000
"Steps that are learned from where each is taken alone."


def truth(movement: PreparedMovement, numbers: Sequence[int] | NDArray[np.int64]) -> tuple[Any, Any]:
    """Return the class of each place, and the group that it is drawn with: a recording, or where known its person.

    A place is a recording where each is one gesture, else a step whose class is known.
    """
    codec = movement.codec
    names = sorted({one.person for one in movement.told if one.person is not None})
    by_person = len({movement.told[int(n)].person for n in numbers}) > 1 and bool(names)
    labels, groups = [], []
    for n in map(int, numbers):
        one = movement.told[n]
        group = names.index(one.person) if by_person and one.person is not None else n
        own = codec.step_labels(movement.labels(n))
        own = own[own >= 0][:1] if codec.whole else own[own >= 0]
        labels.append(own)
        groups.append(np.full(len(own), group))
    return np.concatenate(labels), np.concatenate(groups)


def simple_methods(
    trained: PreparedMovement, movement: PreparedMovement, scored: NDArray[np.int64], found: dict[str, GesturesJudged]
) -> Iterator[float]:
    """Put what simple methods say into `found`, yielding how much is done.

    Baselines:

    - `commonest class`: the class of most training recordings, or steps
    - `frame average`: logistic regression on the mean over time of a recording, by
      `statewise.tasks.gesture.baselines.told_apart`
    - `nearest recording (DTW)`: the class of the training recording that is nearest by dynamic time warping,
      `statewise.tasks.shared.dtw.Nearest`
    - `one step alone`: logistic regression on each step by itself, where steps are scored
    """
    wanted, groups = truth(movement, scored)
    known = trained.numbers("training")
    classes = len(movement.codec.classes)

    def judged(said: Any) -> GesturesJudged:
        return GesturesJudged(wanted, np.asarray(said, np.int64), groups, classes)

    own, _ = truth(trained, known)
    found[MAJORITY] = judged(np.full(len(wanted), int(np.bincount(own).argmax())))
    yield 0.1
    if not movement.codec.whole:
        found[ONE_STEP] = judged(_of_steps(trained, known, movement, scored))
        yield 1.0
        return
    means = [np.stack([_mean(of, int(n)) for n in numbers]) for of, numbers in ((trained, known), (movement, scored))]
    found[AVERAGE] = judged(told_apart(means[0], own, means[1], classes))
    yield 0.3
    known = known[:: max(1, -(-len(known) // MOST_KNOWN))]
    own, _ = truth(trained, known)
    nearest = Nearest([_short(trained, int(n)) for n in known])
    said = []
    for place, n in enumerate(scored):
        said.append(own[int(nearest.distances(_short(movement, int(n))).argmin())])
        yield 0.3 + 0.7 * (place + 1) / len(scored)
    found[NEAREST] = judged(said)


def _mean(movement: PreparedMovement, number: int) -> Values:
    found: Values = movement.codec.features(movement.samples(number)).mean(axis=0)
    return found


def _short(movement: PreparedMovement, number: int) -> Values:
    """Return a recording as at most so many even places of so many numbers, each a mean."""
    codec = movement.codec
    samples = movement.samples(number)
    features = codec.features(samples)
    if codec.is_film:
        height, width, channels = codec.shape
        pictures = torch.from_numpy(features).reshape(-1, height, width, channels).permute(0, 3, 1, 2)
        side = max(1, int((MOST_NUMBERS / channels) ** 0.5))
        features = functional.adaptive_avg_pool2d(pictures, (min(side, height), min(side, width))).flatten(1).numpy()
    edges = np.linspace(0, len(features), min(len(features), MOST_PLACES) + 1).astype(int)
    return np.stack([features[a:b].mean(axis=0) for a, b in pairwise(edges)]).astype(np.float32)


def _of_steps(
    trained: PreparedMovement, known: NDArray[np.int64], movement: PreparedMovement, scored: NDArray[np.int64]
) -> Any:
    def steps(of: PreparedMovement, numbers: NDArray[np.int64]) -> tuple[Values, Any]:
        codec, parts, labels = of.codec, [], []
        for n in map(int, numbers):
            own = codec.step_labels(of.labels(n))
            parts.append(codec.steps(of.samples(n))[own >= 0])
            labels.append(own[own >= 0])
        return np.concatenate(parts), np.concatenate(labels)

    xs, labels = steps(trained, known)
    every = max(1, -(-len(xs) // MOST_STEPS))
    return told_apart(xs[::every], labels[::every], steps(movement, scored)[0], len(movement.codec.classes))


def told_apart(known: Values, labels: Any, asked: Values, classes: int, penalty: float = 1e-3) -> Any:
    """Return the likeliest class of each row by multinomial logistic regression.

    >>> told_apart(np.array([[0.0], [4.0]], np.float32), np.array([0, 1]), np.array([[3.0]], np.float32), 2).tolist()
    [1]
    """
    mean, spread = known.mean(axis=0), known.std(axis=0) + 1e-6
    xs, asked_xs = (torch.from_numpy((part - mean) / spread).double() for part in (known, asked))
    targets = torch.from_numpy(np.asarray(labels, np.int64))
    weights = torch.zeros(xs.shape[1], classes, dtype=torch.float64, requires_grad=True)
    bias = torch.zeros(classes, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([weights, bias], max_iter=100, line_search_fn="strong_wolfe")

    def loss() -> Any:
        optimizer.zero_grad()
        value = functional.cross_entropy(xs @ weights + bias, targets) + penalty * weights.square().sum()
        value.backward()  # type: ignore[no-untyped-call]
        return value

    with torch.enable_grad():
        optimizer.step(loss)  # type: ignore[no-untyped-call]
    return (asked_xs @ weights.detach() + bias.detach()).argmax(dim=1).numpy()
