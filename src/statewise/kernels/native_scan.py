"""A linear recurrence over time in native code: one pass over memory forward, and one back."""

from collections.abc import Sequence as Several
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from statewise.kernels.extension import _native
from statewise.kernels.native import MOST_PLACES, are_places
from statewise.kernels.native_tensors import address, is_readable, whole
from statewise.kernels.op import Leaves, Op, ScanInputs


class NativeScan(NamedTuple):
    """Every `h_t = decay_t * h_{t-1} + drive_t`, real or complex; `xs` is what drives, and the one weight the decay."""

    kernel: str = "native"

    def takes(self, given: ScanInputs) -> bool:
        """Take float32 and complex64 on a CPU, where there is anything to compute."""
        tensors = (given.xs, *given.state, *given.weights)
        dtype = given.xs.dtype
        plain = dtype in (torch.float32, torch.complex64) and all(tensor.dtype == dtype for tensor in tensors)
        here = all(tensor.device.type == "cpu" for tensor in tensors)
        return plain and here and given.xs.numel() > 0 and _fits(given) and is_readable(tensors)

    def run(self, given: ScanInputs) -> tuple[Tensor, Leaves]:
        """Return all states `[T, B, H]` and the last one."""
        places = [None if of is None else of.contiguous() for of in (given.reset, given.mask)]
        hs, last = _Scan.apply(places, *given.weights, given.xs, *given.state)  # type: ignore[no-untyped-call]
        return hs, (last,)


def _fits(given: ScanInputs) -> bool:
    """Tell whether every tensor is as large as native code will believe."""
    shape, (decay,) = given.xs.shape, given.weights
    if len(shape) != 3 or max(shape) > MOST_PLACES or tuple(given.state[0].shape) != tuple(shape[1:]):
        return False
    return are_places(given, *shape[:2]) and _expands(decay.shape, shape)


def _expands(shape: torch.Size, to: torch.Size) -> bool:
    padded = (1,) * (len(to) - len(shape)) + tuple(shape)
    return len(padded) == len(to) and all(size in (1, wanted) for size, wanted in zip(padded, to, strict=True))


class _Scan(torch.autograd.Function):
    """The scan under PyTorch's differentiation."""

    @staticmethod
    def forward(
        ctx: Any, places: Several[Tensor | None], decay: Tensor, drive: Tensor, first: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Fill all states."""
        hs = torch.empty_like(drive, memory_format=torch.contiguous_format)
        decay, drive, first = _shared(decay.expand_as(drive)), whole(drive), whole(first)
        _run(places, decay, drive, first, hs, [None] * 4)
        ctx.places = places
        ctx.save_for_backward(decay, drive, first, hs)
        ctx.set_materialize_grads(False)
        return hs, hs[-1].clone()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, of_states: Tensor | None, of_last: Tensor | None) -> tuple[Tensor | None, ...]:
        """Bring the gradients of states back to decays, drives and the first state."""
        decay, drive, first, hs = ctx.saved_tensors
        to_first = torch.zeros_like(first) if of_last is None else whole(of_last).clone()
        to_decay, to_drive = torch.empty_like(hs), torch.empty_like(hs)
        of_states = None if of_states is None else whole(of_states)
        _run(ctx.places, decay, drive, first, hs, [of_states, to_decay, to_drive, to_first])
        return None, to_decay, to_drive, to_first


def _run(
    places: Several[Tensor | None], decay: Tensor, drive: Tensor, first: Tensor, hs: Tensor, to: Several[Tensor | None]
) -> None:
    floats = 2 if hs.is_complex() else 1
    of = [address(tensor) for tensor in (*places, decay, drive, first, hs)]
    gaps = [floats * decay.stride(axis) for axis in (0, 1)]
    _native.scan(
        [*hs.shape, int(hs.is_complex())], of, gaps, [address(tensor) for tensor in to], torch.get_num_threads()
    )


def _shared(decay: Tensor) -> Tensor:
    """Return decays that lie evenly; those that are the same at every step and row are not written out."""
    shared = (
        decay.stride(2) == 1 and decay.stride(0) == decay.stride(1) == 0 and not decay.is_conj() and not decay.is_neg()
    )
    return decay if shared else whole(decay)


OPS: dict[str, list[Op]] = {} if _native is None else {"linear_scan": [NativeScan()]}
