"""Environments side by side: each step gives rows of numbers, and an episode that ends is followed by the next."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from statewise.errors import StatewiseError, TrainingError
from statewise.tasks.game.faults import error_told
from statewise.tasks.game.spaces import Actions, Misfit, Numbers, ObservationSpace

Flags = NDArray[np.bool_]
Reals = NDArray[np.float64]
LARGEST_REWARD = 1e30


def episode_seed(base: int, row: int, episode: int) -> int:
    """Return the seed of an episode of an environment, which no other has in all likelihood.

    >>> episode_seed(1, 0, 0) != episode_seed(1, 0, 1)
    True
    """
    return int(np.random.SeedSequence([base, row, episode]).generate_state(1)[0] & 0x7FFFFFFF)


@dataclass
class Stepped:
    """What a step of E environments gave; `final` `[E, D]` holds the last observation of the episodes that ended.

    `observations` are those that the next actions answer: where an episode ended, the first of the next. `real` is
    false where nothing was played, as in the step in which some vector environments reset. `over` says where the
    environment began again, if not where an episode ended: an agent that has left waits for the others.
    """

    observations: Numbers
    rewards: Reals
    terminated: Flags
    truncated: Flags
    final: Numbers
    real: Flags | None = None
    over: Flags | None = None

    @property
    def ended(self) -> Flags:
        """Which episodes ended."""
        return self.terminated | self.truncated

    @property
    def began_again(self) -> Flags:
        """In which rows the environment began again."""
        return self.ended if self.over is None else self.over


class Seats(ABC):
    """E rows that are played at once: environments of one agent each, or of `group` agents, each with a row."""

    size: int
    group: int = 1
    observations: Numbers
    repeats: bool = True
    "Whether an episode can be brought back by its seed and actions."

    @abstractmethod
    def reset(self, seeds: Sequence[int], rows: Sequence[int] | None = None) -> Numbers:
        """Begin an episode of each seed, in some rows or all, and return the observations `[E, D]`."""

    @abstractmethod
    def step(self, actions: NDArray[Any], seeds: Sequence[int]) -> Stepped:
        """Take the chosen actions; where an episode ends, begin the next by the seed of that row.

        Where others have a say in what is done, what was done is written into `actions`.
        """

    @abstractmethod
    def replay(self, row: int, seed: int, actions: NDArray[Any]) -> None:
        """Begin the episode of a seed in one row, and take actions `[N, ...]` that do not end it.

        Of several agents it is the first row, and actions are `[N, A, ...]`.
        """

    def meet(self, model: Any) -> None:  # noqa: B027  # most keep nothing
        """See the policy as it is when a rollout begins: here nothing follows."""

    def save(self) -> dict[str, Tensor]:
        """Return what else there is to keep, by name."""
        return {}

    def load(self, saved: Mapping[str, Tensor]) -> None:  # noqa: B027  # most keep nothing
        """Go back to where `save` was called."""

    @abstractmethod
    def close(self) -> None:
        """Let go of the environments."""


def broken(name: str, what: str) -> TrainingError:
    """Return what is raised where an environment does what none may."""
    return TrainingError(f"{name} {what}: mend the environment")


@dataclass
class SeatTable:
    """The rows of E environments, as arrays that are written in place."""

    observations: Numbers
    final: Numbers
    rewards: Reals
    terminated: Flags
    truncated: Flags

    @classmethod
    def of(cls, rows: int, width: int) -> "SeatTable":
        """Return arrays of noughts."""
        seen, final = (np.zeros((rows, width), np.float32) for _ in range(2))
        return cls(seen, final, np.zeros(rows), np.zeros(rows, np.bool_), np.zeros(rows, np.bool_))


@dataclass
class Seat:
    """One environment by its name, and what is checked of all that it gives."""

    name: str
    env: Any
    observed: ObservationSpace
    longest: int
    steps: int = 0
    seed: int = 0
    info: dict[str, Any] = field(default_factory=dict)

    def reset(self, seed: int, row: Numbers) -> None:
        """Begin an episode and write its first observation."""
        self.seed, self.steps = seed, 0
        try:
            seen, self.info = self.env.reset(seed=seed)
        except (Exception, SystemExit) as error:
            raise self._failed("failed when it was reset", error) from error
        self._write(seen, self.info, row)

    def step(self, action: Any, table: SeatTable, row: int) -> None:
        """Take an action, and write what follows; an episode as long as allowed is cut."""
        self.steps += 1
        try:
            seen, reward, terminated, truncated, self.info = self.env.step(action)
        except (Exception, SystemExit) as error:
            raise self._failed("failed", error) from error
        try:
            table.rewards[row] = reward
            table.terminated[row] = terminated
            table.truncated[row] = truncated or (self.steps >= self.longest and not terminated)
        except (TypeError, ValueError) as error:
            raise self._failed(f"gave the reward {reward!r}", error) from None
        if not -LARGEST_REWARD < table.rewards[row] < LARGEST_REWARD:
            raise TrainingError(f"{self.name} gave a reward of {reward} {self._when}: mend the environment")
        self._write(seen, self.info, table.observations[row])

    def _write(self, seen: Any, info: dict[str, Any], row: Numbers) -> None:
        try:
            self.observed.write(seen, info or {}, row)
        except Misfit as misfit:
            raise TrainingError(f"{self.name} gave {misfit} {self._when}: mend the environment") from None
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise self._failed("gave an observation that is not of its space", error) from None

    def check(self, row: Numbers, *, is_last: bool = False) -> None:
        """Raise `TrainingError` where an observation is not finite, or, if it is not the last, allows no action."""
        if not np.isfinite(row).all():
            raise TrainingError(
                f"{self.name} gave an observation that is not finite {self._when}: mend the environment"
            )
        if self.observed.legal and not is_last and not row[self.observed.seen :].any():
            raise TrainingError(f"{self.name} allows no action at all {self._when}: mend its action_mask")

    def _failed(self, how: str, error: BaseException) -> StatewiseError:
        if isinstance(error, StatewiseError):
            return error
        return TrainingError(f"{self.name} {how} {self._when}: {error_told(error)}")

    @property
    def _when(self) -> str:
        return f"at step {self.steps} of the episode of seed {self.seed}"


class InProcess(Seats):
    """Environments that are stepped one after another in this process: where a step is short nothing is faster."""

    def __init__(
        self, name: str, make: Callable[[], Any], size: int, observed: ObservationSpace, actions: Actions, longest: int
    ) -> None:
        self.size, self.actions, self.table = size, actions, SeatTable.of(size, observed.size)
        self.each = [Seat(name, make(), observed, longest) for _ in range(size)]

    @property
    def observations(self) -> Numbers:  # type: ignore[override]
        """What the next actions answer."""
        return self.table.observations

    def reset(self, seeds: Sequence[int], rows: Sequence[int] | None = None) -> Numbers:
        """Begin an episode of each seed."""
        for row, seed in zip(range(self.size) if rows is None else rows, seeds, strict=True):
            self.each[row].reset(seed, self.table.observations[row])
            self.each[row].check(self.table.observations[row])
        return self.table.observations

    def step(self, actions: NDArray[Any], seeds: Sequence[int]) -> Stepped:
        """Step each environment, and begin the next episode of those whose has ended."""
        table = self.table
        for row, (seat, action) in enumerate(zip(self.each, self.actions.made(actions), strict=True)):
            seat.step(action, table, row)
            if table.terminated[row] or table.truncated[row]:
                table.final[row] = table.observations[row]
                seat.check(table.final[row], is_last=True)
                seat.reset(seeds[row], table.observations[row])
        self._check()
        return Stepped(table.observations, table.rewards, table.terminated, table.truncated, table.final)

    def _check(self) -> None:
        """Check all rows at once, and one by one where something is wrong: a check costs as much as a step of some."""
        seen, first = self.table.observations, self.each[0].observed
        is_sound = bool(np.isfinite(seen).all())
        if first.legal:
            is_sound = is_sound and bool(seen[:, first.seen :].any(axis=1).all())
        for seat, row in zip(self.each, seen, strict=True) if not is_sound else ():
            seat.check(row)

    def replay(self, row: int, seed: int, actions: NDArray[Any]) -> None:
        """Play an episode once more, up to where it stood."""
        table, seat = self.table, self.each[row]
        seat.reset(seed, table.observations[row])
        for action in self.actions.made(actions) if len(actions) else ():
            seat.step(action, table, row)
            if table.terminated[row] or table.truncated[row]:
                return

    def close(self) -> None:
        """Close the environments."""
        for seat in self.each:
            seat.env.close()
