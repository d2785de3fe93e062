"""A linear recurrence over time without a loop over time: in pairs, in pairs of pairs, and so on."""

from collections.abc import Callable

import torch
from torch import Tensor

Combine = Callable[[Tensor, Tensor], Tensor]


def linear_scan(decay: Tensor, drive: Tensor) -> Tensor:
    """Return every `h_t = decay_t * h_{t-1} + drive_t`, with `h` zero at first.

    Work grows as T and depth as log T: two steps in a row are one step, so the odd half is a scan of half the length.
    Nothing is ever divided, so a decay may be zero. Shapes: all `[T, ...]`, real or complex. Source: Blelloch 1990.

    >>> linear_scan(torch.tensor([1.0, 0.5, 0.0]), torch.tensor([2.0, 3.0, 4.0]))
    tensor([2., 4., 4.])
    """
    return _scan(decay, drive, torch.mul, torch.add)


def log_linear_scan(log_decay: Tensor, log_drive: Tensor) -> Tensor:
    """Return the logarithm of what `linear_scan` returns, from logarithms, so that nothing over- or underflows.

    The logarithm of zero is to be given as a large negative number, since infinity has no gradient here.

    >>> log_linear_scan(torch.tensor([1.0, 0.5]).log(), torch.tensor([2.0, 3.0]).log()).exp()
    tensor([2., 4.])
    """
    return _scan(log_decay, log_drive, torch.add, torch.logaddexp)


def _scan(decay: Tensor, drive: Tensor, multiply: Combine, add: Combine) -> Tensor:
    if drive.shape[0] < 2:
        return drive
    paired_drive = add(multiply(decay[1::2], drive[:-1:2]), drive[1::2])
    odd = _scan(multiply(decay[1::2], decay[:-1:2]), paired_drive, multiply, add)
    later = add(multiply(decay[2::2], odd[: decay[2::2].shape[0]]), drive[2::2])
    even = torch.cat([drive[:1], later])
    both = torch.stack([even[: odd.shape[0]], odd], dim=1).flatten(0, 1)
    return both if drive.shape[0] % 2 == 0 else torch.cat([both, even[-1:]])
