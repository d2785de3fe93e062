"""Tiny environments of several agents: two teams that strike, one that leaves early, and odd ones."""

from typing import Any

import numpy as np
from gymnasium import spaces
from pettingzoo import AECEnv, ParallelEnv

SEEN = spaces.Box(-1.0, 1.0, (3,), np.float32)
LIVES = 2


class Strike(ParallelEnv[str, Any, Any]):  # type: ignore[misc, unused-ignore]
    """Each team is shown a bit at first; a member that says it at the fourth step strikes the one opposite.

    One that was struck leaves at once, those left play on for six steps. A member that says something else is fined: so
    a match is won by remembering.
    """

    metadata = {"name": "strike", "render_modes": ["ansi", "rgb_array"]}  # noqa: RUF012

    def __init__(self, each: int = 2, render_mode: str | None = None) -> None:
        self.each, self.render_mode = each, render_mode
        self.possible_agents = [f"{team}_{n}" for team in ("red", "blue") for n in range(each)]
        self.agents: list[str] = []

    def observation_space(self, agent: str) -> Any:
        return SEEN

    def action_space(self, agent: str) -> Any:
        return spaces.Discrete(2)

    def reset(self, seed: int | None = None, options: Any = None) -> tuple[dict[str, Any], dict[str, Any]]:
        drawn = np.random.default_rng(seed)
        self.bits = dict(zip(self.possible_agents, drawn.integers(2, size=2 * self.each).tolist(), strict=True))
        self.agents, self.at = [*self.possible_agents], 0
        return self._seen(self.agents), {agent: {} for agent in self.agents}

    def _seen(self, agents: list[str]) -> dict[str, Any]:
        asked = float(self.at == 3)
        return {a: np.array([(2 * self.bits[a] - 1) * (self.at == 0), asked, self.at / 6], np.float32) for a in agents}

    def step(self, actions: dict[str, Any]) -> tuple[dict[str, Any], ...]:
        there = [*self.agents]
        assert set(actions) == set(there), "only those act who are there"
        rewards, struck = dict.fromkeys(there, 0.0), set()
        if self.at == 3:
            for agent in there:
                is_right = int(actions[agent]) == self.bits[agent]
                rewards[agent] = 1.0 if is_right else -1.0
                opposite = agent.replace("red", "x").replace("blue", "red").replace("x", "blue")
                struck |= {opposite} if is_right and agent.endswith("0") else set()
        self.at += 1
        cut = self.at == 6
        ended = {agent: agent in struck for agent in there}
        self.agents = [] if cut else [agent for agent in there if agent not in struck]
        return self._seen(there), rewards, ended, {a: cut and not ended[a] for a in there}, {a: {} for a in there}

    def scripted(self, observation: Any, draw: np.random.Generator) -> int:
        return int(draw.integers(2))

    def render(self) -> Any:
        if self.render_mode == "ansi":
            return f"step {self.at}"
        return np.full((8, 10, 3), 20 * self.at, np.uint8)


class Together(Strike):
    """The same with no opponent: one team of three."""

    def __init__(self) -> None:
        super().__init__()
        self.possible_agents = ["one_0", "one_1", "one_2", "one_3"]


class Unlike(Strike):
    """Two agents whose actions differ."""

    def action_space(self, agent: str) -> Any:
        return spaces.Discrete(2 if agent != "blue_1" else 3)


class Vanishing(Strike):
    """An agent is taken out without its episode's end."""

    def step(self, actions: dict[str, Any]) -> tuple[dict[str, Any], ...]:
        told = super().step(actions)
        self.agents = [agent for agent in self.agents if agent != "red_1" or self.at < 2]
        return told


class Failing(Strike):
    """Raises in its second step."""

    def step(self, actions: dict[str, Any]) -> tuple[dict[str, Any], ...]:
        if self.at == 1:
            raise RuntimeError("the arena is on fire")
        return super().step(actions)


class Leaving(Strike):
    """Leaves the process in its second step."""

    def step(self, actions: dict[str, Any]) -> tuple[dict[str, Any], ...]:
        if self.at == 1:
            raise SystemExit(0)
        return super().step(actions)


class Silent(Strike):
    """Says nothing next to what is seen."""

    def reset(self, seed: int | None = None, options: Any = None) -> tuple[dict[str, Any], Any]:
        return super().reset(seed)[0], None

    def step(self, actions: dict[str, Any]) -> tuple[Any, ...]:
        return (*super().step(actions)[:4], None)


class Unlisted(Strike):
    """Does not list who acts."""

    def reset(self, seed: int | None = None, options: Any = None) -> tuple[dict[str, Any], dict[str, Any]]:
        told = super().reset(seed)
        del self.agents
        return told


class Uneven(Strike):
    """One against three."""

    def __init__(self) -> None:
        super().__init__()
        self.possible_agents = ["red_0", "blue_0", "blue_1", "blue_2"]


class Twins(Strike):
    """Two agents have one name."""

    def __init__(self) -> None:
        super().__init__()
        self.possible_agents = ["red_0", "red_0", "blue_0"]


class Teamless(Strike):
    """A table of teams that lacks an agent, and cannot be closed."""

    teams = {"red_0": "a", "red_1": "a", "blue_0": "b"}  # noqa: RUF012

    def close(self) -> None:
        raise RuntimeError("the door is stuck")


class Spaceless(Strike):
    """Does not say what is done."""

    def action_space(self, agent: str) -> Any:
        raise NotImplementedError("not yet")


class Legal(Strike):
    """Both actions are legal but for one agent, of which one is."""

    def reset(self, seed: int | None = None, options: Any = None) -> tuple[dict[str, Any], dict[str, Any]]:
        seen, _ = super().reset(seed)
        return seen, self._masks(self.possible_agents)

    def step(self, actions: dict[str, Any]) -> tuple[dict[str, Any], ...]:
        assert "red_1" not in actions or actions["red_1"] == 1
        seen, rewards, ended, cut, _ = super().step(actions)
        return seen, rewards, ended, cut, self._masks([*rewards])

    @staticmethod
    def _masks(agents: list[str]) -> dict[str, Any]:
        return {agent: {"action_mask": np.array([agent != "red_1", 1], np.int8)} for agent in agents}


class InTurns(AECEnv[str, Any, Any]):  # type: ignore[misc, unused-ignore]
    """Agents take turns, and PettingZoo is not told that they may act at once."""

    metadata = {"name": "in_turns", "is_parallelizable": False}  # noqa: RUF012
    possible_agents = ["a_0", "b_0"]  # noqa: RUF012

    def observation_space(self, agent: str) -> Any:
        return SEEN

    def action_space(self, agent: str) -> Any:
        return spaces.Discrete(2)
