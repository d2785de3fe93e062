"""The exponential gates of xLSTM compute what they would without a stabiliser, and where that would overflow too."""

from typing import Any

import pytest
import torch

from statewise.cells import MLSTM, SLSTM, MLSTMState, SLSTMState
from statewise.errors import UsageError

T, B, D, H = 7, 3, 5, 4


def shaken(cell: Any) -> Any:
    """Move every weight of a cell from where it begins, in float64."""
    torch.manual_seed(0)
    cell = cell.double()
    with torch.no_grad():
        for weights in cell.parameters():
            weights.add_(torch.randn_like(weights), alpha=0.5)
    return cell


def test_an_slstm_computes_what_it_would_without_a_stabiliser() -> None:
    cell = shaken(SLSTM(D, H, heads=2))
    xs = torch.randn(T, B, D, dtype=torch.float64)
    ys, _ = cell.scan(xs, cell.initial(B))
    R = torch.zeros(4, H, H, dtype=torch.float64)
    R[:, :2, :2], R[:, 2:, 2:] = cell.recurrent_weights
    R = R.flatten(0, 1)
    h = c = n = torch.zeros(B, H, dtype=torch.float64)
    for x, y in zip(xs, ys, strict=True):
        i, f, z, o = (x @ cell.input_weights.T + cell.bias + h @ R.T).chunk(4, dim=-1)
        c, n = f.sigmoid() * c + i.exp() * z.tanh(), f.sigmoid() * n + i.exp()
        h = o.sigmoid() * c / n
        torch.testing.assert_close(y, h, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("height", [-1000.0, 1000.0])
def test_an_slstm_neither_overflows_nor_divides_nought_by_nought(height: float) -> None:
    cell = SLSTM(D, H)
    with torch.no_grad():
        cell.bias[:H] = height
    xs = torch.randn(T, B, D, requires_grad=True)
    ys, _ = cell.scan(xs, cell.initial(B))
    level = SLSTM(D, H)
    level.load_state_dict({**cell.state_dict(), "bias": torch.cat([torch.zeros(H), cell.bias[H:].detach()])})
    torch.testing.assert_close(ys[0], level.scan(xs, level.initial(B))[0][0])
    assert ys.isfinite().all()
    assert all(grad.isfinite().all() for grad in torch.autograd.grad(ys.sum(), [xs, *cell.parameters()]))


def test_the_scale_of_a_stabiliser_is_free() -> None:
    torch.manual_seed(0)
    x, c, n, m = torch.randn(B, D), torch.randn(B, H), torch.rand(B, H) + 1, torch.randn(B, H)
    cell = SLSTM(D, H)
    y, _ = cell.step(x, SLSTMState(c, c, n, m))
    other, _ = cell.step(x, SLSTMState(c, c * m.exp(), n * m.exp(), torch.zeros_like(m)))
    torch.testing.assert_close(y, other)
    matrix = MLSTM(D, H)
    C, k, m = torch.randn(B, 1, H, H), torch.randn(B, 1, H), torch.rand(B, 1)
    y, _ = matrix.step(x, MLSTMState(C, k, m))
    other, _ = matrix.step(x, MLSTMState(C * m.exp()[..., None, None], k * m.exp()[..., None], torch.zeros_like(m)))
    torch.testing.assert_close(y, other)


def test_an_mlstm_computes_what_it_would_without_a_stabiliser() -> None:
    cell = shaken(MLSTM(D, H, heads=2, chunk_steps=3))
    xs = torch.randn(T, B, D, dtype=torch.float64)
    ys, _ = cell.scan(xs, cell.initial(B))
    C, n = torch.zeros(B, 2, 2, 2, dtype=torch.float64), torch.zeros(B, 2, 2, dtype=torch.float64)
    for x, y in zip(xs, ys, strict=True):
        q, k, v, o = ((x @ cell.input_weights.T + cell.bias).reshape(B, 4, 2, 2)).unbind(dim=1)
        k = k / 2**0.5
        i, f = (x @ cell.gate_weights.T + cell.gate_bias).chunk(2, dim=-1)
        i, f = i.exp()[..., None], f.sigmoid()[..., None]
        n = f * n + i * k
        C = f[..., None] * C + i[..., None] * v[..., :, None] * k[..., None, :]
        read = (C * q[..., None, :]).sum(dim=-1) / (n * q).sum(dim=-1, keepdim=True).abs().clamp(min=1)
        torch.testing.assert_close(y, (o.sigmoid() * read).flatten(1), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("height", [-1000.0, 1000.0])
def test_an_mlstm_does_not_overflow(height: float) -> None:
    cell = MLSTM(D, H)
    with torch.no_grad():
        cell.gate_bias.copy_(torch.tensor([height, -200.0]))
    xs = torch.randn(T, B, D, requires_grad=True)
    scanned, _ = cell.scan(xs, cell.initial(B))
    last, stepped = cell.initial(B), []
    for x in xs:
        y, last = cell.step(x, last)
        stepped.append(y)
    for ys in (scanned, torch.stack(stepped)):
        assert ys.isfinite().all()
        assert all(grad.isfinite().all() for grad in torch.autograd.grad(ys.sum(), [xs, *cell.parameters()]))


def test_a_value_is_read_back_under_its_key() -> None:
    cell = MLSTM(2, 2).double()
    key, value = torch.tensor([[[1.0, 0.0]]]).double(), torch.tensor([[[0.3, -0.7]]]).double()
    with torch.no_grad():
        cell.input_weights.zero_()
        cell.bias.copy_(torch.tensor([2.0, 5.0, 0, 0, 0, 0, 100, 100]))
        cell.gate_weights.zero_()
        cell.gate_bias.copy_(torch.tensor([-100.0, 100.0]))
    memory = value.unsqueeze(-1) * key.unsqueeze(-2)
    y, _ = cell.step(torch.zeros(1, 2).double(), MLSTMState(memory, key, torch.zeros(1, 1).double()))
    torch.testing.assert_close(y, value[0])


@pytest.mark.parametrize("chunk_steps", [1, 2, 7, 64])
def test_the_length_of_a_chunk_changes_nothing(chunk_steps: int) -> None:
    cell, other = shaken(MLSTM(D, H, heads=2)), MLSTM(D, H, heads=2, chunk_steps=chunk_steps).double()
    other.load_state_dict(cell.state_dict())
    xs = torch.randn(130, B, D, dtype=torch.float64)
    reset, mask = torch.rand(130, B) < 0.1, torch.rand(130, B) < 0.8
    ys, last = cell.scan(xs, cell.initial(B), reset=reset, mask=mask)
    others, end = other.scan(xs, other.initial(B), reset=reset, mask=mask)
    torch.testing.assert_close((ys, *last), (others, *end), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("cell", [SLSTM, MLSTM])
@pytest.mark.parametrize("heads", [0, 3])
def test_heads_that_do_not_divide_the_units_are_refused(cell: Any, heads: int) -> None:
    with pytest.raises(UsageError, match=f"4 units were to be shared by {heads} heads: give a number of heads that"):
        cell(D, H, heads=heads)


def test_a_chunk_of_no_steps_is_refused_and_forget_gates_start_open() -> None:
    with pytest.raises(UsageError, match="chunks of 0 steps were asked for: give 1 or more"):
        MLSTM(D, H, chunk_steps=0)
    assert MLSTM(D, H, heads=2, forget_bias=2.5).gate_bias.tolist() == [0, 0, 2.5, 2.5]
    assert SLSTM(D, H, forget_bias=2.5).bias.tolist() == [0.0] * H + [2.5] * H + [0.0] * 2 * H
