"""A window read in segments has the gradient of the whole one, and keeps less for the way back."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from statewise.cells import GRU, LSTM, Chain, Elman
from statewise.data.window import Window
from statewise.heads import Categorical
from statewise.learning.learner import Learner
from statewise.learning.segments import read_in_segments
from statewise.model import Model
from statewise.run.recipe import Recipe

T, B, D, H, V = 7, 3, 5, 4, 6


def make_model(dropout: float = 0.0) -> Model[Tensor]:
    torch.manual_seed(0)
    encoder = nn.Sequential(nn.Embedding(V, D), nn.Dropout(dropout))
    return Model(encoder, Chain(LSTM(D, H), Elman(H, D), GRU(D, 2)), Categorical(2, V)).double()


def make_window(steps: int = T) -> Window:
    draw = torch.Generator().manual_seed(1)
    codes = torch.randint(V, (steps + 1, B), generator=draw)
    mask, reset = (torch.rand(steps, B, generator=draw) > least for least in (0.2, 0.7))
    return Window(codes[:-1], codes[1:], mask=mask, reset=reset)


@pytest.mark.parametrize("segment", [0, 1, 3, 6, 7, 99])
def test_the_gradient_is_that_of_the_whole_window(segment: int) -> None:
    whole, pieces = make_model(), make_model()
    loss, state = whole.loss(make_window(), whole.begin(B))
    loss.nats.backward()  # type: ignore[no-untyped-call]
    again, last = read_in_segments(pieces, make_window(), pieces.begin(B), segment)
    again.nats.backward()  # type: ignore[no-untyped-call]
    assert int(again.places) == int(loss.places)
    torch.testing.assert_close((again.nats, last), (loss.nats, state))
    torch.testing.assert_close([w.grad for w in pieces.parameters()], [w.grad for w in whole.parameters()])


def test_less_is_kept_for_the_way_back() -> None:
    def kept(segment: int) -> int:
        numbers, model = [0], make_model()

        def pack(tensor: Tensor) -> Tensor:
            numbers[0] += tensor.numel()
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
            read_in_segments(model, make_window(64), model.begin(B), segment)
        return numbers[0]

    assert kept(8) < kept(0) / 4


def test_a_learner_reads_in_segments_and_resumes_exactly() -> None:
    def make(segment: int) -> Learner:
        settings: dict[str, Any] = {"updates": 9, "precision": "64-true", "segment": segment, "warmup": 0}
        return Learner(make_model(0.3), [make_window()] * 2, Recipe(**settings))

    one, other = make(3), make(3)
    one.update()
    kept = one.snapshot()
    expected = one.update()
    other.restore(kept)
    assert other.update() == expected
    assert one.snapshot() == other.snapshot()
