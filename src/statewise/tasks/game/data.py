"""An environment as data: what is seen and done, rollouts to learn from, episodes to be scored on, and baselines."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from statewise.data.figures import Finding, Found, key_of
from statewise.data.window import Window
from statewise.errors import DataError
from statewise.run.config import plain
from statewise.task import Part
from statewise.tasks.game.baselines import EPISODES, OF_ONE, found_baselines
from statewise.tasks.game.collecting import Playing
from statewise.tasks.game.environment import Environment, GameCodec, examine
from statewise.tasks.game.making import gymnasium, vector_of
from statewise.tasks.game.playing import CHECKS, HELD_OUT, TOGETHER, Episode, Player, RandomPlayer, play, seeds_of
from statewise.tasks.game.seats import Seats
from statewise.tasks.game.teams.contests import AT_ONCE, TwoPlayers, scripted_player, sides_of
from statewise.tasks.game.teams.matches import Matches
from statewise.tasks.game.teams.parallel import Agents
from statewise.tasks.game.teams.self_play import self_play_of
from statewise.tasks.game.vector_seats import OfVector
from statewise.tasks.game.workers import InWorkers
from statewise.tasks.shared.counted import CountedOnce

SEEN_ROWS, SEEN_STEPS = 4, 64
TRIED_STEPS = 20
EACH = "_each_episode"
NOT_LEARNED = ("sample_seconds", "save_seconds", "save_updates", "checks", "keep", "early_stop", "threads")


@dataclass(frozen=True)
class GameData(CountedOnce):
    """Environments of a name, of which training plays some, and whose episodes by fixed seeds are scored."""

    task: Any  # a Game, whose module imports this one
    known: GameCodec
    cache: Path
    told: tuple[str, ...] = ()
    agents: Agents | None = None
    is_scripted: bool = False
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
            **({"agents": self.agents.words()} if self.agents else {}),
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

        return Playing(self._training_seats, codec.observed, like, task.rollout_settings, task.envs * self.group)

    @property
    def group(self) -> int:
        """How many agents each environment has."""
        return len(self.agents.names) if self.agents else 1

    def _training_seats(self) -> Seats:
        """Return the environments of training, as they are to be stepped."""
        task, codec = self.task, self.codec
        if self.agents:
            how = self_play_of(task, lambda: task.model(codec)) if task.self_play else {}
            return self.environment.matches(codec, task.envs, spirit=task.team_spirit, **how)
        if task.vectorized:
            return OfVector(task.source, vector_of(task.source, task.envs), codec.observed, codec.actions)
        if task.workers:
            return InWorkers(task.source, task.envs, task.workers, codec.observed, codec.actions, task.longest)
        return self.seats(task.envs)

    def _seen_by_chance(self, envs: int, steps: int) -> Window:
        seats, player = self.seats(envs), RandomPlayer(self.codec.observed, self.codec.actions)
        seeds = seeds_of(CHECKS, seats.size)
        draws = [np.random.default_rng(seed) for seed in seeds]
        begun, told = np.ones(seats.size, np.bool_), []
        try:
            seats.reset(seeds)
            for _ in range(steps):
                seen = seats.observations.copy()
                chosen = player.act(seen, begun, draws)
                told.append((seen, chosen, begun))
                begun = seats.step(chosen, seeds).ended.copy()
        finally:
            seats.close()
        inputs, actions, begins = (torch.from_numpy(np.stack(part)) for part in zip(*told, strict=True))
        return Window(inputs, actions, reset=begins)

    def seats_to_score(self, episodes: int) -> Seats:
        """Return environments in which so many episodes are played at once, or fewer."""
        if self.task.self_play:
            return self.seats(min(AT_ONCE, episodes + episodes % 2))
        return self.seats(min(TOGETHER, episodes))

    def opponents(self, seats: Seats) -> dict[str, Player]:
        """Return the teams that every policy of self-play is scored against: the scripted one, if any, and chance."""
        assert isinstance(seats, Matches)
        script = scripted_player(seats.envs[0], self.codec.observed, self.codec.actions)
        chance = RandomPlayer(self.codec.observed, self.codec.actions)
        return {**({"scripted": script} if script else {}), "random": chance}

    def episodes(
        self, player: Player, seats: Seats, seeds: Sequence[int], against: Player | None = None
    ) -> Iterator[Episode]:
        """Play an episode of each seed; in self-play against a team, if not given the scripted one or chance."""
        if not self.task.self_play:
            return play(player, seats, seeds)
        assert isinstance(seats, Matches)
        sides = sides_of(seats)
        other = against or next(iter(self.opponents(seats).values()))
        return play(TwoPlayers(player, other, sides), seats, seeds, sides=sides)

    def validating(self) -> "GameData":
        """Return the same environment with other episodes as what is scored."""
        return replace(self, scored="checks")

    def on(self, source: Sequence[str], cache: Path) -> "GameData":
        """Return another environment to be scored on. Raises `DataError` where it shows or takes something else."""
        (name, *others) = source
        found = examine(name, self.task.hide)
        codec = found.codec
        if others or codec != self.codec:
            raise DataError(
                f"{name} shows {codec.observed.words()} and takes {codec.actions.words()}, and this policy knows "
                f"{self.codec.observed.words()} and {self.codec.actions.words()}: give an environment alike"
            )
        return replace(
            self,
            task=replace(self.task, source=name),
            cache=cache,
            told=found.told,
            agents=found.agents,
            is_scripted=found.is_scripted,
            scored="held_out",
        )

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
        """Play at random; and train policies without memory in the same way, where that is asked for."""
        return (yield from found_baselines(self))

    def baseline_metrics(self, found: Found) -> Found:
        """Return the figures without those of each episode, which are kept for comparisons."""
        vars(self)[EACH] = found
        return {name: {k: v for k, v in one.items() if not k.startswith(OF_ONE)} for name, one in found.items()}

    def returned(self, name: str) -> np.ndarray[Any, Any]:
        """Return what each episode returned, of a baseline that was found."""
        found: Found = vars(self)[EACH]
        return np.array([found[name][f"{OF_ONE}{number}"] for number in range(EPISODES)])
