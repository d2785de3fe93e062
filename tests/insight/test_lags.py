"""The gradient per lag is what autograd says of the whole graph, however far it goes."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from statewise.cells import LSTM, Cell, Chain, Elman, Recurrent
from statewise.data.window import Window
from statewise.heads import Categorical
from statewise.insight.ablation import STRIDE, cut, first_lags, replaced
from statewise.insight.gradients import send_back
from statewise.insight.memory import measure_memory
from statewise.insight.probed_network import ProbedNetwork, probed_network, undisturbed
from statewise.insight.probes import begin_of, cut_out, trace
from statewise.model import Model
from statewise.state import leaves, map_leaves

T, B, D, H, V = 7, 3, 5, 4, 6
LAGS = T - 1


def lengths_of(network: ProbedNetwork, window: Window) -> Any:
    with undisturbed(network.core):
        batch = cut_out(network, window, begin_of(network, window, None), LAGS, is_scored=network.losses is not None)
        return send_back(network, trace(network, batch), torch.Generator().manual_seed(0))


def a_model(core: Recurrent[Any]) -> Model[Any]:
    torch.manual_seed(0)
    return Model(nn.Embedding(V, D), core, Categorical(H, V)).double()


def a_window() -> Window:
    torch.manual_seed(1)
    return Window(torch.randint(V, (T, B)), torch.randint(V, (T, B)))


@pytest.mark.parametrize("core", [Elman(D, H), LSTM(D, H), Chain(LSTM(D, 3), Elman(3, H))], ids=str)
def test_gradients_per_lag_are_those_of_one_backward_pass_through_the_whole_graph(core: Recurrent[Any]) -> None:
    model, window = a_model(core), a_window()
    found = lengths_of(probed_network(model), window)
    xs = model.encoder(window.inputs).detach().requires_grad_()
    for lag in range(1, LAGS + 1):
        with torch.no_grad():
            _, known = model.core.scan(xs[:-lag], model.begin(B))
        state = map_leaves(lambda leaf: leaf.clone().requires_grad_(), known)
        ys, _ = model.core.scan(xs[-lag:], state)
        loss = cross_entropy(model.head(ys[-1]), window.targets[-1], reduction="sum")
        of_xs, *parts = torch.autograd.grad(loss, [xs, *leaves(state)])
        expected = torch.cat([part.flatten(1) for part in parts], dim=1).norm(dim=1)
        assert np.allclose(np.exp(found.state[:, lag - 1]), expected.numpy())  # what the step lag - 1 back reads
        assert np.allclose(np.exp(found.inputs[:, lag - 1]), of_xs[-lag].norm(dim=-1).numpy())
    assert found.state.shape == found.inputs.shape == (B, LAGS + 1)


def test_what_is_too_small_for_a_number_is_still_measured() -> None:
    cell = Elman(D, H)
    with torch.no_grad():
        cell.recurrent_weights.copy_(torch.eye(H) * 1e-4)
        cell.input_weights.zero_()
    network = probed_network(cell)
    window = Window(torch.zeros(200, B, D), torch.zeros(200, B))
    with undisturbed(cell):
        batch = cut_out(network, window, cell.initial(B), 199, is_scored=False)
        found = send_back(network, trace(network, batch), torch.Generator().manual_seed(0))
    assert np.allclose(np.diff(found.state, axis=1), np.log(1e-4), rtol=1e-4)  # 1e-796 at the end


def test_a_row_that_was_reset_hears_nothing_of_what_was_before() -> None:
    reset, mask = torch.zeros(T, B, dtype=torch.bool), torch.ones(T, B, dtype=torch.bool)
    reset[4, 0] = True  # row 0 begins anew at step 4, so that its last state knows of three inputs
    mask[5:, 1] = False  # row 1 ends at step 4, and is probed there
    window = a_window()._replace(reset=reset, mask=mask)
    model = a_model(LSTM(D, H))
    found = lengths_of(probed_network(model), window)
    assert np.isfinite(found.inputs).sum(axis=1).tolist() == [3, 5, 7]
    assert np.isfinite(found.state).sum(axis=1).tolist() == [2, 5, 7]
    alone = Window(window.inputs[:5, 1:2], window.targets[:5, 1:2])
    same = lengths_of(probed_network(model), alone)
    assert np.allclose(same.inputs[0, :5], found.inputs[1, :5])


def test_looking_changes_neither_weights_nor_modes_nor_random_numbers() -> None:
    model, window = a_model(LSTM(D, H)), a_window()
    model.head.weights.requires_grad_(False)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    measure_memory(model, [window], lags=LAGS, probes=B)
    assert torch.equal(torch.rand(2), expected)
    assert model.training
    assert not model.head.weights.requires_grad
    assert model.core.bias.requires_grad
    assert model.core.bias.grad is None
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    assert "step" not in model.core.__dict__


class Shift(Cell[Tensor]):
    """Remembers exactly the last three inputs."""

    features, units = 1, 1

    def initial(self, rows: int) -> Tensor:
        return torch.zeros(rows, 3)

    def step(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        return state[:, :1] + 0 * x, torch.cat([state[:, 1:], x], dim=1)


def test_a_cell_that_says_what_it_read_three_steps_back_uses_three_steps_and_no_more() -> None:
    torch.manual_seed(0)
    memory = measure_memory(Shift(), torch.randn(90, 9, 1), lags=8, probes=81)
    assert np.allclose(memory.inputs.shares, [0, 0, 0, 1, 0, 0, 0, 0, 0])
    assert memory.state is not None
    assert memory.state.shares[3:] == [0.0] * 6
    assert np.allclose(memory.horizon.steps, 3, atol=0.05)
    assert np.allclose(memory.context.steps, 3, atol=0.05)
    moved = dict(zip(memory.replaced.lags, memory.replaced.means, strict=True))
    assert [lag for lag, divergence in moved.items() if divergence > 0] == [3]
    assert not memory.horizon.is_bound
    assert not memory.context.is_bound
    assert memory.lyapunov[0].value == -np.inf


@pytest.mark.parametrize(
    "core", [Elman(D, H), Chain(LSTM(D, 3, forget_bias=-1.0), Elman(3, H))], ids=["Elman", "Chain"]
)
def test_reading_ends_where_a_state_has_come_back_and_what_is_found_stays_what_reading_on_finds(
    core: Recurrent[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(0)
    core, lags = core.double(), first_lags(99)
    for name, weights in core.named_parameters():
        if "recurrent" in name:
            weights.detach().mul_(0.2)  # so that it soon forgets
    network, xs = probed_network(core), torch.randn(100, B, core.features, dtype=torch.float64)
    reset, mask = torch.zeros(100, B, dtype=torch.bool), torch.ones(100, B, dtype=torch.bool)
    reset[60, 0], mask[80:, 1] = True, False
    window = Window(xs, torch.zeros(100, B), mask, reset)

    def found(stride: int) -> tuple[list[Any], int]:
        read = 0
        scan = type(core).scan

        def counted(self: Any, xs: Tensor, state: Any, **given: Any) -> Any:
            nonlocal read
            read += xs.shape[0] * xs.shape[1]
            return scan(self, xs, state, **given)

        with undisturbed(core), monkeypatch.context() as patch:
            patch.setattr("statewise.insight.ablation.STRIDE", stride)
            traced = trace(network, cut_out(network, window, core.initial(B), 99, is_scored=False))
            patch.setattr(type(core), "scan", counted)
            dice = torch.Generator().manual_seed(0)
            divergence = network.divergence_from(traced.output, None, dice)
            of_cut = cut(network, traced, lags, divergence)
            return [of_cut, replaced(network, traced, lags, divergence, dice)], read

    early, few = found(STRIDE)
    whole, all_of_them = found(1000)
    assert few < 0.7 * all_of_them
    for one, other in zip(early, whole, strict=True):
        assert np.allclose(one, other, atol=1e-12, equal_nan=True)
    assert early[0][:, 0].max() > 0
