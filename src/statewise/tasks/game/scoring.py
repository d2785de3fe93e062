"""How well a policy plays, and what its memory is worth: episodes of fixed seeds, compared pair by pair."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from statewise.model import Model
from statewise.task import Data, Score, Scoring
from statewise.tasks.game.data import Environment, GameCodec, GameData
from statewise.tasks.game.playing import (
    HELD_OUT,
    SHOWN,
    TOGETHER,
    PolicyPlayer,
    figures_of,
    interval_of,
    play,
    played,
    returns_of,
    seeds_of,
)

SAMPLED_EPISODES = 4


def scored(model: Model[Any], data: Data, episodes: int | None, *, is_sampled: bool) -> Scoring:
    """Play the episodes of some data, and unless it is a check again without memory."""
    assert isinstance(data, GameData)
    is_check = data.scored == "checks"
    seeds = data.seeds if episodes is None else seeds_of(HELD_OUT, episodes)
    found: dict[str, list[Any]] = {}
    ways = {"as trained": False} if is_check or not data.task.memory else {"as trained": False, ERASED: True}
    seats = data.seats(min(TOGETHER, len(seeds)))
    try:
        for at, (name, is_erased) in enumerate(ways.items()):
            found[name] = []
            for episode in played(model, seats, seeds, is_sampled=is_sampled, is_erased=is_erased):
                found[name].append(episode)
                yield (at + len(found[name]) / len(seeds)) / len(ways)
    finally:
        seats.close()
    rows = {name: figures_of(own) for name, own in found.items()}
    metrics = rows["as trained"]
    tables = {} if len(rows) == 1 else {"What the memory is worth": rows}
    returns = {name: returns_of(own) for name, own in found.items()}
    return Score(metrics, -metrics["return"], tables, details=(returns, is_sampled))


ERASED = "memory erased before each step"


def said_of(score: Score, data: Data) -> Sequence[str]:
    """Say what the numbers are of, and what is beyond doubt."""
    assert isinstance(data, GameData)
    returns, is_sampled = score.details
    own: NDArray[np.float64] = returns["as trained"]
    how = "actions are drawn by their odds" if is_sampled else "the likeliest action is taken"
    said = [f"{len(own)} episodes by fixed seeds, none of which trained it; {how}; 95 % intervals by the bootstrap."]
    baselines = data.baselines()
    best = max(baselines, key=lambda name: baselines[name]["return"])
    said.append(f"Against the best baseline ({best}): {_apart(own, data.returned(best))}.")
    if ERASED in returns:
        said.append(f"As trained against its {ERASED}: {_apart(own, returns[ERASED])}.")
    return said


def _apart(one: NDArray[np.float64], other: NDArray[np.float64]) -> str:
    """Say by how much returns of the same seeds differ, and whether beyond doubt."""
    count = min(len(one), len(other))
    apart = one[:count] - other[:count]
    low, high = interval_of(apart)
    verdict = "better" if low > 0 else "worse" if high < 0 else "not told apart by these episodes"
    return f"{apart.mean():+.4g} in return, 95 % interval {low:+.4g} to {high:+.4g}, pair by pair: {verdict}"


def sample_of(model: Model[Any], codec: GameCodec, name: str, longest: int, most_steps: int) -> str:
    """Return how a few episodes went."""
    seats = Environment(name, longest).seats(codec, SAMPLED_EPISODES)
    was_training = model.training
    model.eval()
    try:
        found = list(play(PolicyPlayer(model), seats, seeds_of(SHOWN, SAMPLED_EPISODES), most_steps=most_steps))
    finally:
        model.train(was_training)
        seats.close()
    total, steps = returns_of(found).mean(), np.mean([one.steps for one in found])
    cut = sum(not one.is_whole for one in found)
    return f"return {total:.4g} in {steps:.4g} steps, of {len(found)} episodes{f', {cut} of them cut' if cut else ''}"
