"""An environment as data: what is seen and done, rollouts to learn from, episodes to be scored on, and baselines."""

import json
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from statewise.data.codec import Codec
from statewise.data.figures import Finding, Found, key_of
from statewise.data.window import Window
from statewise.errors import DataError
from statewise.learning.guard import NotFinite
from statewise.learning.learner import Learner
from statewise.model import Model
from statewise.run.config import plain
from statewise.task import Part
from statewise.tasks.game.collecting import Playing
from statewise.tasks.game.making import gymnasium, maker_of, vector_of
from statewise.tasks.game.playing import (
    CHECKS,
    HELD_OUT,
    TOGETHER,
    Player,
    RandomPlayer,
    figures_of,
    play,
    played,
    seeds_of,
)
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
from statewise.tasks.game.vector_seats import OfVector
from statewise.tasks.game.workers import InWorkers
from statewise.tasks.shared.counted import CountedOnce

EPISODES = 100
"So many episodes are scored."
SEEN_ROWS, SEEN_STEPS = 4, 64
TRIED_STEPS = 20
OF_ONE = "returned."
"Before the number of an episode, in figures that are kept: its return."
EACH = "_each_episode"
NOT_LEARNED = ("sample_seconds", "save_seconds", "save_updates", "checks", "keep", "early_stop", "threads")


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

    def seats(self, codec: GameCodec, size: int, make: Callable[..., Any] | None = None) -> Seats:
        """Return so many of it, to be played at once."""
        return InProcess(self.name, make or maker_of(self.name), size, codec.observed, codec.actions, self.longest)


def examine(name: str, hidden: Sequence[int]) -> tuple[GameCodec, list[str]]:
    """Return what an environment shows and takes, and what there is to say of that."""
    make = maker_of(name)
    env = make()
    try:
        actions = actions_of(env.action_space)
        is_masked = _is_masked(name, env)
        observed = without(observations_of(env.observation_space, is_masked=is_masked, actions=actions), hidden)
        unread = [
            f"the part '{key}' of an observation is words, and is not read" for key in unread_of(env.observation_space)
        ]
    finally:
        env.close()
    if is_masked and actions.is_continuous:
        raise DataError(f"{name} has an {LEGAL} for actions that are numbers: give choices, or no mask")
    return GameCodec(observed, actions), unread


def _is_masked(name: str, env: Any) -> bool:
    if LEGAL in (getattr(env.observation_space, "spaces", None) or {}):
        return True
    try:
        _, info = env.reset(seed=0)
    except Exception as error:
        told = f"{type(error).__name__}: {' '.join(str(error).split())}".rstrip(": ")
        raise DataError(f"{name} failed when it was reset: {told}") from error
    return LEGAL in info


@dataclass(frozen=True)
class GameData(CountedOnce):
    """Environments of a name, of which training plays some, and whose episodes by fixed seeds are scored."""

    task: Any  # a Game, whose module imports this one
    known: GameCodec
    cache: Path
    told: tuple[str, ...] = ()
    scored: Literal["held_out", "checks"] = "held_out"

    @property
    def codec(self) -> GameCodec:
        """What is seen and done."""
        return self.known

    @property
    def environment(self) -> Environment:
        """Where it is played."""
        return Environment(self.task.source, self.task.longest)

    @property
    def facts(self) -> dict[str, Any]:
        """What is seen and done, and in how many environments."""
        return {
            "environment": self.task.source,
            "observation": self.codec.observed.words(),
            "actions": self.codec.actions.words(),
            "training": self.task.envs,
            "held_out": EPISODES,
            "unit": "environment",
            "gymnasium": gymnasium().__version__,
            "sha256": key_of([self.task.source, json.dumps(self.codec.as_json())]),
        }

    @property
    def notices(self) -> Sequence[str]:
        """What is not read, and whether a resumed training would be the same."""
        again = "a resumed training begins new episodes, and is another one"
        if self.task.vectorized:
            return [*self.told, f"a vector environment cannot be brought back: {again}"]
        if self._repeats():
            return self.told
        return [*self.told, f"{self.task.source} does not repeat from its seed: {again}"]

    def _repeats(self) -> bool:
        tries = [self._seen_by_chance(1, TRIED_STEPS).inputs for _ in range(2)]
        return bool(torch.equal(*tries))

    def seats(self, size: int) -> Seats:
        """Return so many environments."""
        return self.environment.seats(self.codec, size)

    def windows(self, part: Part, *, rows: int | None = None, steps: int | None = None) -> Sequence[Window]:
        """Return the rollouts of training; or of what is scored what a random player sees and does."""
        if part == "training":
            return self._rollouts()
        return [self._seen_by_chance(rows or SEEN_ROWS, steps or SEEN_STEPS)]

    def _rollouts(self) -> Playing:
        task, codec = self.task, self.codec

        def like() -> Any:
            with torch.random.fork_rng(devices=[]):
                return task.model(codec).begin(1)

        return Playing(self._training_seats, codec.observed, like, task.rollout_settings, task.envs)

    def _training_seats(self) -> Seats:
        """Return the environments of training, as they are to be stepped."""
        task, codec = self.task, self.codec
        if task.vectorized:
            return OfVector(task.source, vector_of(task.source, task.envs), codec.observed, codec.actions)
        if task.workers:
            return InWorkers(task.source, task.envs, task.workers, codec.observed, codec.actions, task.longest)
        return self.seats(task.envs)

    def _seen_by_chance(self, rows: int, steps: int) -> Window:
        seats, player = self.seats(rows), RandomPlayer(self.codec.observed, self.codec.actions)
        draws = [np.random.default_rng(seed) for seed in seeds_of(CHECKS, rows)]
        begun, told = np.ones(rows, np.bool_), []
        try:
            seats.reset(seeds_of(CHECKS, rows))
            for _ in range(steps):
                seen = seats.observations.copy()
                chosen = player.act(seen, begun, draws)
                told.append((seen, chosen, begun))
                begun = seats.step(chosen, seeds_of(CHECKS, rows)).ended.copy()
        finally:
            seats.close()
        inputs, actions, begins = (torch.from_numpy(np.stack(part)) for part in zip(*told, strict=True))
        return Window(inputs, actions, reset=begins)

    def validating(self) -> "GameData":
        """Return the same environment with other episodes as what is scored."""
        return replace(self, scored="checks")

    def on(self, source: Sequence[str], cache: Path) -> "GameData":
        """Return another environment to be scored on. Raises `DataError` where it shows or takes something else."""
        (name, *others) = source
        codec, told = examine(name, self.task.hide)
        if others or codec != self.codec:
            raise DataError(
                f"{name} shows {codec.observed.words()} and takes {codec.actions.words()}, and this policy knows "
                f"{self.codec.observed.words()} and {self.codec.actions.words()}: give an environment alike"
            )
        return replace(self, task=replace(self.task, source=name), cache=cache, told=tuple(told), scored="held_out")

    @property
    def seeds(self) -> list[int]:
        """The seeds of the episodes that are scored."""
        is_check = self.scored == "checks"
        return seeds_of(CHECKS if is_check else HELD_OUT, self.task.check_episodes if is_check else EPISODES)

    def baselines_key(self) -> str:
        """Return a name for the baselines out of the settings and versions."""
        settings = {name: value for name, value in plain(self.task).items() if name not in NOT_LEARNED}
        return key_of(
            ["game", json.dumps(settings, sort_keys=True), gymnasium().__version__, json.dumps(self.codec.as_json())]
        )

    def find_baselines(self) -> Finding:
        """Play at random; and train a policy without memory in the same way, where that is asked for."""
        seats = self.seats(TOGETHER)
        try:
            chance = RandomPlayer(self.codec.observed, self.codec.actions)
            found: Found = {"random": (yield from _figures(chance, seats, self.seeds, 0.0, 0.1))}
            if self.task.memory and self.task.compare:
                name = f"without memory, the same {'time' if self.task.is_timed else 'steps'}"
                model = yield from trained_without_memory(self)
                found[name] = yield from _figures_of_model(model, seats, self.seeds)
        finally:
            seats.close()
        return found

    def baseline_metrics(self, found: Found) -> Found:
        """Return the figures without those of each episode, which are kept for comparisons."""
        vars(self)[EACH] = found
        return {name: {k: v for k, v in one.items() if not k.startswith(OF_ONE)} for name, one in found.items()}

    def returned(self, name: str) -> np.ndarray[Any, Any]:
        """Return what each episode returned, of a baseline that was found."""
        found: Found = vars(self)[EACH]
        return np.array([found[name][f"{OF_ONE}{number}"] for number in range(EPISODES)])


def _figures(player: Player, seats: Seats, seeds: Sequence[int], first: float, last: float) -> Any:
    episodes = []
    for episode in play(player, seats, seeds):
        episodes.append(episode)
        yield first + (last - first) * len(episodes) / len(seeds)
    return {**figures_of(episodes), **{f"{OF_ONE}{one.number}": one.total for one in episodes}}


def _figures_of_model(model: Model[Any], seats: Seats, seeds: Sequence[int]) -> Any:
    episodes = []
    for episode in played(model, seats, seeds):
        episodes.append(episode)
        yield 0.9 + 0.1 * len(episodes) / len(seeds)
    return {**figures_of(episodes), **{f"{OF_ONE}{one.number}": one.total for one in episodes}}


def trained_without_memory(data: GameData) -> Generator[float, None, Model[Any]]:
    """Train a policy that begins again at every step, as the task says, and return it.

    Random numbers of the process stay as they are. Where an update fails the weights before it are used.

    Baselines:

    - `without memory, the same steps`, `without memory, the same time`: a policy of the same network, trained as long,
      whose state is emptied before every step
    """
    task = replace(data.task, memory=False)
    own = torch.get_rng_state()
    torch.manual_seed(task.seed)
    learner = Learner(task.model(data.codec), replace(data, task=task).windows("training"), task)
    drawn, began = torch.get_rng_state(), time.monotonic()
    torch.set_rng_state(own)
    while not learner.is_done:
        learner.seconds, own = time.monotonic() - began, torch.get_rng_state()
        torch.set_rng_state(drawn)
        try:
            learner.update()
        except NotFinite:
            break
        finally:
            drawn = torch.get_rng_state()
            torch.set_rng_state(own)
        yield 0.1 + 0.8 * learner.fraction
    playing: Any = learner.windows
    playing.seats.close()
    return learner.model
