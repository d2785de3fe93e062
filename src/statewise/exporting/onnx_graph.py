"""A model as an ONNX graph, node by node: the time and the batch stay open, the state goes in and comes out.

inputs [T, B] of int64, or [T, B, D]      state.0.hidden [B, H] ...
outputs [T, B, V]                         next.0.hidden [B, H] ...
"""

from importlib import import_module
from typing import Any, final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from statewise.cells import (
    CandidateDropout,
    Chain,
    Conditioned,
    Dropout,
    Learned,
    Recurrent,
    Residual,
    VariationalDropout,
    WeightDrop,
)
from statewise.encoders.table import TABLES
from statewise.errors import MissingExtra, UsageError
from statewise.exchange.onnx import to_onnx
from statewise.exporting.rounded import round_rows
from statewise.heads import Categorical
from statewise.model import Model
from statewise.state import paths

OPSET, IR_VERSION = 17, 9
INSTEAD = "export it as safetensors, as any model can be"
EVALUATED = (Dropout, CandidateDropout, VariationalDropout, WeightDrop, Learned, Conditioned)
"Parts that in evaluation do as the part they are around does."


def onnx_graph(model: Model[Any], *, int8: bool = False) -> Any:
    """Return a model as an `onnx.ModelProto`, with `int8` its matrices as int8 and a scale for each row.

    It has an embedding, a linear map or nothing as its encoder, Elman, LSTM and GRU cells in chains, with residuals and
    dropout as they like, and a categorical head. Raises `UsageError` that says which part ONNX has no node for,
    `MissingExtra` without the onnx package.
    """
    return _Graph(model, int8).proto()


def state_names(model: Model[Any]) -> list[str]:
    """Return the paths of the tensors of a model's state that its graph reads and writes, in order.

    >>> from statewise.cells import LSTM
    >>> state_names(Model(nn.Embedding(10, 5), LSTM(5, 4), Categorical(4, 10)))
    ['hidden', 'cell']
    """
    graph = _Walk()
    graph.follow(model.core, "")
    return [name for _, names in graph.cells for name in names]


class _Walk:
    """Which cells a core is made of, and how their states are called."""

    def __init__(self) -> None:
        self.cells: list[tuple[Recurrent[Any], list[str]]] = []

    def follow(self, part: Recurrent[Any], path: str) -> None:
        """Note every cell of a part, whose state lies at this path."""
        if isinstance(part, Chain):
            for at, inner in enumerate(part):
                self.follow(inner, f"{path}{at}.")
        elif isinstance(part, Residual):
            self.follow(part.part, path)
        elif isinstance(part, EVALUATED):
            inside = part.part
            assert isinstance(inside, Recurrent)
            names = [name for name, _ in paths(inside.initial(1))]
            whole = [name for name, _ in paths(part.initial(1))]
            prefix = next((name.removesuffix(names[0]) for name in whole if name.endswith(names[0])), "")
            self.follow(inside, f"{path}{prefix}")
        else:
            self.cells.append((part, [f"{path}{name}" for name, _ in paths(part.initial(1))]))


@final
class _Graph:
    """Nodes and tensors, as they come together."""

    def __init__(self, model: Model[Any], int8: bool) -> None:
        try:
            self._helper, self._numpy = import_module("onnx.helper"), import_module("onnx.numpy_helper")
            self._kinds = import_module("onnx").TensorProto
        except ModuleNotFoundError:
            raise MissingExtra("an ONNX graph needs onnx: pip install 'statewise[export]'") from None
        self._model, self._int8 = model, int8
        self._nodes: list[Any] = []
        self._tensors: list[Any] = []
        self._inputs: list[Any] = []
        self._outputs: list[Any] = []
        walk = _Walk()
        walk.follow(model.core, "")
        self._names = {id(cell): names for cell, names in walk.cells}
        self._axes = self._constant("axis_0", np.array([0])), self._constant("axis_1", np.array([1]))

    def proto(self) -> Any:
        """Return all of it, checked by the onnx package."""
        features = self._encoded()
        logits = self._headed(self._followed(self._model.core, features))
        self._nodes.append(self._helper.make_node("Identity", [logits], ["outputs"]))
        outputs = [self._value("outputs", ["T", "B", self._model.head.choices]), *self._outputs]
        graph = self._helper.make_graph(self._nodes, "statewise", self._inputs, outputs, self._tensors)
        opsets = [self._helper.make_opsetid("", OPSET)]
        proto = self._helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION, producer_name="statewise")
        import_module("onnx.checker").check_model(proto, full_check=True)
        return proto

    def _encoded(self) -> str:
        encoder = self._model.encoder
        if type(encoder) in TABLES and isinstance(encoder, nn.Embedding) and encoder.max_norm is None:
            self._inputs.insert(0, self._value("inputs", ["T", "B"], "INT64"))
            return self._node("Gather", [self._matrix("embedding", encoder.weight), "inputs"])
        self._inputs.insert(0, self._value("inputs", ["T", "B", self._model.step_input.numbers]))
        if type(encoder) is nn.Identity:
            return "inputs"
        if type(encoder) is nn.Linear:
            return self._linear("encoder", "inputs", encoder.weight, encoder.bias)
        raise UsageError(f"ONNX has no graph for an encoder of the kind {type(encoder).__name__}: {INSTEAD}")

    def _headed(self, features: str) -> str:
        head = self._model.head
        if type(head) is not Categorical:
            raise UsageError(f"ONNX has no graph for a head of the kind {type(head).__name__}: {INSTEAD}")
        return self._linear("head", features, head.weights, head.bias)

    def _followed(self, part: Recurrent[Any], x: str) -> str:
        if isinstance(part, Chain):
            for inner in part:
                x = self._followed(inner, x)
            return x
        if isinstance(part, Residual):
            return self._node("Add", [x, self._followed(part.part, x)])
        if isinstance(part, EVALUATED):
            inside = part.part
            assert isinstance(inside, Recurrent)
            return self._followed(inside, x)
        return self._cell(part, x)

    def _cell(self, cell: Recurrent[Any], x: str) -> str:
        node, weights = to_onnx(cell)
        names, at = self._names[id(cell)], f"cell_{len(self._outputs)}"
        states = []
        for name in names:
            self._inputs.append(self._value(f"state.{name}", ["B", cell.units]))
            states.append(self._node("Unsqueeze", [f"state.{name}", self._axes[0]]))
        given = [self._matrix(f"{at}_{role}", torch.from_numpy(weights[role])) for role in ("W", "R")]
        inputs = [x, *given, self._constant(f"{at}_B", weights["B"]), "", *states]
        outputs = [f"{at}_Y", *(f"{at}_last_{name}" for name in names)]
        settings = {each.name: list(each.strings) or each.i for each in node.attribute}
        self._nodes.append(self._helper.make_node(node.op_type, inputs, outputs, **settings))
        for name, last in zip(names, outputs[1:], strict=True):
            self._nodes.append(self._helper.make_node("Squeeze", [last, self._axes[0]], [f"next.{name}"]))
            self._outputs.append(self._value(f"next.{name}", ["B", cell.units]))
        return self._node("Squeeze", [outputs[0], self._axes[1]])

    def _linear(self, name: str, x: str, weights: Tensor, bias: Tensor | None) -> str:
        turned = self._node("Transpose", [self._matrix(f"{name}_weights", weights)], perm=[1, 0])
        y = self._node("MatMul", [x, turned])
        return y if bias is None else self._node("Add", [y, self._constant(f"{name}_bias", bias.detach().numpy())])

    def _matrix(self, name: str, weights: Tensor) -> str:
        if not self._int8:
            return self._constant(name, weights.detach().cpu().numpy())
        numbers, scales = round_rows(weights.cpu().flatten(0, -2))
        self._constant(f"{name}_numbers", numbers.reshape(weights.shape).numpy())
        self._constant(f"{name}_scales", scales.numpy())
        return self._node("DequantizeLinear", [f"{name}_numbers", f"{name}_scales"], axis=weights.dim() - 2)

    def _node(self, kind: str, inputs: list[str], **settings: Any) -> str:
        output = f"{kind.lower()}_{len(self._nodes)}"
        self._nodes.append(self._helper.make_node(kind, inputs, [output], **settings))
        return output

    def _constant(self, name: str, value: NDArray[Any]) -> str:
        self._tensors.append(self._numpy.from_array(np.ascontiguousarray(value), name))
        return name

    def _value(self, name: str, shape: list[Any], kind: str = "FLOAT") -> Any:
        return self._helper.make_tensor_value_info(name, getattr(self._kinds, kind), shape)
