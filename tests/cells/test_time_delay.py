"""A time-delay network is a causal convolution, one step at a time."""

import pytest
import torch
from torch.nn.functional import conv1d, pad

from statewise.cells import TDNN
from statewise.errors import UsageError
from statewise.state import from_bytes, to_bytes

T, B, D, H = 7, 3, 5, 4


@pytest.mark.parametrize("dilation", [1, 2])
def test_a_time_delay_network_is_a_causal_convolution(dilation: int) -> None:
    cell = TDNN(D, H, dilation=dilation).double()
    xs = torch.randn(T, B, D, dtype=torch.float64)
    ys, _ = cell.scan(xs, cell.initial(B))
    kernel = cell.input_weights.reshape(H, 3, D).transpose(1, 2)
    heard = pad(xs.permute(1, 2, 0), (2 * dilation, 0))
    expected = conv1d(heard, kernel, cell.bias, dilation=dilation).permute(2, 0, 1).tanh()
    torch.testing.assert_close(ys, expected, rtol=1e-10, atol=1e-10)


def test_offsets_may_be_sparse_and_in_any_order() -> None:
    cell = TDNN(1, 1, offsets=(0, -4)).double()
    with torch.no_grad():
        cell.input_weights.copy_(torch.tensor([[1.0, 0.25]]))
    xs = torch.randn(T, 1, 1, dtype=torch.float64)
    ys, last = cell.scan(xs, cell.initial(1))
    torch.testing.assert_close(ys[6], torch.tanh(xs[6] + 0.25 * xs[2]))
    assert torch.equal(last.past[0], xs[3:, 0])


def test_what_lies_past_the_farthest_delay_is_forgotten() -> None:
    cell = TDNN(D, H)
    xs, other = torch.randn(T, B, D), torch.randn(T, B, D)
    other[4:] = xs[4:]
    ys, others = (cell.scan(given, cell.initial(B))[0] for given in (xs, other))
    assert torch.equal(ys[6], others[6])
    assert not torch.equal(ys[5], others[5])


def test_a_network_without_delay_has_an_empty_past_that_is_still_a_state() -> None:
    cell = TDNN(D, H, offsets=(0,))
    ys, last = cell.scan(torch.randn(T, B, D), cell.initial(B))
    assert ys.shape == (T, B, H)
    assert from_bytes(to_bytes(last), like=cell.initial(1))[0].past.shape == (B, 0, D)


@pytest.mark.parametrize("offsets", [(), (-1, -1), (-1, 1)])
def test_offsets_that_cannot_be_are_named(offsets: tuple[int, ...]) -> None:
    with pytest.raises(UsageError, match=r"offsets \(.*\) were given: give one or more, each once, none above 0"):
        TDNN(D, H, offsets=offsets)


def test_a_dilation_below_one_is_refused() -> None:
    with pytest.raises(UsageError, match="a dilation of 0 was given: give 1 or more"):
        TDNN(D, H, dilation=0)
