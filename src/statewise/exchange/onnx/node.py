"""An ONNX node of type RNN, LSTM or GRU as plain values: what it asks for and what it is given, checked.

A node is known by its fields alone, so that the onnx package need not be installed.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from statewise.errors import UsageError
from statewise.exchange.onnx.activations import Activation, read_activations
from statewise.registry import unknown

Array = NDArray[Any]


class Kind(NamedTuple):
    """One of the three operators: how many gates, its activations, and the names of what it reads and writes."""

    gates: int
    activations: tuple[str, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: tuple[str, ...]


_COMMON = ("activation_alpha", "activation_beta", "activations", "clip", "direction", "hidden_size", "layout")
_OLD = ("output_sequence",)  # of operator version 1 alone: whether Y is wanted, which its being named says as well
_INPUTS = ("X", "W", "R", "B", "sequence_lens", "initial_h")

KINDS: dict[str, Kind] = {
    "RNN": Kind(1, ("Tanh",), _INPUTS, ("Y", "Y_h"), (*_COMMON, *_OLD)),
    "LSTM": Kind(
        4,
        ("Sigmoid", "Tanh", "Tanh"),
        (*_INPUTS, "initial_c", "P"),
        ("Y", "Y_h", "Y_c"),
        (*_COMMON, "input_forget", *_OLD),
    ),
    "GRU": Kind(3, ("Sigmoid", "Tanh"), _INPUTS, ("Y", "Y_h"), (*_COMMON, "linear_before_reset", *_OLD)),
}
DIRECTIONS = {"forward": 1, "reverse": 1, "bidirectional": 2}
FLOATS = ("float16", "bfloat16", "float32", "float64")
TYPES = {"f": 1, "i": 2, "s": 3, "floats": 6, "strings": 8}
"Which number the specification gives to the type whose value is in this field."


class AttributeLike(Protocol):
    """An attribute, whose value is in the field of its type: `f`, `i`, `s`, `floats`, `ints` or `strings`."""

    @property
    def name(self) -> str:
        """Which attribute it is."""


class NodeLike(Protocol):
    """An `onnx.NodeProto`, or anything else with its fields."""

    @property
    def op_type(self) -> str:
        """The operator: RNN, LSTM or GRU."""

    @property
    def input(self) -> Sequence[str]:
        """The names of what it reads, in the operator's order; '' where an optional one is left out."""

    @property
    def output(self) -> Sequence[str]:
        """The names of what it writes, in the operator's order; '' where one is not wanted."""

    @property
    def attribute(self) -> Iterable[AttributeLike]:
        """What else is asked for."""


@dataclass(frozen=True)
class NodeSettings:
    """What a node asks for; `activations` has one tuple for each direction."""

    op_type: str
    direction: str
    activations: tuple[tuple[Activation, ...], ...]
    hidden_size: int | None
    clip: float | None
    batch_first: bool
    input_forget: bool
    linear_before_reset: bool

    @property
    def kind(self) -> Kind:
        """Its operator."""
        return KINDS[self.op_type]

    @property
    def directions(self) -> int:
        """How many directions it reads in."""
        return DIRECTIONS[self.direction]


def read_settings(node: NodeLike) -> NodeSettings:
    """Return what a node asks for. Raises `UsageError`, naming it, for what the ONNX specification does not have."""
    domain = getattr(node, "domain", "")
    if node.op_type not in KINDS or domain not in ("", "ai.onnx"):
        raise UsageError(
            f"node type '{domain and f'{domain}.'}{node.op_type}' is not computed here: give RNN, LSTM or GRU"
        )
    kind, given = KINDS[node.op_type], {attribute.name: attribute for attribute in node.attribute}
    for name, attribute in given.items():
        if name not in kind.attributes:
            raise UsageError(unknown(f"attribute of {node.op_type}", name, kind.attributes))
        if getattr(attribute, "ref_attr_name", ""):
            raise UsageError(f"{node.op_type} leaves {name} to the function around it: give the node its own value")

    def value(name: str, field: str, otherwise: Any) -> Any:
        if name not in given:
            return otherwise
        if getattr(given[name], "type", TYPES[field]) not in (0, TYPES[field]):
            raise UsageError(f"{node.op_type} has {name} of another type: give it in the field '{field}'")
        return getattr(given[name], field)

    direction = _text(value("direction", "s", "forward"))
    if direction not in DIRECTIONS:
        raise UsageError(unknown("direction", direction, DIRECTIONS))
    layout = _one_of("layout", value("layout", "i", 0))
    return NodeSettings(
        op_type=node.op_type,
        direction=direction,
        activations=_activations(
            node.op_type,
            DIRECTIONS[direction],
            [_text(name) for name in value("activations", "strings", ())],
            list(value("activation_alpha", "floats", ())),
            list(value("activation_beta", "floats", ())),
        ),
        hidden_size=value("hidden_size", "i", None),
        clip=_clip(value("clip", "f", None)),
        batch_first=layout,
        input_forget=_one_of("input_forget", value("input_forget", "i", 0)),
        linear_before_reset=value("linear_before_reset", "i", 0) != 0,
    )


def read_inputs(
    node: NodeLike, settings: NodeSettings, given: Mapping[str, Array], *, without: Iterable[str] = ()
) -> dict[str, Array]:
    """Return a node's inputs by what they are to the operator, such as `W`; those left out are not in it.

    Raises `UsageError` where one is missing, or has another shape or type than the specification's.
    """
    kind = settings.kind
    for what, names, known in (("inputs", node.input, kind.inputs), ("outputs", node.output, kind.outputs)):
        if len(names) > len(known):
            raise UsageError(f"{node.op_type} was given {len(names)} {what}: it has {len(known)}, {', '.join(known)}")
    skipped = set(without)
    named = {role: name for role, name in zip(kind.inputs, node.input, strict=False) if name and role not in skipped}
    for role in ("X", "W", "R"):
        if role not in named and role not in skipped:
            raise UsageError(f"{node.op_type} has no input {role}, which it cannot do without: name one")
    for role, name in named.items():
        if name not in given:
            raise UsageError(f"{node.op_type} reads its input {role} from '{name}', which was not given: give an array")
    arrays = {role: np.asarray(given[name]) for role, name in named.items()}
    _check_types(node.op_type, arrays)
    _check_shapes(settings, arrays)
    return arrays


def _check_types(op_type: str, arrays: Mapping[str, Array]) -> None:
    first = arrays["W"].dtype.name
    for role, array in arrays.items():
        name = array.dtype.name
        if role == "sequence_lens":
            if array.dtype.kind not in "iu":
                raise UsageError(f"{op_type} was given sequence_lens of {name}: give whole numbers")
        elif name not in FLOATS or name != first:
            also = "" if name == first else f" and W of {first}"
            raise UsageError(f"{op_type} was given {role} of {name}{also}: give all in one of {', '.join(FLOATS)}")


def _check_shapes(settings: NodeSettings, arrays: Mapping[str, Array]) -> None:
    for role in ("X", "W", "R"):
        if role in arrays and arrays[role].ndim != 3:
            raise UsageError(f"{settings.op_type} was given {role} of {list(arrays[role].shape)}: give three axes")
    count, gates, units = settings.directions, settings.kind.gates, arrays["R"].shape[2]
    if settings.hidden_size not in (None, units):
        raise UsageError(f"hidden_size is {settings.hidden_size} but R is of {units} units: make them equal")
    features = arrays["X" if "X" in arrays else "W"].shape[2]
    shapes = {
        "W": (count, gates * units, features),
        "R": (count, gates * units, units),
        "B": (count, 2 * gates * units),
        "P": (count, 3 * units),
    }
    if "X" in arrays:
        steps, rows = (arrays["X"].shape[axis] for axis in ((1, 0) if settings.batch_first else (0, 1)))
        state = (rows, count, units) if settings.batch_first else (count, rows, units)
        shapes |= {"sequence_lens": (rows,), "initial_h": state, "initial_c": state}
        lengths = arrays.get("sequence_lens", np.zeros(0, np.int32))
        if lengths.size and not 0 <= lengths.min() <= lengths.max() <= steps:
            raise UsageError(
                f"sequence_lens are from {lengths.min()} to {lengths.max()} but X has {steps} steps: give 0 to {steps}"
            )
    for role, array in arrays.items():
        if array.shape != shapes.get(role, array.shape):
            raise UsageError(f"{settings.op_type} was given {role} of {list(array.shape)}: give {list(shapes[role])}")


def _activations(
    op_type: str, directions: int, names: list[str], alphas: list[float], betas: list[float]
) -> tuple[tuple[Activation, ...], ...]:
    defaults = KINDS[op_type].activations
    each, wanted = len(defaults), len(defaults) * directions
    if op_type == "RNN" and [name.lower() for name in names] == ["tanh", "tanh"]:
        names = names[:wanted]  # the specification writes two as the default, whatever the direction
    if names and len(names) != wanted:
        raise UsageError(f"{op_type} names {len(names)} activations: name {each} for each direction, in all {wanted}")
    found = read_activations(names or defaults * directions, alphas, betas)
    return tuple(found[start : start + each] for start in range(0, wanted, each))


def _clip(threshold: float | None) -> float | None:
    if threshold is not None and not threshold > 0:
        raise UsageError(f"clip is {threshold:g}: give a bound above 0, or leave it out for none")
    return threshold


def _one_of(name: str, value: int) -> bool:
    if value not in (0, 1):
        raise UsageError(f"{name} is {value}: give 0 or 1")
    return value == 1


def _text(value: bytes | str) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value
