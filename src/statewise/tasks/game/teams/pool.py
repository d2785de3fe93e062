"""Past selves: copies of a policy as it was, of which the hard ones are played against more often."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from statewise.errors import RunError
from statewise.model import Model
from statewise.tasks.game.acting import Actor

STEP_OF_QUALITY = 0.01
"How fast the quality of one falls that is beaten: the paper's."
DAMAGED = "rollouts.safetensors does not hold the past selves of this training"


@dataclass
class PastSelf:
    """A policy as it was at the beginning of a rollout: its weights, its quality, and how its matches went."""

    rollout: int
    weights: dict[str, Tensor]
    quality: float
    matches: int = 0
    beaten: float = 0.0


@dataclass
class Pool:
    """At most `most` past selves; each is named by the number of the rollout that it began.

    One is drawn with a probability of the softmax of qualities. A new one is as good as the best; one that is beaten
    loses eta / (N p) of its quality, but not more than 1, of N past selves, p its probability. Where a new one finds no
    room, that of least quality goes of those that are in no match. Source: OpenAI et al. 2019, Dota 2 with large scale
    deep reinforcement learning.
    """

    make_model: Callable[[], Model[Any]]
    most: int
    past: list[PastSelf] = field(default_factory=list)
    actors: dict[int, Actor] = field(default_factory=dict)

    def add(self, model: Model[Any], rollout: int, busy: set[int]) -> None:
        """Keep a copy of a policy; where there is no room, and all others are in a match, it is not kept."""
        if len(self.past) >= self.most:
            free = [one for one in self.past if one.rollout not in busy]
            if not free:
                return
            least = min(free, key=lambda one: (one.quality, one.rollout))
            self.past.remove(least)
            self.actors.pop(least.rollout, None)
        best = max((one.quality for one in self.past), default=0.0)
        self.past.append(PastSelf(rollout, copied(model), best))

    def odds(self) -> np.ndarray[Any, np.dtype[np.float64]]:
        """Return how likely each is to be drawn."""
        qualities = np.array([one.quality for one in self.past])
        odds = np.exp(qualities - qualities.max())
        found: np.ndarray[Any, np.dtype[np.float64]] = odds / odds.sum()
        return found

    def draw(self, drawn: np.random.Generator) -> int:
        """Draw one, and return its name."""
        return self.past[int(drawn.choice(len(self.past), p=self.odds()))].rollout

    def note(self, name: int, won: float) -> None:
        """Write down a match against one: 1 where it was beaten, 0 where it won, 0.5 where neither did."""
        at = next(n for n, one in enumerate(self.past) if one.rollout == name)
        one, odds = self.past[at], self.odds()
        one.quality -= won * STEP_OF_QUALITY / max(len(self.past) * float(odds[at]), STEP_OF_QUALITY)
        one.matches, one.beaten = one.matches + 1, one.beaten + won

    def actor(self, name: int) -> Actor:
        """Return what plays as one did."""
        if name not in self.actors:
            weights = next(one.weights for one in self.past if one.rollout == name)
            self.actors[name] = Actor(restored(self.make_model, weights))
        return self.actors[name]

    def save(self) -> dict[str, Tensor]:
        """Return all of it as tensors."""
        told = torch.tensor(
            [[one.rollout, one.quality, one.matches, one.beaten] for one in self.past], dtype=torch.float64
        )
        return {
            "told": told.reshape(-1, 4),
            **{f"{at}.{name}": part for at, one in enumerate(self.past) for name, part in one.weights.items()},
        }

    def load(self, saved: Mapping[str, Tensor]) -> None:
        """Go back to where `save` was called. Raises `RunError` where that is of another training."""
        told = saved.get("told", torch.zeros(0))
        if told.dim() != 2 or told.shape[1] != 4 or len(told) > self.most or told.is_complex():
            raise RunError(DAMAGED)
        if not bool(told.isfinite().all()):
            raise RunError(DAMAGED)
        self.past = [
            PastSelf(int(rollout), weights_of(saved, f"{at}."), quality, int(matches), beaten)
            for at, (rollout, quality, matches, beaten) in enumerate(told.tolist())
        ]
        self.actors = {}
        for one in self.past:
            if not all(bool(part.isfinite().all()) for part in one.weights.values()):
                raise RunError(DAMAGED)
            restored(self.make_model, one.weights)


def copied(model: Model[Any]) -> dict[str, Tensor]:
    """Return the weights of a policy as they are now, which no training changes."""
    return {name: part.detach().cpu().clone() for name, part in model.state_dict().items()}


def weights_of(saved: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """Return the weights whose names begin so."""
    return {name.removeprefix(prefix): part for name, part in saved.items() if name.startswith(prefix)}


def restored(make_model: Callable[[], Model[Any]], weights: Mapping[str, Tensor]) -> Model[Any]:
    """Return a policy of some weights, in evaluation; random numbers of the process stay as they are."""
    with torch.random.fork_rng(devices=[]):
        model = make_model()
    try:
        model.load_state_dict(dict(weights))
    except RuntimeError as error:
        raise RunError(DAMAGED) from error
    return model.eval()
