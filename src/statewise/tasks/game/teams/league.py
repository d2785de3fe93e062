"""A league: a policy, its past selves, chance, a script and rivals play each other, and are rated."""

from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from statewise.bounds import check_whole
from statewise.errors import RunError, UsageError
from statewise.learning.checkpoint import load_checkpoint
from statewise.learning.rollouts import ROLLOUTS
from statewise.report import aligned
from statewise.run.directory import RunDirectory
from statewise.state import read_tensors
from statewise.tasks.game.baselines import rivals_of
from statewise.tasks.game.data import GameData
from statewise.tasks.game.playing import Player, PolicyPlayer, seeds_of, won_by
from statewise.tasks.game.seats import Seats
from statewise.tasks.game.teams.pool import Pool, restored
from statewise.tasks.game.teams.rating import rating_intervals
from statewise.tasks.game.teams.rivals import kept_rival
from statewise.verbs import load

LEAGUE = 4
"What the seeds of a league's matches begin with."
MOST_MATCHES = 10_000
POOL = "environment.seats.pool."
RANDOM = "random"


@dataclass(frozen=True)
class Standing:
    """A player's rating with its interval, above that of chance; what it won, and after which update it was made."""

    name: str
    rating: float
    rating_low: float
    rating_high: float
    wins: float
    matches: int
    update: int | None = None


@dataclass(frozen=True)
class League:
    """Players by their ratings, the best first; and of each the share of matches that it won against each other."""

    standings: tuple[Standing, ...]
    beats: Mapping[str, Mapping[str, float]]

    @property
    def curve(self) -> list[tuple[int, float]]:
        """The rating of each past self, and of the policy as it is, by the update after which it was made."""
        return sorted((one.update, one.rating) for one in self.standings if one.update is not None)

    def as_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {
            "standings": [vars(one) for one in self.standings],
            "beats": {name: dict(row) for name, row in self.beats.items()},
            "curve": [list(point) for point in self.curve],
        }

    def shown(self, width: int | None = None) -> str:
        """Return both tables: ratings with intervals, and matches won against each, in percent."""
        head = ["", "rating", "95 % interval", "won", "matches"]
        rows = []
        for one in self.standings:
            interval = f"{one.rating_low:.0f} to {one.rating_high:.0f}"
            rows.append([one.name, f"{one.rating:.0f}", interval, f"{one.wins:.0%}", str(one.matches)])
        numbers = [str(at) for at in range(1, len(rows) + 1)]
        names = [one.name for one in self.standings]
        beats = [
            [f"{number} {name}", *("" if other == name else f"{100 * self.beats[name][other]:.0f}" for other in names)]
            for number, name in zip(numbers, names, strict=True)
        ]
        told = "Percent of matches won by each row against each column:"
        return f"{aligned([head, *rows], width)}\n\n{told}\n{aligned([['', *numbers], *beats], width)}"


def league_of(run: Path, matches: int = 24, selves: int = 8) -> Generator[float, None, League]:
    """Let all play each other, `matches` for each pair and half of them on each side, yielding how much is done.

    Of the past selves in the last checkpoint at most `selves` play, evenly from the oldest to the newest. Raises
    `UsageError` for a run that is not of self-play.
    """
    check_whole("--matches", matches, 2, MOST_MATCHES)
    check_whole("--selves", selves, 0, 256)
    trained = load(run)
    if not getattr(trained.task, "self_play", False):
        raise UsageError(f"{run} did not learn by self-play, and a league is of past selves: train with --self-play")
    reading = trained.reading()
    data = None
    while data is None:
        try:
            next(reading)
        except StopIteration as ended:
            data = ended.value
    assert isinstance(data, GameData)
    seats = data.seats_to_score(matches)
    try:
        players, updates = _members(trained, data, seats, selves)
        return (yield from _played(data, seats, players, updates, matches))
    finally:
        seats.close()


def _members(trained: Any, data: GameData, seats: Seats, selves: int) -> tuple[dict[str, Player], dict[str, int]]:
    task, codec = trained.task, trained.codec
    updates = {f"update {trained.update:,}": trained.update}
    players: dict[str, Player] = {next(iter(updates)): PolicyPlayer(trained.model.eval(), is_sampled=True)}
    each = task.passes * (task.rollout // task.sequence_length * task.envs * data.group // task.batch_size)
    for rollout, weights in _past(trained.path, partial(task.model, codec), task.past_selves, selves):
        name = f"update {rollout * each:,}"
        if name not in players:
            updates[name] = rollout * each
            players[name] = PolicyPlayer(restored(partial(task.model, codec), weights), is_sampled=True)
    for name, frames in rivals_of(data).items():
        made = partial(replace(task, memory=False, frames=frames).model, codec)
        rival = kept_rival(data.cache, data.baselines_key(), name, made)
        if rival is not None:
            players[name.partition(",")[0]] = PolicyPlayer(rival, is_sampled=True)
    return {**players, **data.opponents(seats)}, updates


def _past(run: Path, make: Any, most: int, selves: int) -> Sequence[tuple[int, Mapping[str, Tensor]]]:
    """Return rollout and weights of some past selves of a run's last checkpoint."""

    def needed(names: Iterable[str]) -> list[str]:
        return [name for name in names if name == ROLLOUTS]

    files = load_checkpoint(RunDirectory(run).checkpoints, needed).files
    if ROLLOUTS not in files:
        raise RunError(f"the checkpoint of {run} has no {ROLLOUTS}, where past selves are kept: give the run's folder")
    told, _ = read_tensors(files[ROLLOUTS], ROLLOUTS)
    own, _ = read_tensors(told["0"].numpy().tobytes(), ROLLOUTS)
    pool = Pool(make, most)
    pool.load({name.removeprefix(POOL): part for name, part in own.items() if name.startswith(POOL)})
    past = sorted(pool.past, key=lambda one: one.rollout)
    chosen = sorted({round(at) for at in np.linspace(0, len(past) - 1, min(selves, len(past)))}) if past else []
    return [(past[at].rollout, past[at].weights) for at in chosen]


def _played(
    data: GameData, seats: Seats, players: Mapping[str, Player], updates: Mapping[str, int], matches: int
) -> Generator[float, None, League]:
    names, seeds = [*players], seeds_of(LEAGUE, matches)
    results: dict[tuple[int, int], Any] = {}
    pairs = list(combinations(range(len(names)), 2))
    for at, (one, other) in enumerate(pairs):
        won = np.zeros(matches)
        for episode in data.episodes(players[names[one]], seats, seeds, players[names[other]]):
            assert episode.against is not None
            won[episode.number] = won_by(episode.total - episode.against)
        results[one, other] = won
        yield (at + 1) / len(pairs)
    ratings = rating_intervals(results, len(names), names.index(RANDOM))
    beats = {name: dict.fromkeys(names, 0.0) for name in names}
    for (one, other), won in results.items():
        beats[names[one]][names[other]], beats[names[other]][names[one]] = float(won.mean()), float(1 - won.mean())
    standings = []
    for at, name in enumerate(names):
        shares = [share for other, share in beats[name].items() if other != name]
        rating, low, high = (float(part[at]) for part in ratings)
        standings.append(
            Standing(name, rating, low, high, float(np.mean(shares)), len(shares) * matches, updates.get(name))
        )
    standings.sort(key=lambda one: -one.rating)
    order = [one.name for one in standings]
    return League(tuple(standings), {name: {of: beats[name][of] for of in order if of != name} for name in order})
