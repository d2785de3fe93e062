"""The same network for everyone: PyTorch's module with fixed weights, ours made from it, and its weights by name."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from statewise.cells import Cell, Chain, Recurrent
from statewise.exchange import from_torch
from statewise.kernels import ScanInputs, choose
from statewise.state import leaves

CELLS = ("lstm", "gru", "elman")
GATES = {"lstm": 4, "gru": 3, "elman": 1}
MODULES: Mapping[str, Callable[..., nn.RNNBase]] = {"lstm": nn.LSTM, "gru": nn.GRU, "elman": nn.RNN}
TORCH, TORCH_WITHOUT = "torch", "torch, oneDNN off"


class Shape(NamedTuple):
    """How much a network reads and how large it is; its inputs are as wide as its layers unless said otherwise."""

    steps: int
    rows: int
    units: int
    layers: int

    def named(self, cell: str) -> dict[str, Any]:
        """Return what a table says of a network of this shape."""
        return {"cell": cell, "T": self.steps, "B": self.rows, "H": self.units, "layers": self.layers}


def network(cell: str, shape: Shape, *, features: int | None = None) -> nn.RNNBase:
    """Return PyTorch's network of a shape, with the same weights in every run."""
    torch.manual_seed(0)
    return MODULES[cell](features or shape.units, shape.units, num_layers=shape.layers)


def inputs(shape: Shape, *, features: int | None = None) -> Tensor:
    """Return a sequence `[T, B, D]`, the same in every run."""
    return torch.randn(shape.steps, shape.rows, features or shape.units, generator=torch.Generator().manual_seed(1))


def first_state(cell: str, shape: Shape, *, zero: bool = False) -> Any:
    """Return a state in the form of PyTorch's module, the same in every run."""
    parts = 2 if cell == "lstm" else 1
    drawn = torch.randn(parts, shape.layers, shape.rows, shape.units, generator=torch.Generator().manual_seed(2))
    drawn = drawn * 0 if zero else drawn / 10
    return tuple(drawn) if cell == "lstm" else drawn[0]


def our_state(recurrent: Recurrent[Any], state: Any) -> Any:
    """Return PyTorch's state as the state of our chain, or of our one cell."""
    parts = list(recurrent) if isinstance(recurrent, Chain) else [recurrent]
    pair = state if isinstance(state, tuple) else (state,)
    own = tuple(type(part.initial(0))(*(leaf[layer] for leaf in pair)) for layer, part in enumerate(parts))
    return own if isinstance(recurrent, Chain) else own[0]


def weight_arrays(module: nn.Module) -> dict[str, NDArray[np.float32]]:
    """Return weights by PyTorch's names, as a peer is sent them."""
    return {name: tensor.detach().numpy().copy() for name, tensor in module.state_dict().items()}


def state_arrays(state: Any) -> dict[str, NDArray[np.float32]]:
    """Return a state of PyTorch's module as `hidden` and, for an LSTM, `memory`, each `[layers, B, H]`."""
    pair = state if isinstance(state, tuple) else (state,)
    return {name: leaf.numpy() for name, leaf in zip(("hidden", "memory"), pair, strict=False)}


def ours(module: nn.RNNBase) -> Recurrent[Any]:
    """Return our recurrence with the weights of PyTorch's module."""
    return from_torch(module)


def kernel(recurrent: Recurrent[Any], xs: Tensor, mask: Tensor | None = None) -> str:
    """Return the name of the kernel that reads a sequence with our cell, or with the first of our chain.

    >>> kernel(from_torch(nn.GRU(5, 4)), torch.zeros(7, 3, 5)) in ("native", "torch", "reference")
    True
    """
    part = next(iter(recurrent)) if isinstance(recurrent, Chain) else recurrent
    assert isinstance(part, Cell)
    state = leaves(part.initial(xs.shape[1]))
    op = choose(part.recurrence, ScanInputs(xs, state, state, part.weights(), None, mask))
    return "reference" if op is None else op.kernel


def weight_gradients(recurrent: Recurrent[Any]) -> dict[str, Tensor]:
    """Return our gradients under PyTorch's names, as far as the two share weights."""
    parts = list(recurrent) if isinstance(recurrent, Chain) else [recurrent]
    found = {}
    for layer, part in enumerate(parts):
        for name, own in (("weight_ih", "input_weights"), ("weight_hh", "recurrent_weights")):
            gradient = getattr(part, own).grad
            assert gradient is not None
            found[f"{name}_l{layer}"] = gradient
    return found


def without_onednn() -> AbstractContextManager[Any]:
    """Return a context in which PyTorch keeps from oneDNN."""
    context: AbstractContextManager[Any] = torch.backends.mkldnn.flags(enabled=False, allow_tf32=None)
    return context


def matrix_flops(cell: str, shape: Shape, *, features: int | None = None) -> float:
    """Return the floating-point operations of the matrix products of one forward pass.

    >>> matrix_flops("lstm", Shape(steps=7, rows=3, units=4, layers=2), features=5)
    11424.0
    """
    places, wide = shape.steps * shape.rows, GATES[cell] * shape.units
    widths = [features or shape.units, *[shape.units] * (shape.layers - 1)]
    return float(sum(2 * places * wide * (width + shape.units) for width in widths))
