"""RNN, LSTM and GRU as ONNX has them: computing a node, and weights to and from one.

The onnx package is needed for nothing but `OnnxLayer.proto`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from statewise.cells.elman import Elman
from statewise.cells.gru import GRU
from statewise.cells.lstm import LSTM
from statewise.cells.recurrent import Recurrent
from statewise.errors import MissingExtra, UsageError
from statewise.exchange.onnx.cells import OnnxGRU, OnnxLSTM, OnnxRNN
from statewise.exchange.onnx.node import Array, NodeLike, NodeSettings, read_inputs, read_settings
from statewise.state import leaves, rebuild

# Where each of our gates lies among ONNX's: ours are i, f, g, o and theirs i, o, f, c; ours r, z, n and theirs z, r, h.
GATES: dict[str, tuple[int, ...]] = {"RNN": (0,), "LSTM": (0, 2, 3, 1), "GRU": (1, 0, 2)}


@dataclass(frozen=True)
class Attribute:
    """What a node asks for, in the fields of an `onnx.AttributeProto`."""

    name: str
    i: int = 0
    f: float = 0.0
    s: bytes = b""
    ints: tuple[int, ...] = ()
    floats: tuple[float, ...] = ()
    strings: tuple[bytes, ...] = ()


@dataclass(frozen=True)
class Node:
    """A node in the fields of an `onnx.NodeProto`."""

    op_type: str
    input: tuple[str, ...]
    output: tuple[str, ...]
    attribute: tuple[Attribute, ...] = ()
    domain: str = ""


class OnnxLayer(NamedTuple):
    """A cell as a node, and its weights by the names of the node's inputs."""

    node: Node
    weights: dict[str, Array]

    def proto(self) -> Any:
        """Return the node as an `onnx.NodeProto`. Raises `MissingExtra` without the onnx package."""
        try:
            helper = import_module("onnx.helper")
        except ModuleNotFoundError:
            raise MissingExtra("an onnx.NodeProto needs onnx, which is not installed: pip install onnx") from None
        node = self.node
        values = {each.name: list(each.strings) or each.i for each in node.attribute}
        return helper.make_node(node.op_type, node.input, node.output, **values)


def run_node(node: NodeLike, inputs: Mapping[str, Array]) -> dict[str, Array]:
    """Compute an ONNX node of type RNN, LSTM or GRU, and return its outputs by name, but for those without a name.

    `node` is an `onnx.NodeProto` or has its fields, and `inputs` has an array for each name among the node's inputs.
    Every attribute and activation of versions 1 to 22 is heeded. Where the specification leaves a choice: a row of
    length 0 ends in its initial state, outputs past a row's length are 0, `clip` bounds what `h` is given too, and
    half precision is computed in single. Raises `UsageError` for what the specification does not have.

    >>> node = Node("GRU", ("X", "W", "R"), ("", "Y_h"))
    >>> given = {"X": np.ones((7, 3, 5)), "W": np.ones((1, 12, 5)), "R": np.ones((1, 12, 4))}
    >>> {name: array.shape for name, array in run_node(node, given).items()}
    {'Y_h': (1, 3, 4)}
    """
    settings = read_settings(node)
    arrays = read_inputs(node, settings, inputs)
    tensors = {role: _tensor(array) for role, array in arrays.items()}
    if settings.batch_first:
        first = {"X", "initial_h", "initial_c"} & set(tensors)
        tensors |= {role: tensors[role].transpose(0, 1) for role in first}
    outputs = [_read(settings, direction, tensors) for direction in range(settings.directions)]
    found = [torch.stack([output[0] for output in outputs], dim=1)]
    found += [torch.stack(lasts) for lasts in zip(*(output[1] for output in outputs), strict=True)]
    if settings.batch_first:
        found = [found[0].permute(2, 0, 1, 3), *(last.transpose(0, 1) for last in found[1:])]
    dtype = arrays["X"].dtype
    return {name: each.numpy().astype(dtype, order="C") for name, each in zip(node.output, found, strict=False) if name}


def from_onnx(node: NodeLike, weights: Mapping[str, Array]) -> Recurrent[Any]:
    """Return a cell that computes what a forward ONNX node computes, time first and one direction.

    It is an `Elman`, `LSTM` or `GRU` where one of these computes it, and else as general as ONNX. `weights` has W, R, B
    and P by the names of the node's inputs; what else the node reads, `scan` is given. Raises `UsageError` for a node
    that reads in reverse, and for what the specification does not have.

    >>> from_onnx(*to_onnx(LSTM(5, 4))).units
    4
    """
    settings = read_settings(node)
    if settings.direction != "forward":
        raise UsageError(f"a {settings.direction} {node.op_type} cannot step, so it is not a cell: use run_node")
    arrays = read_inputs(node, settings, weights, without=("X", "sequence_lens", "initial_h", "initial_c"))
    return _cell(settings, 0, {role: _tensor(array) for role, array in arrays.items()})


def to_onnx(recurrent: Recurrent[Any]) -> OnnxLayer:
    """Return an Elman, LSTM or GRU cell as an ONNX node that reads X, W, R, B, and its weights W, R and B.

    ONNX has two biases where one is enough; the second is zero, but for the candidate of a GRU whose reset gate acts
    after the product. A chain is as many nodes: give its parts. Raises `UsageError` for other recurrences.

    >>> node, weights = to_onnx(GRU(5, 4))
    >>> node.op_type, {name: array.shape for name, array in weights.items()}
    ('GRU', {'W': (1, 12, 5), 'R': (1, 12, 4), 'B': (1, 24)})
    """
    if not isinstance(recurrent, Elman | LSTM | GRU):
        name = type(recurrent).__name__
        raise UsageError(f"ONNX has no node like {name}: give Elman, LSTM or GRU, of a Chain each part by itself")
    op_type = {Elman: "RNN", LSTM: "LSTM", GRU: "GRU"}[type(recurrent)]
    attributes = [Attribute("hidden_size", i=recurrent.units)]
    second = torch.zeros_like(recurrent.bias)
    if isinstance(recurrent, GRU):
        attributes.append(Attribute("linear_before_reset", i=int(recurrent.reset_after)))
        if recurrent.reset_after:
            second[2 * recurrent.units :] = recurrent.candidate_bias.detach()
    if isinstance(recurrent, Elman) and recurrent.activation == "relu":
        attributes.append(Attribute("activations", strings=(b"Relu",)))
    order = np.argsort(GATES[op_type]).tolist()
    ours = [recurrent.input_weights, recurrent.recurrent_weights, recurrent.bias, second]
    w, r, *biases = (_reorder(tensor.detach(), order) for tensor in ours)
    outputs = ("Y", "Y_h", "Y_c") if op_type == "LSTM" else ("Y", "Y_h")
    node = Node(op_type, ("X", "W", "R", "B"), outputs, tuple(attributes))
    parts = {"W": w, "R": r, "B": torch.cat(biases)}
    return OnnxLayer(node, {name: tensor.unsqueeze(0).cpu().numpy() for name, tensor in parts.items()})


@torch.no_grad()
def _read(settings: NodeSettings, direction: int, tensors: Mapping[str, Tensor]) -> tuple[Tensor, tuple[Tensor, ...]]:
    """Return `ys` `[T, B, H]` and the last state of one direction."""
    cell = _cell(settings, direction, tensors)
    xs, mask = tensors["X"], None
    state = cell.initial(xs.shape[1])
    given = [tensors.get(role) for role in ("initial_h", "initial_c")]
    begun = [zero if own is None else own[direction] for zero, own in zip(leaves(state), given, strict=False)]
    if "sequence_lens" in tensors:
        mask = torch.arange(len(xs)).unsqueeze(-1) < tensors["sequence_lens"]
    backwards = settings.direction == "reverse" or direction == 1
    if backwards:  # what is past a row's end then comes first, and the row sleeps through it
        xs, mask = xs.flip(0), None if mask is None else mask.flip(0)
    ys, last = cell.scan(xs, rebuild(state, begun), mask=mask)
    return ys.flip(0) if backwards else ys, leaves(last)


def _cell(settings: NodeSettings, direction: int, tensors: Mapping[str, Tensor]) -> Recurrent[Any]:
    w, r = tensors["W"][direction], tensors["R"][direction]
    both = tensors["B"][direction] if "B" in tensors else w.new_zeros(2 * len(w))
    first, second = both.chunk(2)
    with torch.device("meta"):  # the weights are given, so none are drawn
        cell = _ours(settings, direction, w, r) if "P" not in tensors else None
        if cell is None:
            general = _general(settings, direction, w, r)
    if cell is None:
        names = {"input_weights": w, "recurrent_weights": r, "input_bias": first, "recurrent_bias": second}
        if settings.op_type == "LSTM":
            names["peepholes"] = tensors["P"][direction] if "P" in tensors else w.new_zeros(3 * r.shape[1])
        return _filled(general, names)
    w, r, first, second = (_reorder(part, GATES[settings.op_type]) for part in (w, r, first, second))
    names = {"input_weights": w, "recurrent_weights": r, "bias": first + second}
    if isinstance(cell, GRU) and cell.reset_after:
        apart = 2 * cell.units
        names |= {"bias": torch.cat([(first + second)[:apart], first[apart:]]), "candidate_bias": second[apart:]}
    return _filled(cell, names)


def _filled(cell: Recurrent[Any], weights: Mapping[str, Tensor]) -> Recurrent[Any]:
    cell.load_state_dict({name: tensor.clone() for name, tensor in weights.items()}, assign=True)
    return cell


def _ours(settings: NodeSettings, direction: int, w: Tensor, r: Tensor) -> Elman | LSTM | GRU | None:
    """Return the cell of ours that computes the same, or None where there is none."""
    features, units = w.shape[1], r.shape[1]
    names = tuple(activation.name for activation in settings.activations[direction])
    if settings.clip is not None or settings.input_forget:
        return None
    if settings.op_type == "RNN" and names in (("Tanh",), ("Relu",)):
        return Elman(features, units, activation="tanh" if names == ("Tanh",) else "relu")
    if names != settings.kind.activations:
        return None
    if settings.op_type == "LSTM":
        return LSTM(features, units)
    return GRU(features, units, reset_after=settings.linear_before_reset)


def _general(settings: NodeSettings, direction: int, w: Tensor, r: Tensor) -> OnnxRNN | OnnxLSTM | OnnxGRU:
    features, units, activations = w.shape[1], r.shape[1], settings.activations[direction]
    if settings.op_type == "RNN":
        return OnnxRNN(features, units, activations=activations, clip=settings.clip)
    if settings.op_type == "LSTM":
        how = settings.input_forget
        return OnnxLSTM(features, units, activations=activations, clip=settings.clip, input_forget=how)
    how = settings.linear_before_reset
    return OnnxGRU(features, units, activations=activations, clip=settings.clip, linear_before_reset=how)


def _reorder(tensor: Tensor, order: Sequence[int]) -> Tensor:
    """Put the gates, which lie one after another on axis 0, into another order."""
    gates = tensor.chunk(len(order))
    return torch.cat([gates[place] for place in order])


def _tensor(array: Array) -> Tensor:
    wide = array.dtype.name == "float64"
    if array.dtype.kind in "iu":
        return torch.from_numpy(array.astype(np.int64))
    return torch.from_numpy(np.array(array, dtype=np.float64 if wide else np.float32, order="C"))
