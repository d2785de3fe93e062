"""Environments of several agents that act at once, whichever library made them, in the form of PettingZoo."""

import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from statewise.errors import MissingExtra, UsageError
from statewise.tasks.game.faults import error_told

NUMBERED = re.compile(r"(?P<team>.+?)_?\d+")
"An agent's name is that of its team and a number."
MOST_AGENTS = 10_000


def is_parallel(env: Any) -> bool:
    """Tell whether several agents act in an environment at once."""
    return hasattr(env, "possible_agents")


def as_parallel(name: str, env: Any) -> Any:
    """Return an environment of several agents in the parallel form of PettingZoo, and any other as it is.

    One in which agents take turns is converted by PettingZoo; one of Gymnasium whose actions are a tuple of spaces that
    are alike, and whose observations are one, too, is taken apart. Raises `UsageError` where that is not possible.
    """
    if hasattr(env, "agent_selection") or hasattr(env, "agent_iter"):
        return _of_turns(name, env)
    if not is_parallel(env) and _is_of_tuples(env):
        return TupleAgents(env)
    return env


def is_environment(env: Any) -> bool:
    """Tell whether something is an environment of Gymnasium or of PettingZoo."""
    kinds = [
        getattr(sys.modules[module], kind)
        for module, kind in (("gymnasium", "Env"), ("pettingzoo", "ParallelEnv"), ("pettingzoo", "AECEnv"))
        if hasattr(sys.modules.get(module), kind)
    ]
    return isinstance(env, tuple(kinds)) or (isinstance(env, type) and issubclass(env, tuple(kinds)))


def _of_turns(name: str, env: Any) -> Any:
    try:
        from pettingzoo.utils.conversions import aec_to_parallel
    except ImportError:
        raise MissingExtra(f"{name} needs pettingzoo: pip install 'statewise[game]'") from None
    try:
        return aec_to_parallel(env)
    except Exception as error:
        raise UsageError(
            f"{name} lets agents take turns, which PettingZoo cannot make parallel ({error_told(error)}): "
            "give an environment in which all act at once"
        ) from error


def _is_of_tuples(env: Any) -> bool:
    from gymnasium import spaces

    acting, seeing = getattr(env, "action_space", None), getattr(env, "observation_space", None)
    if not (isinstance(acting, spaces.Tuple) and isinstance(seeing, spaces.Tuple)):
        return False
    return len(acting.spaces) == len(seeing.spaces) > 0


class TupleAgents:
    """An environment of Gymnasium of which every agent has a place in tuples, in the parallel form of PettingZoo."""

    def __init__(self, env: Any) -> None:
        self.env, self.metadata = env, env.metadata
        self.possible_agents = [f"agent_{place}" for place in range(len(env.action_space.spaces))]
        self.agents: list[str] = []

    def observation_space(self, agent: str) -> Any:
        """Return what an agent sees."""
        return self.env.observation_space.spaces[self.possible_agents.index(agent)]

    def action_space(self, agent: str) -> Any:
        """Return what an agent does."""
        return self.env.action_space.spaces[self.possible_agents.index(agent)]

    def reset(self, seed: int | None = None) -> tuple[dict[str, Any], dict[str, Any]]:
        """Begin an episode."""
        seen, _ = self.env.reset(seed=seed)
        self.agents = [*self.possible_agents]
        return self._by_agent(seen), {agent: {} for agent in self.agents}

    def step(self, actions: Mapping[str, Any]) -> tuple[dict[str, Any], ...]:
        """Let all act; one reward that is given for all is each one's."""
        seen, rewards, terminated, truncated, _ = self.env.step(tuple(actions[agent] for agent in self.possible_agents))
        each = rewards if np.ndim(rewards) else [rewards] * len(self.possible_agents)
        ended, cut = ({agent: bool(flag) for agent in self.possible_agents} for flag in (terminated, truncated))
        if terminated or truncated:
            self.agents = []
        return self._by_agent(seen), self._by_agent(each), ended, cut, {agent: {} for agent in self.possible_agents}

    def _by_agent(self, parts: Any) -> dict[str, Any]:
        return dict(zip(self.possible_agents, parts, strict=True))

    def render(self) -> Any:
        """Return what is to be seen of it."""
        return self.env.render()

    def close(self) -> None:
        """Close it."""
        self.env.close()


@dataclass(frozen=True)
class Agents:
    """The agents by name, and their teams: those whose names differ in their numbers alone are one."""

    names: tuple[str, ...]
    teams: tuple[str, ...]

    @property
    def team_of(self) -> list[int]:
        """The number of each agent's team, in the order in which teams are first named."""
        order = list(dict.fromkeys(self.teams))
        return [order.index(team) for team in self.teams]

    def words(self) -> str:
        """Say how many there are, team by team."""
        counts = {team: self.teams.count(team) for team in self.teams}
        return " against ".join(f"{count} {team}" for team, count in counts.items())


def agents_of(name: str, env: Any) -> Agents:
    """Return the agents of a parallel environment, which share one policy.

    An environment may say by `teams`, a table of a team's name for each agent, what their names do not. Raises
    `UsageError` where there are none, or what they see or do differs.
    """
    names = tuple(map(str, env.possible_agents or ()))
    if len(set(names)) != len(names):
        raise UsageError(f"{name} has several agents of one name: give each a name of its own")
    if not 0 < len(names) <= MOST_AGENTS:
        raise UsageError(f"{name} has {len(names):,} agents: give an environment of 1 to {MOST_AGENTS:,}")
    first = env.possible_agents[0]
    for agent in env.possible_agents[1:]:
        for word, space in (("sees", "observation_space"), ("does", "action_space")):
            one, other = (getattr(env, space)(of) for of in (first, agent))
            if one != other:
                raise UsageError(
                    f"{name}: agent {agent} {word} {_short(other)} and {first} {_short(one)}, and all agents share one "
                    "policy: give an environment whose agents are alike"
                )
    told = getattr(env, "teams", None)
    if isinstance(told, Mapping) and (missing := [agent for agent in env.possible_agents if agent not in told]):
        raise UsageError(f"{name} has no team for agent {missing[0]} in its table `teams`: name one for each")
    teams = [told[agent] for agent in env.possible_agents] if isinstance(told, Mapping) else [*map(_team, names)]
    return Agents(names, tuple(map(str, teams)))


def _team(agent: str) -> str:
    found = NUMBERED.fullmatch(agent)
    return found["team"] if found else agent


def _short(space: Any) -> str:
    told = " ".join(str(space).split())
    return told if len(told) <= 60 else f"{told[:57]}..."


def two_teams(name: str, agents: Agents | None, flag: str = "--self-play") -> Sequence[int]:
    """Return the team of each agent, 0 or 1. Raises `UsageError` where there are not just two."""
    if agents is None:
        raise UsageError(f"{name} has one agent, and {flag} is for two teams: leave it out")
    if len(set(agents.teams)) != 2:
        raise UsageError(
            f"{name} has {agents.words()}, and {flag} is for two teams: name agents red_0 and blue_0, or give the "
            "environment a table `teams` of a name for each agent"
        )
    return agents.team_of
