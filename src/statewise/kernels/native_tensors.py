"""Tensors as native code takes them: where their numbers lie, whether they are there, and room for new ones."""

import math
from collections.abc import Sequence as Several

import torch
from torch import Tensor
from torch.utils.dlpack import from_dlpack

from statewise.kernels.extension import _native

FLOATS_TO_LEND = 1 << 15
"What is smaller comes from the ordinary heap, whose pages stay with the process."


def rows_first(xs: Tensor) -> Tensor:
    """Return a sequence whose rows, of all steps, lie evenly one after another; itself where they do."""
    xs, (steps, rows, features) = xs.resolve_neg(), xs.shape
    even = (features == 1 or xs.stride(2) == 1) and (steps == 1 or xs.stride(0) == rows * xs.stride(1))
    if even and xs.stride(1) >= features:
        return xs
    # a tensor of one row counts as contiguous however far its next row would be, and native code goes by that distance
    return xs.contiguous().flatten().view(xs.shape)


def room(*shape: int) -> Tensor:
    """Return an uninitialised float32 tensor; a large one reuses memory of earlier calls."""
    floats = math.prod(shape)
    if _native is None or floats < FLOATS_TO_LEND:
        return torch.empty(shape, dtype=torch.float32, device="cpu")
    lent: Tensor = from_dlpack(_native.lend(floats))
    return lent.view(shape)


def give_back() -> None:
    """Free the memory that is kept between calls because the next one will want it."""
    if _native is not None:
        _native.memory_release()


def padded(units: int) -> int:
    """Return how many numbers lie in a row of so many units."""
    return int(-(-units // _native.PANEL) * _native.PANEL)


def whole(tensor: Tensor) -> Tensor:
    """Return a tensor whose numbers lie in memory one after another: as they are, not to be conjugated or negated.

    PyTorch may keep a minus or a conjugation as a mark on a tensor, which an address does not tell.
    """
    return tensor.resolve_conj().resolve_neg().contiguous()


def floats(tensor: Tensor) -> Tensor:
    """Return a tensor's numbers as float32 in this machine's memory, one after another; itself where they are so."""
    is_float = type(tensor) is Tensor and tensor.dtype is torch.float32 and tensor.is_cpu
    if is_float and tensor.is_contiguous() and not tensor.is_neg():
        return tensor  # the common case, in a third of the time
    return whole(tensor.detach().to("cpu", torch.float32))


def is_readable(tensors: Several[Tensor]) -> bool:
    """Tell whether tensors have numbers that lie where their strides say: not so sparse or transformed ones."""
    is_transformed = torch._C._functorch.is_functorch_wrapped_tensor
    return all(tensor.layout is torch.strided and not is_transformed(tensor) for tensor in tensors)


def address(tensor: Tensor | None) -> int:
    """Return where the numbers of a tensor begin; 0 for none."""
    return 0 if tensor is None else tensor.data_ptr()


def addresses(tensors: Several[Tensor | None], count: int) -> list[int]:
    """Return so many addresses, zeros after the last tensor."""
    found = [address(tensor) for tensor in tensors]
    return found + [0] * (count - len(found))
