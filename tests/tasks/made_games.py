"""Tiny environments: some need a memory, some are odd, some are broken."""

from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces

SEEN = spaces.Box(-1.0, 1.0, (2,), np.float32)


class Recall(gym.Env[Any, Any]):
    """A bit is shown once; the last of so many steps asks for it, and pays 1 where it was remembered."""

    metadata = {"render_modes": ["ansi", "rgb_array"]}  # noqa: RUF012

    def __init__(self, wait: int = 3, render_mode: str | None = None) -> None:
        self.observation_space, self.action_space = SEEN, spaces.Discrete(2)
        self.wait, self.render_mode = wait, render_mode

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self.bit, self.at = int(self.np_random.integers(2)), 0
        return self._seen(), {}

    def _seen(self) -> Any:
        bit = 2 * self.bit - 1 if self.at == 0 else 0
        return np.array([bit, self.at == self.wait], np.float32)

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        is_last = self.at == self.wait
        self.at += 1
        return self._seen(), float(is_last and int(action) == self.bit), is_last, False, {}

    def render(self) -> Any:
        if self.render_mode == "ansi":
            return f"step {self.at}"
        return np.full((8, 10, 3), 20 * self.at, np.uint8)


class Cut(Recall):
    """Pays 1 at every step and is cut after five, so that what is to come is never less than before."""

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        self.at += 1
        return self._seen(), 1.0, False, self.at == 5, {}


class Masked(Recall):
    """Three choices of which one or two are legal; an illegal one raises."""

    def __init__(self, render_mode: str | None = None) -> None:
        super().__init__()
        self.action_space = spaces.Discrete(3)

    def _mask(self) -> dict[str, Any]:
        self.legal = np.zeros(3, np.int8)
        self.legal[self.np_random.permutation(3)[: 1 + self.at % 2]] = 1
        return {"action_mask": self.legal}

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        seen, _ = super().reset(seed=seed)
        return seen, self._mask()

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        if not self.legal[action]:
            raise ValueError(f"action {action} is not legal")
        seen, reward, ended, cut, _ = super().step(action)
        return seen, reward, ended, cut, self._mask()


class Steering(gym.Env[Any, Any]):
    """A number is shown and another one within bounds is wanted to be like it."""

    def __init__(self) -> None:
        self.observation_space = spaces.Box(-np.inf, np.inf, (1,), np.float64)
        self.action_space = spaces.Box(np.array([-2.0], np.float32), np.array([4.0], np.float32))

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self.at, self.wanted = 0, self.np_random.uniform(-1, 3)
        return np.array([self.wanted]), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        assert self.action_space.contains(action), action
        self.at += 1
        reward = -abs(float(action[0]) - self.wanted)
        self.wanted = self.np_random.uniform(-1, 3)
        return np.array([self.wanted]), reward, self.at == 6, False, {}


class Mixed(gym.Env[Any, Any]):
    """Shows everything that can be read at once, and takes several choices."""

    def __init__(self) -> None:
        self.observation_space = spaces.Dict(
            {
                "board": spaces.Box(0, 255, (5, 4, 3), np.uint8),
                "die": spaces.Discrete(6, start=1),
                "pair": spaces.Tuple([spaces.MultiBinary(3), spaces.MultiDiscrete([2, 100])]),
            }
        )
        self.action_space = spaces.MultiDiscrete([2, 3])

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self.observation_space.seed(seed)
        self.at = 0
        return self.observation_space.sample(), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        assert self.action_space.contains(action), action
        self.at += 1
        return self.observation_space.sample(), float(action[1]), self.at == 4, False, {}


class Broken(Recall):
    """Does something that no environment may, from its third step on."""

    def __init__(self, fault: str) -> None:
        super().__init__(wait=5)
        self.fault = fault

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        seen, reward, ended, cut, told = super().step(action)
        given: Any = reward
        if self.at >= 3:
            match self.fault:
                case "raises":
                    raise RuntimeError("the motor is broken")
                case "reward":
                    given = float("nan")
                case "words":
                    given = "much"
                case "observation":
                    seen = np.array([np.nan, 0.0], np.float32)
                case "shape":
                    seen = np.zeros(3, np.float32)
        return seen, given, ended, cut, told


class NothingLegal(Masked):
    """Allows no action at its third step."""

    def _mask(self) -> dict[str, Any]:
        told = super()._mask()
        return {"action_mask": told["action_mask"] * (self.at < 3)}


class Endless(Recall):
    """Never ends."""

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        return np.zeros(2, np.float32), 1.0, False, False, {}


class Short(Recall):
    """Ends with its first step."""

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        return np.zeros(2, np.float32), 1.0, True, False, {}


class Unrepeatable(Recall):
    """Shows something else each time, whatever its seed."""

    shown = 0

    def _seen(self) -> Any:
        Unrepeatable.shown += 1
        return np.array([np.sin(Unrepeatable.shown), 0.0], np.float32)


class Wordy(Recall):
    """Shows words, which are not read."""

    def __init__(self) -> None:
        super().__init__()
        self.observation_space = spaces.Text(5)


def long_recall() -> Any:
    return Recall(wait=7)


def raising() -> Any:
    return Broken("raises")


def nan_reward() -> Any:
    return Broken("reward")


def worded_reward() -> Any:
    return Broken("words")


def nan_observation() -> Any:
    return Broken("observation")


def other_shape() -> Any:
    return Broken("shape")


def no_environment() -> Any:
    return 3


def vector_cut(num_envs: int | None = None) -> Any:
    """Five steps of 1 each, one by one or as one."""
    return Cut() if num_envs is None else gym.vector.SyncVectorEnv([Cut] * num_envs)


def vector_cut_same_step(num_envs: int | None = None) -> Any:
    mode = gym.vector.AutoresetMode.SAME_STEP
    return Cut() if num_envs is None else gym.vector.SyncVectorEnv([Cut] * num_envs, autoreset_mode=mode)


def vector_cut_disabled(num_envs: int | None = None) -> Any:
    mode = gym.vector.AutoresetMode.DISABLED
    return Cut() if num_envs is None else gym.vector.SyncVectorEnv([Cut] * num_envs, autoreset_mode=mode)
