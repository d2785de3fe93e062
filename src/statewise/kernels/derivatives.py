"""An operation that changes nothing on the way forward, and holds a derivative within bounds on the way back."""

from typing import Any, cast

import torch
from torch import Tensor

from statewise.errors import UsageError


def clip_derivative(x: Tensor, limit: float) -> Tensor:
    """Return `x`; on the way back each number of its derivative is brought within `limit` of zero.

    The limit is for the derivative of what is minimised: where that is a mean over N places, a limit of 10 for their
    sum is 10 / N. A derivative that is infinite becomes the limit, one that is not a number stays so. Raises
    `UsageError` for a limit that is not above 0. Source: Graves 2013, section 2.1.

    >>> x = torch.tensor([1.0, 2.0], requires_grad=True)
    >>> (clip_derivative(x, 10.0) * torch.tensor([3.0, -30.0])).sum().backward()
    >>> x.grad
    tensor([  3., -10.])
    """
    return cast(Tensor, _Clipped.apply(x, check_limit("clip_derivative", limit)))  # type: ignore[no-untyped-call]


def check_limit(name: str, limit: float) -> float:
    """Return a limit of derivatives. Raises `UsageError` where it is not above 0."""
    if not limit > 0:
        raise UsageError(f"{name} was given the limit {limit} where one above 0 is wanted: leave it out for none")
    return limit


class _Clipped(torch.autograd.Function):
    """The same forward, within bounds backward."""

    generate_vmap_rule = True

    @staticmethod
    def forward(x: Tensor, limit: float) -> Tensor:
        """Return what was given."""
        return x.view_as(x)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, float], output: Tensor) -> None:
        """Keep the limit; apart from `forward`, so that functorch may differentiate it."""
        ctx.limit = inputs[1]

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        """Return the derivative within bounds."""
        return grad.clamp(-ctx.limit, ctx.limit), None

    @staticmethod
    def jvp(ctx: Any, of_x: Tensor, of_limit: None) -> Tensor:
        """Return the tangent as it is: a derivative that is taken forwards has no limit."""
        return of_x.view_as(of_x)
