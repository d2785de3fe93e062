"""A bandit that needs memory: which of three arms pays changes with each game, and the network has to find out."""

from typing import Any

import torch
from torch import Tensor, nn

from statewise.cells import GRU
from statewise.data.window import Window
from statewise.heads import Categorical, Head, Loss
from statewise.learning.learner import Learner
from statewise.learning.rollouts import Collector
from statewise.model import Model
from statewise.run.recipe import Recipe

ARMS, PULLS, GAMES, DISCOUNT = 3, 12, 256, 0.6
ODDS = torch.tensor([0.1, 0.9])  # of a reward, by whether it is the arm that pays


class Policy(Head[Tensor]):
    """Which arm to pull: a choice is made likelier by as much as its reward was more than that of the other games."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.features, self.arms = features, Categorical(features, ARMS)

    def forward(self, features: Tensor) -> Tensor:
        return self.arms(features)

    def loss(self, params: Tensor, targets: tuple[Tensor, Tensor], mask: Tensor | None = None) -> Loss:
        arm, advantage = targets
        chosen = params.log_softmax(dim=-1).gather(-1, arm.unsqueeze(-1)).squeeze(-1)
        return Loss(-(chosen * advantage).sum(), torch.tensor(arm.numel()))

    def sample(self, params: Tensor, *, temperature: float = 1.0, generator: Any = None) -> Tensor:
        return self.arms.sample(params, temperature=temperature, generator=generator)


class Games(Collector):
    """Many games at a time; what is read is the last arm and its reward. Every rollout plays its games to their end."""

    rows, reward = GAMES, 0.0

    def collect(self, model: Model[Any], draw: torch.Generator) -> dict[str, Tensor]:
        paying = torch.randint(ARMS, (GAMES,), generator=draw)
        x, state, told = torch.zeros(GAMES, ARMS + 1), model.begin(GAMES), []
        for _ in range(PULLS):
            params, state = model.step(x, state)
            arm = model.head.sample(params, generator=draw)
            reward = torch.bernoulli(ODDS[(arm == paying).long()], generator=draw)
            told.append((x, arm, reward))
            x = torch.cat([nn.functional.one_hot(arm, ARMS), reward.unsqueeze(1)], dim=1)
        inputs, arms, rewards = (torch.stack(part) for part in zip(*told, strict=True))
        self.reward, ahead = float(rewards.mean()), torch.arange(PULLS) - torch.arange(PULLS).unsqueeze(1)
        to_come = torch.where(ahead >= 0, DISCOUNT**ahead, 0) @ rewards
        return {"inputs": inputs, "arms": arms, "advantages": to_come - to_come.mean(dim=1, keepdim=True)}

    def windows(self, rollout: Any, draw: Any) -> list[Window]:
        reset = torch.arange(PULLS).eq(0).unsqueeze(1).expand(PULLS, GAMES)
        return [Window(rollout["inputs"], (rollout["arms"], rollout["advantages"]), reset=reset)]

    def save(self) -> dict[str, Tensor]:
        return {}

    def load(self, saved: Any) -> None:
        assert not saved


def run(updates: int = 200) -> float:
    torch.manual_seed(0)
    games, model = Games(), Model(nn.Identity(), GRU(ARMS + 1, 32), Policy(32))
    learner = Learner(model, games, Recipe(updates=updates, learning_rate=0.02))
    while not learner.is_done:
        learner.update()
    return games.reward


if __name__ == "__main__":
    print(f"mean reward {run():.2f}; at random 0.37, always knowing the arm 0.90")
