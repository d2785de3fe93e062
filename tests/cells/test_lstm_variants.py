"""What sets each LSTM apart from the plain one, and where the two are the same."""

from typing import Any

import torch
from torch import Tensor

from statewise.cells import (
    LSTM,
    LSTM1997,
    CoupledLSTM,
    LayerNormLSTM,
    LSTMState,
    PeepholeLSTM,
    ProjectedLSTM,
    Recurrent,
)

T, B, D, H = 7, 3, 5, 4


def shaken(cell: Any) -> Any:
    """Move every weight of a cell from where it begins, in float64."""
    torch.manual_seed(0)
    cell = cell.double()
    with torch.no_grad():
        for weights in cell.parameters():
            weights.add_(torch.randn_like(weights), alpha=0.5)
    return cell


def outputs(cell: Recurrent[Any], xs: Tensor) -> Tensor:
    return cell.scan(xs, cell.initial(xs.shape[1]))[0]


def test_without_a_forget_gate_an_lstm_is_one_that_never_forgets() -> None:
    old, new = shaken(LSTM1997(D, H)), LSTM(D, H).double()
    with torch.no_grad():
        for name in ("input_weights", "recurrent_weights", "bias"):
            i, g, o = getattr(old, name).chunk(3)
            getattr(new, name).copy_(torch.cat([i, torch.zeros_like(i), g, o]))
        new.bias[H : 2 * H] = 100
    xs = torch.randn(T, B, D, dtype=torch.float64)
    torch.testing.assert_close(outputs(old, xs), outputs(new, xs), rtol=1e-10, atol=1e-10)


def test_the_slope_of_the_oldest_lstms_memory_is_one_after_any_number_of_steps() -> None:
    cell = shaken(LSTM1997(D, H))
    with torch.no_grad():
        cell.recurrent_weights.zero_()
    memory = torch.randn(B, H, dtype=torch.float64, requires_grad=True)
    xs = torch.randn(200, B, D, dtype=torch.float64)
    _, last = cell.scan(xs, LSTMState(torch.zeros_like(memory), memory))
    (slope,) = torch.autograd.grad(last.cell.sum(), memory)
    torch.testing.assert_close(slope, torch.ones_like(slope), rtol=0, atol=0)


def test_the_gates_of_the_oldest_lstm_begin_where_they_are_told() -> None:
    i, g, o = LSTM1997(D, H, input_bias=-1.5, output_bias=-2.5).bias.chunk(3)
    assert i.tolist() == [-1.5] * H
    assert g.tolist() == [0.0] * H
    assert o.tolist() == [-2.5] * H


def test_with_peepholes_of_nought_an_lstm_is_the_plain_one() -> None:
    plain, peeping = shaken(LSTM(D, H)), PeepholeLSTM(D, H).double()
    assert not peeping.peepholes.any()
    peeping.load_state_dict({**plain.state_dict(), "peepholes": peeping.peepholes})
    xs = torch.randn(T, B, D, dtype=torch.float64)
    torch.testing.assert_close(outputs(peeping, xs), outputs(plain, xs), rtol=1e-10, atol=1e-10)


def test_the_output_gate_peeps_at_the_new_memory_and_the_others_at_the_old() -> None:
    cell = PeepholeLSTM(1, 1).double()
    with torch.no_grad():
        for weights in cell.parameters():
            weights.zero_()
        cell.peepholes.copy_(torch.tensor([3.0, 5.0, 7.0]))
        cell.bias[2] = 0.5
    old = torch.tensor([[0.2]], dtype=torch.float64)
    y, (_, new) = cell.step(torch.zeros_like(old), LSTMState(old, old))
    expected = torch.sigmoid(5 * old) * old + torch.sigmoid(3 * old) * torch.tensor(0.5).double().tanh()
    torch.testing.assert_close(new, expected)
    torch.testing.assert_close(y, torch.sigmoid(7 * expected) * expected.tanh())


def test_a_coupled_lstm_is_a_plain_one_whose_input_gate_mirrors_its_forget_gate() -> None:
    coupled, plain = shaken(CoupledLSTM(D, H)), LSTM(D, H).double()
    with torch.no_grad():
        for name in ("input_weights", "recurrent_weights", "bias"):
            f, g, o = getattr(coupled, name).chunk(3)
            getattr(plain, name).copy_(torch.cat([-f, f, g, o]))
    xs = torch.randn(T, B, D, dtype=torch.float64)
    torch.testing.assert_close(outputs(coupled, xs), outputs(plain, xs), rtol=1e-10, atol=1e-10)


def test_the_memory_of_a_coupled_lstm_never_leaves_one() -> None:
    cell = shaken(CoupledLSTM(D, H))
    _, last = cell.scan(10 * torch.randn(200, B, D, dtype=torch.float64), cell.initial(B))
    assert 0.5 < last.cell.abs().max() <= 1


def test_the_forget_gates_of_both_variants_start_open() -> None:
    assert PeepholeLSTM(D, H, forget_bias=2.5).bias.tolist() == [0.0] * H + [2.5] * H + [0.0] * 2 * H
    assert CoupledLSTM(D, H, forget_bias=2.5).bias.tolist() == [2.5] * H + [0.0] * 2 * H


def normalized(sums: Tensor) -> Tensor:
    return (sums - sums.mean(dim=-1, keepdim=True)) / (sums.var(dim=-1, keepdim=True, correction=0) + 1e-5).sqrt()


def test_a_layer_norm_lstm_normalises_each_product_and_what_is_read_of_the_memory() -> None:
    cell = shaken(LayerNormLSTM(D, H))
    x, h, c = (torch.randn(B, width, dtype=torch.float64) for width in (D, H, H))
    from_x = normalized(x @ cell.input_weights.T) * cell.input_scale
    from_h = normalized(h @ cell.recurrent_weights.T) * cell.recurrent_scale
    i, f, g, o = (from_x + from_h + cell.bias).chunk(4, dim=-1)
    memory = f.sigmoid() * c + i.sigmoid() * g.tanh()
    y, (_, new) = cell.step(x, LSTMState(h, c))
    torch.testing.assert_close(new, memory, rtol=1e-10, atol=1e-10)
    read = normalized(memory) * cell.cell_scale + cell.cell_bias
    torch.testing.assert_close(y, o.sigmoid() * read.tanh(), rtol=1e-10, atol=1e-10)


def test_a_projected_lstm_holds_more_than_it_says() -> None:
    cell = ProjectedLSTM(D, H, forget_bias=2.5)
    hidden, memory = cell.initial(B)
    assert (hidden.shape, memory.shape) == ((B, H), (B, 2 * H))
    assert cell.bias.tolist() == [0.0] * 2 * H + [2.5] * 2 * H + [0.0] * 4 * H
