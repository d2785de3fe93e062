"""A stream goes back as it came, is put away and opened by its own model alone, and reads in any portions alike."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from statewise.cells import GRU, LSTM, Chain, LayerNormGRU
from statewise.data.window import Window
from statewise.errors import DataError, UsageError
from statewise.heads import Categorical
from statewise.model import Model
from statewise.sampling import SamplingRule
from statewise.state import leaves
from statewise.stream import Stream

V, D, H = 6, 5, 4
CODES = [1, 4, 0, 5, 2, 2, 3]
CORES: dict[str, Callable[[], Any]] = {
    "by the step program": lambda: Chain(LSTM(D, H), GRU(H, H)),
    "by the model": lambda: LayerNormGRU(D, H),
}


@pytest.fixture(params=CORES)
def model(request: pytest.FixtureRequest) -> Model[Tensor]:
    torch.manual_seed(0)
    return Model(nn.Embedding(V, D), CORES[request.param](), Categorical(H, V)).eval()


def places(stream: Stream[Tensor]) -> list[Tensor]:
    return [leaf.clone() for leaf in (*leaves(stream.state), stream.params)]


def assert_at(stream: Stream[Tensor], place: list[Tensor]) -> None:
    assert all(map(torch.equal, places(stream), place))


def test_undo_takes_every_call_back_and_nothing_more(model: Model[Tensor]) -> None:
    stream, been = Stream(model), []
    calls: list[Callable[[], object]] = [
        lambda: stream.push(1),
        lambda: stream.push_many([4, 0, 5]),
        lambda: stream.write(3, SamplingRule(), seed=2),
        stream.reset,
        lambda: stream.push(2),
    ]
    steps = []
    for call in calls:
        been.append(places(stream))
        steps.append(stream.steps)
        call()
    assert (*steps, stream.steps) == (0, 1, 4, 7, 0, 1)
    after = places(stream)
    for place in reversed(been):
        assert torch.equal(stream.undo(), place[-1])
        assert stream.steps == steps.pop()
        assert_at(stream, place)
    for call in calls:
        call()
    assert_at(stream, after)
    stream.undo(len(calls))
    assert_at(stream, been[0])


def test_undo_is_refused_beyond_the_history_and_moves_nothing(model: Model[Tensor]) -> None:
    stream = Stream(model, history=2)
    for code in CODES:
        stream.push(code)
    here = places(stream)
    for calls in (3, 0, -1):
        with pytest.raises(UsageError, match=f"{calls} calls cannot be undone: the stream remembers 2"):
            stream.undo(calls)
    assert_at(stream, here)
    stream.undo(2)
    with pytest.raises(UsageError, match="remembers 0"):
        stream.undo()
    with pytest.raises(UsageError, match="a history of -1 is not a whole number from 0"):
        Stream(model, history=-1)


def test_a_fork_goes_back_without_the_other(model: Model[Tensor]) -> None:
    stream = Stream(model)
    stream.push(1)
    fork = stream.fork()
    here = places(stream)
    fork.push(3)
    fork.undo(2)
    assert_at(stream, here)
    stream.push(2)
    stream.undo()
    assert_at(stream, here)


def test_what_cannot_be_read_is_not_remembered_and_reads_nothing(model: Model[Tensor]) -> None:
    stream = Stream(model)
    stream.push(1)
    here = places(stream)
    with pytest.raises((UsageError, IndexError)):
        stream.push_many([2, V + 7])
    with pytest.raises((UsageError, IndexError)):
        stream.push(V + 7)
    with pytest.raises(UsageError):
        stream.write(2, SamplingRule(never=tuple(range(V))), seed=1)
    assert_at(stream, here)
    stream.undo()
    with pytest.raises(UsageError, match="remembers 0"):
        stream.undo()


def test_any_portions_give_the_bits_of_one_by_one_and_what_the_whole_sequence_gives(model: Model[Tensor]) -> None:
    whole, portions, singly = Stream(model), Stream(model), Stream(model)
    whole.push_many(CODES)
    for portion in (CODES[:1], CODES[1:4], [], CODES[4:]):
        portions.push_many(portion)
    for code in CODES:
        singly.push(code)
    assert_at(portions, places(whole))
    assert_at(singly, places(whole))
    xs = torch.tensor(CODES).unsqueeze(1)
    with torch.no_grad():
        logits, _ = model.scan(Window(xs, xs, None, None), model.begin(1))
    torch.testing.assert_close(whole.params, logits[-1, 0])


def test_a_damaged_or_foreign_save_is_refused(model: Model[Tensor]) -> None:
    stream = Stream(model)
    stream.push_many(CODES)
    saved = stream.save()
    assert_at(Stream.open(model, saved), places(stream))
    assert not Stream.open(model, saved).fresh
    assert Stream.open(model, Stream(model).save()).fresh
    for at in (len(saved) - 1, len(saved) - 40):
        damaged = bytearray(saved)
        damaged[at] ^= 4
        with pytest.raises(DataError, match="the saved stream is not what was written: it is damaged"):
            Stream.open(model, bytes(damaged))
    with pytest.raises(DataError, match="has format 1, not 2"):
        Stream.open(model, saved.replace(b'"format":"2"', b'"format":"1"'))
    other = Model(nn.Embedding(V, D), model.core, Categorical(H, V)).eval()
    with pytest.raises(DataError, match="a model with other weights"):
        Stream.open(other, saved)
