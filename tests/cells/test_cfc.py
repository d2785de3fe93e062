"""A closed-form cell moves from one value to another as time passes."""

import pytest
import torch
from torch import Tensor

from statewise.cells import CfC, CfCState
from statewise.errors import UsageError

T, B, D, H = 7, 3, 5, 4


def shaken(cell: CfC) -> CfC:
    torch.manual_seed(0)
    cell = cell.double()
    with torch.no_grad():
        for weights in cell.parameters():
            weights.add_(torch.randn_like(weights), alpha=0.5)
    return cell


def after(cell: CfC, x: Tensor, h: Tensor, elapsed: float) -> Tensor:
    return cell.step(torch.cat([x, x.new_full((B, 1), elapsed)], dim=-1), CfCState(h))[0]


def test_without_times_every_step_is_one() -> None:
    timed, even = shaken(CfC(D + 1, H, timed=True, hidden_units=6)), CfC(D, H, hidden_units=6).double()
    even.load_state_dict(timed.state_dict())
    xs = torch.randn(T, B, D, dtype=torch.float64)
    ys, _ = even.scan(xs, even.initial(B))
    clocked = torch.cat([xs, torch.ones(T, B, 1, dtype=torch.float64)], dim=-1)
    assert torch.equal(timed.scan(clocked, timed.initial(B))[0], ys)
    clocked[3, 1, -1] = 2
    uneven, _ = timed.scan(clocked, timed.initial(B))
    assert torch.equal(uneven[:3], ys[:3])
    assert not torch.isclose(uneven[3, 1], ys[3, 1]).any()
    assert torch.equal(uneven[:, 2], ys[:, 2])


def test_a_closed_form_cell_moves_along_a_sigmoid_of_time() -> None:
    cell = shaken(CfC(D + 1, H, timed=True, hidden_units=6))
    x, h = torch.randn(B, D, dtype=torch.float64), torch.randn(B, H, dtype=torch.float64)
    s = 1.7159 * torch.tanh(2 / 3 * (torch.cat([x, h], dim=-1) @ cell.hidden_weights.T + cell.hidden_bias))
    g, k, a, e = (s @ cell.output_weights.T + cell.output_bias).chunk(4, dim=-1)
    for elapsed in (0.0, 0.25, 3.0):
        share = torch.sigmoid(a * elapsed + e)
        expected = (1 - share) * g.tanh() + share * k.tanh()
        torch.testing.assert_close(after(cell, x, h, elapsed), expected, rtol=1e-10, atol=1e-10)
    settled = torch.where(a > 0, k, g).tanh()
    torch.testing.assert_close(after(cell, x, h, 1e6), settled)


def test_a_timed_cell_that_would_see_nothing_is_refused() -> None:
    with pytest.raises(UsageError, match="a timed cell of 1 feature was asked for: give 2 or more, the last one the"):
        CfC(1, H, timed=True)
