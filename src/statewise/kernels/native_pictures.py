"""A convolution of many small pictures whose channels lie next to each other: in native code, or by PyTorch.

In native code a picture, what is found in it and the gradients of both stay in the cache while it is worked on, no
padded or reordered copy of all pictures is made, and what is negative is left out on the way.
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional

from statewise.kernels.choice import allowed
from statewise.kernels.extension import ABILITIES, _native
from statewise.kernels.native import MOST_PLACES
from statewise.kernels.native_tensors import address, is_readable, room, whole

MOST_SIDE, MOST_CHANNELS = 1 << 14, 1 << 12
"Pixels of a side, and numbers of a pixel, that native code takes."
FEW = 4
"Pictures for which packing the weights costs more than is gained, where nothing is learned."
PLAIN = (Tensor, torch.nn.Parameter)


def convolved(pictures: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """Return relu(W * x + b) at every second pixel, of pictures that are surrounded by noughts.

        y[n, i, j] = relu(b + sum_{k, l} W[:, :, k, l] x[n, 2 i + k - 1, 2 j + l - 1])

    Shapes: pictures `[N, H, W, C]`, `weight` `[O, C, 3, 3]`, found `[N, ceil(H / 2), ceil(W / 2), O]`.

    >>> convolved(torch.ones(7, 4, 5, 3), torch.ones(2, 3, 3, 3), torch.zeros(2))[0, :, :, 0]
    tensor([[12., 18., 12.],
            [18., 27., 18.]])
    """
    if bias is not None and _takes(pictures, weight, bias):
        return _Convolution.apply(pictures, weight, bias)  # type: ignore[no-any-return, no-untyped-call]
    channels_last = weight.contiguous(memory_format=torch.channels_last)  # two thirds of the time, as pictures lie so
    found = functional.conv2d(pictures.permute(0, 3, 1, 2), channels_last, bias, stride=2, padding=1)
    return found.relu().permute(0, 2, 3, 1)


def _takes(pictures: Tensor, weight: Tensor, bias: Tensor) -> bool:
    if len(pictures) < FEW and not torch.is_grad_enabled():
        return False
    tensors = (pictures, weight, bias)
    if "pictures" not in ABILITIES or not allowed("native"):
        return False
    if torch.is_autocast_enabled("cpu") or torch.compiler.is_compiling():
        return False
    plain = all(type(one) in PLAIN and one.dtype == torch.float32 and one.device.type == "cpu" for one in tensors)
    return plain and is_readable(tensors) and _fits(pictures, weight, bias)


def _fits(pictures: Tensor, weight: Tensor, bias: Tensor) -> bool:
    """Tell whether every tensor is as large as native code will believe."""
    if pictures.dim() != 4 or weight.dim() != 4:
        return False
    (count, height, width, channels), maps = pictures.shape, len(bias)
    small = 0 < count < MOST_PLACES and 0 < height <= MOST_SIDE and 0 < width <= MOST_SIDE
    narrow = 0 < channels <= MOST_CHANNELS and 0 < maps <= MOST_CHANNELS
    return small and narrow and tuple(weight.shape) == (maps, channels, 3, 3) and bias.dim() == 1


def _even(pictures: Tensor) -> Tensor:
    """Return pictures each of which lies in one piece, at equal distances; themselves where they do."""
    pictures = pictures.resolve_neg()
    one = pictures[0]
    if one.is_contiguous() and (len(pictures) == 1 or pictures.stride(0) >= one.numel()):
        return pictures
    return pictures.contiguous()


class _Convolution(torch.autograd.Function):
    """Native code under PyTorch's differentiation."""

    @staticmethod
    def forward(ctx: Any, pictures: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        """Return what is found in pictures."""
        pictures, weights, bias = _even(pictures), whole(weight.permute(0, 2, 3, 1)), whole(bias)
        count, height, width, _ = pictures.shape
        found = room(count, -(-height // 2), -(-width // 2), len(bias))
        _run(pictures, weights, bias, found, [None] * 4)
        ctx.save_for_backward(pictures, weights, bias, found)
        return found

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, of_found: Tensor) -> tuple[Tensor | None, ...]:
        """Bring the gradient of what is found back to pictures, weights and the bias."""
        pictures, weights, bias, found = ctx.saved_tensors
        to_pictures = room(*pictures.shape) if ctx.needs_input_grad[0] else None
        to_weights, to_bias = torch.empty_like(weights), torch.empty_like(bias)
        _run(pictures, weights, bias, found, [whole(of_found), to_pictures, to_weights, to_bias])
        return to_pictures, to_weights.permute(0, 3, 1, 2), to_bias


def _run(pictures: Tensor, weights: Tensor, bias: Tensor, found: Tensor, to: list[Tensor | None]) -> None:
    gap = pictures.stride(0) if len(pictures) > 1 else 0
    of = [address(tensor) for tensor in (pictures, weights, bias, found)]
    _native.pictures([*pictures.shape, len(bias)], gap, of, [address(one) for one in to], torch.get_num_threads())
