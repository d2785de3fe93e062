"""An environment by its name: what it shows and takes, and so many of it to be played at once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from statewise.data.codec import Codec
from statewise.errors import DataError, StatewiseError
from statewise.tasks.game.faults import close, error_told
from statewise.tasks.game.making import maker_of
from statewise.tasks.game.seats import InProcess, Seats
from statewise.tasks.game.spaces import MASK as LEGAL
from statewise.tasks.game.spaces import (
    Actions,
    ObservationSpace,
    actions_of,
    observations_of,
    spaces_as_json,
    spaces_from_json,
    unread_of,
    without,
)
from statewise.tasks.game.teams.contests import scripted_player
from statewise.tasks.game.teams.matches import Matches
from statewise.tasks.game.teams.parallel import Agents, agents_of, is_parallel


@dataclass(frozen=True)
class GameCodec(Codec):
    """What is seen and done, by which rows become features and choices become actions."""

    observed: ObservationSpace
    actions: Actions

    def as_json(self) -> dict[str, Any]:
        """Return both spaces."""
        return spaces_as_json(self.observed, self.actions)

    @classmethod
    def read(cls, written: Mapping[str, Any]) -> "GameCodec":
        """Return what `as_json` wrote. Raises `RunError` where it is something else."""
        return cls(*spaces_from_json(written))


@dataclass(frozen=True)
class Environment:
    """An environment by name, and how long its episodes may be."""

    name: str
    longest: int

    def seats(self, codec: GameCodec, size: int) -> Seats:
        """Return so many of it, to be played at once."""
        make = maker_of(self.name)
        first = make()
        if is_parallel(first):
            return self.matches(codec, size, [first, *(make() for _ in range(size - 1))])
        close(first)
        return InProcess(self.name, make, size, codec.observed, codec.actions, self.longest)

    def matches(
        self, codec: GameCodec, size: int, envs: Sequence[Any] | None = None, kind: type[Matches] = Matches, **more: Any
    ) -> Matches:
        """Return so many matches of several agents, of some environments or new ones."""
        make = maker_of(self.name)
        made = [make() for _ in range(size)] if envs is None else envs
        agents = agents_of(self.name, made[0])
        return kind(self.name, made, agents, codec.observed, codec.actions, self.longest, **more)


@dataclass(frozen=True)
class Examined:
    """What an environment shows and takes, what there is to say of that, and its agents, if they are several."""

    codec: GameCodec
    told: tuple[str, ...]
    agents: Agents | None = None
    is_scripted: bool = False


def examine(name: str, hidden: Sequence[int]) -> Examined:
    """Look at an environment. Raises `UsageError` or `DataError` for one that cannot be played."""
    env = maker_of(name)()
    try:
        return _looked_at(name, env, hidden)
    except StatewiseError:
        raise
    except (Exception, SystemExit) as error:
        raise DataError(f"{name} cannot be looked at: {error_told(error)}: mend the environment") from error
    finally:
        close(env)


def _looked_at(name: str, env: Any, hidden: Sequence[int]) -> Examined:
    agents = agents_of(name, env) if is_parallel(env) else None
    taken, seen = _spaces_of(env)
    actions = actions_of(taken)
    is_masked = _is_masked(name, env, seen)
    if is_masked and actions.is_continuous:
        raise DataError(f"{name} has an {LEGAL} for actions that are numbers: give choices, or no mask")
    observed = without(observations_of(seen, is_masked=is_masked, actions=actions), hidden)
    unread = tuple(f"the part '{key}' of an observation is words, and is not read" for key in unread_of(seen))
    script = scripted_player(env, observed, actions) if agents else None
    return Examined(GameCodec(observed, actions), unread, agents, script is not None)


def _spaces_of(env: Any) -> tuple[Any, Any]:
    """Return the spaces of actions and observations; of several agents those of the first, to which all are alike."""
    if not is_parallel(env):
        return env.action_space, env.observation_space
    first = env.possible_agents[0]
    return env.action_space(first), env.observation_space(first)


def _is_masked(name: str, env: Any, seen: Any) -> bool:
    if LEGAL in (getattr(seen, "spaces", None) or {}):
        return True
    try:
        _, info = env.reset(seed=0)
    except (Exception, SystemExit) as error:
        raise DataError(f"{name} failed when it was reset: {error_told(error)}") from error
    return LEGAL in ((next(iter((info or {}).values()), {}) if is_parallel(env) else info) or {})
