"""Derivatives are held within bounds where they pass, number by number, and values are as they were."""

from typing import Any

import pytest
import torch
from torch import Tensor

from statewise.cells import LSTM, ClippedDerivatives, Recurrent, clip_derivative
from statewise.errors import UsageError
from statewise.heads import Strokes

T, B, D, H = 7, 3, 5, 4


def test_a_derivative_beyond_the_limit_becomes_the_limit_and_values_stay() -> None:
    x = torch.randn(T, B, dtype=torch.float64, requires_grad=True)
    pull = torch.linspace(-30, 30, T * B, dtype=torch.float64).reshape(T, B)
    y = clip_derivative(x, 10)
    assert torch.equal(y, x)
    (got,) = torch.autograd.grad(y, x, pull)
    assert torch.equal(got, pull.clamp(-10, 10))
    assert (got != pull).any()


def test_within_the_limit_gradients_of_all_orders_are_those_of_the_bare_value() -> None:
    x = torch.randn(B, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda of: clip_derivative(of, 100).sin(), x)
    assert torch.autograd.gradgradcheck(lambda of: clip_derivative(of, 100).sin(), x)


def test_an_infinite_derivative_becomes_the_limit_and_one_that_is_no_number_stays() -> None:
    x = torch.zeros(3, requires_grad=True)
    (got,) = torch.autograd.grad(clip_derivative(x, 10), x, torch.tensor([torch.inf, -torch.inf, torch.nan]))
    assert got.tolist()[:2] == [10, -10]
    assert got.isnan().tolist() == [False, False, True]


def pulled(cell: Recurrent[Any], xs: Tensor, pull: Tensor) -> tuple[Tensor, ...]:
    ys, _ = cell.scan(xs, cell.initial(B))
    return torch.autograd.grad(ys, (xs, next(cell.parameters())), pull)


def test_a_part_is_pulled_no_harder_than_the_limit_at_its_outputs_and_passes_on_no_more_at_its_inputs() -> None:
    part = LSTM(D, H).double()
    xs = torch.randn(T, B, D, dtype=torch.float64, requires_grad=True)
    pull = 50 * torch.randn(T, B, H, dtype=torch.float64)
    dxs, dweights = pulled(part, xs, pull)
    found, weights = pulled(ClippedDerivatives(part, inputs=0.5), xs, pull)
    assert torch.equal(found, dxs.clamp(-0.5, 0.5))
    assert (dxs.abs() > 0.5).any()
    assert torch.equal(weights, dweights)
    found, weights = pulled(ClippedDerivatives(part, outputs=10.0), xs, pull)
    for one, other in zip((found, weights), pulled(part, xs, pull.clamp(-10, 10)), strict=True):
        assert torch.equal(one, other)
    assert not torch.equal(weights, dweights)


def test_a_pen_s_outputs_are_pulled_no_harder_than_the_limit() -> None:
    torch.manual_seed(0)
    head, plain = Strokes(H, 3, derivative_limit=0.5), Strokes(H, 3)
    plain.load_state_dict(head.state_dict())
    features, far = torch.randn(T, B, H), torch.tensor([30.0, -40.0, 1.0, 0.0, 0.0]).expand(T, B, 5)
    found, whole = (torch.autograd.grad(one.loss(one(features), far).nats, one.linear.bias)[0] for one in (head, plain))
    assert float(found.abs().max()) <= 0.5 * T * B < float(whole.abs().max())
    near = features.requires_grad_(), torch.zeros(T, B, 5)
    close = Strokes(H, 3, derivative_limit=1e3)
    close.load_state_dict(head.state_dict())
    one, other = (torch.autograd.grad(of.loss(of(near[0]), near[1]).nats, near[0])[0] for of in (close, plain))
    torch.testing.assert_close(one, other)


@pytest.mark.parametrize("limit", [0, -1, float("nan")])
def test_a_limit_that_is_none_is_refused(limit: float) -> None:
    for make in (
        lambda: clip_derivative(torch.zeros(1), limit),
        lambda: ClippedDerivatives(LSTM(D, H), inputs=limit),
        lambda: ClippedDerivatives(LSTM(D, H), outputs=limit),
        lambda: Strokes(H, 3, derivative_limit=limit),
    ):
        with pytest.raises(UsageError, match="where one above 0 is wanted: leave it out for none"):
            make()
