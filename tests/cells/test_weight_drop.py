"""A cell reads a whole sequence with the same weights missing, and each row with those of its own seed."""

import pytest
import torch

from statewise.cells import GRU, LSTM, Chain, Elman, LayerNorm, WeightDrop
from statewise.errors import UsageError
from statewise.state import select_rows, stack

T, B, D, H = 7, 3, 5, 4


def linear_cell(units: int, rate: float) -> WeightDrop:
    """A cell whose every output tells which of its weights are there: all are one, and nothing is squashed."""
    part = Elman(1, units, activation="relu")
    with torch.no_grad():
        part.recurrent_weights.fill_(1)
    return WeightDrop(part, rate)


def test_the_share_of_weights_that_is_missing_is_the_rate_and_the_rest_makes_up_for_it() -> None:
    torch.manual_seed(0)
    cell = linear_cell(100, 0.2)
    state = cell.initial(1)
    state = state._replace(part=state.part._replace(hidden=torch.ones(1, 100)))
    with torch.no_grad():
        y, _ = cell.step(torch.zeros(1, 1), state)
    there = y * 0.8
    torch.testing.assert_close(there, there.round(), rtol=0, atol=1e-4)
    assert float(y.mean()) == pytest.approx(100, rel=0.02)
    assert len(set(there.round().flatten().tolist())) > 5


def test_the_same_weights_are_missing_at_every_step_of_a_sequence_and_others_in_the_next() -> None:
    cell, xs = WeightDrop(LSTM(D, H), 0.5), torch.randn(T, B, D)
    state = cell.initial(B)
    ys, last = cell.scan(xs, state)
    assert torch.equal(last.seed, state.seed)
    assert torch.equal(cell.scan(xs, state)[0], ys)
    assert not torch.equal(cell.scan(xs, cell.initial(B))[0], ys)


def test_rows_of_different_seeds_read_side_by_side_as_they_would_alone() -> None:
    cell, xs = WeightDrop(Chain(GRU(D, 6), LSTM(6, H)), 0.5), torch.randn(T, 4, D)
    one, other = cell.initial(2), cell.initial(2)
    order = torch.tensor([2, 0, 3, 1])
    ys, last = cell.scan(xs, select_rows(stack([one, other]), order))
    for rows, state in ((torch.tensor([1, 3]), one), (torch.tensor([0, 2]), other)):
        alone, end = cell.scan(xs[:, rows], state)
        torch.testing.assert_close(ys[:, rows], alone)
        torch.testing.assert_close(select_rows(last, rows), end)


def test_in_evaluation_and_from_a_state_of_evaluation_no_weight_is_missing() -> None:
    cell, xs = WeightDrop(GRU(D, H), 0.5), torch.randn(T, B, D)
    trained = cell.initial(B)
    expected, _ = cell.part.scan(xs, trained.part)
    cell.eval()
    plain = cell.initial(B)
    assert torch.equal(cell.scan(xs, trained)[0], expected)
    torch.testing.assert_close(cell.step(xs[0], trained)[0], expected[0])
    cell.train()
    assert torch.equal(cell.scan(xs, plain)[0], expected)


def test_the_weights_themselves_stay_and_train() -> None:
    cell = WeightDrop(GRU(D, H), 0.5)
    before = cell.part.recurrent_weights.clone()  # type: ignore[operator]
    ys, _ = cell.scan(torch.randn(T, B, D), cell.initial(B))
    grads = torch.autograd.grad(ys.sum(), list(cell.parameters()))
    assert torch.equal(cell.part.recurrent_weights, before)  # type: ignore[arg-type]
    assert all(grad.any() for grad in grads)
    assert [name for name, _ in cell.named_parameters()][1] == "part.recurrent_weights"


def test_a_part_without_recurrent_weights_is_refused() -> None:
    with pytest.raises(UsageError, match="a LayerNorm has no weights named 'recurrent_weights' to drop: give a cell"):
        WeightDrop(LayerNorm(D), 0.5)
    with pytest.raises(UsageError, match=r"WeightDrop was given the rate 1 where"):
        WeightDrop(GRU(D, H), 1)


def test_the_state_of_the_bare_part_is_refused_by_name() -> None:
    cell = WeightDrop(GRU(D, H), 0.5)
    with pytest.raises(
        UsageError, match=r"WeightDrop was given GRUState\(hidden\) where WeightDropState\(part, seed\)"
    ):
        cell.scan(torch.randn(T, B, D), cell.part.initial(B))
