"""The cross-entropy of a linear layer over many choices, without ever holding the scores of all places at once."""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn.functional import linear, log_softmax

BLOCK_SCORES, FEWEST = 1 << 18, 64
"""About how many scores are in memory at once, a megabyte in single precision, which caches hold while they are worked
on; but never fewer than those of so many places."""


def linear_entropy(features: Tensor, weights: Tensor, bias: Tensor, targets: Tensor) -> Tensor:
    """Return the sum of minus the log-probabilities of targets in a softmax over `W s + b`.

    Where a gradient is wanted it is made on the way, block by block, since every score is needed for it only once. So
    memory does not grow with places times choices. Shapes: features `[N, D]`, weights `[V, D]`, bias `[V]`, targets
    `[N]` within `[0, V)`.

    >>> float(linear_entropy(torch.zeros(3, 2), torch.zeros(4, 2), torch.zeros(4), torch.zeros(3, dtype=torch.long)))
    4.158883...
    """
    summed: Tensor = _LinearEntropy.apply(features, weights, bias, targets, torch.is_grad_enabled())  # type: ignore[no-untyped-call]
    return summed


def linear_nats(features: Tensor, weights: Tensor, bias: Tensor, targets: Tensor) -> Tensor:
    """Return minus the log-probability of each target, `[N]`, a block of scores at a time.

    >>> linear_nats(torch.zeros(3, 2), torch.zeros(4, 2), torch.zeros(4), torch.zeros(3, dtype=torch.long)).exp()
    tensor([4., 4., 4.])
    """
    parts = [
        -log_softmax(linear(features[rows], weights, bias), dim=-1).gather(-1, targets[rows].unsqueeze(-1)).squeeze(-1)
        for rows in _blocks(len(targets), len(weights))
    ]
    return torch.cat(parts) if parts else features.new_zeros(0)


class _LinearEntropy(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, features: Tensor, weights: Tensor, bias: Tensor, targets: Tensor, is_learning: bool
    ) -> Tensor:
        """Return the sum, and keep its gradient."""
        with torch.autocast(features.device.type, enabled=False):
            features = features.to(weights.dtype)
            total = weights.new_zeros((), dtype=torch.float64)
            gradients = [torch.zeros_like(part) for part in (features, weights, bias)] if is_learning else []
            blocks = _blocks(len(targets), len(weights))
            space = weights.new_empty(min(len(targets), blocks[0].stop) if blocks else 0, len(weights))
            for rows in blocks:
                read, wanted = features[rows], targets[rows].unsqueeze(-1)
                scores = torch.addmm(bias, read, weights.T, out=space[: len(read)])
                shares = torch.softmax(scores, dim=-1, out=scores)
                nats = -shares.gather(-1, wanted).log()
                if not bool(nats.isfinite().all()):  # a share too small for a number has a logarithm all the same
                    nats = linear_nats(read, weights, bias, wanted.squeeze(-1))
                total += nats.sum(dtype=torch.float64)
                if is_learning:
                    _add(gradients, rows, read, weights, shares, wanted)
            ctx.save_for_backward(*gradients)
            return total.to(weights.dtype)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> Any:
        """Return the gradient that was kept, times what came back."""
        return *(gradient * grad for gradient in ctx.saved_tensors), None, None


def _add(gradients: list[Tensor], rows: slice, read: Tensor, weights: Tensor, shares: Tensor, wanted: Tensor) -> None:
    """Add the gradient of a block, where a score's is its share, less one for the target's."""
    shares.scatter_add_(-1, wanted, shares.new_full((1, 1), -1).expand_as(wanted))
    of_features, of_weights, of_bias = gradients
    torch.mm(shares, weights, out=of_features[rows])
    of_weights.addmm_(shares.T, read)
    of_bias.add_(shares.sum(dim=0))


def _blocks(places: int, choices: int) -> list[slice]:
    size = max(FEWEST, BLOCK_SCORES // max(1, choices))
    return [slice(begin, begin + size) for begin in range(0, places, size)]
