"""The pen's head: its density by hand and by SciPy, its draws, its temperature and its bias."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import multivariate_normal
from torch import Tensor
from torch.distributions import MultivariateNormal

from statewise.errors import UsageError
from statewise.heads import GaussianMixture, Strokes
from statewise.heads.strokes import StrokeParams

T, B, H, K = 7, 3, 4, 5


def made(pen: str = "three_states", *, seed: int = 0) -> tuple[Strokes, StrokeParams]:
    torch.manual_seed(seed)
    head = Strokes(H, K, pen).double()  # type: ignore[arg-type]
    with torch.no_grad():
        return head, head(torch.randn(T, B, H, dtype=torch.float64) * 3)


def targets(states: int) -> Tensor:
    torch.manual_seed(1)
    pen = torch.nn.functional.one_hot(torch.arange(T * B).reshape(T, B) % 3, 3).double()
    return torch.cat([torch.randn(T, B, 2, dtype=torch.float64), pen if states == 3 else pen[..., :1]], dim=-1)


def covariance(scales: Tensor, rho: Tensor) -> Tensor:
    one, other = scales.unbind()
    return torch.stack([torch.stack([one * one, rho * one * other]), torch.stack([rho * one * other, other * other])])


def test_the_density_is_that_of_a_mixture_worked_out_by_scipy() -> None:
    head, params = made()
    wanted = targets(3)
    found = head.parts(params, wanted)
    for t, b in ((0, 0), (3, 1), (6, 2)):
        density = sum(
            math.exp(params.log_weights[t, b, k])
            * multivariate_normal(
                params.means[t, b, k].numpy(),
                covariance(params.log_scales[t, b, k].exp(), params.correlations[t, b, k]).numpy(),
            ).pdf(wanted[t, b, :2].numpy())
            for k in range(K)
        )
        state = int(wanted[t, b, 2:].argmax())
        assert float(found.position[t, b]) == pytest.approx(0.0 if state == 2 else -math.log(density))
        assert float(found.pen[t, b]) == pytest.approx(-float(params.pen[t, b].log_softmax(-1)[state]))


def test_one_component_by_hand() -> None:
    zero = torch.zeros(1)
    params = StrokeParams(zero, torch.tensor([[1.0, 2.0]]), torch.tensor([[0.0, math.log(2.0)]]), zero, torch.zeros(3))
    position, pen = Strokes(H, 1).parts(params, torch.tensor([3.0, 2.0, 1.0, 0.0, 0.0]))
    assert float(position) == pytest.approx(math.log(2 * math.pi) + math.log(2) + 2.0)
    assert float(pen) == pytest.approx(math.log(3))


def test_the_end_of_a_stroke_is_a_bernoulli_choice() -> None:
    head, params = made("end_of_stroke")
    wanted = targets(1)
    pen = head.parts(params, wanted).pen
    lifted = params.pen[..., 0].sigmoid()
    assert torch.allclose(pen, -torch.where(wanted[..., 2] > 0, lifted, 1 - lifted).log())


def test_a_movement_far_away_has_a_loss_and_a_gradient_that_are_numbers() -> None:
    head = Strokes(H, K)
    features = torch.full((1, 1, H), 1e4, requires_grad=True)
    wanted = torch.tensor([[[1e4, -1e4, 1.0, 0.0, 0.0]]])
    head.loss(head(features), wanted).nats.backward()  # type: ignore[no-untyped-call]
    assert features.grad is not None
    assert bool(torch.isfinite(features.grad).all())
    assert all(bool(torch.isfinite(weights.grad).all()) for weights in head.parameters() if weights.grad is not None)


def test_draws_have_the_mean_and_covariance_of_the_component() -> None:
    head = Strokes(H, 1)
    params = StrokeParams(
        torch.zeros(1), torch.tensor([[1.0, -2.0]]), torch.tensor([[0.5, -0.5]]), torch.tensor([0.7]), torch.zeros(3)
    )
    many = StrokeParams(*(part.expand(20_000, *part.shape) for part in params))
    for temperature in (1.0, 0.25):
        drawn = head.sample(many, temperature=temperature, generator=torch.Generator().manual_seed(0))[:, :2]
        spread = temperature * covariance(params.log_scales[0].exp(), params.correlations[0]).numpy()
        assert np.cov(drawn.numpy().T) == pytest.approx(spread, abs=0.1 * temperature)
        assert drawn.mean(dim=0).tolist() == pytest.approx([1, -2], abs=0.06)
    exact = MultivariateNormal(params.means[0], covariance(params.log_scales[0].exp(), params.correlations[0]))
    scored = head.parts(many, torch.cat([drawn, torch.eye(3)[:1].expand(20_000, 3)], dim=-1)).position
    wanted = -exact.log_prob(drawn)  # type: ignore[no-untyped-call]
    assert torch.allclose(scored, wanted, atol=1e-4)


def test_a_bias_makes_deviations_smaller_and_likely_components_likelier() -> None:
    head, params = made()
    plain, neat = (head.sample(params, bias=bias, generator=torch.Generator().manual_seed(3)) for bias in (0.0, 100.0))
    assert not torch.equal(plain, neat)
    likeliest = params.log_weights.argmax(dim=-1)
    mean = params.means.gather(-2, likeliest[..., None, None].expand(T, B, 1, 2)).squeeze(-2)
    assert torch.allclose(neat[..., :2], mean)
    with pytest.raises(UsageError, match="bias -1 is not in range: give a number from 0"):
        head.sample(params, bias=-1)
    with pytest.raises(UsageError, match="bias '1' is not in range: give a number from 0"):
        head.sample(params, bias="1")  # type: ignore[arg-type]


def test_a_cold_pen_lifts_only_where_it_is_softened() -> None:
    head = Strokes(H, 1)
    place = StrokeParams(
        torch.zeros(1), torch.zeros(1, 2), torch.zeros(1, 2), torch.zeros(1), torch.tensor([1.0, 0.0, -9.0])
    )
    many = StrokeParams(*(part.expand(2000, *part.shape) for part in place))
    cold, softened = (
        head.sample(many, temperature=0.01, softened=soft, generator=torch.Generator().manual_seed(0))[:, 3].mean()
        for soft in (False, True)
    )
    assert float(cold) == 0
    odds = math.exp(-1 / 0.505)
    assert float(softened) == pytest.approx(odds / (1 + odds), abs=0.03)


@pytest.mark.parametrize("components", [0, -1, 2.5, True])
def test_a_mixture_of_no_whole_number_of_components_is_refused(components: Any) -> None:
    with pytest.raises(UsageError, match=r"the number of components .* is not a whole number from 1"):
        Strokes(H, components)
    with pytest.raises(UsageError, match=r"the number of components .* is not a whole number from 1"):
        GaussianMixture(H, components)


def test_a_pen_of_another_kind_is_refused() -> None:
    with pytest.raises(UsageError, match="pen 'two' is not known: give three_states or end_of_stroke"):
        Strokes(H, 1, "two")  # type: ignore[arg-type]
