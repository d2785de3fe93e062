"""Beside the onnx package: its own node tests, its reference evaluator, its checker, and real protos."""

from collections.abc import Callable
from importlib import import_module
from itertools import product
from typing import Any

import numpy as np
import pytest
import torch

from statewise.cells import GRU, LSTM, Elman, Recurrent
from statewise.errors import UsageError
from statewise.exchange.onnx import Attribute, Node, from_onnx, run_node, to_onnx

onnx = pytest.importorskip("onnx")
make_node = import_module("onnx.helper").make_node
ReferenceEvaluator = import_module("onnx.reference").ReferenceEvaluator

T, B, D, H = 7, 3, 5, 4
GATES = {"RNN": 1, "LSTM": 4, "GRU": 3}
EXTRAS: dict[str, tuple[dict[str, Any], tuple[str, ...], list[str]]] = {
    "none": ({}, ("RNN", "LSTM", "GRU"), []),
    "initial state": ({}, ("RNN", "LSTM", "GRU"), ["initial_h", "initial_c"]),
    "peepholes": ({}, ("LSTM",), ["initial_h", "initial_c", "P"]),
    "linear before reset": ({"linear_before_reset": 1}, ("GRU",), ["initial_h"]),
    "affine": ({"activations": ["Affine"], "activation_alpha": [0.25], "activation_beta": [0.5]}, ("RNN",), []),
}
ASKED = [
    (op_type, direction, layout, extra)
    for op_type, direction, layout, extra in product(GATES, ["forward", "reverse", "bidirectional"], [0, 1], EXTRAS)
    if op_type in EXTRAS[extra][1] and (extra, direction) != ("affine", "bidirectional")  # it wants two alphas there
]


def published() -> list[Any]:
    """The cases that the onnx package itself holds every implementation to."""
    cases = import_module("onnx.backend.test.case.node")
    for name in GATES:
        import_module(f"onnx.backend.test.case.node.{name.lower()}")
    return [case for case in cases._NodeTestCases if case.model.graph.node[0].op_type in GATES]


def arrays(op_type: str, directions: int, layout: int, kind: str = "float64") -> dict[str, Any]:
    draw, gates = np.random.default_rng(5).normal, GATES[op_type]
    state = (B, directions, H) if layout else (directions, B, H)
    shapes = {
        "X": (B, T, D) if layout else (T, B, D),
        "W": (directions, gates * H, D),
        "R": (directions, gates * H, H),
        "B": (directions, 2 * gates * H),
        "initial_h": state,
        "initial_c": state,
        "P": (directions, 3 * H),
    }
    return {name: draw(size=shape).astype(kind) for name, shape in shapes.items()}


def names_of(op_type: str, wanted: list[str]) -> list[str]:
    every = ["X", "W", "R", "B", "sequence_lens", "initial_h", "initial_c", "P"]
    named = [name if name in ["X", "W", "R", "B", *wanted] else "" for name in every]
    return (named if op_type == "LSTM" else named[:6]) if wanted else named[:4]


def outputs_of(op_type: str) -> list[str]:
    return ["Y", "Y_h", "Y_c"] if op_type == "LSTM" else ["Y", "Y_h"]


@pytest.mark.parametrize("case", published(), ids=lambda case: case.name)
def test_the_cases_that_onnx_publishes_come_out(case: Any) -> None:
    graph = case.model.graph
    for inputs, outputs in case.data_sets:
        found = run_node(graph.node[0], dict(zip([each.name for each in graph.input], inputs, strict=True)))
        assert list(found) == [each.name for each in graph.output]
        for array, wanted in zip(found.values(), outputs, strict=True):
            assert array.shape == wanted.shape
            assert array.dtype == wanted.dtype
            np.testing.assert_allclose(array, wanted, rtol=1e-5, atol=1e-7)


def test_onnx_publishes_cases_of_all_three() -> None:
    assert {case.model.graph.node[0].op_type for case in published()} == set(GATES)
    assert len(published()) >= 18


@pytest.mark.parametrize("asked", ASKED, ids=str)
def test_a_node_computes_what_the_reference_evaluator_does(asked: tuple[str, str, int, str]) -> None:
    op_type, direction, layout, extra = asked
    attributes, _, wanted = EXTRAS[extra]
    node = make_node(
        op_type,
        names_of(op_type, wanted),
        outputs_of(op_type),
        hidden_size=H,
        direction=direction,
        layout=layout,
        **attributes,
    )
    given = arrays(op_type, 2 if direction == "bidirectional" else 1, layout)
    given = {name: array for name, array in given.items() if name in node.input}
    expected = ReferenceEvaluator(node).run(None, given)
    for array, wanted_array in zip(run_node(node, given).values(), expected, strict=True):
        np.testing.assert_allclose(array, wanted_array, rtol=1e-12, atol=1e-12)


def as_fields(value: Any) -> dict[str, Any]:
    if isinstance(value, list):
        return {"strings" if isinstance(value[0], str) else "floats": tuple(value)}
    return {{str: "s", int: "i", float: "f"}[type(value)]: value}


def test_every_attribute_of_a_real_proto_is_read() -> None:
    everything: dict[str, Any] = {
        "hidden_size": H,
        "direction": "bidirectional",
        "layout": 1,
        "clip": 0.5,
        "input_forget": 1,
        "activations": ["HardSigmoid", "Elu", "Softsign", "Sigmoid", "ScaledTanh", "Tanh"],
        "activation_alpha": [0.25, 0.75, 1.5],
        "activation_beta": [0.375, 0.5],
    }
    plain = [Attribute(name, **as_fields(value)) for name, value in everything.items()]
    names = names_of("LSTM", ["initial_h", "initial_c", "P"])
    given = arrays("LSTM", 2, 1)
    found = run_node(make_node("LSTM", names, outputs_of("LSTM"), **everything), given)
    same = run_node(Node("LSTM", tuple(names), ("Y", "Y_h", "Y_c"), tuple(plain)), given)
    for name in found:
        np.testing.assert_array_equal(found[name], same[name])
    for name in ("clip", "input_forget", "activations"):
        fewer = {key: value for key, value in everything.items() if not key.startswith(name[:10])}
        other = run_node(make_node("LSTM", names, outputs_of("LSTM"), **fewer), given)
        assert not np.allclose(found["Y"], other["Y"])


def test_an_attribute_of_another_type_is_refused_and_not_passed_over() -> None:
    node = make_node("RNN", ["X", "W", "R"], ["Y"], activations="Relu")
    with pytest.raises(UsageError, match="RNN has activations of another type: give it in the field 'strings'"):
        run_node(node, arrays("RNN", 1, 0))


def test_bfloat16_comes_out_as_bfloat16() -> None:
    kind = import_module("ml_dtypes").bfloat16
    node = make_node("GRU", ["X", "W", "R", "B"], ["Y", "Y_h"])
    found = run_node(node, arrays("GRU", 1, 0, kind))
    assert found["Y"].dtype == kind
    exact = run_node(node, arrays("GRU", 1, 0))
    np.testing.assert_allclose(found["Y"].astype(np.float64), exact["Y"], atol=0.05)


CELLS: dict[str, Callable[[], Recurrent[Any]]] = {
    "elman": lambda: Elman(D, H),
    "lstm": lambda: LSTM(D, H),
    "gru": lambda: GRU(D, H),
    "elman-relu": lambda: Elman(D, H, activation="relu"),
}


@pytest.mark.parametrize("name", CELLS)
def test_a_cell_goes_through_a_real_proto_and_comes_back(name: str) -> None:
    torch.manual_seed(0)
    cell = CELLS[name]()
    layer = to_onnx(cell)
    onnx.checker.check_node(layer.proto())
    back = from_onnx(layer.proto(), layer.weights)
    for found, weights in zip(back.parameters(), cell.parameters(), strict=True):
        assert torch.equal(found, weights)
    assert type(back) is type(cell)
    assert getattr(back, "activation", None) == getattr(cell, "activation", None)


@pytest.mark.parametrize("name", ["elman", "lstm", "gru"])  # the evaluator has no relu
def test_the_reference_evaluator_computes_an_exported_cell_as_we_do(name: str) -> None:
    torch.manual_seed(0)
    cell = CELLS[name]().double()
    with torch.no_grad():
        for weights in cell.parameters():
            weights.add_(torch.randn_like(weights))
    layer, xs = to_onnx(cell), torch.randn(T, B, D, dtype=torch.float64)
    ys, last = cell.scan(xs, cell.initial(B))
    found = ReferenceEvaluator(layer.proto()).run(None, layer.weights | {"X": xs.numpy()})
    np.testing.assert_allclose(found[0][:, 0], ys.detach(), rtol=1e-12, atol=1e-12)
    for array, end in zip(found[1:], last, strict=True):
        np.testing.assert_allclose(array[0], end.detach(), rtol=1e-12, atol=1e-12)
