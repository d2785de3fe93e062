"""Optimisers that change only the rows of a table that were read, and whole weights as usual.

A sparse gradient names its rows. What is remembered of the others stays as it is, so that an update costs the same
whether the table has a thousand rows or a million.
"""

from collections.abc import Callable, Iterable
from itertools import groupby
from typing import Any, NamedTuple, final

import torch
from torch import Tensor
from torch.optim import Optimizer
from torch.optim.adam import adam

from statewise.kernels.table_rows import merge_rows, put_rows, take_rows


class ChangedRows(NamedTuple):
    """Some rows of a tensor, with their new values."""

    of: Tensor
    which: Tensor
    changed: Tensor


class RowUpdate(NamedTuple):
    """What a step changes in place: a parameter or some of its rows, the gradient, and the optimiser state."""

    parameter: Tensor
    gradient: Tensor
    memory: dict[str, Tensor]


class RowOptimizer(Optimizer):
    """The loop over parameters that the optimisers here share.

    Where `holds_back`, the changed rows of tables are only in `held` after a `step`, and `put` makes them so: code that
    looks at them first has nothing to undo.
    """

    holds_back = False

    @property
    def held(self) -> list[ChangedRows]:
        """The changed rows that were not written yet: rows of weights and of the optimiser's state."""
        found: list[ChangedRows] = self.__dict__.setdefault("_held", [])
        return found

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """Change every parameter that has a gradient."""
        self.held.clear()
        for group in self.param_groups:
            if changes := [self._change_of(one) for one in group["params"] if one.grad is not None]:
                self.change(changes, group)
        if not self.holds_back:
            self.put()

    @torch.no_grad()
    def put(self) -> None:
        """Write the rows that are held back."""
        for _, of_one in groupby(self.held, key=lambda rows: id(rows.which)):  # a table and what is remembered of it
            tables, which, rows = zip(*of_one, strict=True)
            put_rows(tables, which[0], rows)
        self.held.clear()

    def _change_of(self, parameter: Tensor) -> RowUpdate:
        """Return what is to be changed: a whole parameter, or the rows that its gradient names, which are then held."""
        self.state[parameter] = memory = self.state.get(parameter) or self.begin(parameter)
        gradient = parameter.grad
        assert gradient is not None
        if not gradient.is_sparse:
            return RowUpdate(parameter, gradient, memory)
        gradient = merge_rows(gradient)
        which = gradient._indices()[0]
        tables = {"": parameter, **{name: kept for name, kept in memory.items() if kept.dim()}}
        taken = dict(zip(tables, take_rows(list(tables.values()), which), strict=True))
        self.held.extend(ChangedRows(table, which, taken[name]) for name, table in tables.items())
        return RowUpdate(taken[""], gradient._values(), {**memory, **taken})

    def begin(self, parameter: Tensor) -> dict[str, Tensor]:
        """Return the first optimiser state of a parameter."""
        raise NotImplementedError

    def change(self, changes: list[RowUpdate], group: dict[str, Any]) -> None:
        """Change parameters, or some rows of them, and the optimiser state of each, in place."""
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

    def __init__(self, parameters: Iterable[Any], rate: float, *, weight_decay: float = 0.0) -> None:
        super().__init__(list(parameters), {"lr": rate, "weight_decay": weight_decay, "betas": (0.9, 0.999)})

    def begin(self, parameter: Tensor) -> dict[str, Tensor]:
        """Begin with zeros."""
        zeros = torch.zeros_like(parameter), torch.zeros_like(parameter)
        return {"step": parameter.new_zeros((), dtype=torch.float32), "exp_avg": zeros[0], "exp_avg_sq": zeros[1]}

    def change(self, changes: list[RowUpdate], group: dict[str, Any]) -> None:
        """Take one step, by PyTorch's own Adam, of all of them in one call."""
        parameters, gradients, memories = (list(each) for each in zip(*changes, strict=True))
        means, squares, steps = ([kept[name] for kept in memories] for name in ("exp_avg", "exp_avg_sq", "step"))
        first, second = group["betas"]
        adam(
            parameters, gradients, means, squares, [], steps, fused=True, amsgrad=False, beta1=first, beta2=second,
            lr=group["lr"], weight_decay=group["weight_decay"], eps=1e-8, maximize=False,
        )  # fmt: skip


@final
class MomentumAdagrad(RowOptimizer):
    r"""Adagrad with momentum; of a table with a sparse gradient it changes the rows in the gradient only.

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

    def __init__(self, parameters: Iterable[Any], rate: float, *, momentum: float = 0.9, weight_decay: float = 0.0):
        super().__init__(list(parameters), {"lr": rate, "momentum": momentum, "weight_decay": weight_decay})

    def begin(self, parameter: Tensor) -> dict[str, Tensor]:
        """Begin with zeros."""
        return {"sum": torch.zeros_like(parameter), "momentum_buffer": torch.zeros_like(parameter)}

    def change(self, changes: list[RowUpdate], group: dict[str, Any]) -> None:
        """Take one step."""
        for parameter, given, memory in changes:
            total, moving, decay = memory["sum"], memory["momentum_buffer"], group["weight_decay"]
            gradient = given.add(parameter, alpha=decay) if decay else given
            total.addcmul_(gradient, gradient)
            moving.mul_(group["momentum"]).addcdiv_(gradient, total.sqrt().add_(1e-10), value=group["lr"])
            parameter.sub_(moving)
