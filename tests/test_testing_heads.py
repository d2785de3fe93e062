"""Each law of a head is broken by a head that departs from a sound one in one place."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from statewise.heads import Categorical, Head, Loss
from statewise.testing import HEAD_LAWS, check_head, judge_head

T, B, H, V = 7, 3, 4, 6
TARGETS = torch.arange(T * B).reshape(T, B) % V


class Sound(Head[Tensor]):
    """Keeps every law."""

    def __init__(self) -> None:
        super().__init__()
        self.features, self.choices = H, V
        self.inner = Categorical(H, V)

    def forward(self, features: Tensor) -> Tensor:
        logits: Tensor = self.inner(features)
        return logits

    def loss(self, params: Tensor, targets: Tensor, mask: Tensor | None = None) -> Loss:
        return self.inner.loss(params, targets, mask)

    def sample(self, params: Tensor, *, temperature: float = 1.0, generator: torch.Generator | None = None) -> Tensor:
        return self.inner.sample(params, temperature=temperature, generator=generator)


class TakesTheMean(Sound):
    def loss(self, params: Tensor, targets: Tensor, mask: Tensor | None = None) -> Loss:
        loss = super().loss(params, targets, mask)
        return Loss(loss.mean, loss.places)


class IgnoresTheMask(Sound):
    def loss(self, params: Tensor, targets: Tensor, mask: Tensor | None = None) -> Loss:
        return Loss(super().loss(params, targets).nats, super().loss(params, targets, mask).places)


class UnlikeliestAtNought(Sound):
    def sample(self, params: Tensor, *, temperature: float = 1.0, generator: torch.Generator | None = None) -> Tensor:
        return super().sample(-params if temperature == 0 else params, temperature=temperature, generator=generator)


class IgnoresTheSeed(Sound):
    def sample(self, params: Tensor, *, temperature: float = 1.0, generator: torch.Generator | None = None) -> Tensor:
        return super().sample(params, temperature=temperature)


class HalvesGradients(Sound):
    def loss(self, params: Tensor, targets: Tensor, mask: Tensor | None = None) -> Loss:
        return super().loss((params + params.detach()) / 2, targets, mask)


class TooSharp(Sound):
    def sample(self, params: Tensor, *, temperature: float = 1.0, generator: torch.Generator | None = None) -> Tensor:
        return super().sample(params, temperature=temperature / 2, generator=generator)


class WantsThreeAxes(Sound):
    def forward(self, features: Tensor) -> Tensor:
        steps, rows, width = features.shape
        return super().forward(features.reshape(steps, rows, width))


class OverlooksTheLast(Sound):
    def logits(self, params: Tensor) -> Tensor:
        return params[..., :-1]


BROKEN: dict[int, tuple[Callable[[], Head[Any]], set[int]]] = {
    1: (TakesTheMean, {1, 8}),
    2: (IgnoresTheMask, {1, 2}),  # the loss of no place is not nought either
    3: (UnlikeliestAtNought, {3, 8}),
    4: (IgnoresTheSeed, {4}),
    5: (HalvesGradients, {5}),
    6: (TooSharp, {6}),
    7: (WantsThreeAxes, {7, 8}),
    8: (OverlooksTheLast, {8}),
}


def test_every_law_has_a_head_that_breaks_it() -> None:
    assert BROKEN.keys() == HEAD_LAWS.keys()


def test_the_head_from_which_they_depart_is_sound() -> None:
    assert all(verdict.holds for verdict in check_head(Sound, TARGETS).values())


@pytest.mark.parametrize("law", BROKEN)
def test_a_broken_head_is_found_by_its_law(law: int) -> None:
    make, expected = BROKEN[law]
    verdicts = judge_head(make, TARGETS)
    assert {number for number, verdict in verdicts.items() if not verdict.holds} == expected
    name = type(make()).__name__
    assert verdicts[law].failure.startswith(f"law {law} is broken by {name}: {HEAD_LAWS[law].statement}; but ")
    with pytest.raises(AssertionError, match=f"^law {law} is broken by {name}"):
        check_head(make, TARGETS, laws=[law])
