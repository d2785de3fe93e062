"""A stream with attention: its memory is its context, and is saved, opened, forked and joined with the state."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from statewise.cells import LSTM, Attention, AttentionCell, AttentionMemory, Bahdanau, Chain, GaussianWindow, Luong
from statewise.errors import DataError, UsageError
from statewise.heads import Categorical, Gaussian, Ranking
from statewise.model import Model
from statewise.sampling import SamplingRule
from statewise.state import UNSEALED, leaves, map_leaves, seal, split, stack, to_bytes, write_tensors
from statewise.state.tensors import read_tensors
from statewise.stream import Stream, keep_digest, model_digest

V, D, G, H, S = 6, 3, 2, 4, 9
ATTENTION: dict[str, Callable[[], Attention[Any]]] = {
    "bahdanau": lambda: Bahdanau(features=H, memory=G, units=7),
    "luong": lambda: Luong(features=H, memory=G),
    "window": lambda: GaussianWindow(features=H, memory=G, hills=3),
}


@pytest.fixture(params=ATTENTION)
def model(request: pytest.FixtureRequest) -> Model[Tensor]:
    torch.manual_seed(0)
    core = Chain(AttentionCell(LSTM(D + G, H), ATTENTION[request.param]()), LSTM(H + G, H))
    return Model(nn.Embedding(V, D), core, Categorical(H, V))


def test_a_stream_begins_from_its_context_and_resets_to_it(model: Model[Tensor]) -> None:
    context = torch.randn(1, S, G)
    stream = Stream(model, context=context)
    first = stream.push_many([1, 4])
    assert not torch.allclose(first, Stream(model, context=-context).push_many([1, 4]))
    assert not torch.allclose(first, Stream(model).push_many([1, 4]))
    state = model.begin(1, context)
    for code in (1, 4):
        expected, state = model.step(torch.tensor([code]), state)
    assert torch.equal(first, expected[0])
    stream.reset()
    assert torch.equal(stream.push_many([1, 4]), first)


def test_a_fork_resets_to_the_same_context(model: Model[Tensor]) -> None:
    stream = Stream(model, context=torch.randn(1, S, G))
    fork = stream.fork()
    told = fork.push(2)
    fork.push(3)
    assert torch.equal(stream.push(2), told)
    fork.reset()
    assert torch.equal(fork.push(2), told)


@pytest.mark.parametrize("steps", [1, 2, S])
def test_a_saved_stream_is_opened_whatever_the_length_of_its_memory(model: Model[Tensor], steps: int) -> None:
    context = torch.randn(1, steps, G)
    stream = Stream(model, context=context)
    stream.push(3)
    saved = stream.save()
    for opened in (Stream.open(model, saved), Stream.open(model, saved, context=torch.randn(1, S + 1, G))):
        assert torch.equal(opened.params, stream.params)
        assert torch.equal(opened.fork().push_many([5, 0]), stream.fork().push_many([5, 0]))
    again = Stream.open(model, saved, context=context)
    again.reset()
    assert torch.equal(again.push(3), stream.params)


def test_streams_with_memories_of_unequal_lengths_are_stepped_together(model: Model[Tensor]) -> None:
    streams = [Stream(model, context=torch.randn(1, steps, G)) for steps in (S, 1, 4)]
    for stream in streams:
        stream.push(2)
    together = stack([stream.state for stream in streams])
    with torch.no_grad():
        for codes in ([0, 1, 2], [5, 5, 3]):
            told, together = model.step(torch.tensor(codes), together)
            alone = torch.stack([stream.push(code) for stream, code in zip(streams, codes)])
            torch.testing.assert_close(told, alone)
    assert all(leaf.shape[0] == 1 for part in split(together) for leaf in leaves(part))


def test_a_memory_whose_parts_differ_in_length_is_refused(model: Model[Tensor]) -> None:
    tensors, words = read_tensors(Stream(model, context=torch.randn(1, S, G)).save())
    (mask,) = (name for name in tensors if name.endswith("mask"))
    tensors[mask] = tensors[mask][:, :-1].contiguous()
    with pytest.raises(DataError, match="the saved stream holds a memory of 8 and of 9 places: it is damaged"):
        Stream.open(model, write_tensors(tensors, words))


def test_a_memory_of_another_width_is_refused(model: Model[Tensor]) -> None:
    tensors, words = read_tensors(Stream(model, context=torch.randn(1, S, G)).save())
    (values,) = (name for name in tensors if name.endswith("values"))
    tensors[values] = torch.zeros(1, S, G + 1)
    with pytest.raises(DataError, match="open it with the model that made it"):
        Stream.open(model, write_tensors(tensors, words))


def test_a_context_may_say_what_is_there(model: Model[Tensor]) -> None:
    values, mask = torch.randn(1, S, G), torch.arange(S).unsqueeze(0) < 5
    masked = Stream(model, context=AttentionMemory(values, mask)).push_many([1, 2])
    torch.testing.assert_close(masked, Stream(model, context=values[:, :5]).push_many([1, 2]))


def test_a_context_is_refused_by_a_model_that_reads_none() -> None:
    with pytest.raises(UsageError, match="the LSTM begins without one"):
        Stream(Model(nn.Embedding(V, D), LSTM(D, H), Categorical(H, V)), context=torch.zeros(1, S, G))


@pytest.mark.parametrize("rows", [0, 2, 1000])
def test_a_saved_stream_of_more_or_fewer_rows_than_one_is_refused(model: Model[Tensor], rows: int) -> None:
    stream = Stream(model, context=torch.randn(1, S, G))
    stream.push(1)
    whole = map_leaves(lambda leaf: leaf.repeat(rows, *[1] * (leaf.dim() - 1)), stream._whole())
    forged = seal(to_bytes(whole, {**stream._words(), "sha256": UNSEALED}))
    with pytest.raises(DataError, match=f"the saved stream holds {rows:,} rows, but 1 row must be there"):
        Stream.open(model, forged)


def test_a_stream_writes_what_its_head_draws_by_its_odds_and_no_number() -> None:
    torch.manual_seed(0)
    ranked = Stream(Model(torch.nn.Embedding(6, 5), LSTM(5, 4), Ranking(4, torch.ones(6))))
    likeliest = int(ranked.model.head.logits(ranked.params).argmax())
    assert ranked.fork().write(1, SamplingRule(temperature=0), seed=0) == [likeliest]
    assert ranked.fork().write(1, SamplingRule(top_k=1, temperature=5.0), seed=3) == [likeliest]
    with pytest.raises(UsageError, match="a head of the kind Gaussian has no choices"):
        Stream(Model(torch.nn.Identity(), LSTM(1, 4), Gaussian(4))).write(1, SamplingRule(), seed=0)


def test_a_digest_is_computed_again_where_weights_may_change_and_once_where_they_are_final() -> None:
    model = Model(nn.Embedding(V, D), LSTM(D, H), Categorical(H, V)).eval()
    first = model_digest(model)
    with torch.no_grad():
        model.encoder.weight.add_(1.0)  # type: ignore[operator]
    second = model_digest(model)
    assert first != second == keep_digest(model) == model_digest(model)
    with torch.no_grad():
        model.encoder.weight.add_(1.0)  # type: ignore[operator]
    assert model_digest(model) == second
