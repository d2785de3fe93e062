"""What does not fit is said in one line, before anything is computed."""

from typing import Any

import pytest
import torch
from torch import Tensor

from statewise.cells import GRU, LSTM, Chain, Elman, Recurrent
from statewise.cells.recurrent import begin, reads_context
from statewise.cells.stretches import read_stretches
from statewise.errors import UsageError

T, B, D, H = 7, 3, 5, 4
CELLS: list[Recurrent[Any]] = [Elman(D, H), LSTM(D, H), GRU(D, H), Chain(LSTM(D, H), GRU(H, 2))]


def name_of(cell: Recurrent[Any]) -> str:
    return type(cell).__name__


@pytest.mark.parametrize("cell", CELLS, ids=name_of)
@pytest.mark.parametrize("what", ["reset", "mask"])
def test_places_of_the_wrong_shape_or_type_are_named(cell: Recurrent[Any], what: str) -> None:
    xs, state, name = torch.randn(T, B, D), cell.initial(B), name_of(cell)
    with pytest.raises(
        UsageError, match=rf"{name} was given a {what} of shape \[7\] where \[T, B\] = \[7, 3\] is want"
    ):
        cell.scan(xs, state, **{what: torch.ones(T, dtype=torch.bool)})
    with pytest.raises(UsageError, match=rf"a {what} of shape \[3, 7\] where .* is wanted \(time comes first\)$"):
        cell.scan(xs, state, **{what: torch.ones(B, T, dtype=torch.bool)})
    with pytest.raises(UsageError, match=rf"{name} was given a {what} of float32 where bool is wanted: .* \.bool\(\)"):
        cell.scan(xs, state, **{what: torch.ones(T, B)})


@pytest.mark.parametrize(
    ("cell", "state", "said"),
    [
        (LSTM(D, H), GRU(D, H).initial(B), r"LSTM was given GRUState\(hidden\) where LSTMState\(hidden, cell\) is wa"),
        (LSTM(D, H), tuple(LSTM(D, H).initial(B)), r"LSTM was given a tuple of 2 states where LSTMState\(hidden, cell"),
        (LSTM(D, H), None, r"LSTM was given NoneType where a nest of tensors is wanted"),
        (GRU(D, H), GRU(D, 6).initial(B), r"GRU was given a state of \[6\] a row \(hidden\) where \[4\] is wanted"),
        (
            GRU(D, H),
            GRU(D, H).double().initial(B),
            r"GRU was given a state of float64 \(hidden\) where float32 is want",
        ),
        (Chain(GRU(D, H)), torch.zeros(B, H), r"Chain was given Tensor where tuple is wanted"),
        (Chain(GRU(D, H), GRU(H, H)), (GRU(D, H).initial(B),), r"a Chain of 2 parts was given a state of 1"),
        (Chain(Elman(D, H)), (GRU(D, H).initial(B),), r"Elman was given GRUState\(hidden\) where ElmanState\(hidden\)"),
    ],
)
def test_a_state_of_another_recurrence_names_both(cell: Recurrent[Any], state: Any, said: str) -> None:
    with pytest.raises(UsageError, match=said + ".*: begin with its own initial"):
        cell.scan(torch.randn(T, B, D), state)


@pytest.mark.parametrize("cell", CELLS, ids=name_of)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_a_sequence_of_another_precision_is_refused_with_the_mend(cell: Recurrent[Any], dtype: torch.dtype) -> None:
    short = str(dtype).removeprefix("torch.")
    message = (
        rf"{name_of(cell)} computes in float32 but was given a sequence of {short}: .* weights with .to\({dtype}\)"
    )
    with pytest.raises(UsageError, match=message):
        cell.scan(torch.zeros(T, B, D, dtype=dtype), cell.initial(B))


def test_codes_where_features_are_wanted_are_refused() -> None:
    with pytest.raises(
        UsageError, match=r"was given a sequence of int64: convert the sequence with .to\(torch.float32\)$"
    ):
        LSTM(D, H).scan(torch.zeros(T, B, D, dtype=torch.int64), LSTM(D, H).initial(B))


@pytest.mark.parametrize("cell", CELLS, ids=name_of)
def test_mixed_precision_is_not_mistaken_for_a_mistake(cell: Recurrent[Any]) -> None:
    with torch.autocast("cpu", dtype=torch.bfloat16):
        ys, state = cell.scan(torch.randn(T, B, D), cell.initial(B))
        cell.scan(torch.randn(T, B, D, dtype=torch.bfloat16), state)
    assert ys.isfinite().all()


def test_a_context_goes_where_one_is_read_and_else_nowhere() -> None:
    chain = Chain(LSTM(D, H), GRU(H, 2))
    assert not reads_context(chain)
    assert len(begin(chain, B, context=torch.ones(B, 2))) == 2


def test_blank_has_the_type_of_the_weights() -> None:
    assert GRU(D, H).double().blank(B, 2).dtype == torch.float64
    assert GRU(D, H).blank(B, 2).shape == (B, 2)


def test_stretches_heed_no_reset_while_asleep_and_no_row_but_the_one_told() -> None:
    def add_up(xs: Tensor, state: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor]:
        ys = state + xs.cumsum(0)
        return ys, ys[-1] if len(ys) else state

    reset, mask = torch.zeros(T, 2, dtype=torch.bool), torch.ones(T, 2, dtype=torch.bool)
    reset[0, 0] = reset[4, 1] = reset[5, 1] = True
    mask[5, 1] = False
    ys, last = read_stretches(add_up, torch.ones(T, 2), torch.full((2,), 10.0), torch.zeros, reset, mask)
    assert ys.T.tolist() == [[1, 2, 3, 4, 5, 6, 7], [11, 12, 13, 14, 1, 2, 3]]
    assert last.tolist() == [7, 3]
    ys, last = read_stretches(add_up, torch.ones(0, 2), torch.ones(2), torch.zeros, reset[:0], mask[:0])
    assert last.tolist() == [1, 1]
