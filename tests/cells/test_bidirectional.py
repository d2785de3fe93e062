"""A bidirectional reader reads each row to its own end and back, as PyTorch does with packed lengths."""

from typing import Any

import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from statewise.cells import GRU, LSTM, Bidirectional, Conditioned, Elman, Recurrent
from statewise.errors import UsageError
from statewise.exchange import load_torch

T, B, D, H = 7, 3, 5, 4
LENGTHS = torch.tensor([4, 7, 2])
MASK = torch.arange(T).unsqueeze(-1) < LENGTHS


def reader_like(theirs: nn.LSTM) -> Bidirectional:
    parts = [LSTM(D, H).double(), LSTM(D, H).double()]
    for part, suffix in zip(parts, ["", "_reverse"], strict=True):
        named = {f"{name}_l0": theirs.state_dict()[f"{name}_l0{suffix}"] for name in NAMES}
        load_torch(part, named)
    return Bidirectional(*parts)


NAMES = ["weight_ih", "weight_hh", "bias_ih", "bias_hh"]


def test_it_agrees_with_pytorch_on_packed_lengths_forward_and_backward() -> None:
    torch.manual_seed(0)
    theirs = nn.LSTM(D, H, bidirectional=True).double()
    ours = reader_like(theirs)
    xs = torch.randn(T, B, D, dtype=torch.float64, requires_grad=True)
    packed, (hidden, cell) = theirs(pack_padded_sequence(xs, LENGTHS, enforce_sorted=False))
    expected, _ = pad_packed_sequence(packed, total_length=T)
    ys, (ahead, back) = ours.scan(xs, mask=MASK)
    pull = torch.randn(T, B, 2 * H, dtype=torch.float64)
    found_grads = torch.autograd.grad((ys * pull).sum(), [xs, *ours.parameters()])
    wanted_grads = torch.autograd.grad((expected * pull).sum(), [xs, *theirs.parameters()])
    close: dict[str, Any] = {"rtol": 0, "atol": 1e-10}
    torch.testing.assert_close(ys, expected, **close)
    torch.testing.assert_close(torch.stack([ahead.hidden, back.hidden]), hidden, **close)
    torch.testing.assert_close(torch.stack([ahead.cell, back.cell]), cell, **close)
    torch.testing.assert_close(found_grads[0], wanted_grads[0], **close)
    torch.testing.assert_close(found_grads[1:4], tuple(wanted_grads[n] for n in (1, 2, 3)), **close)
    torch.testing.assert_close(found_grads[4:], tuple(wanted_grads[n] for n in (5, 6, 7)), **close)


def test_without_a_mask_every_row_is_read_whole() -> None:
    torch.manual_seed(0)
    theirs = nn.LSTM(D, H, bidirectional=True).double()
    xs = torch.randn(T, B, D, dtype=torch.float64)
    ys, _ = reader_like(theirs)(xs)
    torch.testing.assert_close(ys, theirs(xs)[0], rtol=0, atol=1e-10)


def test_padding_may_hold_anything_and_is_written_as_nought() -> None:
    reader = Bidirectional(GRU(D, H), Elman(D, 6))
    xs = torch.randn(T, B, D)
    wild = torch.where(MASK.unsqueeze(-1), xs, float("nan"))
    ys, _ = reader.scan(wild, mask=MASK)
    assert torch.equal(ys, reader.scan(xs, mask=MASK)[0])
    assert not ys[~MASK].any()
    assert ys.shape == (T, B, reader.units)


def test_both_parts_begin_from_the_context() -> None:
    reader = Bidirectional(Conditioned(GRU(D, H), 2), GRU(D, H))
    xs, context = torch.randn(T, B, D), torch.randn(B, 2)
    plain, told = reader.scan(xs)[0], reader.scan(xs, context=context)[0]
    assert not torch.equal(told[..., :H], plain[..., :H])
    assert torch.equal(told[..., H:], plain[..., H:])


def test_it_cannot_step_and_says_why() -> None:
    reader = Bidirectional(GRU(D, H), GRU(D, H))
    assert not isinstance(reader, Recurrent)
    with pytest.raises(UsageError, match=r"cannot step: half of each output is read from the end, which has not come"):
        reader.step(torch.zeros(B, D), None)


def test_parts_that_read_different_widths_are_refused() -> None:
    with pytest.raises(UsageError, match="the forward GRU reads 5 features and the backward LSTM 6: make them equal"):
        Bidirectional(GRU(D, H), LSTM(6, H))


@pytest.mark.parametrize("shape", [(T, B, 6), (B, D), (D,)])
def test_a_sequence_of_the_wrong_shape_is_named(shape: tuple[int, ...]) -> None:
    with pytest.raises(UsageError, match=r"GRU reads sequences \[T, B, 5\] but was given"):
        Bidirectional(GRU(D, H), GRU(D, H)).scan(torch.zeros(shape))
