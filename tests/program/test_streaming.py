"""A stream steps natively where it can and as the model where it cannot, and nobody can tell but by the time."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from statewise import program
from statewise.cells import GRU, LSTM, Chain, Dropout, LayerNormGRU
from statewise.errors import UsageError
from statewise.heads import Categorical
from statewise.kernels import native, using
from statewise.model import Model
from statewise.state import leaves
from statewise.stream import Stream

D, H, V = 5, 4, 6
CODES = [1, 4, 0, 5, 2]


def make_model() -> Model[Tensor]:
    torch.manual_seed(0)
    return Model(nn.Embedding(V, D), Chain(Dropout(LSTM(D, H), 0.4), GRU(H, 3)), Categorical(3, V)).eval()


def assert_alike(ours: Stream[Any], theirs: Stream[Any]) -> None:
    torch.testing.assert_close(ours.params, theirs.params)
    torch.testing.assert_close(leaves(ours.state), leaves(theirs.state))


def test_a_stream_says_the_same_natively_and_by_the_model() -> None:
    model = make_model()
    with using("reference"):
        theirs = Stream(model)
    ours = Stream(model)
    assert theirs._program is None
    assert (ours._program is None) == (native.Program is None)
    for code in CODES:
        assert_alike(ours, theirs)
        torch.testing.assert_close(ours.peek(code), theirs.peek(code))
        torch.testing.assert_close(ours.push(code), theirs.push(code))
    assert_alike(ours, theirs)
    ours.push_many(iter(CODES))
    theirs.push_many(iter(CODES))
    assert_alike(ours, theirs)
    assert torch.equal(ours.push_many([]), ours.params)


def test_forks_saves_and_resets_do_not_know_each_other() -> None:
    model = make_model()
    stream = Stream(model)
    stream.push_many(CODES)
    before, said = stream.state, stream.params.clone()
    fork = stream.fork()
    fork.push_many(CODES)
    opened = Stream.open(model, stream.save())
    assert all(map(torch.equal, leaves(opened.state), leaves(before)))
    assert torch.equal(opened.push(3), stream.push(3))
    fork.reset()
    fork.push_many(CODES)
    assert torch.equal(fork.params, said)
    assert all(map(torch.equal, leaves(fork.state), leaves(before)))


@pytest.mark.skipif(native.Program is None, reason="installed without native kernels")
def test_pushing_codes_together_gives_the_bits_of_pushing_each() -> None:
    one, all_at_once = Stream(make_model()), Stream(make_model())
    for code in CODES:
        one.push(code)
    assert torch.equal(one.params, all_at_once.push_many(CODES))
    assert all(map(torch.equal, leaves(one.state), leaves(all_at_once.state)))


def test_a_model_that_changes_under_a_stream_is_heeded_at_the_next_push() -> None:
    model = make_model()
    stream = Stream(model)
    stream.push(1)
    with torch.no_grad():
        model.head.bias += 1.0  # type: ignore[operator, assignment]
        wanted, _ = model.step(torch.tensor([2]), stream.state)
    torch.testing.assert_close(stream.peek(2), wanted[0])
    model.train()  # dropout loses values now, which only the model does
    assert bool((torch.stack([stream.peek(2) for _ in range(3)]) - wanted[0]).abs().max() > 1e-3)
    model.eval()
    torch.testing.assert_close(stream.push(2), wanted[0])


def test_a_model_that_native_code_does_not_know_streams_all_the_same() -> None:
    model = Model(nn.Embedding(V, D), LayerNormGRU(D, H), Categorical(H, V)).eval()
    stream = Stream(model)
    state = model.begin(1)
    for code in CODES:
        with torch.no_grad():
            wanted, state = model.step(torch.tensor([code]), state)
        assert torch.equal(stream.push(code), wanted[0])


def test_without_native_code_a_stream_steps_by_the_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(native, "Program", None)
    stream = Stream(make_model())
    assert stream._program is None
    assert stream.push_many(CODES).shape == (V,)
    assert program.why_not(stream.model) == program.plan.ABSENT


def test_an_unknown_storage_is_refused() -> None:
    with pytest.raises(UsageError, match="did you mean 'bfloat16'"):
        Stream(make_model(), storage="bfloat")


@pytest.mark.skipif(native.Program is None, reason="installed without native kernels")
def test_a_stream_keeps_its_weights_as_it_is_told() -> None:
    model = make_model()
    whole, small = Stream(model), Stream(model, storage="int8")
    whole.push_many(CODES)
    small.push_many(CODES)
    assert not torch.equal(whole.params, small.params)
    torch.testing.assert_close(whole.params, small.params, atol=0.02, rtol=0)
    assert small.fork()._program is small._program


def test_a_vector_of_any_form_gives_the_same_bits_and_changed_weights_are_heeded() -> None:
    torch.manual_seed(0)
    model = Model(nn.Identity(), GRU(D, H), Categorical(H, V)).eval()
    x = torch.randn(D)
    wide = torch.stack([x, x], dim=1)[:, 0]
    streams = [Stream(model) for _ in range(6)]
    for given, stream in zip([x, x.numpy(), x.double(), wide, x.tolist(), x.half().float()], streams, strict=True):
        stream.push(given)
    for stream in streams[1:5]:
        assert torch.equal(stream.params, streams[0].params)
    assert not torch.equal(streams[5].params, streams[0].params)
    head: Any = model.head
    with torch.no_grad():
        head.bias.add_(1)
    with using("reference"):
        theirs = Stream(model)
    theirs.push(x)
    streams[0].reset()
    torch.testing.assert_close(streams[0].push(x), theirs.params)
    for odd in (x[:-1], torch.ones(D, D), torch.ones(D, dtype=torch.complex64)):
        with pytest.raises(UsageError, match="read"):
            streams[0].push(odd)
    assert torch.equal(streams[0].peek(x), streams[0].peek(x.numpy()))
