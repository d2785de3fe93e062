"""What several processes tell each other arrives whole, in order, and as the same bits everywhere."""

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from statewise.data.window import Window
from statewise.distributed import LostProcess, Ranks, own_rows, random_of
from statewise.errors import UsageError
from statewise.learning.sparse_gradients import add_up, settle

InProcesses = Callable[[int, Callable[[Ranks], Any]], list[Any]]


def test_messages_of_three_processes(in_processes: InProcesses) -> None:
    def work(ranks: Ranks) -> dict[str, Any]:
        drawn = torch.rand(1000, generator=torch.Generator().manual_seed(ranks.rank))
        parts = [drawn[:7].clone().reshape(7, 1), drawn[7:].clone()]
        ranks.add_up(parts)
        ranks.pending = 15 if ranks.rank == 1 else 0
        before, clock = ranks.agreed, ranks.agree(float(ranks.rank + 5))
        return {
            "exchanged": ranks.exchange([ranks.rank, 0.5]),
            "gathered": [each.decode() for each in ranks.gather(b"xyz"[: ranks.rank])],
            "handed": {
                k: v.decode() for k, v in ranks.hand_round(lambda: {"a": b"one", "b": b"", "c": b"two"}).items()
            },
            "nothing": ranks.hand_round(dict),
            "summed": [part.flatten().tolist() for part in parts],
            "clock": [before, clock, ranks.agreed],
            "own": [ranks.own(6).start, ranks.own(6).stop],
        }

    told = in_processes(3, work)
    draws = [torch.rand(1000, generator=torch.Generator().manual_seed(rank)) for rank in range(3)]
    for rank, each in enumerate(told):
        assert each["exchanged"] == [[0.0, 0.5], [1.0, 0.5], [2.0, 0.5]]
        assert each["gathered"] == ["", "x", "xy"]
        assert each["handed"] == {"a": "one", "b": "", "c": "two"}
        assert each["nothing"] == {}
        assert each["clock"] == [0, 5.0, 15]
        assert each["own"] == [2 * rank, 2 * rank + 2]
        assert each["summed"] == told[0]["summed"]
    summed = torch.cat([torch.tensor(part) for part in told[0]["summed"]])
    torch.testing.assert_close(summed, draws[0] + draws[1] + draws[2])


def test_sparse_gradients_are_added_up_row_by_row(in_processes: InProcesses) -> None:
    def work(ranks: Ranks) -> Any:
        table = nn.Embedding(9, 2, sparse=True)
        table(torch.tensor([4, ranks.rank, 4])).sum().backward()
        settle(table.parameters())
        add_up(table.parameters(), ranks)
        assert table.weight.grad is not None
        return table.weight.grad.to_dense().tolist()

    expected = torch.zeros(9, 2)
    expected[4], expected[0], expected[1] = 4.0, 1.0, 1.0
    assert in_processes(2, work) == [expected.tolist()] * 2


def test_the_first_process_goes_first(in_processes: InProcesses) -> None:
    here = Path.cwd()

    def work(ranks: Ranks) -> list[str]:
        with ranks.first_goes_first():
            found = sorted(path.name for path in here.glob("made-*"))
            (here / f"made-{ranks.rank}").touch()
        return found

    first, second = in_processes(2, work)
    assert (first, second) == ([], ["made-0"])


def test_a_process_that_ends_is_missed_at_once_in_one_line(in_processes: InProcesses) -> None:
    def work(ranks: Ranks) -> str:
        if ranks.rank == 1:
            return "left"
        try:
            for _ in range(100):
                ranks.exchange([1.0])
        except LostProcess as lost:
            return str(lost)
        return "nobody was missed"

    assert in_processes(2, work) == ["another process of this training has ended or does not answer", "left"]


def test_windows_are_shared_by_rows() -> None:
    mask = torch.rand(7, 6) > 0.5
    window = Window(torch.arange(42).reshape(7, 6), torch.arange(42).reshape(7, 6) + 1, mask, None, torch.ones(6, 2))
    own = own_rows([window, window], Ranks(1, 3))[1]
    assert torch.equal(own.inputs, window.inputs[:, 2:4])
    assert torch.equal(own.targets, window.targets[:, 2:4])
    assert own.mask is not None
    assert torch.equal(own.mask, mask[:, 2:4])
    assert own.reset is None
    assert own.context.shape == (2, 2)
    assert len(own_rows([window] * 5, Ranks(1, 3))[1:4]) == 3
    with pytest.raises(UsageError, match="a batch of 6 cannot be split into 4 equal parts: give a batch size"):
        own_rows([window], Ranks(1, 4))


def test_one_process_alone_sends_nothing_and_stops_by_its_own_signal() -> None:
    ranks = Ranks()
    ranks.pending = signal.SIGTERM
    assert (ranks.agree(3.0), ranks.agreed, ranks.gather(b"x")) == (3.0, signal.SIGTERM, [b"x"])
    windows = [Window(torch.zeros(7, 3), torch.zeros(7, 3))]
    assert own_rows(windows, ranks) is windows
    assert os.getpid()


def test_processes_draw_different_random_numbers() -> None:
    assert not torch.equal(random_of(0, 1, 0), random_of(0, 2, 0))
    assert not torch.equal(random_of(0, 1, 0), random_of(1, 1, 0))
