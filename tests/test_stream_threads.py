"""Threads that share a stream lose nothing: their calls come one after another, each where the last one ended."""

import sys
import threading
from collections.abc import Callable, Iterator

import pytest
import torch
from torch import Tensor, nn

from statewise.cells import GRU, LayerNormGRU
from statewise.heads import Categorical
from statewise.model import Model
from statewise.sampling import SamplingRule
from statewise.state import leaves
from statewise.stream import Stream

V, D, H = 6, 5, 4


@pytest.fixture(autouse=True)
def hasty() -> Iterator[None]:
    """Let threads take turns a thousand times as often as they do."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(5e-6)
    yield
    sys.setswitchinterval(before)


def make_stream(kind: str, history: int = 16) -> Stream[Tensor]:
    torch.manual_seed(0)
    core = GRU(D, H) if kind == "by the step program" else LayerNormGRU(D, H)
    return Stream(Model(nn.Embedding(V, D), core, Categorical(H, V)).eval(), history=history)


def together(*calls: Callable[[], object]) -> None:
    """Run calls in threads of their own, and raise what any of them raised."""
    failed: list[BaseException] = []
    ready = threading.Barrier(len(calls))

    def run(call: Callable[[], object]) -> None:
        ready.wait()
        try:
            call()
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=run, args=(call,)) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for error in failed:
        raise error


@pytest.mark.parametrize(("kind", "pushes"), [("by the step program", 10_000), ("by the model", 500)])
def test_no_push_is_lost(kind: str, pushes: int) -> None:
    stream = make_stream(kind, history=10**6)

    def push(code: int) -> None:
        for _ in range(pushes):
            stream.push(code)

    together(lambda: push(1), lambda: push(4))
    assert stream.steps == 2 * pushes
    again = make_stream(kind)
    for _ in range(2 * pushes):  # whoever was first, each push began where one ended
        stream.undo()
    assert all(map(torch.equal, leaves(stream.state), leaves(again.state)))


class Slow(nn.Module):
    """An encoder whose first call waits until another one is done, or for a while."""

    def __init__(self) -> None:
        super().__init__()
        self.table, self.begun, self.done = nn.Embedding(V, D), threading.Event(), threading.Event()

    def forward(self, x: Tensor) -> Tensor:
        first = not self.begun.is_set()
        self.begun.set()
        if first:
            self.done.wait(0.3)
        encoded: Tensor = self.table(x)
        return encoded


def test_a_push_waits_until_one_under_way_has_ended() -> None:
    encoder = Slow()
    stream = Stream(Model(encoder, GRU(D, H), Categorical(H, V)).eval())

    def push_meanwhile() -> None:
        encoder.begun.wait()
        stream.push(torch.tensor(4))
        encoder.done.set()

    together(lambda: stream.push(torch.tensor(1)), push_meanwhile)
    again: Stream[Tensor] = Stream(stream.model)
    assert stream.steps == 2
    assert torch.equal(again.push_many([torch.tensor(1), torch.tensor(4)]), stream.params)


def test_calls_of_every_kind_come_one_after_another() -> None:
    stream = make_stream("by the step program", history=10**6)

    def read() -> None:
        for _ in range(300):
            stream.push_many([1, 2, 3])

    def write() -> None:
        for n in range(300):
            assert len(stream.write(2, SamplingRule(), seed=1, first=2 * n)) == 2

    def look() -> None:
        for _ in range(300):
            fork = stream.fork()
            opened = Stream.open(fork.model, fork.save())
            assert torch.equal(opened.params, fork.params)
            assert torch.equal(opened.push(5), fork.push(5))

    def go_on_and_back() -> None:
        for _ in range(300):
            stream.peek(0)

    together(read, write, look, go_on_and_back)
    assert stream.steps == 300 * (3 + 2)


def test_a_fork_waits_for_none_of_the_other() -> None:
    stream = make_stream("by the step program")
    fork = stream.fork()
    with stream._lock:
        together(lambda: fork.push(1))
    assert fork.steps == 1
