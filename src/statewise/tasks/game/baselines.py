"""What a policy is compared with: chance, a script, and policies that do not remember, trained in the same way."""

import time
from collections.abc import Generator, Sequence
from dataclasses import replace
from typing import Any

import torch

from statewise.data.figures import Finding, Found
from statewise.learning.guard import NotFinite
from statewise.learning.learner import Learner
from statewise.model import Model
from statewise.tasks.game.playing import Player, PolicyPlayer, RandomPlayer, figures_of
from statewise.tasks.game.seats import Seats
from statewise.tasks.game.teams.rivals import keep_rival

EPISODES = 100
"So many episodes are scored."
OF_ONE = "returned."
"Before the number of an episode, in figures that are kept: its return."


def found_baselines(data: Any) -> Finding:
    """Play at random and by the script; train policies without memory, where that is asked for, and let them play.

    `data` are `GameData`, whose module imports this one.
    """
    task, known = data.task, data.codec
    trained = rivals_of(data)
    parts = len(trained) + 0.1
    seats = data.seats_to_score(EPISODES)
    try:
        players: dict[str, Player] = {"random": RandomPlayer(known.observed, known.actions)}
        if task.self_play:
            players = {**data.opponents(seats), **players}
        found: Found = {}
        for name, player in players.items():
            found[name] = yield from _figures(data, player, seats, 0.0, 0.1 / parts)
        for at, (name, frames) in enumerate(trained.items()):
            learning, model = trained_without_memory(data, frames), None
            while model is None:
                try:
                    yield (0.1 + at + 0.9 * next(learning)) / parts
                except StopIteration as ended:
                    model = ended.value
            keep_rival(data.cache, data.baselines_key(), name, model)
            player = PolicyPlayer(model.eval(), is_sampled=task.self_play)
            found[name] = yield from _figures(data, player, seats, (1 + at) / parts, (1.1 + at) / parts)
    finally:
        seats.close()
    return found


def rivals_of(data: Any) -> dict[str, int]:
    """Return the names of the policies that are trained to be compared with, and how many frames each sees."""
    task = data.task
    if not (task.memory and task.compare):
        return {}
    same = f"the same {'time' if task.is_timed else 'steps'}"
    stacked = {f"the last {task.compare_frames} frames, {same}": task.compare_frames} if task.compare_frames > 1 else {}
    return {f"without memory, {same}": 1, **stacked}


def _figures(data: Any, player: Player, seats: Seats, first: float, last: float) -> Any:
    seeds: Sequence[int] = data.seeds
    episodes = []
    for episode in data.episodes(player, seats, seeds):
        episodes.append(episode)
        yield first + (last - first) * len(episodes) / len(seeds)
    return {**figures_of(episodes), **{f"{OF_ONE}{one.number}": one.total for one in episodes}}


def trained_without_memory(data: Any, frames: int = 1) -> Generator[float, None, Model[Any]]:
    """Train a policy that begins again at every step, or sees the last few frames, as the task says; return it.

    Random numbers of the process stay as they are. Where an update fails the weights before it are used.

    Baselines:

    - `without memory, the same steps`, `without memory, the same time`: a policy of the same network, trained as long,
      whose state is emptied before every step
    - `the last frames, the same steps`, `the last frames, the same time`: one that reads the last observations side by
      side, as many as `--compare-frames` says, and remembers nothing else
    """
    task = replace(data.task, memory=False, frames=frames)
    own = torch.get_rng_state()
    torch.manual_seed(task.seed)
    learner = Learner(task.model(data.codec), replace(data, task=task).windows("training"), task)
    drawn, began = torch.get_rng_state(), time.monotonic()
    torch.set_rng_state(own)
    while not learner.is_done:
        learner.seconds, own = time.monotonic() - began, torch.get_rng_state()
        torch.set_rng_state(drawn)
        try:
            learner.update()
        except NotFinite:
            break
        finally:
            drawn = torch.get_rng_state()
            torch.set_rng_state(own)
        yield learner.fraction
    playing: Any = learner.windows
    playing.seats.close()
    return learner.model
