"""The parts of a model as native code needs them; a model with an unknown part is refused."""

from enum import Enum
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn.modules import module as every_module

from statewise.cells import (
    CandidateDropout,
    Cell,
    Chain,
    Conditioned,
    Dropout,
    Fed,
    LayerNormLSTM,
    Learned,
    Recurrent,
    Residual,
    VariationalDropout,
    WeightDrop,
)
from statewise.encoders.table import TABLES
from statewise.errors import UsageError
from statewise.heads import Categorical, Strokes
from statewise.kernels import native
from statewise.kernels.extension import ABILITIES
from statewise.model import Model
from statewise.state import leaves

STORAGES = ("float32", "bfloat16", "int8")
"How a program can keep its weights, in the order of native code's own list."

PLAIN = ("elman_tanh", "elman_relu", "lstm", "peephole_lstm", "coupled_lstm", "lstm_1997", "gru")
KNOWN = (*PLAIN, "layer_norm_lstm") if "normalized_program" in ABILITIES else PLAIN
"The recurrences that a program can be made of."


class Leaf(Enum):
    """The use of one tensor of a state: native code reads and writes it, it is constant, or it counts the steps."""

    OWN = "own"
    KEPT = "kept"
    COUNTED = "counted"


ABSENT = "a step program needs the native kernels, which are not installed: use model.step"

ADDED_BY_WRAPPERS: dict[type, tuple[Leaf, ...]] = {
    Dropout: (Leaf.KEPT, Leaf.COUNTED),
    CandidateDropout: (Leaf.KEPT, Leaf.COUNTED),
    VariationalDropout: (Leaf.KEPT, Leaf.KEPT),
    WeightDrop: (Leaf.KEPT,),
    Learned: (),
    Conditioned: (),
}
"Wrappers that do nothing in evaluation, and what their states hold in addition to that of the wrapped part."

HOOKS = ("_forward_pre_hooks", "_forward_hooks")
HOOKS_OF_ALL = tuple(getattr(every_module, f"_global{name}") for name in HOOKS)
"What PyTorch calls around every module, of those that are called as encoder and head are."
OF_ITS_OWN = ("step", "forward", "_call_impl")
"What a module computes by; one that has another than its class, as an attribute, computes something else."

Shape = tuple[int, ...]


class Plan:
    """A model, taken apart. `parts` are recurrences, and additions of an earlier value, given by its number.

    One that `draws` has a head of strokes, reads vectors as they are, and may have a `Fed` around its parts, whose
    context is read next to each: `fed` numbers of it, the leaf numbered `context` of a state.

    Raises `UsageError` that says which part is not known.
    """

    def __init__(self, model: Model[Any] | Recurrent[Any], *, draws: bool = False) -> None:
        self.core: Recurrent[Any] = model.core if isinstance(model, Model) else model
        self.encoder: nn.Module = model.encoder if isinstance(model, Model) else nn.Identity()
        self.head = _known_head(model.head, draws=draws) if isinstance(model, Model) else None
        self.features = _features(self.encoder, self.core)
        self.parts: list[Cell[Any] | int] = []
        self.leaves: list[Leaf] = []
        self.fed, self.context = 0, 0
        self.noisy: list[nn.Module] = []
        self.weights: list[Tensor] = []
        self._widths = [self.features]
        self._names = {id(tensor): name for name, tensor in model.named_parameters(remove_duplicate=False)}
        check_own(model)
        self._take_encoder()
        self._follow(self.core)
        self._take_head()

    def _take_encoder(self) -> None:
        encoder = self.encoder
        if isinstance(encoder, nn.Embedding):
            self._take(encoder, (encoder.weight, (encoder.num_embeddings, encoder.embedding_dim)))
        elif isinstance(encoder, nn.Linear):
            self._take(encoder, (encoder.weight, (encoder.out_features, encoder.in_features)))
            if encoder.bias is not None:
                self._take(encoder, (encoder.bias, (encoder.out_features,)))

    def _take_head(self) -> None:
        head = self.head
        if isinstance(head, Strokes):
            self._fit(head, head.features)
            sums = 6 * head.components + head.states
            self._take(head, (head.linear.weight, (sums, head.features)), (head.linear.bias, (sums,)))
        elif head is not None:
            self._fit(head, head.features)
            self._take(head, (head.weights, (head.choices, head.features)), (head.bias, (head.choices,)))

    def _follow(self, part: Recurrent[Any]) -> None:
        if type(part) is Chain:
            for inner in part:
                self._follow(inner)
        elif type(part) is Fed and isinstance(self.head, Strokes) and not self.parts and not self.fed:
            self.fed, self.context = part.width, len(self.leaves)
            self.features = self._widths[0] = self.features + part.width
            self.leaves.append(Leaf.KEPT)
            self._follow(part.part)
        elif type(part) is Residual:
            around = len(self._widths) - 1
            self._follow(part.part)
            self._fit(part, self._widths[around])
            self._add(around, self._widths[-1])
        elif type(part) in ADDED_BY_WRAPPERS:
            self._follow(cast(Recurrent[Any], part.part))
            self.leaves += ADDED_BY_WRAPPERS[type(part)]
            if not isinstance(part, Learned | Conditioned):
                self.noisy.append(part)
        elif isinstance(part, Cell) and part.recurrence in KNOWN:
            self._fit(part, part.features)
            self._take(part, *_weights_of(part))
            self._add(part, part.units)
            self.leaves += [Leaf.OWN] * len(leaves(part.initial(0)))
        else:
            raise UsageError(f"a step program knows no {type(part).__name__} of this kind: use model.step")

    def _add(self, part: Cell[Any] | int, width: int) -> None:
        self.parts.append(part)
        self._widths.append(width)

    def _fit(self, part: nn.Module, width: int) -> None:
        if width != self._widths[-1]:
            raise UsageError(
                f"a {type(part).__name__} meets {self._widths[-1]} features where it has {width}: make them equal"
            )

    def _take(self, module: nn.Module, *weights: tuple[Tensor, Shape]) -> None:
        """Check weights of a module, with the shapes that they must have, and note them."""
        for tensor, shape in weights:
            if id(tensor) not in self._names or type(tensor) is not nn.Parameter:
                raise UsageError(
                    f"a step program reads parameters, but a weight of the {type(module).__name__} is made out of "
                    "others, as by weight_norm or prune: use model.step"
                )
            check_weight(self._names[id(tensor)], tensor, shape)
            self.weights.append(tensor)


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
    head = [0, 0]
    if isinstance(plan.head, Strokes):
        head = [address(plan.head.linear.weight), address(plan.head.linear.bias)]
    elif plan.head is not None:
        head = [address(plan.head.weights), address(plan.head.bias)]
    parts: list[tuple[int, list[int], list[int]]] = []
    for part in plan.parts:
        if isinstance(part, int):
            parts.append((part, [0, 0, 0, 0], [0, 0, 0, 0]))
            continue
        weights = [address(tensor) for tensor in part.weights()]
        sizes = [native.CELLS.index(part.recurrence or ""), part.features, part.units, part.units]
        parts.append((-1, sizes, weights + [0] * (4 - len(weights))))
    return encoder, head, parts, held


def _weights_of(part: Cell[Any]) -> list[tuple[Tensor, Shape]]:
    """Return a part's own weights, and the shapes that they must have."""
    if isinstance(part, LayerNormLSTM):  # which gives native code its gains and the memory's bias in one
        *of_sums, _ = native.weight_shapes("layer_norm_lstm", part.features, part.units, part.units)
        own = part.input_weights, part.recurrent_weights, part.bias
        scales = (4 * part.units,), (4 * part.units,), (part.units,), (part.units,)
        gains = part.input_scale, part.recurrent_scale, part.cell_scale, part.cell_bias
        return list(zip((*own, *gains), (*of_sums, *scales), strict=True))
    shapes = native.weight_shapes(part.recurrence or "", part.features, part.units, part.units)
    return list(zip(part.weights(), shapes, strict=True))


def _features(encoder: nn.Module, core: Recurrent[Any]) -> int:
    plain = type(encoder) in TABLES and isinstance(encoder, nn.Embedding) and encoder.max_norm is None
    if not plain and type(encoder) not in (nn.Linear, nn.Identity):
        raise UsageError(f"a step program knows no encoder of the kind {type(encoder).__name__}: use model.step")
    width = {**dict.fromkeys(TABLES, "embedding_dim"), nn.Linear: "out_features"}.get(type(encoder))
    if width and getattr(encoder, width) != core.features:
        raise UsageError(f"the encoder gives {getattr(encoder, width)} features where the core reads {core.features}")
    return core.features


def _known_head(head: nn.Module, *, draws: bool) -> Categorical | Strokes:
    if draws and type(head) is Strokes:
        return head
    if not draws and type(head) is Categorical:
        return head
    raise UsageError(f"a step program knows no head of the kind {type(head).__name__}: use model.step")


def check_own(model: nn.Module) -> None:
    """Raise `UsageError` where hooks, or methods of a module's own instead of its class's, compute something else."""
    called = [model.encoder, *model.head.modules()] if isinstance(model, Model) else []
    if (called and any(HOOKS_OF_ALL)) or any(vars(module)[name] for module in called for name in HOOKS):
        raise UsageError("a step program calls no hooks, but the encoder or the head has some: use model.step")
    for module in model.modules():
        for name in OF_ITS_OWN:
            if name in vars(module):
                raise UsageError(f"a {type(module).__name__} has a {name} that is not its class's: use model.step")


def check_weight(name: str, tensor: Tensor, shape: Shape) -> None:
    """Raise `UsageError` for a weight that is no float32 on a CPU, or has another shape than its module says."""
    plain = tensor.layout is torch.strided and not tensor.is_neg() and not tensor.is_inference()
    if tensor.dtype != torch.float32 or tensor.device.type != "cpu" or not plain:
        where = f"{str(tensor.dtype).removeprefix('torch.')} on {tensor.device}"
        where += "" if plain else ", made in inference mode" if tensor.is_inference() else f", {tensor.layout}"
        raise UsageError(f"a step program is made from float32 on a CPU but {name} is {where}: use model.step")
    if tuple(tensor.shape) != shape:
        raise UsageError(f"{name} is {list(tensor.shape)} where its module says {list(shape)}: use model.step")
