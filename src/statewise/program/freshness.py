"""Whether a model has changed since its weights were packed: which changes are detected, and which are not.

A module replaced, a hook, a parametrization, another type, shape or place in memory, a change that PyTorch counts, and
the step of any of its optimizers are seen at the next call. Numbers can also be changed with no trace left in PyTorch:
through `.data`, a NumPy view, memory that processes share. So a part of them, of every tensor some, is read again at
each step, and all of them after the step of an optimizer, in the time of `MOST_PUSHES` steps, and on request.

What changes no number in memory is never seen: a square weight that is transposed over its own memory through `.data`
(`w.data = w.data.T`). Its copy, `w.data.T.contiguous()`, lies elsewhere and is seen.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Protocol
from weakref import ref

import torch
from torch import Tensor, nn
from torch.optim.optimizer import register_optimizer_step_post_hook

from statewise.cells import Recurrent
from statewise.kernels import native
from statewise.model import Model
from statewise.program.plan import HOOKS, HOOKS_OF_ALL

TABLES = ("_modules", "_parameters", *HOOKS)
WHOLE = 1 << 20
"More parts than there are: to read all."
MOST_PUSHES = 1000
"So many pushes, at most, until all numbers were read again."

Table = tuple[dict[str, Any], list[Any]]
"A dict, and the values that it has; `...` for one that may change."


class Watched(Protocol):
    """What a program was made of: weights, and parts that compute something else in training."""

    @property
    def weights(self) -> Sequence[Tensor]:
        """The weights that were packed."""

    @property
    def noisy(self) -> Sequence[nn.Module]:
        """The parts that must be in evaluation."""


if native.Program is not None:
    register_optimizer_step_post_hook(native.note_step)


def watch(model: Model[Any] | Recurrent[Any], plan: Watched | None) -> Any:
    """Begin to watch a model; without a plan, one that is not known, until that may have changed."""
    weights: Sequence[Tensor] = plan.weights if plan else [tensor for tensor in model.parameters() if _is_plain(tensor)]
    parts = [module for module in model.modules() if module is not model or not isinstance(model, Model)]
    return native.Watch(
        ... if model in parts else ref(model),  # a watch that lives as long as a model must not keep the model alive
        len(vars(model)),
        list(_tables(model, parts)),
        [(module, type(module)) for module in parts],
        [vars(part) for part in plan.noisy] if plan else [],
        [_weight(tensor, is_read=plan is not None) for tensor in weights],
        torch.is_autocast_enabled,
        "cpu",
    )


def _tables(model: nn.Module, parts: list[nn.Module]) -> Iterator[Table]:
    for module in parts:
        own = vars(module)
        yield own, [... if name == "training" else value for name, value in own.items()]
    for module in model.modules():
        for name in TABLES:
            table = vars(module)[name]
            yield table, list(table.values())
    for hooks in HOOKS_OF_ALL:
        yield hooks, list(hooks.values())


def _is_plain(tensor: Tensor) -> bool:
    """Tell whether PyTorch counts its changes and says where it lies."""
    is_known = type(tensor) in (nn.Parameter, Tensor) and not tensor.is_inference()
    return is_known and tensor.layout is torch.strided and tensor.dim() > 0


def _weight(tensor: Tensor, *, is_read: bool) -> tuple[Tensor, Tensor, int, int, int, int]:
    """Return a tensor, another over its memory, its version, address and bytes, and how many numbers to read of it."""
    gaps = zip(tensor.shape, tensor.stride(), strict=True)
    extent = 1 + sum((size - 1) * stride for size, stride in gaps) if is_read and tensor.numel() else 0
    return tensor, tensor.detach(), tensor._version, tensor.data_ptr(), tensor.nbytes, extent
