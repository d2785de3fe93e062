"""Checks of the inputs and states of a recurrence: one line says what was given and what to give instead."""

from itertools import chain
from typing import Any

import torch
from torch import Tensor, nn

from statewise.errors import UsageError

MEND = "begin with its own initial(rows), or go on from what its step or scan returned"


def first_of_numbers(module: nn.Module) -> Tensor | None:
    """Return the first floating-point parameter of a module, else buffer, which tells its type and device."""
    own = module._parameters.values()  # asking for all of a module's parts takes longer than a short scan
    everywhere = chain(own, module.parameters(), module.buffers())
    return next((tensor for tensor in everywhere if tensor is not None and tensor.is_floating_point()), None)


def check_type(name: str, module: nn.Module, xs: Tensor) -> None:
    """Raise `UsageError` where a sequence is not of the type in which a module's weights are."""
    weights = first_of_numbers(module)
    if weights is None or weights.dtype == xs.dtype or _mixed(xs):
        return
    wanted, given = _short(weights.dtype), _short(xs.dtype)
    other = f", or the weights with .to(torch.{given})" if xs.is_floating_point() else ""
    raise UsageError(
        f"{name} computes in {wanted} but was given a sequence of {given}: "
        f"convert the sequence with .to(torch.{wanted}){other}"
    )


def check_places(name: str, what: str, places: Tensor | None, xs: Tensor) -> None:
    """Raise `UsageError` where a `reset` or `mask` is not `[T, B]` of bool."""
    if places is None:
        return
    if places.shape != xs.shape[:2]:
        wanted = f"[T, B] = {list(xs.shape[:2])}"
        hint = " (time comes first)" if list(places.shape) == [*xs.shape[:2]][::-1] else ""
        raise UsageError(f"{name} was given a {what} of shape {list(places.shape)} where {wanted} is wanted{hint}")
    if places.dtype != torch.bool:
        raise UsageError(
            f"{name} was given a {what} of {_short(places.dtype)} where bool is wanted: convert it with .bool()"
        )


def check_kind(name: str, state: Any, kind: type) -> None:
    """Raise `UsageError` where a state is not a state at all, or not of a class."""
    if not isinstance(state, Tensor | tuple) or not isinstance(state, kind):
        wanted = "a nest of tensors" if kind is object else _shown(kind)
        raise UsageError(f"{name} was given {_kind(state)} where {wanted} is wanted: {MEND}")


def check_state(name: str, state: Any, like: Any, path: str = "") -> None:
    """Raise `UsageError` where a state is not such as another, as one of another recurrence or size is.

    Rows are free, and so is the length of a memory.
    """
    where = f" ({path})" if path else ""
    if isinstance(state, Tensor) and isinstance(like, Tensor):
        _check_leaf(name, state, like, where)
        return
    if type(state) is not type(like) or len(state) != len(like):
        raise UsageError(f"{name} was given {_kind(state)}{where} where {_kind(like)} is wanted: {MEND}")
    for field, part, other in zip(getattr(like, "_fields", range(len(like))), state, like, strict=True):
        check_state(name, part, other, f"{path}.{field}" if path else str(field))


def _check_leaf(name: str, leaf: Tensor, like: Tensor, where: str) -> None:
    if leaf.dtype != like.dtype and not _mixed(leaf):
        given, wanted = _short(leaf.dtype), _short(like.dtype)
        raise UsageError(f"{name} was given a state of {given}{where} where {wanted} is wanted: {MEND}")
    wide = like.is_floating_point() and like.dim() > 1
    if leaf.dim() != like.dim() or (wide and leaf.shape[-1] != like.shape[-1]):
        given_shape, wanted_shape = list(leaf.shape[1:]), list(like.shape[1:])
        raise UsageError(
            f"{name} was given a state of {given_shape} a row{where} where {wanted_shape} is wanted: {MEND}"
        )


def _mixed(tensor: Tensor) -> bool:
    return torch.is_autocast_enabled(tensor.device.type)  # PyTorch converts by itself then


def _kind(state: Any) -> str:
    return f"a tuple of {len(state)} states" if type(state) is tuple else _shown(type(state))


def _shown(kind: type) -> str:
    return f"{kind.__name__}({', '.join(kind._fields)})" if hasattr(kind, "_fields") else kind.__name__


def _short(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
