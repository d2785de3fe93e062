"""Heads over one number: density and distribution function are of one distribution, and gaps are left out."""

from collections.abc import Callable

import pytest
import torch

from statewise.errors import UsageError
from statewise.heads import Gaussian, GaussianMixture, NegativeBinomial, Quantiles, Real, StudentT

H = 4
MAKERS: dict[str, Callable[[], Real]] = {  # type: ignore[type-arg]
    "gaussian": lambda: Gaussian(H),
    "student_t": lambda: StudentT(H),
    "gaussian_mixture": lambda: GaussianMixture(H, components=3),
}


def made(make: Callable[[], Real]) -> tuple[Real, object]:  # type: ignore[type-arg]
    torch.manual_seed(3)
    head = make().double().requires_grad_(False)
    return head, head(torch.randn(H, dtype=torch.double))


@pytest.mark.parametrize("name", MAKERS)
def test_the_density_adds_up_to_the_distribution_function(name: str) -> None:
    head, params = made(MAKERS[name])
    numbers = torch.linspace(-400, 3, 200_001, dtype=torch.double)
    params = type(params)(*(part.unsqueeze(0) for part in params))  # type: ignore[attr-defined]
    area = torch.trapezoid((-head.nats(params, numbers)).exp(), numbers)
    wanted = head.cdf(params, numbers[-1:]) - head.cdf(params, numbers[:1])
    assert float(area) == pytest.approx(float(wanted), abs=1e-6)


def test_the_probabilities_of_counts_add_up_to_the_distribution_function() -> None:
    head, params = made(lambda: NegativeBinomial(H))
    counts = torch.arange(30, dtype=torch.double)
    assert isinstance(params, tuple)
    total = (-head.nats(params, counts)).exp().sum()
    assert float(head.cdf(params, torch.tensor(29.0, dtype=torch.double))) == pytest.approx(float(total))


def test_student_t_has_the_tails_of_the_tables() -> None:
    head = StudentT(H).requires_grad_(False)
    params = head(torch.zeros(H))._replace(freedom=torch.tensor(5.0), centre=torch.tensor(0.0), scale=torch.tensor(1.0))
    assert float(head.cdf(params, torch.tensor(2.015))) == pytest.approx(0.95, abs=1e-4)  # the tables of any textbook
    assert float(head.cdf(params, torch.tensor(-4.032))) == pytest.approx(0.005, abs=1e-5)


def test_quantiles_are_found_again_and_never_cross() -> None:
    head, params = made(lambda: Quantiles(H))
    assert isinstance(params, torch.Tensor)
    assert bool((params.diff() > 0).all())
    levels = torch.tensor([0.001, 0.1, 0.33, 0.5, 0.9, 0.999], dtype=torch.double)
    numbers = head.quantile(params.expand(6, -1), levels)
    assert torch.allclose(head.cdf(params.expand(6, -1).contiguous(), numbers), levels, atol=1e-9)
    assert torch.allclose(numbers[[1, 3, 4]], params[[1, 3, 5]])


@pytest.mark.parametrize("levels", [(0.5,), (0.5, 0.1), (0.0, 0.5), (0.5, 1.0)])
def test_levels_that_do_not_rise_are_refused(levels: tuple[float, ...]) -> None:
    with pytest.raises(UsageError, match="do not rise from above 0 to below 1"):
        Quantiles(H, levels)


def test_a_target_that_is_missing_costs_nothing() -> None:
    head = Gaussian(H)
    targets, mask = torch.tensor([1.0, float("nan")]), torch.tensor([True, False])
    features = torch.randn(2, H, requires_grad=True)
    loss = head.loss(head(features), targets, mask)
    loss.nats.backward()  # type: ignore[no-untyped-call]
    assert features.grad is not None
    assert bool(features.grad.isfinite().all())
    assert int(loss.places) == 1


def test_a_series_of_another_size_has_the_same_shares() -> None:
    head = NegativeBinomial(H, exposure=True).requires_grad_(False)
    features = torch.zeros(2, H)
    features[1, -1] = 3.0
    params = head(features)
    assert float(params.mean[1] / params.mean[0]) == pytest.approx(20.0855, rel=1e-4)
