"""Environments that step as one: the vector environments of Gymnasium, in each of its ways to begin again."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from statewise.errors import UsageError
from statewise.tasks.game.faults import error_told
from statewise.tasks.game.making import gymnasium
from statewise.tasks.game.seats import LARGEST_REWARD, Seats, SeatTable, Stepped, broken
from statewise.tasks.game.spaces import Actions, Misfit, Numbers, ObservationSpace

FINAL = "final_obs"


class OfVector(Seats):
    """A vector environment; its episodes cannot be brought back one by one, so `repeats` is false.

    Gymnasium begins the next episode in the step after the last (`NEXT_STEP`), which then plays nothing and is not
    learned from; in the last step itself (`SAME_STEP`), with the last observation put aside; or when it is told
    (`DISABLED`).
    """

    repeats = False

    def __init__(self, name: str, env: Any, observed: ObservationSpace, actions: Actions) -> None:
        self.name, self.env, self.observed, self.actions = name, env, observed, actions
        self.size = int(env.num_envs)
        self.table = SeatTable.of(self.size, observed.size)
        modes = gymnasium().vector.AutoresetMode
        self.mode = modes(env.metadata.get("autoreset_mode", modes.NEXT_STEP))
        self.is_next, self.is_disabled = self.mode == modes.NEXT_STEP, self.mode == modes.DISABLED
        self.ended = np.zeros(self.size, np.bool_)

    @property
    def observations(self) -> Numbers:  # type: ignore[override]
        """What the next actions answer."""
        return self.table.observations

    def reset(self, seeds: Sequence[int], rows: Sequence[int] | None = None) -> Numbers:
        """Begin all episodes by the first of the seeds. Raises `UsageError` for some rows alone."""
        if rows is not None:
            raise UsageError(f"{self.name} steps as one, and begins no episode of one row alone")
        seen, info = self._tried(lambda: self.env.reset(seed=int(seeds[0])))
        self.ended[:] = False
        self._write(seen, info, self.table.observations)
        return self.table.observations

    def step(self, actions: NDArray[Any], seeds: Sequence[int]) -> Stepped:
        """Step all of them."""
        table, made = self.table, np.asarray(self.actions.made(actions))
        seen, rewards, terminated, truncated, info = self._tried(lambda: self.env.step(made))
        real = ~self.ended if self.is_next else np.ones(self.size, np.bool_)
        table.rewards[:] = np.where(real, rewards, 0.0)
        table.terminated[:], table.truncated[:] = terminated & real, truncated & real
        ended = table.terminated | table.truncated
        self._write(seen, info, table.observations)
        if ended.any():
            self._end(ended, info)
        self.ended = ended
        if not (np.abs(table.rewards) < LARGEST_REWARD).all() or not np.isfinite(table.observations).all():
            raise broken(self.name, "gave a reward or an observation that is not finite")
        return Stepped(table.observations, table.rewards, table.terminated, table.truncated, table.final, real)

    def _end(self, ended: NDArray[np.bool_], info: dict[str, Any]) -> None:
        """Put the last observations aside, and begin the next episodes where that is for us to do."""
        table = self.table
        table.final[ended] = table.observations[ended]
        if FINAL in info:
            for row in np.flatnonzero(ended):
                self.observed.write(info[FINAL][row], {}, table.final[row])
        if self.is_disabled:
            seen, told = self._tried(lambda: self.env.reset(options={"reset_mask": ended}))
            self._write(seen, told, table.observations)

    def _write(self, seen: Any, info: dict[str, Any], rows: Numbers) -> None:
        part = self.observed.parts[0]
        try:
            if part.path or self.observed.legal or part.kind == "choices":
                each = gymnasium().vector.utils.iterate(self.env.observation_space, seen)
                for at, (own, row) in enumerate(zip(each, rows, strict=True)):
                    self.observed.write(own, {name: value[at] for name, value in info.items()}, row)
                return
            whole = np.asarray(seen, np.float32).reshape(self.size, -1)
            rows[:] = whole[:, self.observed.kept] if self.observed.hidden else whole
        except (Misfit, ValueError, TypeError, KeyError, IndexError) as error:
            raise broken(self.name, f"gave an observation that is not of its space ({error})") from error

    def _tried(self, call: Any) -> Any:
        try:
            return call()
        except (Exception, SystemExit) as error:
            raise broken(self.name, f"failed: {error_told(error)}") from error

    def replay(self, row: int, seed: int, actions: NDArray[Any]) -> None:
        """Do nothing: it cannot be brought back."""

    def close(self) -> None:
        """Close the environment."""
        self.env.close()
