"""Weights go to ONNX and come back, and a cell as a node computes what the cell does."""

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest
import torch

from statewise.cells import GRU, LSTM, Chain, Elman, Recurrent
from statewise.errors import MissingExtra, UsageError
from statewise.exchange.onnx import Attribute, Node, from_onnx, run_node, to_onnx

T, B, D, H = 7, 3, 5, 4
CELLS: dict[str, Callable[[], Recurrent[Any]]] = {
    "elman": lambda: Elman(D, H),
    "elman-relu": lambda: Elman(D, H, activation="relu"),
    "lstm": lambda: LSTM(D, H),
    "gru": lambda: GRU(D, H),
    "gru-reset-before": lambda: GRU(D, H, reset_after=False),
}


def drawn(make: Callable[[], Recurrent[Any]]) -> Recurrent[Any]:
    torch.manual_seed(0)
    cell = make().double()
    with torch.no_grad():
        for weights in cell.parameters():
            weights.add_(torch.randn_like(weights))
    return cell


@pytest.mark.parametrize("name", CELLS)
def test_a_cell_goes_to_onnx_and_back_unchanged(name: str) -> None:
    cell = drawn(CELLS[name])
    back = from_onnx(*to_onnx(cell))
    assert type(back) is type(cell)
    assert [key for key, _ in back.named_parameters()] == [key for key, _ in cell.named_parameters()]
    for found, weights in zip(back.parameters(), cell.parameters(), strict=True):
        assert torch.equal(found, weights)
        assert found.requires_grad
    for kept in ("activation", "reset_after"):
        assert getattr(back, kept, None) == getattr(cell, kept, None)


@pytest.mark.parametrize("name", CELLS)
def test_a_cell_as_a_node_computes_what_the_cell_does(name: str) -> None:
    cell = drawn(CELLS[name])
    node, weights = to_onnx(cell)
    xs = torch.randn(T, B, D, dtype=torch.float64)
    ys, _ = cell.scan(xs, cell.initial(B))
    found = run_node(node, weights | {"X": xs.numpy()})
    np.testing.assert_allclose(found["Y"][:, 0], ys.detach(), rtol=1e-12, atol=1e-12)


def test_weights_given_to_onnx_are_copies() -> None:
    cell = LSTM(D, H)
    for array in to_onnx(cell).weights.values():
        array[...] = 9
    assert not any((weights == 9).any() for weights in cell.parameters())
    layer = to_onnx(cell)
    made = from_onnx(*layer)
    layer.weights["W"][...] = 9
    assert not any((weights == 9).any() for weights in made.parameters())


@pytest.mark.parametrize("direction", ["reverse", "bidirectional"])
def test_a_node_that_reads_in_reverse_is_no_cell(direction: str) -> None:
    node = Node("GRU", ("X", "W", "R"), ("Y",), (Attribute("direction", s=direction.encode()),))
    with pytest.raises(UsageError, match=f"a {direction} GRU cannot step, so it is not a cell: use run_node"):
        from_onnx(node, {})


def test_a_recurrence_that_onnx_does_not_have_is_refused() -> None:
    with pytest.raises(UsageError, match="ONNX has no node like Chain: give Elman, LSTM or GRU"):
        to_onnx(Chain(LSTM(D, H), LSTM(H, H)))


@pytest.mark.skipif(find_spec("onnx") is not None, reason="the onnx package is installed")
def test_without_the_onnx_package_a_proto_says_what_to_install() -> None:
    with pytest.raises(MissingExtra, match="which is not installed: pip install onnx"):
        to_onnx(LSTM(D, H)).proto()
