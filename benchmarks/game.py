"""How many steps of an environment a second are learned from and acted in, compared with RecurrentPPO of sb3-contrib?

    python benchmarks/game.py [--rounds 5] [--units 64 256] [--envs 8] [--save DIR]

Both play CartPole-v1 without velocities in as many environments in one process, on one thread, with the same number of
steps between two stretches of learning, as many passes over them, and as many steps in a batch; in turns, and figures
are medians over the turns, ratios are taken turn by turn. Seconds are those of the processor, to which others on the
machine do not add. `memories` is 1 where actor and critic have one LSTM, and 2 where each has its own, which is what
RecurrentPPO does unless told otherwise. Acting is collecting a rollout: environments, policy and all that is written
down. Needs sb3-contrib, which statewise does not install.
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import torch

from statewise.learning.learner import Learner
from statewise.tasks.game.task import Game
from statewise.versions import versions
from statewise_lab.benchmarking.result import commit, machine

STEPS, SEQUENCE, BATCH_STEPS, PASSES = 128, 32, 256, 10
RESULTS = Path(__file__).parent / "results"


class WithoutVelocities(gymnasium.ObservationWrapper[Any, Any, Any]):
    """CartPole-v1 that shows the positions alone."""

    def __init__(self) -> None:
        super().__init__(gymnasium.make("CartPole-v1", disable_env_checker=True))
        self.observation_space = gymnasium.spaces.Box(-10, 10, (2,), np.float32)

    def observation(self, observation: Any) -> Any:
        """Return the positions."""
        return observation[[0, 2]]


class Ours:
    """Our learner, a rollout at a time."""

    def __init__(self, units: int, envs: int, memories: int, folder: Path) -> None:
        task = Game(
            source="CartPole-v1",
            hide=(1, 3),
            envs=envs,
            rollout=STEPS,
            sequence_length=SEQUENCE,
            batch_size=BATCH_STEPS // SEQUENCE,
            passes=PASSES,
            hidden_size=units,
            critic="separate" if memories == 2 else "shared",
            updates=10**9,
            threads=1,
        )
        data = task.prepare(folder)
        torch.manual_seed(0)
        self.learner = Learner(task.model(data.codec), data.windows("training"), task)

    def turn(self) -> tuple[float, float]:
        """Play and learn from a rollout; return the seconds of acting, and of all."""
        learner = self.learner
        assert learner.rollouts is not None
        began = time.process_time()
        _ = learner.order[learner.window_number]
        acted = time.process_time() - began
        for _ in range(len(learner.windows)):
            learner.update()
        return acted, time.process_time() - began


class Theirs:
    """RecurrentPPO, a rollout at a time."""

    def __init__(self, units: int, envs: int, memories: int) -> None:
        from sb3_contrib import RecurrentPPO
        from stable_baselines3.common.env_util import make_vec_env

        shared = {} if memories == 2 else {"enable_critic_lstm": False, "shared_lstm": True}
        self.steps = STEPS * envs
        self.model = RecurrentPPO(
            "MlpLstmPolicy",
            make_vec_env(WithoutVelocities, n_envs=envs, seed=0),
            n_steps=STEPS,
            batch_size=BATCH_STEPS,
            n_epochs=PASSES,
            policy_kwargs={"lstm_hidden_size": units, **shared},
            device="cpu",
        )
        self.acted, self.collect = 0.0, self.model.collect_rollouts
        self.model.collect_rollouts = self._timed  # type: ignore[method-assign]

    def _timed(self, *given: Any, **how: Any) -> Any:
        began = time.process_time()
        going_on = self.collect(*given, **how)
        self.acted = time.process_time() - began
        return going_on

    def turn(self) -> tuple[float, float]:
        """Play and learn from a rollout; return the seconds of acting, and of all."""
        began = time.process_time()
        self.model.learn(self.steps, reset_num_timesteps=True)
        return self.acted, time.process_time() - began


def compared(units: int, envs: int, memories: int, rounds: int, folder: Path) -> dict[str, Any]:
    """Let both play and learn in turns."""
    ways: dict[str, Any] = {"ours": Ours(units, envs, memories, folder), "sb3_contrib": Theirs(units, envs, memories)}
    for way in ways.values():
        way.turn()  # the first has things to set up
    seconds: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            seconds[name].append(way.turn())
    row: dict[str, Any] = {"units": units, "envs": envs, "memories": memories}
    for at, what in enumerate(("acting", "training")):
        for name, took in seconds.items():
            row[f"{name}_{what}_steps_per_second"] = round(STEPS * envs / statistics.median(one[at] for one in took))
        pairs = zip(seconds["ours"], seconds["sb3_contrib"], strict=True)
        row[f"{what}_ratio"] = round(statistics.median(theirs[at] / own[at] for own, theirs in pairs), 2)
    print(json.dumps(row), file=sys.stderr, flush=True)
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--units", type=int, nargs="+", default=[64, 256])
    parser.add_argument("--envs", type=int, default=8)
    parser.add_argument("--save", type=Path, default=RESULTS)
    given = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        sizes = [(units, memories) for units in given.units for memories in (1, 2)]
        rows = [compared(units, given.envs, memories, given.rounds, Path(folder)) for units, memories in sizes]
    from importlib.metadata import version

    peers = {name: version(name) for name in ("sb3-contrib", "stable-baselines3", "gymnasium")}
    result = {"rows": rows, "machine": machine(), "commit": commit(), "versions": {**versions(), **peers}, "threads": 1}
    (given.save / "game.json").write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
