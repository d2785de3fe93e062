"""Parts with ways around them: residuals, skips, normalisation and feedback."""

from typing import Any

import pytest
import torch

from statewise.cells import GRU, LSTM, Chain, ConcatSkip, Elman, Feedback, LayerNorm, Recurrent, Residual
from statewise.errors import UsageError
from statewise.state import paths

T, B, D, H = 7, 3, 5, 4


def test_a_residual_adds_what_its_part_read() -> None:
    part = GRU(D, D)
    xs = torch.randn(T, B, D)
    ys, last = Residual(part).scan(xs, part.initial(B))
    expected, end = part.scan(xs, part.initial(B))
    torch.testing.assert_close(ys, xs + expected)
    assert torch.equal(last.hidden, end.hidden)


def test_a_residual_of_unequal_widths_is_refused() -> None:
    with pytest.raises(UsageError, match="its LSTM reads 5 features and writes 4 units: make them equal"):
        Residual(LSTM(D, H))


def test_each_part_after_a_skip_reads_the_input_and_its_neighbour() -> None:
    lower, upper = GRU(D, 6), LSTM(D + 6, H)
    xs = torch.randn(T, B, D)
    between, _ = lower.scan(xs, lower.initial(B))
    above, high = upper.scan(torch.cat([xs, between], dim=-1), upper.initial(B))
    skip = ConcatSkip(lower, upper)
    ys, state = skip.scan(xs, skip.initial(B))
    assert torch.equal(ys, torch.cat([between, above], dim=-1))
    assert torch.equal(state[1].cell, high.cell)
    assert (skip.features, skip.units) == (D, 6 + H)


def test_a_third_part_after_a_skip_reads_the_second_and_not_the_first() -> None:
    skip = ConcatSkip(Elman(D, 6), Elman(D + 6, 2), Elman(D + 2, H))
    assert skip.scan(torch.randn(T, B, D), skip.initial(B))[0].shape == (T, B, 12)
    assert [path for path, _ in paths(skip.initial(B))] == ["0.hidden", "1.hidden", "2.hidden"]


def test_skips_that_do_not_fit_are_named_with_the_sum() -> None:
    message = "the LSTM reads 6 features, but 5 of the input and 6 of the GRU before it come to 11: make them equal"
    with pytest.raises(UsageError, match=message):
        ConcatSkip(GRU(D, 6), LSTM(6, H))
    with pytest.raises(UsageError, match="a ConcatSkip of no parts"):
        ConcatSkip()
    skip = ConcatSkip(GRU(D, 6), LSTM(D + 6, H))
    with pytest.raises(UsageError, match="a ConcatSkip of 2 parts was given a state of 1: begin with"):
        skip.scan(torch.zeros(T, B, D), skip.initial(B)[:1])


def test_layer_norm_is_that_of_pytorch_and_has_no_state() -> None:
    ours, theirs = LayerNorm(D, epsilon=0.01), torch.nn.LayerNorm(D, eps=0.01)
    with torch.no_grad():
        for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
            mine.copy_(torch.randn(D))
            other.copy_(mine)
    xs = torch.randn(T, B, D)
    ys, state = ours.scan(xs, ours.initial(B))
    torch.testing.assert_close(ys, theirs(xs))
    assert state == ()


def test_feedback_joins_the_last_output_to_the_input() -> None:
    part = Elman(D + H, H)
    heard = Feedback(part)
    assert (heard.features, heard.units) == (D, H)
    xs = torch.randn(2, B, D)
    first, state = part.step(torch.cat([xs[0], torch.zeros(B, H)], dim=-1), part.initial(B))
    second, _ = part.step(torch.cat([xs[1], first], dim=-1), state)
    ys, last = heard.scan(xs, heard.initial(B))
    torch.testing.assert_close(ys, torch.stack([first, second]))
    torch.testing.assert_close(last.output, second)


def test_feedback_to_a_part_that_reads_too_little_is_refused() -> None:
    with pytest.raises(UsageError, match="gives 4 units of output back, but its GRU reads 4 features: let it read 4"):
        Feedback(GRU(H, H))


@pytest.mark.parametrize(
    "cell",
    [Residual(GRU(D, D)), ConcatSkip(GRU(D, 6), LSTM(D + 6, H)), Chain(LayerNorm(D), GRU(D, H)), Feedback(GRU(9, H))],
    ids=lambda cell: type(cell).__name__,
)
def test_padding_may_hold_no_number_at_all(cell: Recurrent[Any]) -> None:
    mask = torch.ones(T, B, dtype=torch.bool)
    mask[2, 1] = mask[6, 2] = False
    xs = torch.randn(T, B, D)
    wild = torch.where(mask.unsqueeze(-1), xs, float("nan")).requires_grad_()
    ys, _ = cell.scan(wild, cell.initial(B), mask=mask)
    assert torch.equal(ys, cell.scan(xs, cell.initial(B), mask=mask)[0])
    grads = torch.autograd.grad(ys.sum(), [wild, *cell.parameters()])
    assert all(grad.isfinite().all() for grad in grads)
