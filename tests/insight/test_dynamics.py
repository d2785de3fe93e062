"""Exponents, spectra and radii of maps whose own are known."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from statewise.cells import LRU, LSTM, Cell, Chain, Elman, Recurrent
from statewise.insight.dynamics import exponents, jacobian, lyapunov, radii, spectra, spectral_radius
from statewise.insight.probed_network import probed_network
from statewise.insight.probes import begin_of, cut_out, windows_of
from statewise.state import leaves, select_rows
from statewise.testing.recurrences import RECURRENCES

T, B, D, H = 7, 3, 5, 4


class Linear(Cell[Tensor]):
    """s' = W s + x: the exponents are the logarithms of the sizes of the eigenvalues of W."""

    def __init__(self, weights: Tensor) -> None:
        super().__init__()
        self.features = self.units = len(weights)
        self.weight = torch.nn.Parameter(weights)

    def initial(self, rows: int) -> Tensor:
        return self.weight.new_zeros(rows, self.units)

    def step(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        after = x + state @ self.weight.T
        return after, after


def test_a_linear_cell_has_the_exponents_of_its_matrix() -> None:
    torch.manual_seed(0)
    turn = torch.linalg.qr(torch.randn(H, H, dtype=torch.float64)).Q
    cell = Linear(turn @ torch.diag(torch.tensor([1.2, 0.9, 0.5, 0.1], dtype=torch.float64)) @ turn.T)
    found = lyapunov(cell, torch.randn(400, B, H, dtype=torch.float64), cell.initial(B), count=H)
    expected = torch.tensor([1.2, 0.9, 0.5, 0.1], dtype=torch.float64).log()
    assert torch.allclose(found, expected.expand(B, H), atol=0.01)


def test_a_linear_recurrent_unit_has_two_exponents_a_mode() -> None:
    torch.manual_seed(0)
    cell = LRU(D, H, modes=3)
    found = lyapunov(cell, torch.randn(300, 1, D), cell.initial(1), count=6)
    expected = cell.decay().abs().log().detach().double().sort(descending=True).values.repeat_interleave(2)
    assert torch.allclose(found[0], expected, atol=0.02)


def test_an_interval_of_exponents_comes_from_rows_that_differ() -> None:
    torch.manual_seed(0)
    network = probed_network(Elman(D, H))
    window = windows_of(3 * torch.randn(60, 6, D), None, 60)[0]
    batch = cut_out(network, window, begin_of(network, window, None), 59, is_scored=False)
    first, *_ = exponents(network.core, batch, count=2, rows=4)
    assert first.low < first.value < first.high < 0
    of_rows = lyapunov(network.core, batch.xs[:, :4], select_rows(batch.state, torch.arange(4)), count=2)[:, 0]
    assert first.high - first.value == pytest.approx(3.182 * float(of_rows.std()) / 2, rel=1e-3)  # t of 3 degrees


@pytest.mark.parametrize("make", [lambda: Elman(D, H), lambda: LSTM(D, H), lambda: Chain(LSTM(D, 3), Elman(3, H))])
def test_the_jacobian_is_that_of_autograd(make: Callable[[], Recurrent[Any]]) -> None:
    torch.manual_seed(0)
    core = make().double()
    x = torch.randn(1, D, dtype=torch.float64)
    _, state = core.step(x, core.initial(1))
    like = leaves(state)
    widths = [leaf.shape[1] for leaf in like]

    def flat(vector: Tensor) -> Tensor:
        from statewise.state import rebuild

        parts = rebuild(state, [part.unsqueeze(0) for part in torch.split(vector, widths)])
        return torch.cat([leaf[0] for leaf in leaves(core.step(x, parts)[1])])

    expected = torch.func.jacrev(flat)(torch.cat([leaf[0] for leaf in like]))
    assert torch.allclose(jacobian(core, x, state), expected)


@pytest.mark.parametrize("name", RECURRENCES)
def test_every_recurrence_has_a_spectrum_and_exponents(name: str) -> None:
    torch.manual_seed(0)
    network = probed_network(RECURRENCES[name]().eval())
    window = windows_of(torch.randn(T, B, network.core.features), None, T)[0]
    batch = cut_out(network, window, begin_of(network, window, None), T - 1, is_scored=False)
    if not any(leaf.is_floating_point() for leaf in leaves(batch.state)):
        return
    found = exponents(network.core, batch, count=2)
    assert found[0].value >= found[-1].value
    assert all(one.norm >= one.radius - 1e-6 for one in spectra(network.core, batch, places=1))


def test_a_spectral_radius_is_that_of_the_eigenvalues() -> None:
    torch.manual_seed(0)
    matrices = torch.randn(3, 9, 9, dtype=torch.float64) * torch.tensor([0.01, 1.0, 100.0]).reshape(3, 1, 1)
    expected = torch.linalg.eigvals(matrices).abs().amax(dim=-1)
    assert torch.allclose(spectral_radius(matrices), expected, rtol=1e-4)


def test_radii_are_those_of_each_block() -> None:
    cell = LSTM(D, H)
    with torch.no_grad():
        cell.recurrent_weights.copy_(torch.cat([torch.eye(H) * size for size in (1.0, 2.0, 3.0, 4.0)]))
    assert radii(Chain(cell))["parts.0"] == pytest.approx([1, 2, 3, 4])
