"""A clockwork network changes each unit when its period is due, and lets the slow ones guide the fast."""

import pytest
import torch

from statewise.cells import Clockwork, ClockworkState, Elman
from statewise.errors import UsageError

T, B, D, H = 7, 3, 5, 4


def test_each_unit_changes_when_its_period_is_due_and_only_then() -> None:
    cell = Clockwork(D, H, periods=(1, 3))
    ys, _ = cell.scan(torch.randn(T, B, D), cell.initial(B))
    changed = (ys[1:] != ys[:-1]).all(dim=1)
    kept = (ys[1:] == ys[:-1]).all(dim=1)
    due = torch.tensor([[True, True, t % 3 == 0, t % 3 == 0] for t in range(1, T)])
    assert torch.equal(changed, due)
    assert torch.equal(kept, ~due)
    assert (ys[0] != 0).all()


def test_a_unit_hears_no_unit_faster_than_itself() -> None:
    cell = Clockwork(D, H, periods=(1, 2))
    x, hidden = torch.randn(B, D), torch.randn(B, H, requires_grad=True)
    y, _ = cell.step(x, ClockworkState(hidden, torch.zeros(B, dtype=torch.long)))
    (from_slow,) = torch.autograd.grad(y[:, 2:].sum(), hidden, retain_graph=True)
    (from_fast,) = torch.autograd.grad(y[:, :2].sum(), hidden)
    assert not from_slow[:, :2].any()
    assert from_slow[:, 2:].all()
    assert from_fast.all()


def test_with_one_period_of_one_it_is_elmans_network() -> None:
    cell, simple = Clockwork(D, H, periods=(1,)), Elman(D, H)
    simple.load_state_dict(cell.state_dict())
    xs = torch.randn(T, B, D)
    torch.testing.assert_close(cell.scan(xs, cell.initial(B))[0], simple.scan(xs, simple.initial(B))[0])


def test_each_row_keeps_its_own_time() -> None:
    cell = Clockwork(D, H)
    reset, mask = torch.zeros(T, B, dtype=torch.bool), torch.ones(T, B, dtype=torch.bool)
    reset[4, 0] = True
    mask[5:, 1] = False
    _, last = cell.scan(torch.randn(T, B, D), cell.initial(B), reset=reset, mask=mask)
    assert last.steps.tolist() == [3, 5, 7]


def test_units_are_shared_out_evenly_over_the_periods() -> None:
    assert Clockwork(D, 7, periods=(1, 2, 4)).period.tolist() == [1, 1, 1, 2, 2, 4, 4]
    assert Clockwork(1, 1).period.tolist() == [1]


@pytest.mark.parametrize("periods", [(), (2, 0)])
def test_periods_that_cannot_be_are_named(periods: tuple[int, ...]) -> None:
    with pytest.raises(UsageError, match=r"periods \(.*\) were given: give one or more of at least 1"):
        Clockwork(D, H, periods=periods)
