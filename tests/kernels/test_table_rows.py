"""Rows of tables are brought together, taken and put as PyTorch's own operations do it, on any number of threads."""

import numpy as np
import pytest
import torch

from statewise.kernels import extension, using
from statewise.kernels.table_rows import merge_rows, put_rows, take_rows


def some_gradient(count: int, width: int, choices: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(count)
    numbers = torch.randint(choices, (1, count), generator=generator)
    values = torch.randn(count, width, generator=generator)
    return torch.sparse_coo_tensor(numbers, values, (choices, width), check_invariants=True)


@pytest.mark.parametrize("sizes", [(0, 3, 5), (1, 1, 1), (40, 3, 7), (5000, 33, 3000), (300, 5, 500_000)])
def test_a_row_named_more_than_once_has_the_sum_in_the_order_given(sizes: tuple[int, int, int]) -> None:
    gradient, before = some_gradient(*sizes), torch.get_num_threads()
    found = []
    for threads in (1, 3):
        torch.set_num_threads(threads)
        found.append(merge_rows(gradient))
    torch.set_num_threads(before)
    numbers, values = gradient._indices()[0].numpy(), gradient._values().numpy()
    which, whose = np.unique(numbers, return_inverse=True)
    wanted = np.zeros((len(which), values.shape[1]), np.float32)
    np.add.at(wanted, whose, values)  # one behind another
    with using("reference"):
        torch.testing.assert_close(merge_rows(gradient).to_dense()[which], torch.from_numpy(wanted))
    for merged in found:
        assert merged.is_coalesced()
        assert merged.indices()[0].tolist() == which.tolist()
        if extension.instructions():
            assert torch.equal(merged.values(), torch.from_numpy(wanted))


def test_what_is_merged_already_or_is_no_table_goes_its_usual_way() -> None:
    merged = some_gradient(40, 3, 7).coalesce()
    assert merge_rows(merged) is merged
    cells = torch.sparse_coo_tensor(torch.tensor([[1, 1], [0, 0]]), torch.ones(2), (2, 2), check_invariants=True)
    assert merge_rows(cells).values().tolist() == [2.0]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_rows_are_taken_and_put_where_they_lie(dtype: torch.dtype) -> None:
    tables = [torch.randn(900, width, dtype=dtype) for width in (33, 1, 100)]
    which = torch.randperm(900)[:700]
    taken = take_rows(tables, which)
    for table, rows in zip(tables, taken, strict=True):
        assert torch.equal(rows, table[which])
    before = [table.clone() for table in tables]
    put_rows(tables, which, [rows + 1 for rows in taken])
    for table, old in zip(tables, before, strict=True):
        old[which] += 1
        assert torch.equal(table, old)
