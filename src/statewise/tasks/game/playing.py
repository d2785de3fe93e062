"""Episodes played to their end, by a policy or at random, always by the same seeds."""

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from statewise.model import Model
from statewise.state import where_rows
from statewise.tasks.game.acting import Actor
from statewise.tasks.game.policy import PolicyParams, as_policy
from statewise.tasks.game.seats import Flags, Seats, episode_seed
from statewise.tasks.game.spaces import Actions, Numbers, ObservationSpace

HELD_OUT, CHECKS, SHOWN = 1, 2, 3
"What the seeds of episodes begin with that are scored, that checks score, and that samples show."
DRAWS, LEVELS = 2000, (0.025, 0.975)
TOGETHER = 25
"So many episodes are played at once."
LEAST_APART = 1e-6
Z_95 = 1.959964


@dataclass(frozen=True)
class Episode:
    """An episode by its number: what it returned, how many steps it had, and whether it came to its end.

    Of several agents it is the mean of what each got, and of two teams `against` is that of the other one.
    """

    number: int
    total: float
    steps: int
    is_whole: bool = True
    against: float | None = None


class Player(ABC):
    """Chooses actions for several environments at once."""

    @abstractmethod
    def begin(self, rows: int) -> None:
        """Forget all, for so many environments."""

    @abstractmethod
    def act(self, seen: Numbers, begun: Flags, draws: Sequence[np.random.Generator]) -> NDArray[Any]:
        """Return an action for each row; `begun` says which episodes begin, each row has random numbers of its own."""


@dataclass
class PolicyPlayer(Player):
    """Plays by a policy: the likeliest action, or where it is `sampled` one by its odds.

    With `erased` the memory is emptied before every step, and the rest stays as it is.
    """

    model: Model[Any]
    is_sampled: bool = False
    is_erased: bool = False
    state: Any = field(init=False, default=None)
    last: PolicyParams | None = field(init=False, default=None)
    "What its last actions were chosen by."

    def begin(self, rows: int) -> None:
        """Begin with the first state."""
        self.actor = Actor(self.model)
        self.state = self.fresh = self.model.begin(rows)

    def act(self, seen: Numbers, begun: Flags, draws: Sequence[np.random.Generator]) -> NDArray[Any]:
        """Step the model once."""
        head, weight = as_policy(self.model), next(self.model.parameters())
        if self.is_erased:
            self.state = self.fresh
        elif begun.any():
            self.state = where_rows(torch.from_numpy(begun.copy()).to(weight.device), self.fresh, self.state)
        params, self.state = self.actor.step(seen, self.state)
        self.last = params
        count = head.numbers or sum(head.each)
        if self.is_sampled:
            drawn = [draw.standard_normal(count) if head.numbers else draw.gumbel(size=count) for draw in draws]
            noise = torch.from_numpy(np.stack(drawn)).to(weight.device)
        else:
            noise = torch.zeros(len(seen), count, device=weight.device)
        chosen: NDArray[Any] = head.choose(params, noise, temperature=float(self.is_sampled)).cpu().numpy()
        return chosen


@dataclass
class RandomPlayer(Player):
    """Takes every legal action with the same probability; numbers anywhere between their bounds.

    Baseline: `random`.
    """

    observed: ObservationSpace
    actions: Actions

    def begin(self, rows: int) -> None:
        """There is nothing to forget."""

    def act(self, seen: Numbers, begun: Flags, draws: Sequence[np.random.Generator]) -> NDArray[Any]:
        """Draw an action for each row."""
        if self.actions.is_continuous:  # what tanh squashes to anywhere between the bounds
            return np.stack([np.arctanh(draw.uniform(-1, 1, self.actions.width)) for draw in draws]).astype(np.float32)
        found = np.stack([self._one(row[self.observed.seen :], draw) for row, draw in zip(seen, draws, strict=True)])
        return found[:, 0] if self.actions.is_single else found

    def _one(self, legal: Numbers, draw: np.random.Generator) -> NDArray[np.int64]:
        places = np.cumsum(self.actions.choices)[:-1]
        allowed = np.split(legal, places) if len(legal) else [np.ones(count) for count in self.actions.choices]
        return np.array([draw.choice(np.flatnonzero(part) if part.any() else len(part)) for part in allowed])


def play(
    player: Player,
    seats: Seats,
    seeds: Sequence[int],
    *,
    most_steps: int | None = None,
    sides: NDArray[np.int64] | None = None,
) -> Iterator[Episode]:
    """Play an episode of each seed, and yield each when it has ended, by its number.

    What an episode is depends on its seed alone, not on which others are played at the same time. With `most_steps`
    those that are still under way after so many are yielded as they stand. `sides` says of each row whether it is of
    the player that is scored, 0, or of its opponent, 1.
    """
    each, count = seats.group, len(seeds)
    envs = seats.size // each
    told = np.zeros((envs, each), np.int64) if sides is None else sides.reshape(envs, each)
    numbers = [at if at < count else -1 for at in range(envs)]
    ahead = [at + envs for at in range(envs)]
    seats.reset([seeds[max(number, 0)] for number in numbers for _ in range(each)])
    player.begin(seats.size)
    draws = [draw for number in numbers for draw in agent_draws(seeds[max(number, 0)], each)]
    totals, steps, begun = np.zeros((envs, each)), np.zeros(envs, np.int64), np.ones(seats.size, np.bool_)
    taken = 0

    def episode(at: int, *, is_whole: bool = True) -> Episode:
        own, other = (totals[at][told[at] == side] for side in (0, 1))
        return Episode(
            numbers[at], float(own.mean()), int(steps[at]), is_whole, float(other.mean()) if len(other) else None
        )

    while any(number >= 0 for number in numbers):
        if taken == most_steps:
            yield from (episode(at, is_whole=False) for at, number in enumerate(numbers) if number >= 0)
            return
        with torch.no_grad():
            chosen = player.act(seats.observations, begun, draws)
        following = [seeds[at] if at < count else seeds[0] for at in ahead]
        stepped = seats.step(chosen, [seed for seed in following for _ in range(each)])
        real = np.ones(seats.size, np.bool_) if stepped.real is None else stepped.real
        taken, totals = taken + 1, totals + (stepped.rewards * real).reshape(envs, each)
        steps, begun = steps + real.reshape(envs, each).any(axis=1), stepped.ended | ~real
        for at in np.flatnonzero(stepped.began_again.reshape(envs, each)[:, 0]).tolist():
            if numbers[at] >= 0:
                yield episode(at)
            numbers[at] = ahead[at] if ahead[at] < count else -1
            ahead[at] += envs
            draws[at * each : (at + 1) * each] = agent_draws(following[at], each)
            totals[at] = steps[at] = 0


def agent_draws(seed: int, each: int) -> list[np.random.Generator]:
    """Return the random numbers of each agent of an episode; of one agent they are those of the seed itself."""
    return [np.random.default_rng(seed if each == 1 else [seed, at]) for at in range(each)]


def seeds_of(kind: int, count: int) -> list[int]:
    """Return fixed seeds of episodes, which neither settings nor training have a say in."""
    return [episode_seed(kind, 0, number) for number in range(count)]


def returns_of(episodes: Sequence[Episode]) -> NDArray[np.float64]:
    """Return the returns of episodes in the order of their numbers."""
    return np.array([one.total for one in sorted(episodes, key=lambda one: one.number)])


def interval_of(numbers: NDArray[np.float64]) -> tuple[float, float]:
    """Return a 95 % interval of a mean by the bootstrap, always the same draws for as many numbers.

    >>> interval_of(np.array([3.0, 3.0]))
    (3.0, 3.0)
    """
    draw = np.random.default_rng(12345)
    means = numbers[draw.integers(len(numbers), size=(DRAWS, len(numbers)))].mean(axis=1)
    low, high = np.quantile(means, LEVELS)
    return float(low), float(high)


def figures_of(episodes: Sequence[Episode]) -> dict[str, float]:
    """Return the mean return with its interval, and the mean number of steps.

    Metrics:

    - `return`: the sum of the rewards of an episode, the mean over episodes of fixed seeds; episodes are drawn again
      for its interval; more is better
    - `steps`: mean steps of an episode
    - `wins`: of matches of two teams the share in which its agents got more than the others in the mean, a half where
      they got as much
    """
    returns = returns_of(episodes)
    low, high = interval_of(returns)
    steps = float(np.mean([one.steps for one in episodes]))
    found = {"return": float(returns.mean()), "return_low": low, "return_high": high, "steps": steps}
    return {**found, **_wins_of(episodes)}


def _wins_of(episodes: Sequence[Episode]) -> dict[str, float]:
    """Return the share of matches that were won, with its interval; nothing where there was no opponent."""
    apart = [one.total - one.against for one in episodes if one.against is not None]
    if not apart:
        return {}
    won = np.array([won_by(one) for one in apart])
    low, high = share_interval(float(won.sum()), len(won))
    return {"wins": float(won.mean()), "wins_low": low, "wins_high": high}


def won_by(apart: float) -> float:
    """Return 1 for a match won by so much, 0 for one lost, 0.5 for neither.

    >>> won_by(2.0), won_by(0.0), won_by(-0.5)
    (1.0, 0.5, 0.0)
    """
    return 0.5 if abs(apart) < LEAST_APART else float(apart > 0)


def share_interval(won: float, count: int) -> tuple[float, float]:
    """Return the 95 % interval of a share; it is right near 0 and 1, too. Source: Wilson 1927.

    >>> low, high = share_interval(10, 10)
    >>> round(low, 3), round(high, 3)
    (0.722, 1.0)
    """
    share, wide = won / count, Z_95**2 / count
    middle = (share + wide / 2) / (1 + wide)
    away = Z_95 * math.sqrt(share * (1 - share) / count + wide / (4 * count)) / (1 + wide)
    return max(0.0, middle - away), min(1.0, middle + away)
