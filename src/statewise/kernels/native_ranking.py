"""Wanted items ranked among a sample of the others in native code: scores, loss and gradient in one pass.

What is kept of a window's scores is a few rows at a time, so they never leave the cache. Sums are made in one order:
how many threads there are changes no bit.
"""

from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from statewise.kernels.choice import allowed
from statewise.kernels.extension import _native
from statewise.kernels.native import MOST_PLACES
from statewise.kernels.native_tensors import address, is_readable, room, whole

LOSSES = ["cross_entropy", "bpr", "top1", "bpr_max", "top1_max"]
"The losses that native code knows, in the order of its own list."


class Sample(NamedTuple):
    """What is ranked: places that want an item each, and items drawn for all of them.

    A wanted item scores `q . v + bias`; as one of the others, or drawn, it scores `lowering` less. The first `T B` of
    `items`, `vectors` and `biases` are those wanted, the others those drawn. Others are the drawn ones and, with
    `in_batch`, what the other rows want at the same step; the same item as the wanted one is none of them.

    Shapes: `queries` `[T, B, D]`; `items`, `biases`, `lowering` `[T B + N]`; `vectors` `[T B + N, D]`; `mask` `[T, B]`.
    """

    queries: Tensor
    items: Tensor
    vectors: Tensor
    biases: Tensor
    lowering: Tensor | None
    mask: Tensor | None
    in_batch: bool


def takes(given: Sample, loss: str) -> bool:
    """Tell whether native code ranks these: float32 on a CPU, where a gradient will be asked for."""
    tensors = (given.queries, given.vectors, given.biases)
    if _native is None or loss not in LOSSES or not allowed("native") or not torch.is_grad_enabled():
        return False
    plain = all(tensor.dtype == torch.float32 and tensor.device.type == "cpu" for tensor in tensors)
    return plain and _fits(given) and is_readable(tensors)


def _fits(given: Sample) -> bool:
    """Tell whether every tensor is as large as native code will believe."""
    (steps, rows, width), items = given.queries.shape, given.items
    wanted = [(items, (len(items),)), (given.vectors, (len(items), width)), (given.biases, (len(items),))]
    wanted += [] if given.lowering is None else [(given.lowering, (len(items),))]
    wanted += [] if given.mask is None else [(given.mask, (steps, rows))]
    of_kinds = items.dtype == torch.int64 and (given.mask is None or given.mask.dtype == torch.bool)
    here = all(tensor.device.type == "cpu" for tensor, _ in wanted)
    fit = all(tuple(tensor.shape) == shape for tensor, shape in wanted)
    return of_kinds and here and fit and width > 0 and MOST_PLACES > len(items) > steps * rows > 0


def rank(given: Sample, loss: str, regularization: float) -> Tensor:
    """Return the sum of the losses of all places where `mask` is true."""
    return _Ranking.apply(given, loss, regularization, given.queries, given.vectors, given.biases)  # type: ignore[no-any-return, no-untyped-call]


class _Ranking(torch.autograd.Function):
    """Native code under PyTorch's differentiation: the gradient is found on the way forward."""

    @staticmethod
    def forward(
        ctx: Any, given: Sample, loss: str, regularization: float, queries: Tensor, vectors: Tensor, biases: Tensor
    ) -> Tensor:
        """Return the sum of losses and keep its gradient."""
        steps, rows, width = queries.shape
        read = [whole(tensor) for tensor in (given.items, queries, vectors, biases)]
        lowered = read[3] if given.lowering is None else read[3] - given.lowering
        mask = None if given.mask is None else given.mask.contiguous()
        nats = queries.new_empty(steps, rows)
        to = [room(*tensor.shape) for tensor in (queries, vectors, biases)]
        sizes = [steps, rows, width, len(given.items) - steps * rows, LOSSES.index(loss), int(given.in_batch)]
        addresses = [address(mask), *(address(tensor) for tensor in (*read, lowered))]
        to_addresses = [address(tensor) for tensor in (nats, *to)]
        _native.rank(sizes, regularization, addresses, to_addresses, torch.get_num_threads())
        ctx.save_for_backward(*to)
        return nats.sum()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        """Return the gradient, times the incoming gradient."""
        return None, None, None, *(torch.mul(kept, grad, out=room(*kept.shape)) for kept in ctx.saved_tensors)
