"""Simple methods that made sound is compared with: mean, nearest frame, changes, a linear filter, another sound."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from statewise.data.audio.cochleagram import CELLS_A_SECOND
from statewise.data.audio.onsets import peaks
from statewise.data.sounding.prepared_sounding import PreparedSounding
from statewise.data.sounding.sounding_steps import Floats, Values, cell_edges, edges_of, mean_between
from statewise.tasks.sound.metrics import JudgedSound, matched
from statewise.tasks.sound.network import cells_of_said
from statewise.tasks.sound.strokes import strokes_in

MEAN, NEAREST, CHANGES = "mean", "nearest frame", "changes of motion, random sounds"
LINEAR, ANOTHER = "linear filter of the frames", "another clip's sound"
SIDE = 8
"Frames are seen as so many pixels across, and as high as they are in proportion."
LAGS = 5
"Steps before and after that a linear filter sees, on each side."
PARTS, PENALTY = 24, 1.0
"Principal parts of frames that a linear filter reads, and its ridge, a share of the mean power."
MOST_KNOWN = 12_000
LEVELS = np.linspace(1.0, 8.0, 15)


def simple_sounds(
    trained: PreparedSounding, clips: PreparedSounding, scored: NDArray[np.int64], found: dict[str, JudgedSound]
) -> Iterator[float]:
    """Put what simple methods make into `found`, yielding how much is done.

    Baselines:

    - `mean`: the mean envelope of the training part, at every cell
    - `another clip's sound`: the sound of a training clip drawn at random, from its beginning again where it is
      shorter
    - `nearest frame`: at each step what the step of the training part says whose small picture and changes look most
      alike
    - `linear filter of the frames`: ridge regression of envelopes and strokes on the principal parts of five frames
      before and after
    - `changes of motion, random sounds`: a stroke wherever the motion changes by more than a level that was fitted,
      with the sound of a random stroke
    """
    codec, known = clips.codec, trained.numbers("training")
    draw = np.random.default_rng(0)

    def judged(make: Any) -> JudgedSound:
        one = JudgedSound(codec)
        for number in map(int, scored):
            envelopes, strokes = make(number)
            one.add(envelopes, strokes, clips.envelopes(number), clips.told[number].hits)
        return one

    mean = np.concatenate([trained.envelopes(int(n)) for n in known]).mean(axis=0, dtype=np.float64)
    found[MEAN] = judged(lambda n: (np.tile(mean, (clips.told[n].cells, 1)), []))
    yield 0.1
    others = known if len(known) > 1 else known[:0]
    if len(others):
        found[ANOTHER] = judged(lambda n: _another(trained, clips, n, int(known[draw.integers(len(known))])))
    yield 0.2
    sights = {int(n): sight(trained, int(n)) for n in known}
    targets = {int(n): _said(trained, int(n)) for n in known}
    yield 0.4
    xs, ys = np.concatenate([*sights.values()]), np.concatenate([*targets.values()])
    every = max(1, -(-len(xs) // MOST_KNOWN))
    nearest = _Nearest(xs[::every], ys[::every])
    found[NEAREST] = judged(lambda n: _of_steps(clips, n, nearest.of(sight(clips, n))))
    yield 0.7
    linear = _Linear(sights, targets)
    found[LINEAR] = judged(lambda n: _of_steps(clips, n, linear.of(sight(clips, n))))
    yield 0.9
    if not codec.goes_on:
        level = _best_level(trained, known)
        sounds = [(trained.envelopes(int(n)), hit) for n in known for hit in trained.told[int(n)].hits]
        found[CHANGES] = judged(lambda n: _struck_at_random(clips, n, level, sounds, draw))
    yield 1.0


def sight(clips: PreparedSounding, number: int) -> Values:
    """Return what a simple method sees at each step `[T, D]`: small changes of brightness, and the small picture."""
    codec, told = clips.codec, clips.told[number]
    plan = codec.plan(told.times, told.seconds)
    steps = codec.steps(clips.frames(number), plan)[:, :-1].reshape(len(plan.times), *codec.shape[:2], -1)
    planes = torch.from_numpy(np.ascontiguousarray(steps.transpose(0, 3, 1, 2)))
    wide = max(2, round(SIDE * codec.shape[1] / codec.shape[0]))
    return np.asarray(functional.adaptive_avg_pool2d(planes, (SIDE, wide)).flatten(1).numpy(), np.float32)


def _said(clips: PreparedSounding, number: int) -> Values:
    """Return what a step should say `[T, S * said]`: envelopes, strokes, strengths and materials of each cell."""
    codec, told = clips.codec, clips.told[number]
    plan = codec.plan(told.times, told.seconds)
    bounds = cell_edges(edges_of(plan.times, codec.picture_rate, codec.look_ahead), codec.cells)
    envelopes = mean_between(clips.envelopes(number), bounds)
    middles = (bounds[:, 1:] + bounds[:, :-1]) / 2
    more = np.zeros((*middles.shape, codec.said - codec.ear.bands), np.float32)
    for seconds, strength, material in told.hits:
        near = np.abs(middles - seconds) <= 0.5 / CELLS_A_SECOND
        more[near, 0], more[near, 1] = 1.0, strength
        if material >= 0:
            more[near, 2 + material] = 1.0
    return np.concatenate([envelopes, more], axis=2).reshape(len(middles), -1)


def _of_steps(clips: PreparedSounding, number: int, said: Values) -> tuple[Floats, list[tuple[float, int]]]:
    """Return envelopes and strokes out of what a simple method says at each step."""
    codec, told = clips.codec, clips.told[number]
    plan = codec.plan(told.times, told.seconds)
    edges = edges_of(plan.times, codec.picture_rate, codec.look_ahead)
    cells = cells_of_said(codec, said.reshape(len(edges), codec.cells, codec.said).astype(np.float64), edges)
    strokes = [(one.seconds, codec.number_of(one.material)) for one in strokes_in(cells, codec)]
    return cells[:, : codec.ear.bands], strokes


class _Nearest:
    """Says what the step of the training part that looks most like a step said."""

    def __init__(self, xs: Values, ys: Values) -> None:
        self.spread = xs.std(axis=0) + 1e-6
        self.xs, self.ys = torch.from_numpy(xs / self.spread), ys

    def of(self, asked: Values) -> Values:
        """Return what is said at each step."""
        near = torch.cdist(torch.from_numpy(asked / self.spread), self.xs).argmin(dim=1)
        return np.asarray(self.ys[near.numpy()])


class _Linear:
    """Ridge regression of what is said from the principal parts of the frames before and after."""

    def __init__(self, sights: dict[int, Values], targets: dict[int, Values]) -> None:
        every = np.concatenate([*sights.values()]).astype(np.float64)
        self.mean = every.mean(axis=0)
        values, vectors = np.linalg.eigh(np.cov((every - self.mean).T))
        self.axes = vectors[:, ::-1][:, :PARTS] / np.sqrt(values[::-1][:PARTS].clip(1e-6))
        square: Any = 0.0
        product: Any = 0.0
        for n, sight_of_one in sights.items():
            rows = self._rows(sight_of_one)
            square, product = square + rows.T @ rows, product + rows.T @ targets[n]
        ridge = PENALTY * np.trace(square) / len(square) * 1e-2
        self.weights = np.linalg.solve(square + ridge * np.eye(len(square)), product)

    def _rows(self, seen: Values) -> Floats:
        parts = (seen - self.mean) @ self.axes
        padded = np.concatenate([parts[:1].repeat(LAGS, 0), parts, parts[-1:].repeat(LAGS, 0)])
        shifted = [padded[lag : lag + len(parts)] for lag in range(2 * LAGS + 1)]
        return np.concatenate([*shifted, np.ones((len(parts), 1))], axis=1)

    def of(self, asked: Values) -> Values:
        """Return what is said at each step."""
        return np.asarray(self._rows(asked) @ self.weights, np.float32)


def _another(
    trained: PreparedSounding, clips: PreparedSounding, number: int, other: int
) -> tuple[Floats, list[tuple[float, int]]]:
    """Return the sound of another clip, from its beginning again where it is shorter."""
    envelopes, cells = trained.envelopes(other), clips.told[number].cells
    places = np.arange(cells) % len(envelopes)
    seconds = len(envelopes) / CELLS_A_SECOND
    rounds = range(-(-cells // len(envelopes)))
    strokes = [(t + r * seconds, m) for r in rounds for t, _, m in trained.told[other].hits]
    return envelopes[places].astype(np.float64), [one for one in strokes if one[0] * CELLS_A_SECOND < cells]


def turning(clips: PreparedSounding, number: int) -> tuple[Floats, Floats]:
    """Return how much the motion itself changes at each step, over its median, and when that was."""
    codec, told = clips.codec, clips.told[number]
    plan = codec.plan(told.times, told.seconds)
    grey = codec.grey(clips.frames(number))[plan.frames]
    second = np.abs(np.diff(grey, n=2, axis=0, prepend=grey[:1].repeat(2, 0))).mean(axis=(1, 2))
    return second / max(
        1e-6, float(np.median(second[second > 0], axis=None)) if (second > 0).any() else 1.0
    ), plan.times


def _strokes_of_changes(clips: PreparedSounding, number: int, level: float) -> list[float]:
    values, times = turning(clips, number)
    # what turned at a step did so on the way to it
    return [float(times[place]) - 0.5 / clips.codec.picture_rate for place in peaks(values, level, 2)]


def _best_level(trained: PreparedSounding, known: NDArray[np.int64]) -> float:
    """Return the level at which strokes of the training part are found best."""
    few = [int(n) for n in known[:100]]

    def score(level: float) -> float:
        found = said = true = 0
        for n in few:
            own, hits = _strokes_of_changes(trained, n, level), [hit[0] for hit in trained.told[n].hits]
            found, said, true = found + len(matched(own, hits)), said + len(own), true + len(hits)
        return 2 * found / max(1, said + true)

    return max(map(float, LEVELS), key=score)


def _struck_at_random(
    clips: PreparedSounding, number: int, level: float, sounds: Any, draw: np.random.Generator
) -> tuple[Floats, list[tuple[float, int]]]:
    """Return the sound of a random stroke wherever motion changes."""
    told = clips.told[number]
    envelopes = np.zeros((told.cells, clips.codec.ear.bands))
    strokes = []
    for seconds in _strokes_of_changes(clips, number, level):
        if not sounds or not 0 <= seconds < told.seconds:
            continue
        own, (at, _, material) = sounds[int(draw.integers(len(sounds)))]
        first, place = int(at * CELLS_A_SECOND), int(seconds * CELLS_A_SECOND)
        piece = own[first : first + 45][: told.cells - place]
        envelopes[place : place + len(piece)] = np.maximum(envelopes[place : place + len(piece)], piece)
        strokes.append((seconds, material))
    return envelopes, strokes
