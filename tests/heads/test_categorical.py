"""The categorical head: its loss is cross entropy, and temperature bends its odds as it says."""

import math
from typing import Any

import pytest
import torch

from statewise.errors import UsageError
from statewise.heads import Categorical, Gaussian, GaussianMixture, Loss, NegativeBinomial, Quantiles, StudentT

T, B, H, V = 7, 3, 4, 6
ODDS = torch.tensor([0.1, 0.2, 0.7])


def drawn_shares(logits: torch.Tensor, temperature: float, draws: int = 20_000) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    head = Categorical(H, len(logits))
    drawn = head.sample(logits.expand(draws, -1), temperature=temperature, generator=generator)
    return torch.bincount(drawn, minlength=len(logits)) / draws


def test_an_untrained_head_with_no_weights_knows_nothing() -> None:
    head = Categorical(H, V)
    torch.nn.init.zeros_(head.weights)
    loss = head.loss(head(torch.randn(T, B, H)), torch.randint(V, (T, B)))
    assert loss.mean.item() == pytest.approx(math.log(V))
    assert loss.places.item() == T * B


def test_the_loss_is_minus_the_log_of_the_targets_share() -> None:
    head = Categorical(H, 3)
    loss = head.loss(ODDS.log().expand(2, 1, 3), torch.tensor([[0], [2]]))
    assert loss.nats.item() == pytest.approx(-math.log(0.1) - math.log(0.7))


def test_only_places_under_the_mask_are_scored_and_counted() -> None:
    head = Categorical(H, 3)
    mask = torch.tensor([[True], [False]])
    loss = head.loss(ODDS.log().expand(2, 1, 3), torch.tensor([[0], [2]]), mask)
    assert loss.nats.item() == pytest.approx(-math.log(0.1))
    assert loss.places.item() == 1


def test_a_loss_over_no_place_has_a_mean_of_nought() -> None:
    assert Loss(torch.tensor(0.0), torch.tensor(0)).mean.item() == 0


@pytest.mark.parametrize("places", [(), (B,), (T, B), (2, T, B)])
def test_any_number_of_axes_before_the_last_are_places(places: tuple[int, ...]) -> None:
    head = Categorical(H, V)
    logits = head(torch.randn(*places, H))
    assert logits.shape == (*places, V)
    assert head.sample(logits).shape == places
    assert head.sample(logits, temperature=0).shape == places
    assert head.loss(logits, head.sample(logits)).places.item() == math.prod(places)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_temperature_raises_the_odds_to_its_inverse(temperature: float) -> None:
    bent = ODDS.double() ** (1 / temperature)
    torch.testing.assert_close(drawn_shares(ODDS.log(), temperature).double(), bent / bent.sum(), rtol=0, atol=0.02)


def test_temperature_nought_gives_the_likeliest_and_the_first_of_equals() -> None:
    head = Categorical(H, 3)
    assert head.sample(torch.tensor([[1.0, 5.0, 2.0], [3.0, 3.0, 0.0]]), temperature=0).tolist() == [1, 0]


@pytest.mark.parametrize("temperature", [1e-6, 1e-300])
def test_a_temperature_near_nought_is_not_a_division_by_it(temperature: float) -> None:
    assert drawn_shares(ODDS.log(), temperature, draws=50).tolist() == [0, 0, 1]


def test_a_very_high_temperature_makes_all_choices_alike() -> None:
    torch.testing.assert_close(drawn_shares(ODDS.log(), 1e9), torch.full((3,), 1 / 3), rtol=0, atol=0.02)


def test_a_choice_that_cannot_be_is_never_drawn() -> None:
    shares = drawn_shares(torch.tensor([0.0, -math.inf, 0.0]), 1.0)
    assert shares[1] == 0
    assert shares[0] > 0


def test_logits_of_any_size_are_drawn_from() -> None:
    assert drawn_shares(torch.tensor([5000.0, 5000.0, -5000.0]), 1.0)[2] == 0


@pytest.mark.parametrize(
    ("temperature", "words"), [(-1.0, "below 0"), (math.nan, "not a finite"), (math.inf, "not a finite")]
)
@pytest.mark.parametrize("kind", [Categorical, Gaussian, GaussianMixture, NegativeBinomial, Quantiles, StudentT])
def test_a_temperature_below_nought_or_without_end_is_refused(kind: Any, temperature: float, words: str) -> None:
    head = kind(H, V) if kind is Categorical else kind(H)
    with pytest.raises(UsageError, match=f"temperature {temperature:g} is {words}"):
        head.sample(head(torch.zeros(B, H)), temperature=temperature)
