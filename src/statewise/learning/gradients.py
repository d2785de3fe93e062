"""Gradients as plain tensors, also where a table of a million rows has one in the few that were read."""

from collections.abc import Iterator
from typing import NamedTuple, Self, cast

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from statewise.distributed import Ranks
from statewise.state import read_tensors, write_tensors


def settle(model: nn.Module) -> None:
    """Bring each sparse gradient of a model to one entry a row, so that its numbers can be read and scaled in place."""
    for parameter in model.parameters():
        if parameter.grad is not None and parameter.grad.is_sparse:
            parameter.grad = parameter.grad.coalesce()


def numbers(gradient: Tensor) -> Tensor:
    """Return the numbers of a settled gradient: all of them, or those of its rows; they are changed in place."""
    return gradient._values() if gradient.is_sparse else gradient


def gradients(model: nn.Module) -> list[Tensor]:
    """Return the numbers of every gradient of a model that has one.

    >>> table = nn.Embedding(9, 2, sparse=True)
    >>> table(torch.tensor([4, 1, 4])).sum().backward(), settle(table), gradients(table)
    (None, None, [tensor([[1., 1.],
            [2., 2.]])])
    """
    return [numbers(parameter.grad) for parameter in model.parameters() if parameter.grad is not None]


def add_up(model: nn.Module, ranks: Ranks) -> None:
    """Make each gradient of a model the sum of those that all processes have; of a table, of the rows read by any."""
    if ranks.count == 1:
        return
    held = [parameter for parameter in model.parameters() if parameter.grad is not None]
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
    return summed.coalesce()


def touched(model: nn.Module) -> Iterator[Tensor]:
    """Yield what an update with the gradients as they are changes: whole weights, or rows of them."""
    for parameter in model.parameters():
        rows = rows_of(parameter)
        yield parameter if rows is None else parameter.detach()[rows]


def rows_of(parameter: Tensor) -> Tensor | None:
    """Return the rows in which a parameter has a gradient, where that is sparse."""
    return parameter.grad._indices()[0] if parameter.grad is not None and _is_sparse(parameter) else None


class Before(NamedTuple):
    """What the step of an optimiser changes, as it was: of a table, only the rows that it is about to touch."""

    weights: list[tuple[Tensor, Tensor | None, Tensor]]
    memory: list[tuple[Tensor, Tensor | None, Tensor]]

    @classmethod
    def of(cls, model: nn.Module, optimizer: Optimizer) -> Self:
        """Remember the weights and what the optimiser remembers of them."""
        found = cls([], [])
        for parameter in model.parameters():
            rows = rows_of(parameter)
            found.weights.append((parameter, rows, _copy(parameter, rows)))
            for kept in _memory(optimizer, parameter):
                of_it = rows if kept.shape == parameter.shape else None
                found.memory.append((kept, of_it, _copy(kept, of_it)))
        return found

    def put_back(self, optimizer: Optimizer) -> None:
        """Make everything again as it was."""
        with torch.no_grad():
            for tensor, rows, copy in (*self.weights, *self.memory):
                if rows is None:
                    tensor.copy_(copy)
                else:
                    tensor.index_copy_(0, rows, copy)
        if not self.memory:
            optimizer.state.clear()


def _memory(optimizer: Optimizer, parameter: Tensor) -> list[Tensor]:
    return [kept for kept in optimizer.state.get(parameter, {}).values() if isinstance(kept, Tensor)]


def _copy(tensor: Tensor, rows: Tensor | None) -> Tensor:
    return tensor.detach().clone() if rows is None else tensor.detach()[rows]
