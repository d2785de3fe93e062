"""What sets the simple networks apart: how the one begins, what the other feeds back."""

import pytest
import torch

from statewise.cells import ElmanState, Jordan, JordanState, irnn
from statewise.errors import UsageError
from statewise.kernels import kernels_of

T, B, D, H = 7, 3, 5, 4


def test_an_irnn_begins_by_adding_up_what_it_reads() -> None:
    cell = irnn(D, H)
    with torch.no_grad():
        cell.input_weights.abs_()
    xs, begun = torch.rand(200, B, D), torch.rand(B, H)
    _, last = cell.scan(xs, ElmanState(begun))
    torch.testing.assert_close(last.hidden, begun + xs.sum(dim=0) @ cell.input_weights.T)


def test_an_irnns_recurrent_weights_are_the_scaled_identity_and_its_input_weights_small() -> None:
    cell = irnn(500, 40, scale=0.25, deviation=0.02)
    assert torch.equal(cell.recurrent_weights, 0.25 * torch.eye(40))
    assert 0.019 < cell.input_weights.std() < 0.021
    assert not cell.bias.any()


def test_an_irnn_runs_on_the_kernel_of_its_rectifiers() -> None:
    assert kernels_of(irnn(D, H).recurrence) == kernels_of("elman_relu")


def test_a_jordan_network_feeds_back_its_output_and_nothing_else() -> None:
    cell = Jordan(D, H, hidden_units=6)
    xs = torch.randn(T, B, D)
    ys, last = cell.scan(xs, cell.initial(B))
    assert torch.equal(last.output, ys[-1])
    for t in range(1, T):
        y, _ = cell.step(xs[t], JordanState(ys[t - 1]))
        torch.testing.assert_close(y, ys[t])
    hidden = torch.tanh(xs[0] @ cell.input_weights.T + cell.bias)
    torch.testing.assert_close(ys[0], torch.tanh(hidden @ cell.output_weights.T + cell.output_bias))


@pytest.mark.parametrize("decay", [0.25, 0.9])
def test_the_state_units_of_a_jordan_network_feed_themselves(decay: float) -> None:
    cell, plain = Jordan(D, H, hidden_units=6, decay=decay), Jordan(D, H, hidden_units=6)
    plain.load_state_dict(cell.state_dict())
    xs = torch.randn(T, B, D)
    ys, last = cell.scan(xs, cell.initial(B))
    faded = torch.stack([decay ** (T - 1 - t) * ys[t] for t in range(T)]).sum(0)
    torch.testing.assert_close(last.output, faded)
    y, _ = plain.step(xs[0], last)
    torch.testing.assert_close(cell.step(xs[0], last)[0], y)  # what is heard of them is heard alike
    assert not torch.equal(plain.scan(xs, plain.initial(B))[0], ys)


@pytest.mark.parametrize("decay", [-0.1, 1.0, float("nan")])
def test_a_decay_that_would_grow_without_end_is_refused(decay: float) -> None:
    with pytest.raises(UsageError, match="Jordan was given the decay"):
        Jordan(D, H, decay=decay)


def test_putting_the_right_output_in_the_state_teaches_a_jordan_network() -> None:
    cell = Jordan(D, H)
    x, said, right = torch.randn(B, D), torch.randn(B, H), torch.randn(B, H)
    assert not torch.equal(cell.step(x, JordanState(said))[0], cell.step(x, JordanState(right))[0])
    hidden = torch.tanh(x @ cell.input_weights.T + right @ cell.feedback_weights.T)
    torch.testing.assert_close(cell.step(x, JordanState(right))[0], torch.tanh(hidden @ cell.output_weights.T))
