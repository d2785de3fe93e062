"""How well a policy plays, and what its memory is worth: episodes of fixed seeds, compared pair by pair."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from statewise.model import Model, evaluating
from statewise.task import Data, Score, Scoring
from statewise.tasks.game.baselines import rivals_of
from statewise.tasks.game.data import GameData
from statewise.tasks.game.environment import Environment, GameCodec
from statewise.tasks.game.playing import (
    HELD_OUT,
    SHOWN,
    Episode,
    Player,
    PolicyPlayer,
    figures_of,
    interval_of,
    play,
    returns_of,
    seeds_of,
)
from statewise.tasks.game.seats import Seats
from statewise.tasks.game.teams.rivals import kept_rival

SAMPLED_EPISODES = 4


def scored(model: Model[Any], data: Data, episodes: int | None, *, is_sampled: bool) -> Scoring:
    """Play the episodes of some data, and unless it is a check again without memory, and against other teams."""
    assert isinstance(data, GameData)
    is_check, is_team = data.scored == "checks", data.task.self_play
    seeds = data.seeds if episodes is None else seeds_of(HELD_OUT, episodes)
    is_sampled = is_sampled or is_team
    if is_team and not is_check:
        yield from data.prepare_baselines()
    found: dict[str, list[Episode]] = {}
    seats = data.seats_to_score(len(seeds))
    with evaluating(model):
        own = PolicyPlayer(model, is_sampled=is_sampled)
        plays: dict[str, tuple[Player, Player | None]] = {AS_TRAINED: (own, None)}
        if not is_check and data.task.memory:
            plays[ERASED] = PolicyPlayer(model, is_sampled=is_sampled, is_erased=True), None
        if is_team and not is_check:
            plays |= {f"{AGAINST}{name}": (own, other) for name, other in others_of(model, data, seats).items()}
        try:
            for at, (name, (player, against)) in enumerate(plays.items()):
                found[name] = []
                for episode in data.episodes(player, seats, seeds, against):
                    found[name].append(episode)
                    yield (at + len(found[name]) / len(seeds)) / len(plays)
        finally:
            seats.close()
    rows = {name: figures_of(own) for name, own in found.items()}
    metrics = rows[AS_TRAINED]
    matches = {name.removeprefix(AGAINST): row for name, row in rows.items() if name.startswith(AGAINST)}
    kept = {name: row for name, row in rows.items() if not name.startswith(AGAINST)}
    tables = {} if len(kept) == 1 else {"What the memory is worth": kept}
    tables |= {"Matches, by opponent": matches} if matches else {}
    returns = {name: returns_of(own) for name, own in found.items()}
    return Score(metrics, -metrics["return"], tables, details=(returns, is_sampled))


def others_of(model: Model[Any], data: GameData, seats: Seats) -> dict[str, Player]:
    """Return the teams that a policy of self-play meets: chance, the script, itself without its memory, and rivals."""
    known, task = data.codec, data.task
    others = data.opponents(seats)
    if task.memory:
        others["itself, its memory erased before each step"] = PolicyPlayer(model, is_sampled=True, is_erased=True)
    for name, frames in rivals_of(data).items():
        made = partial(replace(task, memory=False, frames=frames).model, known)
        rival = kept_rival(data.cache, data.baselines_key(), name, made)
        if rival is not None:
            others[name] = PolicyPlayer(rival, is_sampled=True)
    return others


AS_TRAINED, AGAINST = "as trained", "against "
ERASED = "memory erased before each step"


def said_of(score: Score, data: Data) -> Sequence[str]:
    """Say what the numbers are of, and what is beyond doubt."""
    assert isinstance(data, GameData)
    returns, is_sampled = score.details
    own: NDArray[np.float64] = returns[AS_TRAINED]
    how = "actions are drawn by their odds" if is_sampled else "the likeliest action is taken"
    said = [f"{len(own)} episodes by fixed seeds, none of which trained it; {how}; 95 % intervals by the bootstrap."]
    if data.task.self_play:
        script = "the scripted team" if data.is_scripted else "a team that acts at random"
        said.append(
            f"Returns, wins and baselines are those of a team against {script}; sides change from match to match."
        )
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
    with evaluating(model):
        try:
            found = list(play(PolicyPlayer(model), seats, seeds_of(SHOWN, SAMPLED_EPISODES), most_steps=most_steps))
        finally:
            seats.close()
    total, steps = returns_of(found).mean(), np.mean([one.steps for one in found])
    cut = sum(not one.is_whole for one in found)
    return f"return {total:.4g} in {steps:.4g} steps, of {len(found)} episodes{f', {cut} of them cut' if cut else ''}"
