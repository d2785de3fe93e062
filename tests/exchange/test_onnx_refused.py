"""What the ONNX specification does not have is refused in one line that names it."""

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from statewise.errors import UsageError
from statewise.exchange.onnx import Attribute, Node, run_node
from statewise.exchange.onnx.node import KINDS, NodeLike

T, B, D, H = 7, 3, 5, 4


def arrays(op_type: str) -> dict[str, Any]:
    gates = KINDS[op_type].gates if op_type in KINDS else 1
    return {
        "X": np.zeros((T, B, D)),
        "W": np.zeros((1, gates * H, D)),
        "R": np.zeros((1, gates * H, H)),
        "B": np.zeros((1, 2 * gates * H)),
        "sequence_lens": np.full(B, T, np.int32),
        "initial_h": np.zeros((1, B, H)),
        "initial_c": np.zeros((1, B, H)),
        "P": np.zeros((1, 3 * H)),
    }


def with_attribute(op_type: str, name: str, **fields: Any) -> Node:
    return Node(op_type, ("X", "W", "R", "B"), ("Y", "Y_h"), (Attribute(name, **fields),))


@dataclass(frozen=True)
class Typed:
    """An attribute that says its type, as those of the onnx package do."""

    name: str
    type: int
    i: int = 0
    s: bytes = b""
    ref_attr_name: str = ""


@pytest.mark.parametrize(
    ("node", "said"),
    [
        (Node("Conv", (), ()), "node type 'Conv' is not computed here: give RNN, LSTM or GRU"),
        (Node("LSTM", (), (), domain="com.example"), "node type 'com.example.LSTM' is not computed here"),
        (with_attribute("LSTM", "linear_before_reset", i=1), "unknown attribute of LSTM 'linear_before_reset'"),
        (with_attribute("GRU", "input_forget", i=1), "unknown attribute of GRU 'input_forget'"),
        (with_attribute("LSTM", "direction", s=b"foward"), "unknown direction 'foward': did you mean 'forward'?"),
        (with_attribute("LSTM", "layout", i=2), "layout is 2: give 0 or 1"),
        (with_attribute("LSTM", "input_forget", i=-1), "input_forget is -1: give 0 or 1"),
        (with_attribute("LSTM", "clip", f=0.0), "clip is 0: give a bound above 0, or leave it out for none"),
        (with_attribute("LSTM", "clip", f=float("nan")), "clip is nan: give a bound above 0"),
        (with_attribute("LSTM", "hidden_size", i=6), "hidden_size is 6 but R is of 4 units: make them equal"),
        (with_attribute("RNN", "activations", strings=(b"Gelu",)), "unknown activation 'Gelu'"),
        (
            with_attribute("LSTM", "activations", strings=(b"Tanh",)),
            "LSTM names 1 activations: name 3 for each direction, in all 3",
        ),
        (
            with_attribute("RNN", "activations", strings=(b"Relu", b"Relu")),
            "RNN names 2 activations: name 1 for each direction, in all 1",
        ),
        (
            with_attribute("RNN", "activations", strings=(b"Affine",)),
            "activation Affine has no default: give it a value in activation_alpha",
        ),
        (
            with_attribute("RNN", "activation_beta", floats=(0.5, 0.5)),
            "activation_beta has 2 values but 0 of the activations Tanh take one: give one for each that does",
        ),
        (
            Node("RNN", (), (), (Typed("direction", 2, i=1),)),  # type: ignore[arg-type]
            "RNN has direction of another type: give it in the field 's'",
        ),
        (
            Node("RNN", (), (), (Typed("layout", 2, ref_attr_name="outer"),)),  # type: ignore[arg-type]
            "RNN leaves layout to the function around it: give the node its own value",
        ),
    ],
)
def test_what_the_specification_does_not_have_is_refused_by_name(node: NodeLike, said: str) -> None:
    with pytest.raises(UsageError, match=re.escape(said)) as refused:
        run_node(node, arrays(node.op_type))
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"X": np.zeros((T, B))}, "LSTM was given X of [7, 3]: give three axes"),
        ({"X": np.zeros((T, B, 6))}, "LSTM was given W of [1, 16, 5]: give [1, 16, 6]"),
        ({"W": np.zeros((2, 16, D))}, "LSTM was given W of [2, 16, 5]: give [1, 16, 5]"),
        ({"R": np.zeros((1, 12, H))}, "LSTM was given R of [1, 12, 4]: give [1, 16, 4]"),
        ({"B": np.zeros((1, 16))}, "LSTM was given B of [1, 16]: give [1, 32]"),
        ({"P": np.zeros((1, 16))}, "LSTM was given P of [1, 16]: give [1, 12]"),
        ({"initial_h": np.zeros((B, 1, H))}, "LSTM was given initial_h of [3, 1, 4]: give [1, 3, 4]"),
        ({"initial_c": np.zeros((1, 1, H))}, "LSTM was given initial_c of [1, 1, 4]: give [1, 3, 4]"),
        ({"sequence_lens": np.array([1, 2])}, "LSTM was given sequence_lens of [2]: give [3]"),
        ({"sequence_lens": np.array([8, 1, 1])}, "sequence_lens are from 1 to 8 but X has 7 steps: give 0 to 7"),
        ({"sequence_lens": np.array([-1, 1, 1])}, "sequence_lens are from -1 to 1 but X has 7 steps: give 0 to 7"),
        ({"sequence_lens": np.ones(B)}, "LSTM was given sequence_lens of float64: give whole numbers"),
        ({"W": np.zeros((1, 16, D), np.float32)}, "LSTM was given X of float64 and W of float32: give all in one of"),
        ({"B": np.zeros((1, 32), np.int64)}, "LSTM was given B of int64 and W of float64: give all in one of float16"),
    ],
)
def test_an_array_that_does_not_fit_is_named_with_what_would(change: dict[str, Any], said: str) -> None:
    given = arrays("LSTM")
    with pytest.raises(UsageError, match=re.escape(said)):
        run_node(Node("LSTM", tuple(given), ("Y",)), given | change)


@pytest.mark.parametrize(
    ("inputs", "outputs", "said"),
    [
        (("X", "W"), ("Y",), "GRU has no input R, which it cannot do without: name one"),
        (("", "W", "R"), ("Y",), "GRU has no input X, which it cannot do without: name one"),
        (("X", "W", "R", "bias"), ("Y",), "GRU reads its input B from 'bias', which was not given: give an array"),
        (("X", "W", "R", "", "", "", "X"), ("Y",), "GRU was given 7 inputs: it has 6, X, W, R, B"),
        (("X", "W", "R"), ("Y", "", ""), "GRU was given 3 outputs: it has 2, Y, Y_h"),
    ],
)
def test_an_input_that_is_missing_or_too_many_is_named(inputs: Any, outputs: Any, said: str) -> None:
    with pytest.raises(UsageError, match=re.escape(said)):
        run_node(Node("GRU", inputs, outputs), arrays("GRU"))
