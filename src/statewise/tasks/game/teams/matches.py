"""Matches side by side: every agent of a parallel environment is a seat, and all of a match begin and end together."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from statewise.errors import StatewiseError, TrainingError
from statewise.tasks.game.faults import close, error_told
from statewise.tasks.game.seats import LARGEST_REWARD, Reals, Seats, SeatTable, Stepped
from statewise.tasks.game.spaces import Actions, Misfit, Numbers, ObservationSpace
from statewise.tasks.game.teams.parallel import Agents


class Matches(Seats):
    """M matches of A agents, which have the rows M A in order; the seed of a match is that of its first row.

    An agent that leaves early is not `real` until the next match begins, and shows noughts. With `spirit` so large a
    share of each reward is the mean of the team's. `gathered` `[M, A]` is what each got in the match under way.
    """

    def __init__(
        self,
        name: str,
        envs: Sequence[Any],
        agents: Agents,
        observed: ObservationSpace,
        actions: Actions,
        longest: int,
        *,
        spirit: float = 0.0,
    ) -> None:
        self.name, self.envs, self.agents, self.observed, self.actions = name, envs, agents, observed, actions
        self.longest, self.spirit, self.each = longest, spirit, len(agents.names)
        self.size, self.matches = self.each * len(envs), len(envs)
        self.table = SeatTable.of(self.size, observed.size)
        self.present = np.zeros((self.matches, self.each), np.bool_)
        self.gathered: Reals = np.zeros((self.matches, self.each))
        self.steps, self.seeds = np.zeros(self.matches, np.int64), np.zeros(self.matches, np.int64)
        self.team_of, self.keys = np.array(agents.team_of), list(envs[0].possible_agents)

    @property
    def group(self) -> int:  # type: ignore[override]
        """How many rows begin and end together."""
        return self.each

    @property
    def observations(self) -> Numbers:  # type: ignore[override]
        """What the next actions answer."""
        return self.table.observations

    def reset(self, seeds: Sequence[int], rows: Sequence[int] | None = None) -> Numbers:
        """Begin a match of the seed of each first row; all rows of a match are named, or none."""
        for row, seed in zip(range(self.size) if rows is None else rows, seeds, strict=True):
            if row % self.each == 0:
                self.start(row // self.each, int(seed))
                self.began(row // self.each)
        return self.table.observations

    def began(self, match: int) -> None:
        """A match has begun; here nothing follows."""

    def ended(self, match: int) -> None:
        """A match is over, and `gathered` says how it went; here nothing follows."""

    def step(self, actions: NDArray[Any], seeds: Sequence[int]) -> Stepped:
        """Step each match, and begin the next where one is over."""
        table, made = self.table, self.actions.made(actions)
        real, over = self.present.reshape(-1).copy(), np.zeros(self.size, np.bool_)
        for match in range(self.matches):
            first = match * self.each
            if not self.advance(match, made[first : first + self.each]):
                continue
            over[first : first + self.each] = True
            self.ended(match)
            self.start(match, int(seeds[first]))
            self.began(match)
        if self.spirit:
            self._share(real)
        return Stepped(table.observations, table.rewards, table.terminated, table.truncated, table.final, real, over)

    def start(self, match: int, seed: int) -> None:
        """Begin one match."""
        self.seeds[match], self.steps[match] = seed, 0
        self.gathered[match] = 0.0
        env = self.envs[match]
        try:
            seen, told = env.reset(seed=seed)
        except (Exception, SystemExit) as error:
            raise self._failed(match, "failed when it was reset", error) from error
        table, rows = self.table, self._rows(match)
        table.observations[rows] = 0.0
        self.present[match] = self._are_there(match)
        if not self.present[match].any():
            raise self._broken(match, "began without an agent")
        self._write(match, self.present[match], seen, told, table.observations[rows])

    def advance(self, match: int, chosen: Sequence[Any]) -> bool:
        """Let all that are there act; return whether the match is over."""
        env, there, rows, table = self.envs[match], self.present[match], self._rows(match), self.table
        self.steps[match] += 1
        given = {agent: chosen[at] for at, agent in enumerate(self.keys) if there[at]}
        try:
            seen, rewards, terminated, truncated, told = env.step(given)
        except (Exception, SystemExit) as error:
            raise self._failed(match, "failed", error) from error
        for part in (table.rewards, table.terminated, table.truncated):
            part[rows] = False
        table.observations[rows] = 0.0
        is_cut = self.steps[match] >= self.longest
        for at in np.flatnonzero(there):
            agent, row = self.keys[at], rows.start + at
            try:
                table.rewards[row] = rewards[agent]
                table.terminated[row] = terminated[agent]
                table.truncated[row] = (truncated[agent] or is_cut) and not table.terminated[row]
            except (KeyError, TypeError, ValueError) as error:
                raise self._failed(match, f"gave no reward or no end to agent {agent}", error) from error
        if not (np.abs(table.rewards[rows]) < LARGEST_REWARD).all():
            raise self._broken(match, "gave a reward that is not finite")
        self._write(match, there, seen, told, table.observations[rows], ended=self._ends(rows))
        self.gathered[match] += table.rewards[rows]
        table.final[rows] = table.observations[rows]
        table.observations[rows][self._ends(rows)] = 0.0
        left = there & ~self._ends(rows)
        self._check_left(match, left)
        self.present[match] = left
        return not left.any()

    def _check_left(self, match: int, left: NDArray[np.bool_]) -> None:
        """Raise `TrainingError` where the environment and what it said of ends do not agree."""
        said = self._are_there(match)
        if (left & ~np.array(said)).any():
            agent = self.agents.names[int(np.flatnonzero(left & ~np.array(said))[0])]
            raise self._broken(match, f"took agent {agent} out, whose episode it had not ended,")

    def _are_there(self, match: int) -> list[bool]:
        """Say of each agent whether the environment lists it. Raises `TrainingError` where it has no list."""
        listed = getattr(self.envs[match], "agents", None)
        if listed is None:
            raise self._broken(match, "has no list `agents` of those that act")
        return [agent in listed for agent in self.keys]

    def _ends(self, rows: slice) -> NDArray[np.bool_]:
        ends: NDArray[np.bool_] = self.table.terminated[rows] | self.table.truncated[rows]
        return ends

    def _write(
        self,
        match: int,
        there: NDArray[np.bool_],
        seen: Mapping[Any, Any],
        told: Mapping[Any, Any] | None,
        into: Numbers,
        ended: NDArray[np.bool_] | None = None,
    ) -> None:
        for at in np.flatnonzero(there):
            agent = self.keys[at]
            try:
                self.observed.write(seen[agent], (told or {}).get(agent) or {}, into[at])
            except Misfit as misfit:
                raise self._broken(match, f"gave {misfit} to agent {agent}") from None
            except (AttributeError, KeyError, IndexError, TypeError, ValueError) as error:
                raise self._failed(match, f"gave agent {agent} an observation not of its space", error) from error
        if not np.isfinite(into).all():
            raise self._broken(match, "gave an observation that is not finite")
        if self.observed.legal:
            acts = there if ended is None else there & ~ended
            none = acts & ~into[:, self.observed.seen :].any(axis=1)
            if none.any():
                raise self._broken(match, f"allows agent {self.agents.names[int(none.argmax())]} no action at all")

    def _share(self, real: NDArray[np.bool_]) -> None:
        """Make a share of each reward the mean of those of the team's agents that took part."""
        rewards, took_part = (part.reshape(self.matches, self.each) for part in (self.table.rewards, real))
        for team in set(self.team_of):
            own = took_part & (self.team_of == team)
            mean = np.where(own, rewards, 0.0).sum(axis=1) / np.maximum(own.sum(axis=1), 1)
            rewards[:] = np.where(own, (1 - self.spirit) * rewards + self.spirit * mean[:, None], rewards)

    def _rows(self, match: int) -> slice:
        return slice(match * self.each, (match + 1) * self.each)

    def _broken(self, match: int, what: str) -> TrainingError:
        return TrainingError(f"{self.name} {what} {self._when(match)}: mend the environment")

    def _failed(self, match: int, how: str, error: BaseException) -> StatewiseError:
        if isinstance(error, StatewiseError):
            return error
        return TrainingError(f"{self.name} {how} {self._when(match)}: {error_told(error)}")

    def _when(self, match: int) -> str:
        return f"at step {self.steps[match]} of the match of seed {self.seeds[match]}"

    def replay(self, row: int, seed: int, actions: NDArray[Any]) -> None:
        """Play a match once more, whose first row this is, by actions `[N, A, ...]` that do not end it."""
        match = row // self.each
        self.start(match, seed)
        for step in actions:
            if self.advance(match, self.actions.made(step)):
                return

    def close(self) -> None:
        """Close the environments."""
        for env in self.envs:
            close(env)
