"""The cells that read all steps at once: the same as step by step over thousands, whatever begins anew or sleeps."""

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch

from statewise.cells import (
    LRU,
    MLSTM,
    RGLRU,
    LRUState,
    MinGRU,
    MinGRUState,
    MinLSTM,
    MinLSTMState,
    QueryReduction,
    Recurrent,
    RGLRUState,
)
from statewise.cells.min_gru import log_positive, positive
from statewise.errors import UsageError
from statewise.state import leaves, map_leaves, where_rows

T, B, D, H = 7, 3, 5, 4
LONG = 4096
CELLS: dict[str, Callable[[], Recurrent[Any]]] = {
    "query-reduction": lambda: QueryReduction(H),
    "min-gru": lambda: MinGRU(D, H),
    "min-lstm": lambda: MinLSTM(D, H),
    "lru": lambda: LRU(D, H, modes=6),
    "rg-lru": lambda: RGLRU(D, H),
    "mlstm": lambda: MLSTM(D, H, heads=2),
}
SHAKEN = dict.fromkeys(CELLS, 1.0)
# Under large weights what an mLSTM divides by is a small difference of large numbers, so that its very steps are off by
# more than 1e-5: there its scan is held to the exact result instead, below.
SHAKEN["mlstm"] = 0.2


def shake(cell: Recurrent[Any], size: float) -> None:
    """Move every weight of a cell from where it begins."""
    with torch.no_grad():
        for weights in cell.parameters():
            weights.add_(torch.randn_like(weights), alpha=size)


@pytest.fixture(params=CELLS)
def cell(request: pytest.FixtureRequest) -> Recurrent[Any]:
    torch.manual_seed(0)
    made = CELLS[request.param]()
    shake(made, SHAKEN[request.param])
    return made


@torch.no_grad()
def stepped(cell: Recurrent[Any], xs: torch.Tensor, state: Any, reset: torch.Tensor, mask: torch.Tensor) -> Any:
    """Read step by step, which is the specification."""
    ys, fresh = [], cell.initial(xs.shape[1])
    for x, begins, wakes in zip(xs, reset, mask, strict=True):
        y, new = cell.step(x, where_rows(begins, fresh, state))
        state = where_rows(wakes, new, state)
        ys.append(y * wakes.unsqueeze(-1))
    return torch.stack(ys), state


@pytest.mark.parametrize("chance", [0.0, 0.002, 0.2])
def test_four_thousand_steps_at_once_equal_four_thousand_steps(cell: Recurrent[Any], chance: float) -> None:
    xs, state = torch.randn(LONG, B, cell.features), map_leaves(torch.randn_like, cell.initial(B))
    state = map_leaves(lambda leaf: leaf.abs(), state)
    reset, mask = torch.rand(LONG, B) < chance, torch.rand(LONG, B) >= chance
    with torch.no_grad():
        ys, last = cell.scan(xs, state, reset=reset, mask=mask)
    expected, end = stepped(cell, xs, state, reset, mask)
    assert expected.abs().max() > 0.1
    for found, wanted in zip((ys, *leaves(last)), (expected, *leaves(end)), strict=True):
        assert (found - wanted).norm() <= 1e-5 * wanted.norm()


@pytest.mark.parametrize("seed", range(3))
def test_under_large_weights_an_mlstm_is_as_exact_at_once_as_step_by_step(seed: int) -> None:
    torch.manual_seed(seed)
    cell = MLSTM(D, H, heads=2)
    shake(cell, 1.0)
    exact = copy.deepcopy(cell).double()
    xs, never, always = torch.randn(LONG, B, cell.features), torch.zeros(LONG, B).bool(), torch.ones(LONG, B).bool()
    with torch.no_grad():
        at_once, _ = cell.scan(xs, cell.initial(B))
        exact_at_once, _ = exact.scan(xs.double(), exact.initial(B))
    by_step, _ = stepped(cell, xs, cell.initial(B), never, always)
    exactly, _ = stepped(exact, xs.double(), exact.initial(B), never, always)
    assert (exact_at_once - exactly).norm() <= 1e-10 * exactly.norm()
    assert (at_once - exactly).norm() <= 2 * (by_step - exactly).norm()


def test_gradients_stay_numbers_over_thousands_of_steps_with_resets_and_sleep(cell: Recurrent[Any]) -> None:
    xs = (10 * torch.randn(LONG, B, cell.features)).requires_grad_()
    reset, mask = torch.rand(LONG, B) < 0.1, torch.rand(LONG, B) >= 0.1
    reset[0], mask[:3, 0] = True, False
    ys, last = cell.scan(xs, cell.initial(B), reset=reset, mask=mask)
    ends = ys.sum() + torch.stack([leaf.sum() for leaf in leaves(last)]).sum()
    grads = torch.autograd.grad(ends, [xs, *cell.parameters()])
    assert all(grad.isfinite().all() for grad in grads)
    assert all(grad.any() for grad in grads)


def test_a_minimal_gru_is_a_mean_of_what_it_was_and_what_it_reads() -> None:
    cell = MinGRU(1, 1).double()
    with torch.no_grad():
        cell.input_weights.copy_(torch.tensor([[0.0], [1.0]]))
        cell.bias.copy_(torch.tensor([1.0986122886681098, 0.0]))  # sigmoid(log 3) is three quarters
    y, _ = cell.step(torch.tensor([[1.5]]).double(), MinGRUState(torch.tensor([[4.0]]).double()))
    torch.testing.assert_close(y, torch.tensor([[0.25 * 4 + 0.75 * 2]]).double())


def test_the_gates_of_a_minimal_lstm_share_what_there_is() -> None:
    cell = MinLSTM(1, 1).double()
    with torch.no_grad():
        cell.input_weights.copy_(torch.tensor([[0.0], [0.0], [1.0]]))
        cell.bias.copy_(torch.tensor([1.0986122886681098, 0.0, 0.0]))  # f is three quarters and i is a half
    y, _ = cell.step(torch.tensor([[1.5]]).double(), MinLSTMState(torch.tensor([[4.0]]).double()))
    torch.testing.assert_close(y, torch.tensor([[0.6 * 4 + 0.4 * 2]]).double())
    assert MinLSTM(D, H, forget_bias=2.5).bias.tolist() == [2.5] * H + [0.0] * 2 * H


def test_a_candidate_is_positive_and_its_logarithm_exact() -> None:
    x = torch.linspace(-20, 20, 41, dtype=torch.float64)
    assert (positive(x) > 0).all()
    torch.testing.assert_close(log_positive(x), positive(x).log())


def test_the_modes_of_a_linear_unit_begin_in_their_ring_and_never_grow() -> None:
    cell = LRU(D, H, modes=500, smallest_radius=0.6, largest_radius=0.9, largest_phase=0.5)
    decay = cell.decay()
    assert (decay.abs() >= 0.599).all()
    assert (decay.abs() <= 0.901).all()
    assert decay.abs().max() - decay.abs().min() > 0.28
    assert (decay.angle() >= 0).all()
    assert 0.45 < decay.angle().max() <= 0.501
    torch.testing.assert_close(cell.log_gain.exp(), (1 - decay.abs().square()).sqrt())
    with torch.no_grad():
        cell.log_rate.copy_(torch.linspace(-5, 5, 500))
    assert (cell.decay().abs() < 1).all()


def test_a_mode_of_a_linear_unit_turns_and_shrinks() -> None:
    cell = LRU(1, 2, modes=1).double()
    with torch.no_grad():
        cell.output_weights.copy_(torch.eye(2))
        cell.direct_weights.zero_()
    silence = torch.zeros(T, 1, 1, dtype=torch.float64)
    begun = torch.tensor([[0.6 - 0.8j]], dtype=torch.complex128)
    ys, last = cell.scan(silence, LRUState(begun.real, begun.imag))
    expected = cell.decay() ** torch.arange(1, T + 1) * begun[0]
    torch.testing.assert_close(ys[:, 0], torch.view_as_real(expected))
    torch.testing.assert_close(torch.complex(*last)[0, 0], expected[-1])


def test_a_linear_unit_of_impossible_radii_is_refused() -> None:
    with pytest.raises(UsageError, match=r"radii from 0\.9 to 0\.5 were given: give a smaller and a larger from 0 to"):
        LRU(D, H, smallest_radius=0.9, largest_radius=0.5)


def test_a_real_gated_unit_holds_what_it_has_while_its_gate_is_shut() -> None:
    cell = RGLRU(D, H)
    held, x = torch.randn(B, H), torch.randn(B, D)
    with torch.no_grad():
        cell.bias[:H] = -200
        assert torch.equal(cell.step(x, RGLRUState(held))[0], held)
        cell.bias[:H] = 200
        forgets = torch.sigmoid(cell.decay_logit) ** 8
        u = x @ cell.input_weights.T
        gate = torch.sigmoid(u @ cell.gate_weights[H:].T)
        y, _ = cell.step(x, RGLRUState(held))
    torch.testing.assert_close(y, forgets * held + (1 - forgets**2).sqrt() * gate * u, rtol=1e-4, atol=1e-4)
    assert (forgets >= 0.009).all()
    assert (forgets <= 0.9991).all()
