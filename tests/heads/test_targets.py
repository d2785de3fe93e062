"""Targets that are not of the places that are scored are refused: nothing is stretched, no number is passed over."""

from typing import Any

import pytest
import torch
from torch import Tensor

from statewise.errors import UsageError
from statewise.heads import Categorical, Gaussian, GaussianMixture, NegativeBinomial, Quantiles, Ranking, StudentT
from statewise.heads.strokes import Strokes

T, B, H, V = 7, 3, 4, 6
REALS: list[Any] = [Gaussian, StudentT, GaussianMixture, NegativeBinomial, Quantiles]


def refuses(head: Any, targets: Tensor, mask: Tensor | None = None) -> None:
    with pytest.raises(UsageError, match="of shape"):
        head.loss(head(torch.randn(T, B, H)), targets, mask)


@pytest.mark.parametrize("make", REALS)
@pytest.mark.parametrize("shape", [(T, 1), (1, B), (B,), ()])
def test_numbers_of_other_places_are_refused(make: Any, shape: tuple[int, ...]) -> None:
    refuses(make(H), torch.ones(shape))


@pytest.mark.parametrize("make", [*REALS, lambda features: Categorical(features, V)])
def test_a_mask_of_other_places_is_refused(make: Any) -> None:
    head = make(H)
    refuses(head, torch.zeros(T, B, dtype=torch.long if head.choices else torch.float), torch.ones(T, 1).bool())


def test_codes_that_lie_batch_first_are_refused() -> None:
    refuses(Categorical(H, V), torch.randint(V, (B, T)))


@pytest.mark.parametrize("number", [-100, -1, V])
def test_a_code_that_is_no_choice_is_never_scored_as_nothing(number: int) -> None:
    head, codes = Categorical(H, V), torch.zeros(T, B, dtype=torch.long)
    codes[4, 1] = number
    params = head(torch.randn(T, B, H))
    for score in (head.loss, head.nats):
        with pytest.raises(IndexError, match="out of bounds"):
            score(params, codes)


@pytest.mark.parametrize("number", [-100, -1, V])
def test_an_item_that_is_none_is_never_scored_as_nothing(number: int) -> None:
    head = Ranking(H, torch.ones(V), loss="cross_entropy").eval()
    with pytest.raises(IndexError, match="out of bounds"):
        head.nats(torch.randn(T, B, H), torch.full((T, B), number))


@pytest.mark.parametrize(("pen", "width"), [("three_states", 5), ("end_of_stroke", 3)])
def test_targets_of_another_pen_are_refused(pen: Any, width: int) -> None:
    head = Strokes(H, 3, pen)
    for wrong in (2, 8 - width, 4, 9):
        refuses(head, torch.zeros(T, B, wrong))
    refuses(head, torch.zeros(T, 1, width))
    refuses(head, torch.zeros(T, B, width), torch.ones(T, 1).bool())
