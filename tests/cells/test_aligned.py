"""A part that reads a vector of a memory with each step."""

import pytest
import torch

from statewise.cells import LSTM, Aligned, AttentionMemory
from statewise.errors import UsageError

T, B, D, H, S, M = 7, 3, 5, 4, 6, 2


def test_step_t_reads_vector_t_and_zeros_beyond_the_memory() -> None:
    torch.manual_seed(0)
    part = LSTM(D + M, H)
    cell, xs = Aligned(part, M), torch.randn(T, B, D)
    mask = torch.arange(S) < torch.tensor([[6], [2], [4]])
    values = torch.randn(B, S, M)
    ys, last = cell.scan(xs, cell.initial(B, context=AttentionMemory(values, mask)))
    read = torch.zeros(T, B, M)
    read[:S] = (values * mask.unsqueeze(-1)).transpose(0, 1)
    wanted, _ = part.scan(torch.cat([xs, read], dim=-1), part.initial(B))
    assert torch.allclose(ys, wanted)
    assert last.place.tolist() == [T] * B


def test_a_step_that_a_row_sleeps_through_reads_no_vector() -> None:
    torch.manual_seed(0)
    cell, xs, memory = Aligned(LSTM(D + M, H), M), torch.randn(T, 1, D), torch.randn(1, S, M)
    mask = torch.tensor([1, 0, 0, 1, 1, 0, 1]).bool().unsqueeze(1)
    ys, last = cell.scan(xs, cell.initial(1, context=memory), mask=mask)
    awake, _ = cell.scan(xs[mask[:, 0]], cell.initial(1, context=memory))
    assert torch.allclose(ys[mask[:, 0]], awake)
    assert last.place.tolist() == [4]


def test_steps_read_what_a_scan_reads_and_a_state_can_be_forked() -> None:
    torch.manual_seed(0)
    cell, xs = Aligned(LSTM(D + M, H), M), torch.randn(T, B, D)
    state = cell.initial(B, context=torch.randn(B, S, M))
    ys, _ = cell.scan(xs, state)
    for t in range(T):
        y, state = cell.step(xs[t], state)
        assert torch.allclose(y, ys[t], atol=1e-6)
        if t == 2:
            fork = state
    again, _ = cell.scan(xs[3:], fork)
    assert torch.allclose(again, ys[3:], atol=1e-6)


def test_a_memory_of_another_width_is_refused() -> None:
    with pytest.raises(UsageError, match=r"Aligned reads a memory \[B, S, D\] = \[3, S, 2\] but was given \[3, 6, 9\]"):
        Aligned(LSTM(D + M, H), M).initial(B, context=torch.zeros(B, S, 9))
    with pytest.raises(UsageError, match="vectors of 9 join the input"):
        Aligned(LSTM(D, H), 9)
