"""Episodes played to their end, by a policy or at random, always by the same seeds."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from statewise.model import Model, evaluating
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


@dataclass(frozen=True)
class Episode:
    """An episode by its number: what it returned, how many steps it had, and whether it came to its end."""

    number: int
    total: float
    steps: int
    is_whole: bool = True


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


def play(player: Player, seats: Seats, seeds: Sequence[int], *, most_steps: int | None = None) -> Iterator[Episode]:
    """Play an episode of each seed, and yield each when it has ended, by its number.

    What an episode is depends on its seed alone, not on which others are played at the same time. With `most_steps`
    those that are still under way after so many are yielded as they stand.
    """
    count = len(seeds)
    numbers = [row if row < count else -1 for row in range(seats.size)]
    ahead = [row + seats.size for row in range(seats.size)]
    seats.reset([seeds[max(number, 0)] for number in numbers])
    player.begin(seats.size)
    draws = [np.random.default_rng(seeds[max(number, 0)]) for number in numbers]
    totals, steps, begun = np.zeros(seats.size), np.zeros(seats.size, np.int64), np.ones(seats.size, np.bool_)
    taken = 0
    while any(number >= 0 for number in numbers):
        if taken == most_steps:
            yield from (Episode(n, float(totals[r]), int(steps[r]), False) for r, n in enumerate(numbers) if n >= 0)
            return
        with torch.no_grad():
            chosen = player.act(seats.observations, begun, draws)
        following = [seeds[at] if at < count else seeds[0] for at in ahead]
        stepped = seats.step(chosen, following)
        real = 1 if stepped.real is None else stepped.real
        taken, totals, steps, begun = taken + 1, totals + stepped.rewards * real, steps + real, stepped.ended.copy()
        for row in np.flatnonzero(begun):
            if numbers[row] >= 0:
                yield Episode(numbers[row], float(totals[row]), int(steps[row]))
            numbers[row] = ahead[row] if ahead[row] < count else -1
            ahead[row] += seats.size
            draws[row] = np.random.default_rng(following[row])
            totals[row] = steps[row] = 0


def seeds_of(kind: int, count: int) -> list[int]:
    """Return fixed seeds of episodes, which neither settings nor training have a say in."""
    return [episode_seed(kind, 0, number) for number in range(count)]


def played(model: Model[Any], seats: Seats, seeds: Sequence[int], **how: bool) -> Iterator[Episode]:
    """Play episodes by a model, which is in evaluation meanwhile."""
    with evaluating(model):
        yield from play(PolicyPlayer(model, **how), seats, seeds)


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
    """
    returns = returns_of(episodes)
    low, high = interval_of(returns)
    steps = float(np.mean([one.steps for one in episodes]))
    return {"return": float(returns.mean()), "return_low": low, "return_high": high, "steps": steps}
