"""A graph gives in ONNX Runtime what the model gives, for any time and batch, and its state goes in and out."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from statewise.cells import (
    GRU,
    LSTM,
    Chain,
    Dropout,
    Elman,
    LayerNormLSTM,
    Learned,
    Residual,
    VariationalDropout,
    WeightDrop,
)
from statewise.errors import UsageError
from statewise.exchange.onnx import to_onnx
from statewise.exporting import compare_onnx, onnx_graph, open_onnx, rounded, state_names
from statewise.heads import Categorical
from statewise.model import Model
from statewise.testing.recurrences import RECURRENCES

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
V, D, H = 6, 5, 4
CORES: dict[str, Callable[[], Any]] = {
    "elman": lambda: Elman(D, H),
    "relu": lambda: Elman(D, H, activation="relu"),
    "lstm": lambda: LSTM(D, H),
    "gru": lambda: GRU(D, H),
    "gru-reset-before": lambda: GRU(D, H, reset_after=False),
    "deep": lambda: Chain(Dropout(LSTM(D, 3), 0.3), Residual(GRU(3, 3)), VariationalDropout(Elman(3, H), 0.2)),
    "learned": lambda: Chain(Learned(LSTM(D, H)), WeightDrop(LSTM(H, H), 0.5)),
}


def made(core: Any, encoder: nn.Module | None = None) -> Model[Any]:
    torch.manual_seed(0)
    model = Model(encoder or nn.Embedding(V, D), core, Categorical(core.units, V)).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.2)
    return model


@pytest.mark.parametrize("kind", CORES)
def test_a_graph_gives_what_the_model_gives(kind: str) -> None:
    model = made(CORES[kind]())
    compared = compare_onnx(model, open_onnx(onnx_graph(model).SerializeToString()), 20)
    assert compared.difference < 1e-5 < compared.largest


@pytest.mark.parametrize("encoder", [nn.Linear(3, D), nn.Linear(3, D, bias=False), nn.Identity()])
def test_a_graph_reads_vectors(encoder: nn.Module) -> None:
    model = made(GRU(D, H), encoder)
    assert compare_onnx(model, open_onnx(onnx_graph(model).SerializeToString()), 20).difference < 1e-5


@pytest.mark.parametrize("kind", CORES)
def test_int8_is_what_its_numbers_stand_for_and_smaller(kind: str) -> None:
    model = made(CORES[kind]())
    graph = onnx_graph(model, int8=True).SerializeToString()
    assert compare_onnx(rounded(model), open_onnx(graph), 20).difference < 1e-5
    assert compare_onnx(model, open_onnx(graph), 20).difference > 1e-5
    wide = made(LSTM(64, 128), nn.Embedding(V, 64))
    whole, small = (len(onnx_graph(wide, int8=int8).SerializeToString()) for int8 in (False, True))
    assert small < 0.35 * whole


EXPORTED = {
    *("elman", "elman-relu", "irnn", "lstm", "gru", "gru-reset-before"),
    *("chain-of-one", "chain-of-two", "chain-of-mixed", "residual"),
    *("dropout", "dropout-in-evaluation", "dropout-between", "learned", "conditioned"),
    *("variational-dropout", "variational-dropout-in-evaluation", "variational-dropout-whole"),
    *("variational-dropout-of-a-chain", "weight-drop-of-units"),
    *("weight-drop", "weight-drop-in-evaluation", "weight-drop-of-a-chain"),
    *("candidate-dropout", "candidate-dropout-in-evaluation", "candidate-dropout-of-a-chain"),
}
"Of the table of laws what ONNX has nodes for; everything else is refused by name."


@pytest.mark.parametrize("name", RECURRENCES)
def test_every_recurrence_is_exported_as_it_is_or_refused_in_one_line(name: str) -> None:
    model = made(RECURRENCES[name](), nn.Identity())
    if name in EXPORTED:
        compared = compare_onnx(model, open_onnx(onnx_graph(model).SerializeToString()), 5)
        assert compared.difference < 1e-5 * max(1, compared.largest)  # an IRNN's numbers grow as long as it reads
        assert compared.largest > 1e-5
        return
    for ask in (lambda: onnx_graph(model), lambda: to_onnx(model.core)):
        with pytest.raises(UsageError, match=r"^ONNX has no node like \w+: give Elman, LSTM or GRU") as raised:
            ask()
        assert "\n" not in str(raised.value)


def test_a_graph_stepped_is_a_graph_run() -> None:
    model = made(CORES["deep"]())
    session, names = open_onnx(onnx_graph(model).SerializeToString()), state_names(model)
    xs = torch.randint(V, (7, 3)).numpy()
    begun = {f"state.{name}": leaf.numpy() for name, leaf in zip(names, _own(model, 3), strict=True)}
    outputs = ["outputs", *(f"next.{name}" for name in names)]
    whole = session.run(outputs, {"inputs": xs, **begun})
    state = begun
    for t in range(7):
        step = session.run(outputs, {"inputs": xs[t : t + 1], **state})
        state = {f"state.{name}": leaf for name, leaf in zip(names, step[1:], strict=True)}
        torch.testing.assert_close(torch.from_numpy(step[0][0]), torch.from_numpy(whole[0][t]))


def test_what_onnx_has_no_node_for_is_refused() -> None:
    with pytest.raises(UsageError, match="no node like LayerNormLSTM"):
        onnx_graph(made(LayerNormLSTM(D, H)))
    with pytest.raises(UsageError, match="encoder of the kind Sequential"):
        onnx_graph(made(GRU(D, H), nn.Sequential(nn.Linear(3, D))))


def _own(model: Model[Any], rows: int) -> list[torch.Tensor]:
    from statewise.state import paths

    return [leaf for name, leaf in paths(model.begin(rows)) if name in state_names(model)]
