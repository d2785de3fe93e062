"""A node computes what the ONNX specification says, held to it here number by number, and cells go there and back."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest
import torch

from statewise.cells import GRU, LSTM, Chain, Elman, Recurrent
from statewise.cells.onnx import Attribute, Node, from_onnx, run_node, to_onnx
from statewise.cells.onnx_activations import Activation, read_activations
from statewise.cells.onnx_cells import OnnxGRU, OnnxLSTM, OnnxRNN
from statewise.cells.onnx_node import KINDS, NodeLike
from statewise.errors import MissingExtra, UsageError
from statewise.testing import LAWS, check_cell

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


@pytest.mark.parametrize("name", FORMULAS)
def test_every_activation_of_the_specification_is_computed(name: str) -> None:
    xs = np.linspace(-3, 3, 13)
    found = Activation(name, alpha=0.5, beta=0.75)(torch.from_numpy(xs))
    np.testing.assert_allclose(found, [FORMULAS[name](x, 0.5, 0.75) for x in xs], rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize(
    ("name", "numbers"),
    [
        ("LeakyRelu", (0.01, 0.0)),
        ("ThresholdedRelu", (1.0, 0.0)),
        ("HardSigmoid", (0.2, 0.5)),
        ("Elu", (1.0, 0.0)),
        ("softsign", (0.0, 0.0)),
    ],
)
def test_numbers_that_are_not_given_are_those_of_the_operator(name: str, numbers: tuple[float, float]) -> None:
    assert read_activations([name])[0][1:] == numbers


def test_each_function_that_takes_a_number_takes_the_next() -> None:
    names = ["Sigmoid", "Elu", "HardSigmoid", "LeakyRelu"]
    found = read_activations(names, alphas=[0.3, 0.4], betas=[0.6])
    assert [function.alpha for function in found] == [0.0, 0.3, 0.4, 0.01]
    assert [function.beta for function in found] == [0.0, 0.0, 0.6, 0.0]
    assert read_activations(["Elu", "Tanh"], alphas=[0.3, 0.0])[0].alpha == 0.3


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


CELLS: dict[str, Callable[[], Recurrent[Any]]] = {
    "elman": lambda: Elman(D, H),
    "elman-relu": lambda: Elman(D, H, activation="relu"),
    "lstm": lambda: LSTM(D, H),
    "gru": lambda: GRU(D, H),
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
    assert getattr(back, "activation", None) == getattr(cell, "activation", None)


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


GENERAL: dict[str, Callable[[], Recurrent[Any]]] = {
    "rnn": lambda: OnnxRNN(D, H, activations=read_activations(["Softsign"]), clip=2.0),
    "lstm": lambda: filled(OnnxLSTM(D, H, clip=2.0)),
    "lstm-coupled": lambda: filled(OnnxLSTM(D, H, input_forget=True)),
    "gru": lambda: OnnxGRU(D, H, clip=2.0),
    "gru-linear": lambda: OnnxGRU(D, H, linear_before_reset=True),
}


def filled(cell: OnnxLSTM) -> OnnxLSTM:
    torch.nn.init.uniform_(cell.peepholes, -1, 1)
    return cell


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("name", GENERAL)
def test_a_cell_as_general_as_onnx_keeps_the_laws(name: str, law: int) -> None:
    torch.manual_seed(0)
    assert check_cell(GENERAL[name], laws=[law])[law].holds


def with_attribute(op_type: str, name: str, **fields: Any) -> Node:
    case = Case(op_type)
    return Node(op_type, case.node().input, case.node().output, (Attribute(name, **fields),))


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
        run_node(node, given_to(Case(node.op_type if node.op_type in KINDS else "RNN")))
    assert "\n" not in str(refused.value)


def test_numbers_of_activations_that_may_be_meant_in_two_ways_are_refused() -> None:
    with pytest.raises(UsageError, match="activation_alpha has 3 values but 1 of the activations Tanh, Elu, Tanh"):
        read_activations(["Tanh", "Elu", "Tanh"], alphas=[0.0, 0.3, 0.0])


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
    case = Case("LSTM", inputs=(*ALL, "P"))
    with pytest.raises(UsageError, match=re.escape(said)):
        run_node(case.node(), given_to(case) | change)


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
        run_node(Node("GRU", inputs, outputs), given_to(Case("GRU")))


def test_a_node_that_reads_in_reverse_is_no_cell() -> None:
    for direction in ("reverse", "bidirectional"):
        case = Case("GRU", direction)
        with pytest.raises(UsageError, match=f"a {direction} GRU cannot step, so it is no cell: use run_node"):
            from_onnx(case.node(), given_to(case))


def test_a_recurrence_that_onnx_does_not_have_is_refused() -> None:
    with pytest.raises(UsageError, match="ONNX has no node like Chain: give Elman, LSTM or GRU"):
        to_onnx(Chain(LSTM(D, H), LSTM(H, H)))


def test_a_wrong_number_of_activations_is_refused_by_the_cell() -> None:
    with pytest.raises(UsageError, match="OnnxLSTM was given 1 activations: give 3"):
        OnnxLSTM(D, H, activations=read_activations(["Tanh"]))


@pytest.mark.skipif(find_spec("onnx") is not None, reason="the onnx package is installed")
def test_without_the_onnx_package_a_proto_says_what_to_install() -> None:
    with pytest.raises(MissingExtra, match="which is not installed: pip install onnx"):
        to_onnx(LSTM(D, H)).proto()
