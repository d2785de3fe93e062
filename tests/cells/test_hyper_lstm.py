"""A HyperLSTM is an LSTM whose weights another LSTM rescales."""

import torch
from torch.nn.functional import layer_norm

from statewise.cells import LSTM, HyperLSTM, HyperLSTMState, LSTMState

T, B, D, H = 7, 3, 5, 4


def test_a_hyper_lstm_begins_as_the_plain_one() -> None:
    cell, plain = HyperLSTM(D, H, hyper_units=6, embedding=2, normalized=False, forget_bias=2.5), LSTM(D, H)
    assert cell.bias.tolist() == [0.0] * H + [2.5] * H + [0.0] * 2 * H
    plain.load_state_dict({name: weights for name, weights in cell.state_dict().items() if name in plain.state_dict()})
    xs = torch.randn(T, B, D)
    torch.testing.assert_close(cell.scan(xs, cell.initial(B))[0], plain.scan(xs, plain.initial(B))[0])


def test_every_weight_of_a_hyper_lstm_learns_within_two_updates() -> None:
    cell = HyperLSTM(D, H, hyper_units=6, embedding=2)
    for _ in range(2):
        ys, _ = cell.scan(torch.randn(T, B, D), cell.initial(B))
        grads = torch.autograd.grad((ys * torch.randn_like(ys)).sum(), list(cell.parameters()))
        with torch.no_grad():
            for weights, grad in zip(cell.parameters(), grads, strict=True):
                weights.sub_(grad, alpha=0.1)
    found = dict(zip(dict(cell.named_parameters()), grads, strict=True))
    assert all(grad.any() for grad in found.values())
    for name in ("embedding_weights", "embedding_bias", "scale_weights"):
        assert all(use.any() for use in found[name].reshape(3, -1)), name


def test_the_small_lstm_rescales_rows_and_shifts_gates() -> None:
    cell = HyperLSTM(D, H, hyper_units=6, embedding=2).double()
    torch.manual_seed(0)
    with torch.no_grad():
        for weights in cell.parameters():
            weights.add_(torch.randn_like(weights), alpha=0.5)
    x, h, c, s, m = (torch.randn(B, width, dtype=torch.float64) for width in (D, H, H, 6, 6))
    y, new = cell.step(x, HyperLSTMState(h, c, LSTMState(s, m)))
    s, hyper = cell.hyper.step(torch.cat([x, h], dim=-1), LSTMState(s, m))
    z = (s @ cell.embedding_weights.T + cell.embedding_bias).reshape(B, 3, 4, 2)
    gates = []
    for gate in range(4):
        rows = slice(gate * H, gate * H + H)
        d_x, d_h, shift = (z[:, use, gate] @ cell.scale_weights[use, gate].T for use in range(3))
        total = d_x * (x @ cell.input_weights[rows].T) + d_h * (h @ cell.recurrent_weights[rows].T) + shift
        gates.append(layer_norm(total, (H,), cell.gate_scale[gate]) + cell.bias[rows])
    i, f, g, o = gates
    memory = f.sigmoid() * c + i.sigmoid() * g.tanh()
    expected = o.sigmoid() * layer_norm(memory, (H,), cell.cell_scale, cell.cell_bias).tanh()
    torch.testing.assert_close((y, new), (expected, HyperLSTMState(expected, memory, hyper)), rtol=1e-10, atol=1e-10)
