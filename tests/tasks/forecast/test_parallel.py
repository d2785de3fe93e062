"""Several networks as one: each learns as it would alone, and together they are the mixture of all."""

from typing import Any

import pytest
import torch

from statewise.cells import GRU, LSTM
from statewise.cells.ensemble import Ensemble
from statewise.heads import GaussianMixture, Quantiles, StudentT
from statewise.heads.student_t import StudentTParams
from statewise.tasks.forecast.parallel import Mixture

T, B, D = 7, 3, 5


def test_parts_side_by_side_write_what_each_writes_alone_in_a_scan_and_step_by_step() -> None:
    parts: list[Any] = [LSTM(D, 4), GRU(D, 6)]
    together, xs = Ensemble(parts), torch.randn(T, B, D)
    mask, reset = torch.rand(T, B) > 0.3, torch.rand(T, B) > 0.7
    ys, state = together.scan(xs, together.initial(B), reset=reset, mask=mask)
    alone = [part.scan(xs, part.initial(B), reset=reset, mask=mask)[0] for part in parts]
    assert torch.equal(ys, torch.cat(alone, dim=-1))
    stepped, now = [], together.initial(B)
    for x in xs:
        y, now = together.step(x, now)
        stepped.append(y)
    assert torch.allclose(torch.stack(stepped), together.scan(xs, together.initial(B))[0], atol=1e-6)
    assert len(state) == len(parts)


def test_a_head_learns_as_it_would_alone() -> None:
    heads, features, targets = [StudentT(4), StudentT(6)], torch.randn(T, B, 10), torch.randn(T, B)
    mixture = Mixture(heads)
    torch.autograd.backward(mixture.loss(mixture(features), targets).nats)
    mixed = [head.linear.weight.grad for head in heads]
    for head, part, grad in zip(heads, torch.split(features, [4, 6], dim=-1), mixed, strict=True):
        head.zero_grad()
        torch.autograd.backward(head.loss(head(part), targets).nats / 2)
        assert grad is not None
        assert torch.allclose(head.linear.weight.grad, grad, atol=1e-6)  # type: ignore[arg-type]


def test_the_mixture_is_a_density_of_which_the_distribution_function_is_the_integral_and_draws_come() -> None:
    head = Mixture([StudentT(4), StudentT(4)]).eval()
    params = tuple(
        StudentTParams(*(torch.tensor(number) for number in numbers)) for numbers in ((5.0, -2.0, 0.5), (9.0, 1.0, 1.0))
    )
    places = torch.linspace(-40, 3, 200_001)
    every = tuple(StudentTParams(*(number.expand(len(places)) for number in part)) for part in params)
    below = head.cdf(every, places)
    assert torch.trapezoid((-head.nats(every, places)).exp(), places).item() == pytest.approx(
        float(below[-1]), abs=1e-3
    )
    drawn = head.sample(every, generator=torch.Generator().manual_seed(3))
    for value in (-2.0, 0.0, 1.5):
        share = float(below[(places - value).abs().argmin()])
        assert float((drawn <= value).float().mean()) == pytest.approx(share, abs=0.01)


def test_what_is_no_density_keeps_the_mean_of_its_losses() -> None:
    heads = [Quantiles(4), Quantiles(4)]
    mixed, features, targets = Mixture(heads).eval(), torch.randn(B, 8), torch.randn(B)
    each = [head.nats(head(part), targets) for head, part in zip(heads, torch.split(features, 4, dim=-1), strict=True)]
    assert torch.allclose(mixed.nats(mixed(features), targets), (each[0] + each[1]) / 2)


def test_without_chance_the_mean_of_what_is_likeliest_is_drawn() -> None:
    heads = [GaussianMixture(4), GaussianMixture(4)]
    mixed, features = Mixture(heads), torch.randn(B, 8)
    each = [
        head.sample(head(part), temperature=0)
        for head, part in zip(heads, torch.split(features, 4, dim=-1), strict=True)
    ]
    assert torch.allclose(mixed.sample(mixed(features), temperature=0), (each[0] + each[1]) / 2)
