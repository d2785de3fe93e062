"""Choices out of a stream: narrowed, greedy, seeded, and searched."""

import itertools
import math

import pytest
import torch
from torch import nn

from statewise.cells import LSTM
from statewise.decode import beam, narrow, sample
from statewise.errors import DataError
from statewise.heads import Categorical
from statewise.model import Model
from statewise.state import leaves
from statewise.stream import Stream

V, STEPS = 4, 3


@pytest.fixture
def stream() -> "Stream[torch.Tensor]":
    torch.manual_seed(0)
    begun = Stream(Model(nn.Embedding(V, 5), LSTM(5, 6), Categorical(6, V)))
    begun.push(1)
    return begun


def test_narrowing_keeps_the_likeliest() -> None:
    logits = torch.tensor([2.0, 0.0, 3.0, 1.0])
    assert narrow(logits, top_k=2).isfinite().tolist() == [True, False, True, False]
    assert narrow(logits, top_p=0.01).isfinite().tolist() == [False, False, True, False]
    assert narrow(logits, never=[2]).argmax() == 0


def test_greedy_takes_the_likeliest_and_a_seed_repeats(stream: "Stream[torch.Tensor]") -> None:
    likeliest = int(stream.params.argmax())
    assert next(sample(stream.fork(), temperature=0)) == likeliest
    drawn = [list(itertools.islice(sample(stream.fork(), seed=5), 8)) for _ in range(2)]
    assert drawn[0] == drawn[1]


def test_a_beam_as_wide_as_all_sequences_finds_the_best(stream: "Stream[torch.Tensor]") -> None:
    scores = {}
    for path in itertools.product(range(V), repeat=STEPS):
        other, score = stream.fork(), 0.0
        for code in path:
            score += float(other.params.log_softmax(-1)[code])
            other.push(code)
        scores[path] = score
    before = leaves(stream.state)
    found = beam(stream, STEPS, width=V**STEPS)
    best = max(scores, key=lambda path: scores[path])
    assert tuple(found[0].codes) == best
    assert math.isclose(found[0].log_probability, scores[best], rel_tol=1e-5)
    assert all(map(torch.equal, leaves(stream.state), before))


def test_a_stream_is_what_reading_at_once_gives_and_peeking_moves_nothing(stream: "Stream[torch.Tensor]") -> None:
    model = stream.model
    ys, _ = model.core.scan(model.encoder(torch.tensor([[1], [3], [2]])), model.begin(1))
    peeked = stream.peek(3)
    assert torch.equal(peeked, stream.push(3))
    torch.testing.assert_close(stream.push(2), model.head(ys[-1])[0])
    fork = stream.fork()
    fork.push(0)
    assert not torch.equal(fork.params, stream.params)
    stream.reset()
    torch.testing.assert_close(stream.push(1), model.head(ys[0])[0])


def test_another_models_state_and_damaged_bytes_are_refused(stream: "Stream[torch.Tensor]") -> None:
    saved = stream.save()
    same_shape = Model(nn.Embedding(V, 5), LSTM(5, 6), Categorical(6, V))
    with pytest.raises(DataError, match="other weights"):
        Stream.open(same_shape, saved)
    with pytest.raises(DataError, match="this model's state holds"):
        Stream.open(Model(nn.Embedding(V, 5), LSTM(5, 7), Categorical(7, V)), saved)
    with pytest.raises(DataError, match="damaged"):
        Stream.open(stream.model, saved[:20])
