"""Optimisers that change only the rows of a table that were read, and whole weights as everybody does.

A sparse gradient names its rows. What is remembered of the others stays as it is, so that an update costs the same
whether the table has a thousand rows or a million.
"""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple, final

import torch
from torch import Tensor
from torch.optim import Optimizer
from torch.optim.adam import adam


class Rows(NamedTuple):
    """Some rows of a tensor, or all of it, taken out to be changed and put back."""

    of: Tensor
    which: Tensor | None

    def take(self) -> Tensor:
        """Return the rows: a copy where they are some, else the tensor itself."""
        return self.of if self.which is None else self.of[self.which]

    def put(self, changed: Tensor) -> None:
        """Make the rows what they were changed to."""
        if self.which is not None:
            self.of.index_copy_(0, self.which, changed)


class RowOptimizer(Optimizer):
    """The loop over parameters that the optimisers here share."""

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """Change every parameter that has a gradient."""
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    self.state[parameter] = self.state.get(parameter) or self.begin(parameter)
                    self.change(parameter, parameter.grad, self.state[parameter], group)

    def begin(self, parameter: Tensor) -> dict[str, Tensor]:
        """Return what is remembered of a parameter at first."""
        raise NotImplementedError

    def change(self, parameter: Tensor, gradient: Tensor, memory: dict[str, Tensor], group: dict[str, Any]) -> None:
        """Change a parameter and what is remembered of it."""
        raise NotImplementedError


@final
class RowAdam(RowOptimizer):
    r"""Adam; of a table with a sparse gradient, it changes the rows in it and remembers only when those were read.

        m <- b1 m + (1 - b1) g    v <- b2 v + (1 - b2) g^2    w <- w - rate m / (1 - b1^t) / (sqrt(v / (1 - b2^t)) + e)

    `t` counts updates, not those of a row. Source: Kingma & Ba 2015; rows as in PyTorch's SparseAdam.

    >>> table = torch.nn.Embedding(9, 2, sparse=True)
    >>> optimizer, before = RowAdam(table.parameters(), 0.1), table.weight.detach().clone()
    >>> table(torch.tensor([4, 1, 4])).sum().backward(), optimizer.step()
    (None, None)
    >>> (before - table.weight.detach()).amax(dim=1)[:5]
    tensor([0.0000, 0.1000, 0.0000, 0.0000, 0.1000])
    """

    def __init__(self, parameters: Iterable[Tensor], rate: float, *, weight_decay: float = 0.0) -> None:
        super().__init__(list(parameters), {"lr": rate, "weight_decay": weight_decay, "betas": (0.9, 0.999)})

    def begin(self, parameter: Tensor) -> dict[str, Tensor]:
        """Begin with zeros."""
        zeros = torch.zeros_like(parameter), torch.zeros_like(parameter)
        return {"step": parameter.new_zeros((), dtype=torch.float32), "exp_avg": zeros[0], "exp_avg_sq": zeros[1]}

    def change(self, parameter: Tensor, gradient: Tensor, memory: dict[str, Tensor], group: dict[str, Any]) -> None:
        """Take one step: with PyTorch's own Adam, on all of it or on the rows by themselves."""
        if gradient.is_sparse:
            gradient = gradient.coalesce()
        which, numbers = _parts(gradient)
        parts = [Rows(tensor, which) for tensor in (parameter, memory["exp_avg"], memory["exp_avg_sq"])]
        weights, mean, square = (part.take() for part in parts)
        first, second = group["betas"]
        adam(
            [weights], [numbers], [mean], [square], [], [memory["step"]], fused=True, amsgrad=False, beta1=first,
            beta2=second, lr=group["lr"], weight_decay=group["weight_decay"], eps=1e-8, maximize=False,
        )  # fmt: skip
        for part, changed in zip(parts, (weights, mean, square), strict=True):
            part.put(changed)


@final
class MomentumAdagrad(RowOptimizer):
    r"""Adagrad whose steps gather momentum; of a table with a sparse gradient, it changes the rows in it.

        a <- a + g^2        u <- momentum u + rate g / (sqrt(a) + e)        w <- w - u

    Source: Duchi, Hazan & Singer 2011; with momentum, Hidasi et al. 2016, section 4.

    >>> layer = torch.nn.Linear(1, 1, bias=False)
    >>> optimizer, before = MomentumAdagrad(layer.parameters(), 0.1), layer.weight.detach().clone()
    >>> for _ in range(2):
    ...     layer.weight.grad = torch.ones(1, 1)
    ...     optimizer.step()
    >>> (before - layer.weight).item()  # 0.1, then 0.9 of that and 0.1 / sqrt(2) more
    0.26071...
    """

    def __init__(self, parameters: Iterable[Tensor], rate: float, *, momentum: float = 0.9, weight_decay: float = 0.0):
        super().__init__(list(parameters), {"lr": rate, "momentum": momentum, "weight_decay": weight_decay})

    def begin(self, parameter: Tensor) -> dict[str, Tensor]:
        """Begin with zeros."""
        return {"sum": torch.zeros_like(parameter), "momentum_buffer": torch.zeros_like(parameter)}

    def change(self, parameter: Tensor, gradient: Tensor, memory: dict[str, Tensor], group: dict[str, Any]) -> None:
        """Take one step."""
        if gradient.is_sparse:
            gradient = gradient.coalesce()
        which, numbers = _parts(gradient)
        parts = [Rows(tensor, which) for tensor in (parameter, memory["sum"], memory["momentum_buffer"])]
        weights, total, moving = (part.take() for part in parts)
        if group["weight_decay"]:
            numbers = numbers.add(weights, alpha=group["weight_decay"])
        total.addcmul_(numbers, numbers)
        moving.mul_(group["momentum"]).addcdiv_(numbers, total.sqrt().add_(1e-10), value=group["lr"])
        weights.sub_(moving)
        for part, changed in zip(parts, (weights, total, moving), strict=True):
            part.put(changed)


def _parts(gradient: Tensor) -> tuple[Tensor | None, Tensor]:
    return (gradient._indices()[0], gradient._values()) if gradient.is_sparse else (None, gradient)
