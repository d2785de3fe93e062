"""Memory measured on plain PyTorch, on sequences that end, and where it cannot be."""

import json
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from statewise.cells import LSTM, Conditioned, Elman
from statewise.data.window import Window
from statewise.errors import DataError, UsageError
from statewise.heads import Categorical
from statewise.insight import measure_memory
from statewise.insight.horizon import Edge
from statewise.insight.intervals import Interval
from statewise.insight.memory_summary import gate_table, table, warnings
from statewise.insight.probed_network import probed_network
from statewise.model import Model

T, B, D, H, V = 200, 9, 5, 4, 7


@pytest.mark.parametrize("make", [nn.RNN, nn.LSTM, nn.GRU])
@pytest.mark.parametrize("layers", [1, 2])
def test_a_plain_torch_module_has_a_memory(make: Callable[[int, int, int], nn.RNNBase], layers: int) -> None:
    torch.manual_seed(0)
    module = make(D, H, layers)
    memory = measure_memory(module, torch.randn(T, B, D), lags=20, probes=40)
    assert (memory.probes, memory.rows) == (40, B)
    assert memory.loss is None
    assert 0 < memory.horizon.steps.low <= memory.horizon.steps.high < 20
    assert memory.cut.curve.means[0] > memory.cut.curve.means[-1] >= 0
    assert len(memory.spectra[0].eigenvalues) == H * layers * (2 if make is nn.LSTM else 1)
    assert json.loads(json.dumps(memory.as_json(), allow_nan=False))["lags"] == 20


def test_the_recurrent_part_of_a_larger_module_brings_its_own_encoder_and_loss() -> None:
    torch.manual_seed(0)
    embedding, lstm, linear = nn.Embedding(V, D), nn.LSTM(D, H), nn.Linear(H, V)
    codes = torch.randint(V, (T + 1, B))

    def losses(ys: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        return cross_entropy(linear(ys), targets, reduction="none")

    how = {"encoder": embedding, "losses": losses, "lags": 12, "probes": 30}
    memory = measure_memory(lstm, codes[:-1], codes[1:], **how)  # type: ignore[arg-type]
    model = Model(embedding, _core(lstm), Categorical(H, V))
    model.head.load_state_dict({"weights": linear.weight, "bias": linear.bias})
    same = measure_memory(model, codes[:-1], codes[1:], lags=12, probes=30)
    assert memory.loss == pytest.approx(same.loss, rel=1e-5)
    assert memory.inputs.shares == pytest.approx(same.inputs.shares, rel=1e-4)


def _core(lstm: nn.LSTM) -> LSTM:
    from statewise.exchange import load_torch

    core = LSTM(D, H)
    load_torch(core, lstm.state_dict())
    return core


def test_sequences_that_end_are_probed_at_their_ends() -> None:
    torch.manual_seed(0)
    model = Model(nn.Embedding(V, D), LSTM(D, H), Categorical(H, V))
    windows = []
    for _ in range(4):
        mask = torch.arange(9).unsqueeze(1) < torch.tensor([9, 4, 1, 6])
        reset = torch.zeros(9, 4, dtype=torch.bool)
        reset[0] = True
        windows.append(Window(torch.randint(V, (9, 4)), torch.randint(V, (9, 4)), mask, reset))
    memory = measure_memory(model, windows, lags=8, probes=16)
    assert memory.probes == 12  # the first window only leads in
    assert memory.loss is not None
    assert memory.state is not None
    everything = measure_memory(model, windows, lags=8, probes=16, leading=0)
    assert everything.probes == 16


def test_a_state_that_never_fades_is_told_as_a_bound_with_what_to_do() -> None:
    cell = Elman(D, H, activation="relu")
    with torch.no_grad():
        cell.recurrent_weights.copy_(torch.eye(H))
        cell.input_weights.abs_()
    memory = measure_memory(cell, torch.rand(T, B, D), lags=15, probes=30, name="an identity")
    words = "; ".join(warnings(memory, window_steps=16))
    assert memory.horizon.is_bound
    assert "an identity forgets in at least 14 steps" in words
    assert "what lies further back than at least 15 steps moves its predictions less than 0.01 of their" in words
    assert "give more with --lags" in words
    assert "at least" in table([memory])
    assert "Elman" in gate_table(memory)


def test_a_network_that_uses_less_than_another_is_told_so() -> None:
    torch.manual_seed(0)
    codes = torch.randint(V, (T + 1, B))
    short = measure_memory(Model(nn.Embedding(V, D), Elman(D, H), Categorical(H, V)), codes[:-1], codes[1:], lags=9)
    assert short.loss is not None
    further = short.cut._replace(context=Edge(Interval(90, 80, 99), is_bound=False))
    long = replace(short, name="a longer one", loss=short.loss / 2, cut=further)
    assert any(
        "a longer one uses 90 steps of the past and predicts better" in one for one in warnings(short, others=[long])
    )
    assert not any("predicts better" in one for one in warnings(long, others=[short]))


def test_what_cannot_be_measured_is_said_in_one_line() -> None:
    with pytest.raises(UsageError, match="Linear is not a recurrence"):
        measure_memory(nn.Linear(D, H), torch.zeros(T, B, D))  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="bidirectional"):
        measure_memory(nn.LSTM(D, H, bidirectional=True), torch.zeros(T, B, D))
    with pytest.raises(UsageError, match="lags 1 cannot"):
        measure_memory(nn.LSTM(D, H), torch.zeros(T, B, D), lags=1)
    with pytest.raises(UsageError, match="probes 0 cannot"):
        measure_memory(nn.LSTM(D, H), torch.zeros(T, B, D), probes=0)
    with pytest.raises(DataError, match="2 steps"):
        measure_memory(nn.LSTM(D, H), torch.zeros(2, B, D))
    with pytest.raises(UsageError, match="no targets"):
        measure_memory(Model(nn.Embedding(V, D), Elman(D, H), Categorical(H, V)), torch.zeros(T, B).long())
    with pytest.raises(UsageError, match="both are"):
        measure_memory(nn.LSTM(D, H), torch.zeros(T, B, D), torch.zeros(3, B))
    with pytest.raises(UsageError, match="its own encoder"):
        measure_memory(
            Model(nn.Embedding(V, D), Elman(D, H), Categorical(H, V)), torch.zeros(T, B).long(), encoder=nn.Identity()
        )


def test_a_model_is_probed_from_what_its_reader_makes_of_a_context() -> None:
    model = Model(nn.Identity(), Conditioned(LSTM(3, 4), 2), Categorical(4, 5), nn.Linear(6, 2))
    context = torch.randn(7, 6)
    for ours, wanted in zip(probed_network(model).begin(7, context), model.begin(7, context), strict=True):
        assert torch.equal(ours, wanted)
