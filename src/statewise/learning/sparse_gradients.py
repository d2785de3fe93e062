"""Gradients as plain tensors, also sparse ones, which have values for the rows of a table that were read."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple, Self, cast

import torch
from torch import Tensor
from torch.optim import Optimizer

from statewise.distributed import Ranks
from statewise.kernels.table_rows import merge_rows
from statewise.learning.row_optimizers import RowOptimizer
from statewise.state import read_tensors, write_tensors


def settle(parameters: Iterable[Tensor]) -> None:
    """Coalesce each sparse gradient to one entry per row, so that its numbers can be scaled in place."""
    for parameter in parameters:
        if parameter.grad is not None and parameter.grad.is_sparse:
            parameter.grad = merge_rows(parameter.grad)


def numbers(gradient: Tensor) -> Tensor:
    """Return the numbers of a coalesced gradient, all or those of its rows, to be changed in place."""
    return gradient._values() if gradient.is_sparse else gradient


def gradients(parameters: Iterable[Tensor]) -> list[Tensor]:
    """Return the numbers of the gradient of each parameter that has one.

    >>> table = torch.nn.Embedding(9, 2, sparse=True)
    >>> table(torch.tensor([4, 1, 4])).sum().backward(), settle([table.weight]), gradients([table.weight])
    (None, None, [tensor([[1., 1.],
            [2., 2.]])])
    """
    return [numbers(parameter.grad) for parameter in parameters if parameter.grad is not None]


def add_up(parameters: Iterable[Tensor], ranks: Ranks) -> None:
    """Sum each gradient over all processes; of a table, the rows that any process has read."""
    if ranks.count == 1:
        return
    held = [parameter for parameter in parameters if parameter.grad is not None]
    ranks.add_up([numbers(parameter.grad) for parameter in held if not _is_sparse(parameter)])  # type: ignore[arg-type]
    for parameter in held:
        if _is_sparse(parameter):
            parameter.grad = _everybodys(cast(Tensor, parameter.grad), ranks)


def _is_sparse(parameter: Tensor) -> bool:
    return parameter.grad is not None and parameter.grad.is_sparse


def _everybodys(gradient: Tensor, ranks: Ranks) -> Tensor:
    mine = write_tensors({"rows": gradient._indices(), "values": gradient._values()})
    told = [read_tensors(each)[0] for each in ranks.gather(mine)]
    rows, values = torch.cat([each["rows"] for each in told], 1), torch.cat([each["values"] for each in told])
    summed = torch.sparse_coo_tensor(rows, values, gradient.shape, device=gradient.device, check_invariants=False)
    return merge_rows(summed)


def touched(parameters: Iterable[Tensor], optimizer: Optimizer) -> Iterator[Tensor]:
    """Yield what a step changed: whole weights, or the rows of them that the optimiser holds back."""
    held = optimizer.held if isinstance(optimizer, RowOptimizer) else []
    tables = {id(rows.of) for rows in held}
    yield from (rows.changed for rows in held)
    yield from (parameter for parameter in parameters if id(parameter) not in tables)


class Before(NamedTuple):
    """What the step of an optimiser changes at once, as it was; what it holds back is still so."""

    weights: list[tuple[Tensor, Tensor | None]]
    memory: list[tuple[Tensor, Tensor]]
    is_first: bool

    @classmethod
    def of(cls, parameters: Iterable[Tensor], optimizer: Optimizer) -> Self:
        """Remember the weights and what the optimiser remembers of them, of tables only what is not a row."""
        found = cls([], [], not optimizer.state)
        for parameter in parameters:
            is_held = _is_sparse(parameter)
            found.weights.append((parameter, None if is_held else parameter.detach().clone()))
            memory = (kept for kept in optimizer.state.get(parameter, {}).values() if isinstance(kept, Tensor))
            found.memory.extend((kept, kept.clone()) for kept in memory if not is_held or not kept.dim())
        return found

    def changes(self, optimizer: Optimizer) -> list[tuple[Tensor, Tensor]]:
        """Return the weights as they will be and as they were, in the order given; of tables, the changed rows."""
        held = {id(rows.of): rows for rows in optimizer.held} if isinstance(optimizer, RowOptimizer) else {}
        found = []
        for parameter, copy in self.weights:
            rows = held.get(id(parameter))
            was = copy if copy is not None else parameter.detach()[rows.which] if rows else parameter.detach()
            found.append((rows.changed if rows else parameter.detach(), was))
        return found

    def put_back(self, optimizer: Optimizer) -> None:
        """Make everything again as it was."""
        with torch.no_grad():
            for tensor, copy in (*self.weights, *self.memory):
                if copy is not None:
                    tensor.copy_(copy)
        if isinstance(optimizer, RowOptimizer):
            optimizer.held.clear()
        if self.is_first:
            optimizer.state.clear()


def settle_step(optimizer: Optimizer) -> None:
    """Write the rows that a valid step held back."""
    if isinstance(optimizer, RowOptimizer):
        optimizer.put()
