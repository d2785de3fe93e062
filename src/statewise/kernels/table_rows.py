"""Some rows of large tables: merged, gathered and written back; in native code where it is available."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.autograd.graph import increment_version

from statewise.kernels.choice import allowed
from statewise.kernels.extension import _native
from statewise.kernels.native_tensors import room, whole


def merge_rows(gradient: Tensor) -> Tensor:
    """Return a sparse gradient of a table with one entry a row, rising, each the sum of all that name it, in order.

    Shapes: the table `[V, D]`, of which the gradient has some rows.

    >>> twice = torch.sparse_coo_tensor(torch.tensor([[4, 1, 4]]), torch.ones(3, 2), (9, 2), check_invariants=True)
    >>> merge_rows(twice).indices(), merge_rows(twice).values()
    (tensor([[1, 4]]), tensor([[1., 1.],
            [2., 2.]]))
    """
    values = gradient._values()
    if gradient.is_coalesced() or gradient.sparse_dim() != 1 or values.dim() != 2 or not _takes(values):
        return gradient.coalesce()
    numbers, values = gradient._indices()[0].contiguous(), values.contiguous()
    which, sums = torch.empty_like(numbers), room(*values.shape)
    addresses = [tensor.data_ptr() for tensor in (numbers, values, which, sums)]
    rows, width = values.shape
    count = _native.merge_rows(rows, width, gradient.shape[0], addresses, torch.get_num_threads())
    found = which[:count].unsqueeze(0), sums[:count]
    return torch.sparse_coo_tensor(*found, gradient.shape, is_coalesced=True, check_invariants=False)


def take_rows(tables: Sequence[Tensor], which: Tensor) -> list[Tensor]:
    """Return the rows of that number of each table.

    >>> take_rows([torch.arange(3.0).view(3, 1)], torch.tensor([2, 0]))
    [tensor([[2.],
            [0.]])]
    """
    if not all(_takes(table) and table.is_contiguous() for table in tables):
        return [table.index_select(0, which) for table in tables]
    taken = [room(len(which), *table.shape[1:]) for table in tables]
    _copy(tables, which, taken, put=False)
    return taken


def put_rows(tables: Sequence[Tensor], which: Tensor, rows: Sequence[Tensor]) -> None:
    """Put rows, each of another number, where `take_rows` would take them from."""
    if not all(_takes(table) and table.is_contiguous() for table in tables):
        for table, changed in zip(tables, rows, strict=True):
            table.index_copy_(0, which, changed)
        return
    _copy(tables, which, [whole(changed) for changed in rows], put=True)
    increment_version(tables)  # native code writes without PyTorch's knowing


def _takes(tensor: Tensor) -> bool:
    plain = tensor.dtype == torch.float32 and tensor.device.type == "cpu" and tensor.dim() > 0 and not tensor.is_neg()
    return _native is not None and plain and allowed("native")


def _copy(tables: Sequence[Tensor], which: Tensor, rows: Sequence[Tensor], *, put: bool) -> None:
    """Copy rows. Raises `ValueError` where a table has no such row, or the rows are not as wide as it."""
    of = []
    for table, some in zip(tables, rows, strict=True):
        if some.shape != (len(which), *table.shape[1:]) or not _takes(some) or which.dtype != torch.int64:
            raise ValueError(f"{len(which)} rows of {list(table.shape)} are not {list(some.shape)} of {some.dtype}")
        of.append((table.data_ptr(), some.data_ptr(), len(table), math.prod(table.shape[1:])))
    which = which.contiguous()
    _native.copy_rows(len(which), which.data_ptr(), of, put, torch.get_num_threads())
