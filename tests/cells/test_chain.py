"""A chain is its parts one behind another, and is a part itself."""

from typing import Any

import pytest
import torch

from statewise.cells import GRU, LSTM, Chain, Elman, Recurrent
from statewise.errors import UsageError
from statewise.state import paths

T, B, D, H = 7, 3, 5, 4


def test_a_chain_reads_with_each_part_what_the_one_before_it_wrote() -> None:
    lower, upper = LSTM(D, H), GRU(H, 6)
    chain = Chain(lower, upper)
    xs = torch.randn(T, B, D)
    between, low = lower.scan(xs, lower.initial(B))
    ys, high = upper.scan(between, upper.initial(B))
    found, (found_low, found_high) = chain.scan(xs, chain.initial(B))
    assert torch.equal(found, ys)
    assert torch.equal(found_low.cell, low.cell)
    assert torch.equal(found_high.hidden, high.hidden)


def test_a_chain_is_as_wide_as_its_ends() -> None:
    chain = Chain(LSTM(D, H), GRU(H, 6))
    assert (chain.features, chain.units) == (D, 6)


def test_a_chain_of_one_is_that_one() -> None:
    cell = GRU(D, H)
    xs = torch.randn(T, B, D)
    ys, (last,) = Chain(cell).scan(xs, Chain(cell).initial(B))
    expected, end = cell.scan(xs, cell.initial(B))
    assert torch.equal(ys, expected)
    assert torch.equal(last.hidden, end.hidden)


def test_chains_nest_and_the_state_nests_with_them() -> None:
    chain = Chain(Chain(Elman(D, H), LSTM(H, 2)), GRU(2, H))
    state = chain.initial(B)
    assert [path for path, _ in paths(state)] == ["0.0.hidden", "0.1.hidden", "0.1.cell", "1.hidden"]
    y, _ = chain.step(torch.randn(B, D), state)
    assert y.shape == (B, H)


def test_iterating_yields_the_parts_in_order() -> None:
    parts: list[Recurrent[Any]] = [Elman(D, H), LSTM(H, 2), GRU(2, H)]
    assert list(Chain(*parts)) == parts


def test_every_part_trains() -> None:
    chain = Chain(LSTM(D, H), GRU(H, 6))
    ys, _ = chain.scan(torch.randn(T, B, D), chain.initial(B))
    grads = torch.autograd.grad(ys.square().sum(), list(chain.parameters()))
    assert all(grad.any() for grad in grads)
    assert {name.split(".")[1] for name, _ in chain.named_parameters()} == {"0", "1"}


def test_resets_and_sleep_reach_every_part() -> None:
    chain = Chain(LSTM(D, H), GRU(H, 6))
    xs = torch.randn(T, B, D)
    _, used = chain.scan(xs, chain.initial(B))
    asleep = torch.zeros(T, B, dtype=torch.bool)
    _, (low, high) = chain.scan(xs, used, mask=asleep)
    assert torch.equal(low.cell, used[0].cell)
    assert torch.equal(high.hidden, used[1].hidden)
    begin = torch.zeros(T, B, dtype=torch.bool)
    begin[0] = True
    ys, _ = chain.scan(xs, used, reset=begin)
    torch.testing.assert_close(ys, chain.scan(xs, chain.initial(B))[0])


def test_a_chain_of_no_parts_is_refused() -> None:
    with pytest.raises(UsageError, match="a Chain of no parts was asked for: give it at least one recurrence"):
        Chain()


def test_neighbours_that_do_not_fit_are_named() -> None:
    message = "LSTM writes 4 units but the GRU after it reads 5 features: make them equal"
    with pytest.raises(UsageError, match=message):
        Chain(Elman(D, D), LSTM(D, H), GRU(D, H))


def test_a_state_of_too_few_parts_is_an_error() -> None:
    chain = Chain(LSTM(D, H), GRU(H, 6))
    with pytest.raises(ValueError, match="shorter"):
        chain.step(torch.zeros(B, D), chain.initial(B)[:1])
