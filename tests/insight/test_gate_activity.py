"""What gates and units do is seen as it is computed, in any cell."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from statewise.cells import GRU, LSTM, Cell, Chain, Elman, Recurrent
from statewise.data.window import Window
from statewise.heads import Categorical
from statewise.insight.gate_activity import BINS, activations, cells_in, gates_along, saturation
from statewise.model import Model
from statewise.registry import find, names

T, B, D, H = 7, 3, 5, 4


def test_the_gates_of_an_lstm_are_told_apart_and_counted() -> None:
    cell = LSTM(D, H)
    with torch.no_grad():
        for part in cell.parameters():
            part.zero_()
        cell.bias.copy_(torch.cat([torch.full((H,), value) for value in (-9.0, 9.0, 0.0, 0.0)]))  # i, f, g, o
    gates = saturation(cell, torch.randn(T, B, D), cell.initial(B))["LSTM"].gates
    assert {name: (of.left_share, of.right_share) for name, of in gates.items()} == {
        "forget": (0, 1),
        "input": (1, 0),
        "output": (0, 0),
    }
    assert gates["output"].histogram[BINS // 2] == T * B * H


@pytest.mark.parametrize("name", names("cells"))
def test_every_cell_names_as_many_gates_as_it_computes(name: str) -> None:
    make: Any = find("cells", name)
    cell: Recurrent[Any] = make(H, H)
    for part, shares in saturation(cell, torch.randn(T, B, H), cell.initial(B)).items():
        wanted = [gate for gate in cells_in(cell)[part].gate_names if gate]
        assert list(shares.gates) == wanted
        assert sum(shares.histogram) == T * B * shares.units
        for gate in shares.gates.values():
            assert sum(gate.histogram) % (T * B) == 0


class Strange(Cell[Tensor]):
    """A stranger's cell with two gates and no names for them."""

    features, units = H, H

    def initial(self, rows: int) -> Tensor:
        return torch.zeros(rows, H)

    def step(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        new = torch.sigmoid(x) * state + nn.functional.logsigmoid(x).exp()
        return new, new


def test_gates_without_names_are_numbered() -> None:
    cell = Strange()
    found = saturation(Chain(cell, GRU(H, 2)), torch.full((T, B, H), -9.0), (cell.initial(B), GRU(H, 2).initial(B)))
    assert list(found) == ["1 Strange", "2 GRU"]
    assert {name: of.left_share for name, of in found["1 Strange"].gates.items()} == {"gate 1": 1, "gate 2": 1}


def test_dead_and_flat_units_are_found() -> None:
    cell = Elman(D, H)
    with torch.no_grad():
        cell.input_weights.normal_()
        cell.input_weights[1] = 0
        cell.recurrent_weights.zero_()
        cell.bias[2] = 50
    found = saturation(cell, torch.randn(T, B, D), cell.initial(B))["Elman"]
    assert found.dead == [1, 2]
    assert found.flat_share >= 0.25


def test_activations_of_a_window_are_counted_without_a_trace() -> None:
    model = Model(nn.Embedding(6, D), Chain(LSTM(D, H), Elman(H, 2)), Categorical(2, 6))
    window = Window(torch.randint(6, (T, B)), torch.randint(6, (T, B)))
    counts = activations(model, window)
    assert {name: sum(of) for name, of in counts.items()} == {"1 LSTM": T * B * H, "2 Elman": T * B * 2}
    assert all("step" not in part.__dict__ for part in model.modules())


def test_every_gate_is_told_along_a_sequence_by_its_name() -> None:
    core: Recurrent[Any] = Chain(LSTM(D, H), GRU(H, B), Elman(B, H))
    xs = torch.randn(T, 1, D)
    gate_names, values = gates_along(core, xs, core.initial(1))
    assert values.shape == (T, len(gate_names)) == (T, 3 * H + 2 * B)
    assert gate_names[: H + 1] == [*(f"1 LSTM forget[{unit}]" for unit in range(H)), "1 LSTM input[0]"]
    assert gate_names[-1].startswith("2 GRU")
    assert 0 < values.min() < values.max() < 1
    shares = saturation(core, xs, core.initial(1))["1 LSTM"].gates
    left = [(values[:, at] < 0.1).double().mean().item() for at in range(H)]
    assert shares["forget"].left == pytest.approx(left)
    assert gates_along(Elman(D, H), xs, Elman(D, H).initial(1))[1].shape == (T, 0)
