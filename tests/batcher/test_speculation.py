"""What is written beside others is what is written alone, whatever rule, dice and length each has."""

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

import pytest
import torch
from torch import nn

from statewise.batcher import Writing, draw_ahead, write
from statewise.batcher.speculation import PIECES
from statewise.cells import GRU, LSTM, Chain, LayerNormGRU
from statewise.decode import sample
from statewise.errors import UsageError
from statewise.heads import Categorical
from statewise.kernels import native
from statewise.model import Model
from statewise.sampling import SamplingRule
from statewise.state import map_leaves
from statewise.stream import Stream

V, D, H, LENGTH = 7, 5, 4, 37
CORES: dict[str, Callable[[], Any]] = {
    "by the step program": lambda: Chain(LSTM(D, H), GRU(H, H)),
    "one after another": lambda: LayerNormGRU(D, H),
}
by_the_program = pytest.mark.skipif(native.Program is None, reason="a step program needs the native kernels")
HOWS: list[dict[str, Any]] = [
    {"temperature": 1.0, "seed": 1},
    {"temperature": 0.7, "seed": 2, "top_k": 3},
    {"temperature": 1.0, "seed": 3},
    {"temperature": 0.0, "seed": 4, "never": (2,)},
    {"temperature": 1.3, "seed": 5, "top_p": 0.8},
]


def pieces(stream: Stream[Any], how: dict[str, Any], length: int = LENGTH) -> Iterator[str]:
    stream.push_many([1, how["seed"] % V])
    yield from map(str, islice(sample(stream, **how), length))


def alone(stream: Stream[Any], how: dict[str, Any], length: int = LENGTH) -> tuple[str, bytes]:
    own = stream.fork()
    return "".join(pieces(own, how, length)), own.save()


@pytest.fixture(params=CORES)
def stream(request: pytest.FixtureRequest) -> Stream[Any]:
    torch.manual_seed(0)
    return Stream(Model(nn.Embedding(V, D), CORES[request.param](), Categorical(H, V)).eval())


def test_rows_of_every_rule_write_what_they_write_alone_and_end_in_the_same_bits(stream: Stream[Any]) -> None:
    own = [stream.fork() for _ in HOWS]
    lengths = [LENGTH, LENGTH - 20, LENGTH, 5, LENGTH]
    writings = [Writing(one, pieces(one, *of)) for one, of in zip(own, zip(HOWS, lengths, strict=True), strict=True)]
    texts = [""] * len(writings)
    for first in range(0, LENGTH + 1, PIECES):  # some are complete before others
        for at, more in enumerate(write(writings)):
            assert isinstance(more, list)
            assert len(more) == max(0, min(PIECES, lengths[at] - first))
            texts[at] += "".join(more)
    assert write(writings) == [[]] * len(writings)
    told = [(text, one.save()) for text, one in zip(texts, own, strict=True)]
    assert told == [alone(stream, *of) for of in zip(HOWS, lengths, strict=True)]


@by_the_program
def test_steps_are_shared_by_the_writers(monkeypatch: pytest.MonkeyPatch) -> None:
    model = Model(nn.Embedding(V, D), LSTM(D, H), Categorical(H, V)).eval()
    own = [Stream(model) for _ in HOWS]
    writings = [Writing(one, pieces(one, how)) for one, how in zip(own, HOWS, strict=True)]
    write(writings)
    calls = list[int]()
    ask = Stream._write
    monkeypatch.setattr(Stream, "_write", lambda *given: calls.append(1) or ask(*given))  # type: ignore[func-returns-value]
    write(writings)
    assert calls == []


@by_the_program
def test_what_was_foreseen_is_void_once_something_else_is_read() -> None:
    model = Model(nn.Embedding(V, D), LSTM(D, H), Categorical(H, V)).eval()
    changes: list[Callable[[Stream[Any]], Any]] = [lambda one: one.push(3), Stream.undo, Stream.reset]
    for change in changes:
        one, other = Stream(model), Stream(model)
        for stream in (one, other):
            stream.write(1, SamplingRule(), seed=1)
        plain = one.fork()
        draw_ahead([one, other], steps=4)
        assert one.next_draw is None
        for stream in (one, plain):
            change(stream)
        assert one.write(3, SamplingRule(), 1, 1) == plain.write(3, SamplingRule(), 1, 1)
        assert one.save() == plain.save()
        other.write(1, SamplingRule(0.5), 1, 1)  # by another rule than before
        assert other.steps == 2


def test_one_that_fails_spoils_no_other_text(stream: Stream[Any]) -> None:
    def failing() -> Iterator[str]:
        yield "a"
        raise UsageError("it fails")

    own = stream.fork()
    writings = [Writing(stream.fork(), failing()), Writing(own, pieces(own, HOWS[0], 5))]
    failed, written = write(writings)
    assert isinstance(failed, UsageError)
    assert isinstance(written, list)
    assert "".join(written) == alone(stream, HOWS[0], 5)[0]


@pytest.mark.parametrize("rows", [0, 2])
def test_a_stream_of_other_rows_comes_between_no_writers(rows: int) -> None:
    model = Model(nn.Embedding(V, D), LSTM(D, H), Categorical(H, V)).eval()
    own = [Stream(model) for _ in range(4)]
    for one in own:
        one.write(1, SamplingRule(), seed=1)
    stranger, honest = own[0], own[1:]
    stranger._at = map_leaves(lambda leaf: leaf.repeat(rows, 1), stranger.state)
    wanted = [one.fork().write(4, SamplingRule(), 1, 1) for one in honest]
    draw_ahead(own, steps=4)
    assert [[one.write(1, SamplingRule(), 1, 1 + n)[0] for n in range(4)] for one in honest] == wanted
    assert stranger.next_draw is not None


def test_odds_that_are_no_numbers_are_reported_for_the_rows_that_have_them() -> None:
    model = Model(nn.Embedding(V, D), LSTM(D, H), Categorical(H, V)).eval()
    own = [Stream(model) for _ in range(2)]
    writings = [Writing(one, pieces(one, how)) for one, how in zip(own, HOWS[:2], strict=True)]
    write(writings)
    with torch.no_grad():
        model.head.bias[0] = torch.nan  # type: ignore[operator]
    first, second = write(writings)
    assert isinstance(first, UsageError)
    assert isinstance(second, UsageError)
