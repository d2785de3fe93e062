"""A window read in segments has the gradient of the whole one, and keeps less for the way back."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from statewise.cells import GRU, LSTM, AttentionCell, Bahdanau, Chain, Elman
from statewise.data.window import Window
from statewise.heads import Categorical
from statewise.learning.learner import Learner
from statewise.learning.segments import read_in_segments
from statewise.model import Model
from statewise.run.recipe import Recipe

PROOF = Path(__file__).parents[2] / "proofs" / "segments.py"
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


@pytest.mark.parametrize(("segment", "least", "most"), [(0, 100, 400), (45, 0, 20)])
def test_less_memory_is_taken_for_the_way_back(segment: int, least: float, most: float) -> None:
    command = [sys.executable, str(PROOF), "--one", "2000", str(segment)]
    found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    assert least < found["megabytes"] < most


def test_a_gradient_flows_through_the_first_state_and_a_table_that_is_read_in_part() -> None:
    def read(segment: int) -> tuple[Tensor, Tensor, Tensor]:
        torch.manual_seed(0)
        model = Model(nn.Embedding(V, D, sparse=True), LSTM(D, H), Categorical(H, V))
        state = model.begin(B)
        state = state._replace(cell=torch.rand(B, H).requires_grad_())
        loss, last = read_in_segments(model, make_window(), state, segment)
        (loss.nats + last.hidden.sum()).backward()
        table, cell, weights = (
            tensor.grad
            for tensor in (model.get_parameter("encoder.weight"), state.cell, model.get_parameter("head.weights"))
        )
        assert table is not None
        assert cell is not None
        assert weights is not None
        assert table.is_sparse
        return table.to_dense(), cell, weights

    torch.testing.assert_close(read(3), read(0), rtol=1e-4, atol=1e-6)


def test_the_gradient_of_what_attention_reads_is_that_of_the_whole() -> None:
    def read(segment: int) -> tuple[Tensor, Tensor | None]:
        torch.manual_seed(0)
        core = AttentionCell(GRU(H + D, 2), Bahdanau(2, H, D))
        model = Model(nn.Embedding(V, D), core, Categorical(2 + H, V))
        memory = torch.rand(B, 2, H).requires_grad_()
        loss, _ = read_in_segments(model, make_window(), core.initial(B, memory), segment)
        loss.nats.backward()  # type: ignore[no-untyped-call]
        assert memory.grad is not None
        return memory.grad, model.get_parameter("head.weights").grad

    torch.testing.assert_close(read(3), read(0))


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
