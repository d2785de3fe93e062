"""What a model is made of, as native code has to know it: refused where a part is not known there."""

from enum import Enum
from typing import Any, cast

import torch
from torch import Tensor, nn

from statewise.cells import (
    Cell,
    Chain,
    Conditioned,
    Dropout,
    Learned,
    Recurrent,
    Residual,
    VariationalDropout,
    WeightDrop,
)
from statewise.errors import UsageError
from statewise.heads import Categorical
from statewise.kernels import native
from statewise.model import Model
from statewise.state import leaves

STORAGES = ("float32", "bfloat16", "int8")
"How a program can keep its weights, in the order of native code's own list."

KNOWN = ("elman_tanh", "elman_relu", "lstm", "peephole_lstm", "coupled_lstm", "lstm_1997", "gru")
"The recurrences that a program can be made of."


class Leaf(Enum):
    """What becomes of one tensor of a state: native code reads and writes it, it stays, or it counts the steps."""

    OWN = "own"
    KEPT = "kept"
    COUNTED = "counted"


ABSENT = "a step program needs the native kernels, which are not installed: use model.step"

BESIDE: dict[type, tuple[Leaf, ...]] = {
    Dropout: (Leaf.KEPT, Leaf.COUNTED),
    VariationalDropout: (Leaf.KEPT, Leaf.KEPT),
    WeightDrop: (Leaf.KEPT,),
    Learned: (),
    Conditioned: (),
}
"Parts that in evaluation do as the part they are around does, and what their states hold beside its."


Weight = tuple[dict[str, Any], str, Tensor, int, int]
"A parameter: where a module keeps it, under which name, itself, and which version of it was seen at which address."


class Plan:
    """A model, taken apart. `parts` are recurrences, and additions of an earlier value, given by its number.

    Raises `UsageError` that says which part is not known.
    """

    def __init__(self, model: Model[Any] | Recurrent[Any]) -> None:
        self.core: Recurrent[Any] = model.core if isinstance(model, Model) else model
        self.encoder: nn.Module = model.encoder if isinstance(model, Model) else nn.Identity()
        self.head = _known_head(model.head) if isinstance(model, Model) else None
        self.features = self.core.features
        self.parts: list[Cell[Any] | int] = []
        self.leaves: list[Leaf] = []
        self.only_evaluated: list[nn.Module] = []
        _check_encoder(self.encoder, self.features)
        self._follow(self.core)
        _check_weights(model)
        self.modules = list(model.modules())

    def weights(self) -> list[Weight]:
        """Return every weight as it now is."""
        return [
            (module._parameters, name, tensor, tensor._version, tensor.data_ptr())
            for module in self.modules
            for name, tensor in module._parameters.items()
            if tensor is not None
        ]

    @property
    def evaluates(self) -> bool:
        """Whether no part is in training that would do something else there."""
        return not any(part.training for part in self.only_evaluated)

    def _follow(self, part: Recurrent[Any]) -> None:
        if isinstance(part, Chain):
            for inner in part:
                self._follow(inner)
        elif isinstance(part, Residual):
            around = len(self.parts)
            self._follow(part.part)
            self.parts.append(around)
        elif type(part) in BESIDE:
            self._follow(cast(Recurrent[Any], part.part))
            self.leaves += BESIDE[type(part)]
            if not isinstance(part, Learned | Conditioned):
                self.only_evaluated.append(part)
        elif isinstance(part, Cell) and part.recurrence in KNOWN:
            self.parts.append(part)
            self.leaves += [Leaf.OWN] * len(leaves(part.initial(0)))
        else:
            raise UsageError(f"a step program knows no {type(part).__name__} of this kind: use model.step")


def why_not(model: Model[Any] | Recurrent[Any]) -> str | None:
    """Return why a model cannot be compiled, or None where it can."""
    if native.Program is None:
        return ABSENT
    try:
        Plan(model)
    except UsageError as error:
        return str(error)
    return None


def addresses_of(plan: Plan) -> tuple[list[int], list[int], list[tuple[int, list[int], list[int]]], list[Tensor]]:
    """Return the addresses of the encoder, the head and the parts, and tensors to be kept until they are read."""
    held: list[Tensor] = []

    def address(tensor: Tensor | None) -> int:
        if tensor is None:
            return 0
        held.append(tensor.detach().contiguous())
        return held[-1].data_ptr()

    encoder = [0, 0, 0]
    if isinstance(plan.encoder, nn.Embedding):
        encoder = [address(plan.encoder.weight), 0, 0]
    elif isinstance(plan.encoder, nn.Linear):
        encoder = [0, address(plan.encoder.weight), address(plan.encoder.bias)]
    head = [address(plan.head.weights), address(plan.head.bias)] if plan.head else [0, 0]
    parts: list[tuple[int, list[int], list[int]]] = []
    for part in plan.parts:
        if isinstance(part, int):
            parts.append((part, [0, 0, 0, 0], [0, 0, 0, 0]))
            continue
        weights = [address(tensor) for tensor in part.weights()]
        sizes = [native.CELLS.index(part.recurrence or ""), part.features, part.units, part.units]
        parts.append((-1, sizes, weights + [0] * (4 - len(weights))))
    return encoder, head, parts, held


def _check_encoder(encoder: nn.Module, features: int) -> None:
    plain = type(encoder) is nn.Embedding and encoder.max_norm is None
    width = {nn.Embedding: "embedding_dim", nn.Linear: "out_features"}.get(type(encoder))
    if not plain and type(encoder) not in (nn.Linear, nn.Identity):
        raise UsageError(f"a step program knows no encoder of the kind {type(encoder).__name__}: use model.step")
    if width and getattr(encoder, width) != features:
        raise UsageError(f"the encoder gives {getattr(encoder, width)} features where the core reads {features}")


def _known_head(head: nn.Module) -> Categorical:
    if type(head) is not Categorical:
        raise UsageError(f"a step program knows no head of the kind {type(head).__name__}: use model.step")
    return head


def _check_weights(model: nn.Module) -> None:
    for name, tensor in model.named_parameters():
        if tensor.dtype != torch.float32 or tensor.device.type != "cpu" or tensor.is_inference():
            where = f"{str(tensor.dtype).removeprefix('torch.')} on {tensor.device}"
            where += ", made in inference mode" if tensor.is_inference() else ""
            raise UsageError(f"a step program is made from float32 on a CPU but {name} is {where}: use model.step")
