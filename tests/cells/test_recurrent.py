"""What every recurrence promises beside the laws: its errors name the mistake, and padding may hold anything."""

from typing import Any

import pytest
import torch
from torch import Tensor

from statewise.cells import GRU, LRU, LSTM, MLSTM, RGLRU, Cell, Chain, Elman, MinGRU, MinLSTM, Recurrent
from statewise.cells.initializers import glorot, orthogonal, zeros
from statewise.errors import UsageError

T, B, D, H = 7, 3, 5, 4
CELLS: list[Recurrent[Any]] = [
    Elman(D, H),
    LSTM(D, H),
    GRU(D, H),
    MinGRU(D, H),
    MinLSTM(D, H),
    LRU(D, H),
    RGLRU(D, H),
    MLSTM(D, H, heads=2),
    Chain(LSTM(D, H), GRU(H, 2)),
]


class Sum(Cell[Tensor]):
    """The shortest of cells: it adds up what it reads, has no weights, and its state is one tensor."""

    features = units = D

    def initial(self, rows: int) -> Tensor:
        return torch.zeros(rows, D)

    def step(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        return state + x, state + x


def name_of(cell: Recurrent[Any]) -> str:
    return type(cell).__name__


@pytest.mark.parametrize("cell", CELLS, ids=name_of)
@pytest.mark.parametrize("shape", [(T, B, 6), (B, D), (D,), (T, B, 1, D)])
def test_a_sequence_of_the_wrong_shape_is_named_with_the_right_one(cell: Recurrent[Any], shape: tuple[int]) -> None:
    message = rf"{name_of(cell)} reads sequences \[T, B, 5\] but was given \[{', '.join(map(str, shape))}\]"
    with pytest.raises(UsageError, match=message):
        cell.scan(torch.zeros(shape), cell.initial(B))


@pytest.mark.parametrize("cell", CELLS, ids=name_of)
@pytest.mark.parametrize("rows", [0, 1, 2])
def test_a_state_of_other_rows_is_named(cell: Recurrent[Any], rows: int) -> None:
    with pytest.raises(UsageError, match=f"{name_of(cell)} was given 3 rows to read but a state of {rows}$"):
        cell.scan(torch.zeros(T, B, D), cell.initial(rows))


@pytest.mark.parametrize("cell", CELLS, ids=name_of)
def test_rows_before_time_are_guessed_at(cell: Recurrent[Any]) -> None:
    with pytest.raises(UsageError, match=r"7 rows to read but a state of 3 \(time comes first: \[T, B, D\]"):
        cell.scan(torch.zeros(B, T, D), cell.initial(B))


def test_one_row_and_a_state_of_none_is_an_error_and_not_nothing() -> None:
    with pytest.raises(UsageError, match="given 1 rows to read but a state of 0"):
        LSTM(D, H).scan(torch.zeros(T, 1, D), LSTM(D, H).initial(0))


@pytest.mark.parametrize("cell", CELLS, ids=name_of)
def test_calling_a_recurrence_scans(cell: Recurrent[Any]) -> None:
    xs, reset, mask = torch.randn(T, B, D), torch.rand(T, B) < 0.5, torch.rand(T, B) < 0.5
    called, _ = cell(xs, cell.initial(B), reset, mask)
    scanned, _ = cell.scan(xs, cell.initial(B), reset=reset, mask=mask)
    assert torch.equal(called, scanned)


@pytest.mark.parametrize("cell", CELLS, ids=name_of)
def test_what_a_sleeping_row_is_given_may_be_no_number_at_all(cell: Recurrent[Any]) -> None:
    mask = torch.ones(T, B, dtype=torch.bool)
    mask[2, 1] = mask[6, 2] = False
    xs = torch.randn(T, B, D)
    wild = torch.where(mask.unsqueeze(-1), xs, float("nan")).requires_grad_()
    calm, _ = cell.scan(xs, cell.initial(B), mask=mask)
    ys, _ = cell.scan(wild, cell.initial(B), mask=mask)
    assert torch.equal(ys, calm)
    grads = torch.autograd.grad(ys.sum(), [wild, *cell.parameters()])
    assert all(grad.isfinite().all() for grad in grads)
    assert not grads[0][~mask].any()


def test_a_cell_of_two_methods_scans_resets_and_sleeps() -> None:
    reset, mask = torch.zeros(T, B, dtype=torch.bool), torch.ones(T, B, dtype=torch.bool)
    reset[4, 0] = True
    mask[5:, 1] = False
    ys, last = Sum().scan(torch.ones(T, B, D), torch.zeros(B, D), reset=reset, mask=mask)
    assert ys[..., 0].T.tolist() == [[1, 2, 3, 4, 1, 2, 3], [1, 2, 3, 4, 5, 0, 0], [1, 2, 3, 4, 5, 6, 7]]
    assert last[:, 0].tolist() == [3, 5, 7]


def test_a_cell_without_weights_has_none_to_give() -> None:
    assert Sum().weights() == ()
    assert Sum().recurrence is None


def test_an_abstract_recurrence_cannot_be_made() -> None:
    abstract: Any = Cell
    with pytest.raises(TypeError, match="initial"):
        abstract()


def test_an_unknown_activation_is_named_with_the_known() -> None:
    activation: Any = "tan"
    with pytest.raises(UsageError, match=r"unknown activation 'tan': did you mean 'tanh'"):
        Elman(D, H, activation=activation)


def test_the_forget_gate_of_an_lstm_starts_open() -> None:
    i, f, g, o = LSTM(D, H, forget_bias=2.5).bias.chunk(4)
    assert f.tolist() == [2.5] * H
    assert not torch.cat([i, g, o]).any()


def test_each_gate_begins_with_its_own_bounds_and_its_own_rotation() -> None:
    bound = (6 / (D + H)) ** 0.5
    assert glorot(3, H, D).shape == (3 * H, D)
    assert glorot(200, H, D).abs().max() <= bound
    assert glorot(200, H, D).abs().max() > 0.95 * bound
    for gate in orthogonal(3, H).chunk(3):
        torch.testing.assert_close(gate @ gate.T, torch.eye(H))
    assert zeros(H).tolist() == [0] * H
