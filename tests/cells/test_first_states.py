"""A first state may be learned, or made from a context; rows that begin anew begin there too."""

import pytest
import torch
from torch import nn

from statewise.cells import GRU, LSTM, Chain, Conditioned, Dropout, LayerNorm, Learned, Residual
from statewise.cells.recurrent import begin, reads_context
from statewise.errors import UsageError
from statewise.state import leaves

T, B, D, H, WIDTH = 7, 3, 5, 4, 2


def shake(module: nn.Module) -> None:
    with torch.no_grad():
        for weights in module.parameters():
            weights.add_(torch.randn_like(weights), alpha=0.5)


def test_a_learned_state_begins_as_the_parts_own_and_is_the_same_for_every_row() -> None:
    cell = Learned(LSTM(D, H))
    assert not any(leaf.any() for leaf in leaves(cell.initial(B)))
    shake(cell)
    hidden, memory = cell.initial(B)
    assert torch.equal(hidden, hidden[:1].expand(B, H))
    assert not torch.equal(hidden, memory)


def test_a_learned_state_is_found_by_training() -> None:
    cell = Learned(GRU(D, H))
    ys, _ = cell.scan(torch.randn(T, B, D), cell.initial(B))
    (grad,) = torch.autograd.grad(ys.sum(), list(cell.offsets))
    assert grad.shape == (H,)
    assert grad.any()


def test_a_row_that_is_reset_begins_at_the_learned_state() -> None:
    cell = Learned(GRU(D, H))
    shake(cell)
    xs, reset = torch.randn(T, B, D), torch.zeros(T, B, dtype=torch.bool)
    reset[3, 1] = True
    ys, _ = cell.scan(xs, cell.initial(B), reset=reset)
    anew, _ = cell.part.scan(xs[3:], cell.initial(B))
    torch.testing.assert_close(ys[3:, 1], anew[:, 1])
    assert cell.initial(B).hidden.all()


def test_a_conditioned_state_is_a_linear_map_of_each_rows_context() -> None:
    cell = Conditioned(LSTM(D, H), WIDTH)
    shake(cell)
    context = torch.randn(B, WIDTH)
    expected = context @ cell.context_weights.T + cell.bias
    torch.testing.assert_close(torch.cat(cell.initial(B, context), dim=-1), expected)
    torch.testing.assert_close(torch.cat(cell.initial(B), dim=-1), cell.bias.expand(B, 2 * H))


def test_a_row_that_is_reset_begins_as_without_a_context() -> None:
    cell = Conditioned(GRU(D, H), WIDTH)
    shake(cell)
    xs, reset = torch.randn(T, B, D), torch.zeros(T, B, dtype=torch.bool)
    reset[3, 1] = True
    ys, _ = cell.scan(xs, cell.initial(B, torch.randn(B, WIDTH)), reset=reset)
    torch.testing.assert_close(ys[3:, 1], cell.scan(xs[3:], cell.initial(B))[0][:, 1])


def test_the_context_hears_what_became_of_it() -> None:
    cell = Conditioned(GRU(D, H), WIDTH)
    context = torch.randn(B, WIDTH, requires_grad=True)
    ys, _ = cell.scan(torch.randn(T, B, D), cell.initial(B, context))
    assert torch.autograd.grad(ys[-1].sum(), context)[0].all()


def test_a_context_reaches_the_part_that_reads_it_through_all_that_is_around_it() -> None:
    inner = Conditioned(GRU(6, 6), WIDTH)
    chain = Chain(GRU(D, 6), Dropout(Residual(inner), 0.5))
    context = torch.randn(B, WIDTH)
    assert reads_context(chain)
    torch.testing.assert_close(begin(chain, B, context)[1].part, inner.initial(B, context))
    assert torch.equal(chain.initial(B, context)[0].hidden, torch.zeros(B, 6))


def test_a_context_of_another_shape_is_named() -> None:
    message = r"Conditioned was given a context of shape \[2, 3\] where one of \[B, width\] = \[3, 2\] is wanted"
    with pytest.raises(UsageError, match=message):
        Conditioned(GRU(D, H), WIDTH).initial(B, torch.zeros(WIDTH, B))


def test_a_part_without_a_state_has_none_to_begin_from() -> None:
    with pytest.raises(UsageError, match="a LayerNorm has no state of real numbers to begin from"):
        Learned(LayerNorm(D))
    with pytest.raises(UsageError, match="a LayerNorm has no state of real numbers to begin from"):
        Conditioned(LayerNorm(D), WIDTH)
