"""A node computes what the ONNX specification says, held to it here number by number, and cells go there and back."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch

from statewise.exchange.onnx import Attribute, Node, from_onnx, run_node
from statewise.exchange.onnx.node import KINDS

T, B, D, H = 7, 3, 5, 4
LENGTHS = np.array([4, 7, 0], np.int32)

FORMULAS: dict[str, Callable[[Any, float, float], Any]] = {
    "Relu": lambda x, alpha, beta: max(0.0, x),
    "Tanh": lambda x, alpha, beta: (1 - np.exp(-2 * x)) / (1 + np.exp(-2 * x)),
    "Sigmoid": lambda x, alpha, beta: 1 / (1 + np.exp(-x)),
    "Affine": lambda x, alpha, beta: alpha * x + beta,
    "LeakyRelu": lambda x, alpha, beta: x if x >= 0 else alpha * x,
    "ThresholdedRelu": lambda x, alpha, beta: x if x >= alpha else 0.0,
    "ScaledTanh": lambda x, alpha, beta: alpha * np.tanh(beta * x),
    "HardSigmoid": lambda x, alpha, beta: min(max(alpha * x + beta, 0), 1),
    "Elu": lambda x, alpha, beta: x if x >= 0 else alpha * (np.exp(x) - 1),
    "Softsign": lambda x, alpha, beta: x / (1 + abs(x)),
    "Softplus": lambda x, alpha, beta: np.log(1 + np.exp(x)),
}
USUAL = {
    "RNN": (("Tanh", 0.0, 0.0),),
    "LSTM": (("Sigmoid", 0.0, 0.0), ("Tanh", 0.0, 0.0), ("Tanh", 0.0, 0.0)),
    "GRU": (("Sigmoid", 0.0, 0.0), ("Tanh", 0.0, 0.0)),
}
UNUSUAL = {
    "RNN": (("Elu", 0.7, 0.0),),
    "LSTM": (("HardSigmoid", 0.3, 0.4), ("Softsign", 0.0, 0.0), ("ScaledTanh", 1.2, 0.8)),
    "GRU": (("HardSigmoid", 0.3, 0.4), ("LeakyRelu", 0.2, 0.0)),
}
ALSO_UNUSUAL = {
    "RNN": (("Affine", 0.3, 0.1),),
    "LSTM": (("Sigmoid", 0.0, 0.0), ("ThresholdedRelu", 0.2, 0.0), ("Softplus", 0.0, 0.0)),
    "GRU": (("Sigmoid", 0.0, 0.0), ("Relu", 0.0, 0.0)),
}


@dataclass(frozen=True)
class Case:
    """One way to ask for a node."""

    op_type: str
    direction: str = "forward"
    layout: int = 0
    inputs: tuple[str, ...] = ("B",)
    unusual: bool = False
    clip: float | None = None
    flag: bool = False
    "input_forget of an LSTM, linear_before_reset of a GRU"

    @property
    def directions(self) -> int:
        return 2 if self.direction == "bidirectional" else 1

    @property
    def functions(self) -> list[tuple[tuple[str, float, float], ...]]:
        first = UNUSUAL if self.unusual else USUAL
        second = ALSO_UNUSUAL if self.unusual else USUAL
        return [first[self.op_type], second[self.op_type]][: self.directions]

    def node(self) -> Node:
        kind = KINDS[self.op_type]
        named = ["X", "W", "R", *(name if name in self.inputs else "" for name in kind.inputs[3:])]
        while not named[-1]:
            named.pop()
        attributes = [Attribute("hidden_size", i=H), Attribute("layout", i=self.layout)]
        attributes.append(Attribute("direction", s=self.direction.encode()))
        if self.unusual:
            flat = [function for each in self.functions for function in each]
            attributes.append(Attribute("activations", strings=tuple(name.encode() for name, _, _ in flat)))
            attributes.append(Attribute("activation_alpha", floats=tuple(alpha for _, alpha, _ in flat if alpha)))
            attributes.append(Attribute("activation_beta", floats=tuple(beta for _, _, beta in flat if beta)))
        if self.clip is not None:
            attributes.append(Attribute("clip", f=self.clip))
        if self.flag:
            attributes.append(Attribute("input_forget" if self.op_type == "LSTM" else "linear_before_reset", i=1))
        return Node(self.op_type, tuple(named), kind.outputs, tuple(attributes))

    def arrays(self) -> dict[str, Any]:
        """Every input of the specification in the layout of the case, whether the node names it or not."""
        draw, gates, count = np.random.default_rng(5).normal, KINDS[self.op_type].gates, self.directions
        state = (B, count, H) if self.layout else (count, B, H)
        shapes = {
            "X": (B, T, D) if self.layout else (T, B, D),
            "W": (count, gates * H, D),
            "R": (count, gates * H, H),
            "B": (count, 2 * gates * H),
            "initial_h": state,
            "initial_c": state,
            "P": (count, 3 * H),
        }
        return {name: draw(size=shape) for name, shape in shapes.items()} | {"sequence_lens": LENGTHS}


def expected(case: Case) -> list[Any]:
    """What the equations of the specification give, one row, one direction and one step at a time."""
    given = {name: array for name, array in case.arrays().items() if name in ("X", "W", "R", *case.inputs)}
    if case.layout:
        given |= {name: given[name].swapaxes(0, 1) for name in ("X", "initial_h", "initial_c") if name in given}
    lengths = given.get("sequence_lens", np.full(B, T))
    Y, Y_h, Y_c = np.zeros((T, case.directions, B, H)), *np.zeros((2, case.directions, B, H))
    for direction in range(case.directions):
        backwards = case.direction == "reverse" or direction == 1
        for row in range(B):
            h = given["initial_h"][direction, row] if "initial_h" in given else np.zeros(H)
            c = given["initial_c"][direction, row] if "initial_c" in given else np.zeros(H)
            order = range(lengths[row])
            for t in reversed(order) if backwards else order:
                h, c = STEPS[case.op_type](case, direction, given, given["X"][t, row], h, c)
                Y[t, direction, row] = h
            Y_h[direction, row], Y_c[direction, row] = h, c
    if case.layout:
        Y, Y_h, Y_c = Y.transpose(2, 0, 1, 3), Y_h.swapaxes(0, 1), Y_c.swapaxes(0, 1)
    return [Y, Y_h, Y_c][: len(KINDS[case.op_type].outputs)]


def act(case: Case, direction: int, which: int, x: Any) -> Any:
    name, alpha, beta = case.functions[direction][which]
    bound = np.inf if case.clip is None else case.clip
    return np.array([FORMULAS[name](min(max(number, -bound), bound), alpha, beta) for number in x])


def cut(given: dict[str, Any], name: str, direction: int, parts: int, otherwise: int = 0) -> list[Any]:
    array = given[name][direction] if name in given else np.zeros(otherwise)
    return [array[start : start + H] for start in range(0, parts * H, H)]


def step_rnn(case: Case, d: int, given: dict[str, Any], x: Any, h: Any, c: Any) -> tuple[Any, Any]:
    (w,), (r,), (wb, rb) = cut(given, "W", d, 1), cut(given, "R", d, 1), cut(given, "B", d, 2, 2 * H)
    return act(case, d, 0, w @ x + r @ h + wb + rb), c


def step_lstm(case: Case, d: int, given: dict[str, Any], x: Any, h: Any, c: Any) -> tuple[Any, Any]:
    wi, wo, wf, wc = cut(given, "W", d, 4)
    ri, ro, rf, rc = cut(given, "R", d, 4)
    wbi, wbo, wbf, wbc, rbi, rbo, rbf, rbc = cut(given, "B", d, 8, 8 * H)
    pi, po, pf = cut(given, "P", d, 3, 3 * H)
    i = act(case, d, 0, wi @ x + ri @ h + pi * c + wbi + rbi)
    f = 1 - i if case.flag else act(case, d, 0, wf @ x + rf @ h + pf * c + wbf + rbf)
    new = f * c + i * act(case, d, 1, wc @ x + rc @ h + wbc + rbc)
    o = act(case, d, 0, wo @ x + ro @ h + po * new + wbo + rbo)
    return o * act(case, d, 2, new), new


def step_gru(case: Case, d: int, given: dict[str, Any], x: Any, h: Any, c: Any) -> tuple[Any, Any]:
    wz, wr, wh = cut(given, "W", d, 3)
    rz, rr, rh = cut(given, "R", d, 3)
    wbz, wbr, wbh, rbz, rbr, rbh = cut(given, "B", d, 6, 6 * H)
    z = act(case, d, 0, wz @ x + rz @ h + wbz + rbz)
    r = act(case, d, 0, wr @ x + rr @ h + wbr + rbr)
    reset = r * (rh @ h + rbh) if case.flag else rh @ (r * h) + rbh
    return (1 - z) * act(case, d, 1, wh @ x + reset + wbh) + z * h, c


STEPS = {"RNN": step_rnn, "LSTM": step_lstm, "GRU": step_gru}
ALL = ("B", "sequence_lens", "initial_h", "initial_c")
CASES = [
    case
    for op_type in KINDS
    for plain in [partial(Case, op_type)]
    for case in [
        *(plain(direction, layout) for direction in ("forward", "reverse", "bidirectional") for layout in (0, 1)),
        *(plain(direction, 1, ALL) for direction in ("forward", "reverse", "bidirectional")),
        plain(inputs=()),
        plain(inputs=("initial_h",)),
        plain("reverse", inputs=("sequence_lens",)),
        plain(clip=0.3),
        plain("bidirectional", inputs=ALL, unusual=True),
        plain("bidirectional", inputs=ALL, unusual=True, clip=0.5),
    ]
]
CASES += [
    case
    for op_type in ("LSTM", "GRU")
    for flagged in [partial(Case, op_type, flag=True)]
    for case in [flagged(), flagged("bidirectional", 1, ALL), flagged(clip=0.3), flagged("reverse", unusual=True)]
]
CASES += [
    Case("LSTM", inputs=("B", "P")),
    Case("LSTM", "bidirectional", 1, (*ALL, "P"), unusual=True, clip=0.7),
    Case("LSTM", "reverse", inputs=("P",), flag=True),
]


def given_to(case: Case) -> dict[str, Any]:
    return {name: array for name, array in case.arrays().items() if name in case.node().input}


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_node_computes_the_equations_of_the_specification(case: Case) -> None:
    found = run_node(case.node(), given_to(case))
    assert list(found) == list(KINDS[case.op_type].outputs)
    for name, array in zip(found, expected(case), strict=True):
        np.testing.assert_allclose(found[name], array, rtol=1e-12, atol=1e-12, err_msg=name)


@pytest.mark.parametrize("kind", ["float16", "float32", "float64"])
def test_outputs_are_of_the_type_of_the_inputs(kind: str) -> None:
    case = Case("LSTM", inputs=ALL)
    given = {name: array.astype(kind) if name != "sequence_lens" else array for name, array in given_to(case).items()}
    found = run_node(case.node(), given)
    assert {array.dtype.name for array in found.values()} == {kind}
    tolerance = {"float16": 1e-2, "float32": 1e-5, "float64": 1e-12}[kind]
    np.testing.assert_allclose(found["Y_c"], expected(case)[2], rtol=tolerance, atol=tolerance)


def test_an_output_without_a_name_is_left_out_and_names_are_the_nodes_own() -> None:
    case = Case("LSTM")
    given = {f"my {name}": array for name, array in given_to(case).items()}
    node = Node("LSTM", ("my X", "my W", "my R", "my B", "", ""), ("", "", "memory"))
    found = run_node(node, given | {"another": np.zeros(2)})
    assert list(found) == ["memory"]
    np.testing.assert_allclose(found["memory"], expected(case)[2], rtol=1e-12)


def test_running_a_node_changes_no_input_and_draws_no_random_number() -> None:
    case = Case("GRU", "bidirectional", 1, ALL)
    given = given_to(case)
    before = {name: array.copy() for name, array in given.items()}
    for array in given.values():
        array.flags.writeable = False
    drawn = torch.get_rng_state()
    for array in run_node(case.node(), given).values():
        array[...] = 9
    assert torch.equal(drawn, torch.get_rng_state())
    assert all(np.array_equal(given[name], before[name]) for name in given)


def test_a_sequence_of_no_steps_ends_where_it_began() -> None:
    case = Case("LSTM", inputs=("initial_h", "initial_c"))
    given = given_to(case) | {"X": np.zeros((0, B, D))}
    found = run_node(case.node(), given)
    assert found["Y"].shape == (0, 1, B, H)
    np.testing.assert_array_equal(found["Y_c"], given["initial_c"])


@pytest.mark.parametrize("names", [(b"Tanh", b"Tanh"), ("tanh",), ()])
def test_the_default_activations_of_an_rnn_may_be_written_out(names: tuple[Any, ...]) -> None:
    case = Case("RNN")
    node = Node("RNN", case.node().input, ("Y",), (Attribute("activations", strings=names),))
    np.testing.assert_allclose(run_node(node, given_to(case))["Y"], expected(case)[0], rtol=1e-12)


@pytest.mark.parametrize("case", [case for case in CASES if case.direction == "forward" and not case.layout], ids=str)
def test_a_forward_node_is_a_cell(case: Case) -> None:
    cell = from_onnx(case.node(), given_to(case))
    state = cell.initial(B)
    given = given_to(case)
    begun = [torch.from_numpy(given[name])[0] for name in ("initial_h", "initial_c") if name in given]
    begun += list(state)[len(begun) :]
    ys, last = cell.scan(torch.from_numpy(given["X"]), type(state)(*begun))
    wanted = expected(case)
    np.testing.assert_allclose(ys.detach(), wanted[0][:, 0], rtol=1e-12, atol=1e-12)
    for found, end in zip(last, wanted[1:], strict=True):
        np.testing.assert_allclose(found.detach(), end[0], rtol=1e-12, atol=1e-12)
