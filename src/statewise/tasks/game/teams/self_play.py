"""A team that learns by playing itself: most matches against itself as it is, some against one of its past selves."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from statewise.errors import RunError
from statewise.model import Model
from statewise.state import leaves, rebuild, select_rows, where_rows
from statewise.tasks.game.playing import won_by
from statewise.tasks.game.policy import as_policy
from statewise.tasks.game.seats import Stepped
from statewise.tasks.game.teams.matches import Matches
from statewise.tasks.game.teams.pool import DAMAGED, Pool

LATEST = -1
DRAWN, ACTED = 1, 2
"What the draws of a match are numbered by: its opponent, and what a past self does."


@dataclass(frozen=True)
class SelfPlaySettings:
    """How large a share of matches is against past selves, and after how many rollouts there is a new one."""

    share: float
    every: int


class SelfPlay(Matches):
    """Matches of two teams, both played by the policy that learns; or one of them by a past self.

    The opponent of a match, and its side, are drawn by its seed when it begins, and stay until it is over. A past
    self has a memory of its own, draws its actions by their odds, and what it does is not learned from.
    """

    def __init__(self, *given: Any, pool: Pool, how: SelfPlaySettings, **more: Any) -> None:
        super().__init__(*given, **more)
        self.pool, self.how, self.rollouts = pool, how, 0
        self.against = np.full(self.matches, LATEST)
        self.side = np.zeros(self.matches, np.int64)
        with torch.random.fork_rng(devices=[]), torch.no_grad():
            self.like = pool.make_model().begin(self.size)
        self.memory: tuple[Tensor, ...] = tuple(leaf.clone() for leaf in leaves(self.like))

    def meet(self, model: Model[Any]) -> None:
        """Keep a copy of the policy, every so many rollouts."""
        if self.rollouts % self.how.every == 0:
            self.pool.add(model, self.rollouts, set(self.against.tolist()))
        self.rollouts += 1

    def began(self, match: int) -> None:
        """Draw the opponent of a match."""
        drawn = np.random.default_rng([int(self.seeds[match]), DRAWN])
        is_past, self.side[match] = drawn.random() < self.how.share and self.pool.past, drawn.integers(2)
        self.against[match] = self.pool.draw(drawn) if is_past else LATEST

    def ended(self, match: int) -> None:
        """Tell how a match against a past self went."""
        if self.against[match] != LATEST:
            theirs = self.team_of == self.side[match]
            apart = self.gathered[match][~theirs].mean() - self.gathered[match][theirs].mean()
            self.pool.note(int(self.against[match]), won_by(float(apart)))

    def step(self, actions: NDArray[Any], seeds: Sequence[int]) -> Stepped:
        """Let past selves do what they do, step each match, and leave out what was theirs."""
        theirs = np.zeros(self.size, np.bool_)
        for name in sorted(set(self.against.tolist()) - {LATEST}):
            own = np.flatnonzero(((self.against == name)[:, None] & (self.team_of == self.side[:, None])).reshape(-1))
            actions[own], theirs[own] = self._acted(name, own), True
        stepped = super().step(actions, seeds)
        assert stepped.real is not None
        stepped.real[theirs] = False
        for part in (stepped.rewards, stepped.terminated, stepped.truncated):
            part[theirs] = False
        return stepped

    def _acted(self, name: int, rows: NDArray[np.int64]) -> NDArray[Any]:
        """Return what a past self does in some rows, and keep what it remembers."""
        actor, places = self.pool.actor(name), torch.from_numpy(rows)
        begins = torch.from_numpy(self.steps[rows // self.each] == 0)
        state = select_rows(rebuild(self.like, self.memory), places)
        state = where_rows(begins, actor.model.begin(len(rows)), state)
        params, after = actor.step(self.table.observations[rows], state)
        for leaf, own in zip(self.memory, leaves(after), strict=True):
            leaf[places] = own
        head = as_policy(actor.model)
        matches, counts = np.unique(rows // self.each, return_counts=True)  # teams may be of unequal size
        noise = [
            self._noise(match, count, head.numbers, sum(head.each))
            for match, count in zip(matches.tolist(), counts.tolist(), strict=True)
        ]
        chosen: NDArray[Any] = head.choose(params, torch.from_numpy(np.concatenate(noise))).numpy()
        return chosen

    def _noise(self, match: int, rows: int, numbers: int, choices: int) -> NDArray[np.float32]:
        drawn = np.random.default_rng([int(self.seeds[match]), ACTED, int(self.steps[match])])
        shape = (rows, numbers or choices)
        return (drawn.standard_normal(shape) if numbers else drawn.gumbel(size=shape)).astype(np.float32)

    def save(self) -> dict[str, Tensor]:
        """Return the past selves, the opponent of each match, and what they remember."""
        return {
            "rollouts": torch.tensor(self.rollouts),
            "against": torch.from_numpy(self.against.copy()),
            "side": torch.from_numpy(self.side.copy()),
            **{f"memory{n}": leaf.clone() for n, leaf in enumerate(self.memory)},
            **{f"pool.{name}": part for name, part in self.pool.save().items()},
        }

    def load(self, saved: Mapping[str, Tensor]) -> None:
        """Go back to where `save` was called. Raises `RunError` where that was another training."""
        memory = [saved.get(f"memory{n}") for n in range(len(self.memory))]
        flat = [saved.get(name) for name in ("against", "side")]
        if any(one is None or one.shape != (self.matches,) or one.is_floating_point() for one in flat):
            raise RunError(DAMAGED)
        if "rollouts" not in saved or saved["rollouts"].dim() or not bool(((flat[1] == 0) | (flat[1] == 1)).all()):  # type: ignore[union-attr]
            raise RunError(DAMAGED)
        if any(one is None or one.shape != own.shape for one, own in zip(memory, self.memory, strict=True)):
            raise RunError(DAMAGED)
        self.pool.load({name.removeprefix("pool."): part for name, part in saved.items() if name.startswith("pool.")})
        self.rollouts = int(saved["rollouts"])
        self.against, self.side = (saved[name].numpy().copy() for name in ("against", "side"))
        self.memory = tuple(saved[f"memory{n}"].clone() for n in range(len(self.memory)))
        if set(self.against.tolist()) - {LATEST} - {one.rollout for one in self.pool.past}:
            raise RunError(DAMAGED)


def self_play_of(task: Any, make_model: Callable[[], Model[Any]]) -> dict[str, Any]:
    """Return what makes matches those of self-play, by the settings of a task."""
    how = SelfPlaySettings(task.past_share, task.past_every)
    return {"kind": SelfPlay, "pool": Pool(make_model, task.past_selves), "how": how}
