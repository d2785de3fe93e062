"""What does not fit is left to the readable loop, or refused, before native code reads or writes beyond anything."""

from typing import Any

import pytest
import torch
from torch import nn

from statewise.cells import GRU, LSTM, Elman, LayerNormLSTM, PeepholeLSTM, ProjectedLSTM
from statewise.kernels import native
from statewise.kernels.extension import _native
from statewise.kernels.native import CELLS, NativeOp
from statewise.kernels.op import ScanInputs
from statewise.kernels.table_rows import merge_rows, put_rows, take_rows
from statewise.state import leaves

T, B, D, H = 7, 3, 5, 4

pytestmark = pytest.mark.skipif(native.Program is None, reason="installed without native kernels")

MAKERS: list[Any] = [Elman, LSTM, GRU, PeepholeLSTM, LayerNormLSTM, ProjectedLSTM]


def given_to(cell: Any) -> ScanInputs:
    state = leaves(cell.initial(B))
    return ScanInputs(torch.randn(T, B, D), state, state, cell.weights(), None, None)


@pytest.mark.parametrize("make", MAKERS, ids=range(len(MAKERS)))
def test_tensors_of_other_shapes_are_not_taken(make: Any) -> None:
    cell = make(D, H)
    op, given = NativeOp(CELLS.index(cell.recurrence)), given_to(cell)
    assert op.takes(given)
    for at, weights in enumerate(given.weights):
        for wrong in (weights[:-1], weights.reshape(-1)[:-1], weights[None], weights[:0]):
            assert not op.takes(given._replace(weights=(*given.weights[:at], wrong, *given.weights[at + 1 :])))
    assert not op.takes(given._replace(weights=given.weights[:-1]))
    assert not op.takes(given._replace(xs=torch.randn(T, B + 1, D)))
    assert not op.takes(given._replace(xs=torch.randn(T, B, D + 1)))
    fewer = tuple(leaf[:-1] for leaf in given.state)
    assert not op.takes(given._replace(state=fewer))
    assert not op.takes(given._replace(fresh=fewer))
    for places in (torch.zeros(T, B + 1).bool(), torch.zeros(B, T).bool(), torch.zeros(T, B)):
        assert not op.takes(given._replace(mask=places))
        assert not op.takes(given._replace(reset=places))


@pytest.mark.parametrize("make", [Elman, LSTM, GRU])
def test_a_cell_whose_weights_were_replaced_by_smaller_ones_is_read_by_no_kernel(make: Any) -> None:
    cell = make(D, H)
    cell.recurrent_weights = nn.Parameter(torch.randn(4, 1))
    with pytest.raises(RuntimeError, match=r"shapes cannot be multiplied|must match"):
        cell.scan(torch.randn(T, B, D), cell.initial(B))
    assert cell.kernel == "reference"


@pytest.mark.parametrize("number", [9, -1, 2**40, -(2**63)])
def test_a_row_that_a_table_lacks_is_neither_read_nor_written(number: int) -> None:
    tables, which = [torch.zeros(9, D), torch.zeros(9, 1)], torch.tensor([3, number])
    with pytest.raises(ValueError, match="the number of a row is out of bounds"):
        take_rows(tables, which)
    with pytest.raises(ValueError, match="the number of a row is out of bounds"):
        put_rows(tables, which, [torch.ones(2, D), torch.ones(2, 1)])
    assert not any(bool(table.any()) for table in tables)
    gradient = torch.sparse_coo_tensor(which[None], torch.ones(2, D), (9, D), check_invariants=False)
    with pytest.raises(ValueError, match="the number of a row is out of bounds"):
        merge_rows(gradient)


def test_rows_of_another_width_are_refused() -> None:
    with pytest.raises(ValueError, match="are not"):
        put_rows([torch.zeros(9, D)], torch.tensor([3]), [torch.ones(1, D - 1)])
    with pytest.raises(ValueError, match="is not a product of"):
        native.product(torch.ones(2, 3), torch.ones(4, 2), torch.ones(2, 4))


def test_native_code_bounds_what_it_is_given_once_more() -> None:
    for wrong in (-1, len(CELLS)):
        with pytest.raises(ValueError, match="out of bounds"):
            _native.form(wrong)
    for steps, rows in ((-1, 2), (2, -1), (2**30, 2), (2**31 - 1, 1)):
        with pytest.raises(ValueError, match="out of bounds"):
            _native.Schedule(steps, rows, 0, 0)
    with pytest.raises(ValueError, match="out of bounds"):
        _native.lend(-1)
    with pytest.raises(ValueError, match="out of bounds"):
        _native.scan([-1, 1, 1, 0], [0] * 6, [0, 0], [0] * 4, 1)
    for sizes in ([0, 1, 1, 1, 0, 0], [1, 1, 1, 1, 9, 0], [2**20, 2**20, 1, 1, 0, 0]):
        with pytest.raises(ValueError, match="out of bounds"):
            _native.rank(sizes, 0.0, [0] * 6, [0] * 4, 1)
