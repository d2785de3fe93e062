"""Rollouts of a game: many environments are played with the present weights, and what happened becomes windows."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from statewise.data.window import Window
from statewise.errors import RunError, TrainingError
from statewise.learning.rollouts import OTHER_ROLLOUTS, Collector
from statewise.model import Model
from statewise.state import leaves, map_leaves, rebuild, where_rows
from statewise.tasks.game.acting import Actor
from statewise.tasks.game.advantages import advantages_of
from statewise.tasks.game.moments import Moments
from statewise.tasks.game.policy import KL, Played, Policy, as_policy
from statewise.tasks.game.rollout_memory import Minibatches, RolloutMemory, RolloutSettings
from statewise.tasks.game.seats import Reals, Seats, episode_seed
from statewise.tasks.game.sight import Sight, normalized
from statewise.tasks.game.spaces import Numbers, ObservationSpace

RECENT = 100
"The mean return of so many last episodes is told."
FARTHEST_REWARD = 10.0
FEW_CHOICES = 256
LEAST_SPREAD = 1e-8


class Playing(Collector):
    """Plays E environments with a policy; what it needs to go on is where they are and what the memory holds.

    An environment is brought back by the seed of its episode and the actions since: so training is resumed exactly
    where environments repeat from their seeds. Those that do not begin a new episode.
    """

    def __init__(
        self,
        make_seats: Callable[[], Seats],
        observed: ObservationSpace,
        like: Callable[[], Any],
        how: RolloutSettings,
        envs: int,
    ) -> None:
        self.make_seats, self.observed, self.make_like, self.how, self.envs = make_seats, observed, like, how, envs
        self.rows = how.batch_size
        self.size = how.passes * (how.steps // how.sequence_length * envs // how.batch_size)
        self.base = -1
        self.episodes = np.zeros(envs, np.int64)
        self.begun = np.ones(envs, np.bool_)
        self.state: tuple[Tensor, ...] = ()
        self.history: list[NDArray[Any]] = [np.zeros(0)] * envs
        self.seen, self.rewarded = Moments.of(observed.seen), Moments.of(1)
        self.to_come, self.totals = np.zeros(envs), np.zeros(envs)
        self.recent: list[float] = []
        self.noise: Tensor | None = None
        self.is_far = False
        self.actor: Actor | None = None

    @cached_property
    def seats(self) -> Seats:
        """The environments, made when they are first needed."""
        return self.make_seats()

    @cached_property
    def like(self) -> Any:
        """A state of one row, of which the structure is needed."""
        return self.make_like()

    def collect(self, model: Model[Any], draw: torch.Generator) -> dict[str, Tensor]:
        """Play so many steps in all environments. Raises `TrainingError` where one of them fails."""
        self._begin(draw)
        self.is_far = False
        head, how = as_policy(model), self.how
        weight = next(model.parameters())
        mean, scale = self._normalizing(weight)
        self._normalize(model, mean, scale)
        self.seats.meet(model)
        memory = RolloutMemory(how.steps, self.seats, head)
        actor, fresh = self._actor(model), model.begin(self.envs)
        state = rebuild(fresh, self.state) if self.state else fresh
        state = where_rows(torch.from_numpy(self.begun).to(weight.device), fresh, state)
        kept: list[tuple[Tensor, ...]] = []
        drawn = self._drawn(head, draw)
        seeds = [self._seed(row, 1) for row in range(self.envs)]
        for step in range(how.steps):
            if step % how.sequence_length == 0:
                kept.append(leaves(state))
            memory.inputs[step], memory.begun[step] = self.seats.observations, self.begun
            params, after = actor.step(self.seats.observations, state)
            chosen = head.choose(params, self._correlated(next(drawn)))
            memory.params.append(params)
            memory.actions[step] = chosen.cpu().numpy()
            stepped = self.seats.step(memory.actions[step], seeds)
            memory.note(step, stepped)
            if stepped.truncated.any():
                memory.final_values[step] = _values(actor, stepped.final, after)
            ended = stepped.ended.copy()
            self.begun = ended if stepped.real is None else ended | ~stepped.real
            state = after
            if self.begun.any():
                state = where_rows(torch.from_numpy(self.begun).to(weight.device), fresh, after)
                self.episodes += stepped.began_again
                for row in np.flatnonzero(stepped.began_again):
                    seeds[row] = self._seed(int(row), 1)
        self.state = leaves(state)
        last = _values(actor, self.seats.observations, state)
        rollout = self._learned(memory, head, last, kept, weight)
        self._remember(memory)
        return {**rollout, "mean": mean, "scale": scale}

    def _begin(self, draw: torch.Generator) -> None:
        base = int(torch.randint(2**31 - 1, (1,), generator=draw))
        if self.base < 0:
            self.base = base
            self.seats.reset([self._seed(row, 0) for row in range(self.envs)])

    def _seed(self, row: int, later: int) -> int:
        return episode_seed(self.base, row, int(self.episodes[row]) + later)

    def _drawn(self, head: Policy, draw: torch.Generator) -> Iterator[Tensor]:
        """Yield the noise of each step; of a few choices that of all steps is drawn at once, which is faster."""
        width = head.numbers or sum(head.each)
        at_once = self.how.steps if width <= FEW_CHOICES else 1
        for _ in range(0, self.how.steps, at_once):
            yield from head.noise(at_once, self.envs, generator=draw)

    def _correlated(self, own: Tensor) -> Tensor:
        """Return the noise of a step, which of numbers may go on from that of the step before."""
        kept = self.how.noise_correlation
        if kept and self.noise is not None:
            going_on = torch.from_numpy(~self.begun).unsqueeze(-1)
            own = torch.where(going_on, kept * self.noise + (1 - kept**2) ** 0.5 * own, own)
        self.noise = own if kept else None
        return own

    def _actor(self, model: Model[Any]) -> Actor:
        """Return what steps a model, with its weights as they are now."""
        if self.actor is None or self.actor.model is not model:
            self.actor = Actor(model)
        else:
            self.actor.refresh()
        return self.actor

    def _normalizing(self, like: Tensor) -> tuple[Tensor, Tensor]:
        """Return by what observations are normalized while this rollout is played and learned from."""
        chosen = normalized(self.observed)
        is_known = self.how.normalizes_observations and self.seen.count > 0
        mean, scale = torch.from_numpy(self.seen.mean), torch.from_numpy(1 / self.seen.deviation)
        plain = torch.zeros(()), torch.ones(())
        return tuple(
            torch.where(chosen & is_known, known.to(like.dtype), otherwise.to(like.dtype))
            for known, otherwise in zip((mean, scale), plain, strict=True)
        )  # type: ignore[return-value]

    @staticmethod
    def _normalize(model: Model[Any], mean: Tensor, scale: Tensor) -> None:
        sight = model.encoder
        assert isinstance(sight, Sight)
        sight.normalize(mean, scale)

    def ready(self, model: Model[Any], rollout: Mapping[str, Tensor]) -> None:
        """Let a model see observations as it did while it played."""
        self._normalize(model, rollout["mean"], rollout["scale"])

    def _learned(
        self, memory: RolloutMemory, head: Policy, last: Reals, kept: Sequence[tuple[Tensor, ...]], weight: Tensor
    ) -> dict[str, Tensor]:
        """Return what is learned from: inputs, actions, what came of them, and the states that sequences begin in."""
        params = map_leaves(lambda *parts: torch.stack(parts), memory.params[0], *memory.params[1:])
        actions = torch.from_numpy(memory.actions)
        likely = head.log_probability(params, actions.to(weight.device)).cpu()
        values: Reals = params.value.double().cpu().numpy()
        rewards = self._scaled(memory)
        ended = memory.terminated | memory.truncated
        following = np.where(ended, np.where(memory.terminated, 0.0, memory.final_values), [*values[1:], last])
        found = advantages_of(rewards, values, following, ended, discount=self.how.discount, decay=self.how.decay)
        real = found[memory.real]
        advantages = (found - real.mean()) / (real.std() + LEAST_SPREAD)
        if not (np.isfinite(values).all() and np.isfinite(advantages).all()):
            raise TrainingError("the values of a rollout are not finite numbers: lower the --learning-rate")
        self._count(memory)
        told = {"advantages": advantages, "returns": found + values, "values": values}
        of_states = zip(*kept, strict=True)
        return {
            "inputs": torch.from_numpy(memory.inputs),
            "actions": actions,
            "log_probabilities": likely,
            **{name: torch.from_numpy(part).to(weight.dtype) for name, part in told.items()},
            "begun": torch.from_numpy(memory.begun),
            "real": torch.from_numpy(memory.real),
            "episode_return": torch.tensor(self.episode_return, dtype=weight.dtype),
            **{f"state{n}": torch.stack(leaf).flatten(0, 1).cpu() for n, leaf in enumerate(of_states)},
        }

    def _scaled(self, memory: RolloutMemory) -> Reals:
        """Return rewards over the deviation of discounted returns, as far as is known by now."""
        if not self.how.normalizes_rewards:
            return memory.rewards
        ended = memory.terminated | memory.truncated
        seen = np.empty_like(memory.rewards)
        for step, reward in enumerate(memory.rewards):
            self.to_come = self.to_come * self.how.discount + reward
            seen[step] = self.to_come
            self.to_come = np.where(ended[step], 0.0, self.to_come)
        self.rewarded.add(seen[memory.real].reshape(-1, 1))
        return np.clip(memory.rewards / self.rewarded.deviation, -FARTHEST_REWARD, FARTHEST_REWARD)

    def _count(self, memory: RolloutMemory) -> None:
        """Add up the returns of episodes."""
        ended = memory.terminated | memory.truncated
        for step, reward in enumerate(memory.rewards):
            self.totals += reward
            if ended[step].any():
                self.recent += self.totals[ended[step]].tolist()
                self.totals[ended[step]] = 0.0
        self.recent = self.recent[-RECENT:]

    @property
    def episode_return(self) -> float:
        """The mean return of the last episodes; before any has ended, of those that are under way."""
        return float(np.mean(self.recent or self.totals))

    def _remember(self, memory: RolloutMemory) -> None:
        """Keep the actions of the episodes that are under way, and what was seen."""
        for row in range(self.envs):
            ends = np.flatnonzero(memory.over[:, row])
            own = memory.actions[ends[-1] + 1 if len(ends) else 0 :, row].copy()
            self.history[row] = (
                own if len(ends) or not len(self.history[row]) else np.concatenate([self.history[row], own])
            )
        if self.how.normalizes_observations:
            self.seen.add(memory.inputs[memory.real][:, : self.observed.seen])

    def hear(self, terms: Mapping[str, float]) -> None:
        """See whether the odds are already too far from those by which the rollout was played."""
        self.is_far = self.is_far or (0 < self.how.target_kl < terms[KL])

    @property
    def is_learned(self) -> bool:
        """Whether the odds have changed as far as they may."""
        return self.is_far

    def windows(self, rollout: Mapping[str, Tensor], draw: np.random.Generator) -> Sequence[Window]:
        """Return the sequences of a rollout in batches, each pass in an order of its own."""
        length = self.how.sequence_length
        if rollout["inputs"].shape != (self.how.steps, self.envs, self.observed.size):
            raise RunError(OTHER_ROLLOUTS)

        def cut(part: Tensor) -> Tensor:
            """Lay the sequences of `[T, E, ...]` side by side, `[L, T / L E, ...]`."""
            return part.reshape(-1, length, *part.shape[1:]).transpose(0, 1).flatten(1, 2)

        told = {name: cut(rollout[name]) for name in Played._fields if name != "episode_return"}
        same = rollout["episode_return"].expand(told["values"].shape)
        state = rebuild(self.like, [rollout[f"state{n}"] for n in range(len(leaves(self.like)))])
        whole = Window(
            cut(rollout["inputs"]).to(told["values"].dtype),
            Played(**told, episode_return=same),
            mask=cut(rollout["real"]),
            reset=cut(rollout["begun"]),
            state=state,
        )
        return Minibatches(whole, self.how.batch_size, self.how.passes, draw)

    def save(self) -> dict[str, Tensor]:
        """Return the seeds and actions of the episodes under way, the memory, and what is known of the numbers."""
        lengths = [len(actions) for actions in self.history]
        kept = [actions for actions in self.history if len(actions)]
        return {
            "base": torch.tensor(self.base),
            "episodes": torch.from_numpy(self.episodes.copy()),
            "begun": torch.from_numpy(self.begun.copy()),
            "lengths": torch.tensor(lengths),
            "actions": torch.from_numpy(np.concatenate(kept)) if kept else torch.zeros(0),
            "shown": torch.from_numpy(self.seats.observations.copy()) if self.base >= 0 else torch.zeros(0),
            "to_come": torch.from_numpy(self.to_come.copy()),
            "totals": torch.from_numpy(self.totals.copy()),
            "recent": torch.tensor(self.recent, dtype=torch.float64),
            "is_far": torch.tensor(self.is_far),
            "noise": torch.zeros(0) if self.noise is None else self.noise.clone(),
            **self.seen.save("seen"),
            **self.rewarded.save("rewarded"),
            **{f"state{n}": leaf.cpu() for n, leaf in enumerate(self.state)},
            **{f"seats.{name}": part for name, part in (self.seats.save() if self.base >= 0 else {}).items()},
        }

    def load(self, saved: Mapping[str, Tensor]) -> None:
        """Go back to where `save` was called, by playing the episodes under way once more up to there."""
        names = ("episodes", "begun", "lengths", "to_come", "totals")
        if any(name not in saved or saved[name].shape != (self.envs,) for name in names):
            raise RunError(OTHER_ROLLOUTS)
        base, lengths = int(saved["base"]), saved["lengths"].tolist()
        actions = saved["actions"].numpy()
        if min(lengths) < 0 or sum(lengths) != len(actions):
            raise RunError(OTHER_ROLLOUTS)
        seen, rewarded = Moments.load("seen", saved), Moments.load("rewarded", saved)
        recent, noise = saved["recent"].tolist(), saved["noise"]
        self.base, self.history = base, np.split(actions, np.cumsum(lengths)[:-1])
        self.episodes, self.begun = saved["episodes"].numpy().copy(), saved["begun"].numpy().copy()
        self.to_come, self.totals = saved["to_come"].numpy().copy(), saved["totals"].numpy().copy()
        self.seen, self.rewarded, self.recent = seen, rewarded, recent
        self.noise = noise if len(noise) else None
        self.is_far = bool(saved.get("is_far", False))
        self.state = tuple(saved[f"state{n}"] for n in range(len(leaves(self.like))) if f"state{n}" in saved)
        if base < 0 and "seats" in vars(self):  # they have begun since
            vars(self).pop("seats").close()
        if base >= 0:
            self.seats.load({n.removeprefix("seats."): part for n, part in saved.items() if n.startswith("seats.")})
        if base >= 0 and self.seats.repeats:
            self._play_again(saved["shown"].numpy())
        elif base >= 0:
            self.episodes += 1
            self.begun[:], self.totals[:], self.to_come[:] = True, 0.0, 0.0
            self.seats.reset([self._seed(row, 0) for row in range(self.envs)])

    def _play_again(self, shown: Numbers) -> None:
        """Bring each environment to where it was; one that shows something else there begins a new episode."""
        each = self.seats.group
        for row in range(0, self.envs, each):
            rows = slice(row, row + each)
            taken = self.history[row] if each == 1 else np.stack(self.history[rows], axis=1)
            self.seats.replay(row, self._seed(row, 0), taken)
            if shown.shape != self.seats.observations.shape:
                raise RunError(OTHER_ROLLOUTS)
            if not np.array_equal(self.seats.observations[rows], shown[rows]):
                self.episodes[rows] += 1
                self.begun[rows], self.totals[rows], self.to_come[rows] = True, 0.0, 0.0
                self.history[rows] = [actions[:0] for actions in self.history[rows]]
                self.seats.reset([self._seed(n, 0) for n in range(row, row + each)], range(row, row + each))


def _values(actor: Actor, seen: Numbers, state: Any) -> Reals:
    params, _ = actor.step(seen, state)
    values: Reals = params.value.double().cpu().numpy()
    return values
